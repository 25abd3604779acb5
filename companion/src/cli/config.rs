//! `spanledger config`: what is in force, and why.

use std::fmt::Write as _;
use std::io::Write;

use super::{Common, Failure, write_all};

/// Without a flag, prints every key with its value and source.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanledger config                          the defaults, and what the environment changes
  spanledger config --config my.toml         what the file makes of them
  spanledger config --config my.toml --check nothing but the first error, with its line and key
  spanledger config --example > my.toml      a file with every key, its default and a comment")]
pub struct Args {
    /// Only check; print nothing when all is well.
    #[arg(long)]
    check: bool,
    /// Print an example file with every key instead.
    #[arg(long, conflicts_with = "check")]
    example: bool,
}

/// Prints or checks the configuration.
///
/// # Errors
/// [`Failure`] for the first value that is wrong.
pub fn run(args: &Args, common: &Common, out: &mut dyn Write) -> Result<(), Failure> {
    if args.example {
        return write_all(out, crate::config::EXAMPLE);
    }
    let loaded = common.load(&[])?;
    // The files of secrets are part of the check; nothing is connected to.
    loaded.config.notify.targets().map_err(|message| loaded.error_of(&message))?;
    if args.check {
        return Ok(());
    }
    let values = loaded.values();
    let width = values.iter().map(|(key, value, _)| key.len() + value.len()).max().unwrap_or(0).min(70);
    let mut text = String::new();
    for (key, value, source) in values {
        let pad = width.saturating_sub(key.len() + value.len());
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{key} = {value}{:pad$}  # {source}", "");
    }
    write_all(out, &text)
}
