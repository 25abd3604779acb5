//! The `spanledger` binary.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use spanledger_companion::cli::{Cli, readable};

/// The status of every failure; 1 means that a rule fires.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // What was given is named, and may have been copied from anywhere.
        Err(error) if error.use_stderr() => {
            return failed(&readable(&error.to_string()));
        }
        // Help, or the version.
        Err(error) => error.exit(),
    };
    match cli.run() {
        Ok(status) => status,
        Err(failure) => failed(&format!("spanledger: {}\n", readable(&failure.to_string()))),
    }
}

/// Where the standard error is closed as well, the status alone reports the failure.
fn failed(text: &str) -> ExitCode {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(FAILURE)
}
