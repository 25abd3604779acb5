//! `spanledger config`: the effective configuration, and where each value comes from.

use std::fmt::Write as _;
use std::io::Write;

use super::format::on_one_line;
use super::{Common, Failure, write_all};

/// Without a flag, prints every key with its value and its source.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanledger config                           the defaults with the changes by the environment
  spanledger config --config my.toml          the same with a file
  spanledger config --config my.toml --check  only the first error, with its line and key
  spanledger config --example > my.toml       a file with every key, its default and a comment")]
pub struct Args {
    /// Only check; print nothing if the configuration is valid.
    #[arg(long)]
    check: bool,
    /// Print an example file with every key.
    #[arg(long, conflicts_with = "check")]
    example: bool,
}

/// Prints or checks the configuration.
///
/// # Errors
/// `Failure` for the first value that is wrong.
pub fn run(args: &Args, common: &Common, out: &mut dyn Write) -> Result<(), Failure> {
    if args.example {
        return write_all(out, crate::config::EXAMPLE);
    }
    let loaded = common.load(&[])?;
    // The check reads the files of secrets and prices. It connects to nothing.
    loaded.config.notify.targets().map_err(|message| loaded.error_of(&message))?;
    crate::app::prices(&loaded)?;
    if args.check {
        return Ok(());
    }
    let values = loaded.values();
    let width = values.iter().map(|(key, value, _)| key.len() + value.len()).max().unwrap_or(0).min(70);
    let mut text = String::new();
    for (key, value, source) in values {
        let (key, value) = (on_one_line(&key), on_one_line(&value));
        let pad = width.saturating_sub(key.len() + value.len());
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{key} = {value}{:pad$}  # {source}", "");
    }
    write_all(out, &text)
}
