//! The `spanledger` binary.

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
            eprint!("{}", readable(&error.to_string()));
            return ExitCode::from(FAILURE);
        }
        // Help, or the version.
        Err(error) => error.exit(),
    };
    match cli.run() {
        Ok(status) => status,
        Err(failure) => {
            eprintln!("spanledger: {}", readable(&failure.to_string()));
            ExitCode::from(FAILURE)
        }
    }
}
