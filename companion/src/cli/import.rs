//! `spanledger import`: imports the table `audit_logs` of an earlier audit log, or files of `spanledger export`.

mod parquet;
mod row;
mod source;

use std::io::Write;
use std::path::PathBuf;

use spanledger::PriceTable;

use super::{Failure, write_all};
use crate::record::Timestamp;
use crate::store::Appender;
use crate::store::export::Restorer;
use crate::text::terminal::{harmless, plural};
use row::Row;
use source::Source;

/// Rows appended at a time.
const BATCH: usize = 10_000;
/// Bad rows that are reported one by one; further ones are counted.
const MOST_REPORTED: u64 = 20;

/// What to import. Stop `serve` on the same ledger first.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Reads the SQLite table audit_logs with the columns timestamp, request_id, model, prompt_tokens, completion_tokens, \
total_tokens, latency_ms, status_code, cost_usd, user_id, request_hash, response_preview, ip_address, error_message and \
created_at. Each row is one call; it began at `timestamp` (else `created_at`). Timestamps may be RFC 3339, SQLite's \
own text (UTC), or seconds, milliseconds, microseconds or nanoseconds since 1970. Calls without a cost are priced.

The ids of a call are made from its request id and timestamp, so importing twice imports each call once. The table may be a \
view. A value of more than 4 MiB ends the import, and so does a view that works for minutes without giving a row.

With --format parquet it reads a folder that `spanledger export` or [ledger.archive] wrote. Every file is compared with its manifest \
first, and when one is wrong nothing is imported. The ledger then has the same calls, costs, totals, tags, missing numbers and \
skipped spans; what it has already is left as it is.

Examples:
  spanledger import audit.db --ledger spanledger.db
  spanledger import --format parquet archive --ledger of-2025.db
  spanledger import --format parquet moved --store clickhouse://ch:8123/otel")]
pub struct Args {
    /// The SQLite file with the table, or the folder of an export. It is only read.
    #[arg(value_name = "FILE_OR_DIR")]
    file: PathBuf,
    /// What is imported.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The name of the table.
    #[arg(long, default_value = "audit_logs")]
    table: String,
    /// Service name to assign to the imported calls.
    #[arg(long, default_value = "")]
    service: String,
    /// Provider to assign to the imported calls. Decides the price where several providers sell a model.
    #[arg(long, default_value = "")]
    provider: String,
}

/// The formats that can be imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A SQLite table `audit_logs`.
    #[default]
    AuditLogs,
    /// A folder of Parquet files that `spanledger export` or `[ledger.archive]` wrote.
    Parquet,
}

/// What an import did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    read: u64,
    imported: u64,
    known: u64,
    too_old: u64,
    bad: u64,
}

/// Imports into the ledger, which is opened (and made) only after the file was found; progress and bad rows go to `notes`, the result to `out`.
///
/// # Errors
/// `Failure` when the file or its table cannot be read, or the ledger cannot be written. What was imported before
/// stays, and is not imported again.
pub(super) fn run<L: Appender + Restorer>(
    args: &Args,
    open_ledger: impl FnOnce() -> Result<L, Failure>,
    prices: &PriceTable,
    now: Timestamp,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Failure> {
    if args.format == Format::Parquet {
        return parquet::run(&args.file, open_ledger, out, notes);
    }
    let source = Source::open(&args.file, &args.table)?;
    let mut ledger = open_ledger()?;
    let mut counts = Counts::default();
    let mut batch = Vec::with_capacity(BATCH);
    let mut flush = |batch: &mut Vec<_>, counts: &mut Counts, notes: &mut dyn Write| -> Result<(), Failure> {
        let appended = ledger.append(batch)?;
        counts.imported += appended.inserted;
        counts.known += appended.duplicates;
        counts.too_old += appended.too_old;
        batch.clear();
        // Without how many there are: counting those of a view may take as long as importing them.
        write_all(notes, &format!("{} {} read\n", counts.read, plural(counts.read, "row")))
    };
    source.each(|number, row: Result<Row, String>| {
        counts.read += 1;
        match row.and_then(|row| row.into_record(&args.service, &args.provider, prices, now)) {
            Ok(record) => batch.push(record),
            Err(reason) => {
                counts.bad += 1;
                if counts.bad <= MOST_REPORTED {
                    write_all(notes, &format!("row {number} skipped: {}\n", harmless(&reason)))?;
                }
            }
        }
        if batch.len() == BATCH { flush(&mut batch, &mut counts, notes) } else { Ok(()) }
    })?;
    flush(&mut batch, &mut counts, notes)?;
    let unreported = counts.bad.saturating_sub(MOST_REPORTED);
    if unreported > 0 {
        write_all(notes, &format!("{unreported} more {} skipped\n", plural(unreported, "row")))?;
    }
    let Counts { imported, known, too_old, bad, .. } = counts;
    let (calls, were) = (plural(imported, "call"), if known == 1 { "was" } else { "were" });
    let rows = plural(bad, "row");
    write_all(
        out,
        &format!("imported {imported} {calls}, {known} {were} already in the ledger, {bad} {rows} skipped\n"),
    )?;
    if too_old == 0 {
        return Ok(());
    }
    let (calls, are) = (plural(too_old, "call"), if too_old == 1 { "is" } else { "are" });
    write_all(
        out,
        &format!(
            "{too_old} {calls} {are} older than the retention of this ledger and not imported; import into a ledger with \
             a longer retention.max_age\n"
        ),
    )
}
