//! `spanledger export`: the calls of a period as files for other programs and other ledgers.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;

use super::format::on_one_line;
use super::{Failure, write_all};
use crate::archive::folder::Folder;
use crate::archive::hour::{HourDone, within_hour, write_hour};
use crate::record::{Timestamp, Window};
use crate::store::export::Exporter;
use crate::text::number::{count, counted};
use crate::text::terminal::plural;
use crate::text::time::{WindowArgs, rfc3339, to_the_second};

/// All times.
const EVER: Window = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
const HOUR: i64 = 3_600 * Timestamp::SECOND;

/// What to export.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Writes one file per hour in which calls ended, compressed and sorted by time, below a folder per day: \
DIR/date=2026-11-28/calls-14.parquet, and next to each a manifest calls-14.json with row counts, totals and a checksum. docs/parquet.md \
describes every column. A file has its name only when it is whole, on the disk, read back and compared with the ledger.

DIR may hold an earlier export: what is in its files is not written again, and what has come since for an hour is written to a \
further file of that hour (calls-14-1.parquet). `serve` may run meanwhile.

Read the files with any program that reads Parquet; the calls that count have `counted`:
  duckdb -c \"SELECT sum(cost_nano_usd) / 1e9 FROM 'DIR/*/*.parquet' WHERE counted\"
  clickhouse local -q \"SELECT count() FROM file('DIR/*/*.parquet') WHERE counted\"

Examples:
  spanledger export --last 30d archive
  spanledger export --from 2026-11-01 --to 2026-12-01 archive
  spanledger export --all moved && spanledger import --format parquet moved --ledger new.db
  spanledger import --format parquet moved --store clickhouse://ch:8123/otel")]
pub(super) struct Args {
    /// The folder to write to; made where there is none.
    dir: PathBuf,
    #[command(flatten)]
    window: WindowArgs,
    /// Everything that the ledger has.
    #[arg(long, conflicts_with_all = ["last", "from", "to"])]
    all: bool,
    /// The format of the files.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The formats of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Apache Parquet, compressed with Zstandard.
    #[default]
    Parquet,
}

/// Exports; progress goes to `notes`, the result to `out`.
///
/// # Errors
/// `Failure` when the window cannot be read, the folder cannot be used or written, or the ledger cannot answer. Files that were
/// complete stay.
pub(super) fn run(
    args: &Args,
    exporter: &dyn Exporter,
    now: Timestamp,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Failure> {
    let Format::Parquet = args.format;
    let window = if args.all { EVER } else { args.window.window(now)? };
    let folder = Folder::open(&args.dir)?;
    if let Some(deleted) = exporter.deleted_before()?.filter(|deleted| *deleted > window.from) {
        let note = format!(
            "retention has deleted calls from before {}: what is gone is not exported\n",
            to_the_second(deleted)
        );
        write_all(notes, &note)?;
    }
    let (mut all, mut rest) = (HourDone::default(), window);
    while let Some(hour) = exporter.next_hour(rest)? {
        let part = within_hour(rest, hour);
        let done = write_hour(&folder, exporter, part)?;
        all.written += done.written;
        all.known += done.known;
        all.bytes += done.bytes;
        all.files += done.files;
        if done.files > 0 {
            let begins = to_the_second(Timestamp(hour.saturating_mul(HOUR)));
            write_all(notes, &format!("{begins}: {}\n", counted(done.written, "row")))?;
        }
        if part.to >= window.to {
            break;
        }
        rest.from = part.to;
    }
    let HourDone { written, known, bytes, files } = all;
    let mut text = format!(
        "wrote {} with {} ({} bytes) to {}",
        counted(files, "file"),
        counted(written, "row"),
        count(bytes),
        on_one_line(&args.dir.display().to_string())
    );
    if known > 0 {
        text.push_str(&format!("; {} {} in files already", count(known), were(known)));
    }
    if !args.all && files == 0 && known == 0 {
        text = format!("no calls from {} to {}", rfc3339(window.from), rfc3339(window.to));
    }
    write_all(out, &(text + "\n"))
}

fn were(rows: u64) -> String {
    format!("{} {}", plural(rows, "row"), if rows == 1 { "was" } else { "were" })
}
