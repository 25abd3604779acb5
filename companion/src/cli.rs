//! The command line: one subcommand a file.

pub mod calls;
pub mod report;

use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// Options every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    /// The ledger's file.
    #[arg(long, global = true, value_name = "FILE", env = "SPANLEDGER_LEDGER")]
    pub ledger: Option<PathBuf>,
    /// The configuration file (TOML).
    #[arg(long, global = true, value_name = "FILE", env = "SPANLEDGER_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Why a command ended with status 2: what was wrong, where, what to do.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self(text)
    }
}

/// Writes `text`. A reader that has gone away (`| head`) is no failure.
fn write_all(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}
