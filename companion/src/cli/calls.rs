//! `spanledger calls`: the calls of a window, newest first.

mod csv;
mod json;
mod table;

use std::io::Write;

use spanledger::Outcome;

use super::{Failure, write_all};
use crate::record::Timestamp;
use crate::store::{Filter, Page, Querier};
use crate::text::terminal::Terminal;
use crate::text::time::WindowArgs;

/// Rows a page may have; one page is held in memory.
const MOST_ROWS: usize = 10_000;

/// Which calls to list, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A call belongs to the time in which it ended. All times are UTC; --format csv and json have every field.

Examples:
  spanledger calls --last 1h --status 429
  spanledger calls --user ada --outcome failed
  spanledger calls --last 7d --limit 10000 --format csv > calls.csv
  spanledger calls --trace-id 03c06e6337f7ec5df66d2c857ef59fcf --format json")]
pub struct Args {
    #[command(flatten)]
    window: WindowArgs,
    /// Only calls of this model.
    #[arg(long)]
    model: Option<String>,
    /// Only calls of this provider.
    #[arg(long)]
    provider: Option<String>,
    /// Only calls of this service.
    #[arg(long)]
    service: Option<String>,
    /// Only calls of this user.
    #[arg(long)]
    user: Option<String>,
    /// Only calls with this HTTP status.
    #[arg(long, value_name = "CODE")]
    status: Option<u16>,
    /// Only calls that ended so: completed, truncated, dropped, cancelled, failed or timed_out.
    #[arg(long, value_parser = parse_outcome)]
    outcome: Option<Outcome>,
    /// Only calls with this request hash.
    #[arg(long)]
    hash: Option<String>,
    /// Only calls of this trace (32 hex digits).
    #[arg(long, value_name = "ID", value_parser = crate::record::ids::parse_trace_id)]
    trace_id: Option<[u8; 16]>,
    /// At most this many calls, up to 10,000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MOST_ROWS as u64))]
    limit: u64,
    /// Continue after an earlier page: the number it ended with.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    after: Option<i64>,
    /// How to write them.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal.
    Table,
    /// For programs: `{"calls": [...], "next": ...}`.
    Json,
    /// For spreadsheets.
    Csv,
}

fn parse_outcome(text: &str) -> Result<Outcome, String> {
    Outcome::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
        format!("no such outcome; one of {}", known.join(", "))
    })
}

/// Writes one page of calls to `out`, and, where the format has no place for it, the number at which the next
/// page continues to `notes` (the standard error).
///
/// # Errors
/// [`Failure`] when the window cannot be read, the ledger cannot answer, or `out` cannot be written.
pub fn run(
    args: &Args,
    querier: &dyn Querier,
    now: Timestamp,
    terminal: Terminal,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Failure> {
    let filter = Filter {
        service: args.service.clone(),
        model: args.model.clone(),
        provider: args.provider.clone(),
        user: args.user.clone(),
        hash: args.hash.clone(),
        trace_id: args.trace_id,
        outcome: args.outcome,
        status_code: args.status,
        ..Filter::default()
    };
    let limit = usize::try_from(args.limit).unwrap_or(MOST_ROWS);
    let page = querier.calls(args.window.window(now)?, &filter, Page { limit, after: args.after })?;
    let (text, names_next) = match args.format {
        Format::Table => (table::render(&page.calls, terminal), false),
        Format::Json => (json::render(&page)?, true),
        Format::Csv => (csv::render(&page.calls), false),
    };
    write_all(out, &text)?;
    match page.next.filter(|_| !names_next) {
        Some(next) => write_all(notes, &format!("more calls follow: --after {next}\n")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
