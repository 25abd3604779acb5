//! `spanledger backup`: a copy of the ledger in one file.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Failure, write_all};
use crate::store::sqlite::backup;
use crate::text::terminal::harmless;

/// Where the copy goes.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The copy is what the ledger holds at that time, with a checksum on each page. `serve` may run meanwhile.

Examples:
  spanledger backup --ledger spanledger.db /backup/spanledger.db
  spanledger backup --ledger damaged.db --ignore-checksums rest.db")]
pub struct Args {
    /// The file to create.
    #[arg(value_name = "COPY")]
    to: PathBuf,
    /// Copy pages whose checksum does not match as they are: what another program wrote, or what is left of a damaged file.
    #[arg(long)]
    ignore_checksums: bool,
}

/// Copies the ledger at `ledger`.
///
/// # Errors
/// `Failure` when the ledger cannot be read or the copy cannot be written.
pub fn run(args: &Args, ledger: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    if args.to.exists() {
        return Err(Failure(format!("{} exists already; name a new file", args.to.display())));
    }
    backup(ledger, &args.to, args.ignore_checksums)?;
    let [from, to] = [ledger, &args.to].map(|path| harmless(&path.display().to_string()));
    write_all(out, &format!("copied {from} to {to}\n"))
}
