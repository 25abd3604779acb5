//! The `spanledger` binary.

use std::process::ExitCode;

use clap::Parser;
use spanledger_companion::cli::Cli;

/// The status of every failure; 1 means that a rule fires.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(status) => status,
        Err(failure) => {
            eprintln!("spanledger: {failure}");
            ExitCode::from(FAILURE)
        }
    }
}
