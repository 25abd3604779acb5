//! Runs the applications of these tests, each in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// A child of [`crate::application`] with `variables`, and with no others.
pub(crate) fn command(child: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &format!("application::{child}"), "--ignored", "--nocapture"])
        .env_clear()
        .envs(variables.iter().copied());
    command
}

/// Runs a child, and gives its output.
pub(crate) fn run(child: &str, variables: &[(&str, &str)]) -> Output {
    let output = command(child, variables).output().unwrap();
    assert!(output.status.success(), "{child}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A child with the default actions of signals: what is started in the background by a shell inherits that they are ignored.
fn with_default_signals(child: &str, variables: &[(&str, &str)]) -> Command {
    let child = command(child, variables);
    let mut command = Command::new("/usr/bin/env");
    command.arg("--default-signal=INT,TERM").arg(child.get_program()).args(child.get_args());
    command.env_clear().envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Starts a child, with the lines of its standard error.
pub(crate) fn start(child: &str, variables: &[(&str, &str)]) -> (Child, impl Iterator<Item = String>) {
    let mut child =
        with_default_signals(child, variables).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

pub(crate) fn ended(mut child: Child) -> ExitStatus {
    child.wait().unwrap()
}
