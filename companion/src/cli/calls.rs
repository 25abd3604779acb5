//! `spanledger calls`: the calls of a window, newest first.

pub(super) mod csv;
mod follow;
mod json;
mod table;

use std::io::Write;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use spanledger::Outcome;

use super::format::CallsFormat;
use super::{Failure, values, write_all};
use crate::record::{ENVIRONMENT, TagKey, Timestamp, parse_tag};
use crate::store::{Filter, Page, Querier};
use crate::text::terminal::Terminal;
use crate::text::time::WindowArgs;

/// The most rows per page; one page is held in memory.
const MOST_ROWS: usize = 10_000;

/// Which calls to list, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A call belongs to the period in which it ended. All times are UTC. --format csv and json have every field.

Examples:
  spanledger calls --last 1h --status 429
  spanledger calls --user ada --outcome failed
  spanledger calls --last 7d --limit 10000 --format csv > calls.csv
  spanledger calls --follow --service checkout
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
    /// Only calls of services in this environment.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Only calls with this tag; several must all match.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<(TagKey, String)>,
    /// Only calls with this HTTP status.
    #[arg(long, value_name = "CODE", value_parser = values::status)]
    status: Option<u16>,
    /// Only calls with this outcome.
    #[arg(long, value_parser = outcomes())]
    outcome: Option<Outcome>,
    /// Only calls that failed of this kind, such as rate_limited.
    #[arg(long, value_name = "KIND")]
    error: Option<String>,
    /// Only calls with this request hash.
    #[arg(long)]
    hash: Option<String>,
    /// Only calls of this trace (32 hex digits).
    #[arg(long, value_name = "ID", value_parser = crate::record::ids::parse_trace_id)]
    trace_id: Option<[u8; 16]>,
    /// The most calls to list, up to 10,000.
    #[arg(long, default_value_t = 50, value_name = "NUMBER", value_parser = values::number(1..=MOST_ROWS))]
    limit: usize,
    /// Continue after an earlier page: the number that it printed [default: from the newest call].
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = values::number(i64::MIN..=i64::MAX))]
    after: Option<i64>,
    /// Prints the newest calls, then each one that arrives, until it is interrupted. As JSON, one document per line. A call
    /// that ended more than two minutes before it arrives is counted at the end, and not printed.
    #[arg(long, short, conflicts_with_all = ["last", "from", "to", "after"])]
    follow: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: CallsFormat,
}

/// The outcomes by their names, so that help, errors and completion list them.
fn outcomes() -> impl TypedValueParser<Value = Outcome> {
    PossibleValuesParser::new(Outcome::ALL.iter().map(|outcome| outcome.as_str()))
        .try_map(|name| Outcome::parse(&name).ok_or("unknown outcome"))
}

/// The tags that a filter asks for.
pub(super) fn with_environment(
    tags: &[(TagKey, String)],
    environment: Option<&String>,
) -> Vec<(TagKey, String)> {
    tags.iter().cloned().chain(environment.map(|name| (ENVIRONMENT, name.clone()))).collect()
}

/// Writes one page of calls to `out`, and, where the format has no place for it, the number at which the next
/// page continues to `notes` (the standard error).
///
/// # Errors
/// `Failure` when the window cannot be read, the ledger cannot answer, or `out` cannot be written.
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
        tags: with_environment(&args.tags, args.environment.as_ref()),
        error: args.error.clone(),
        hash: args.hash.clone(),
        trace_id: args.trace_id,
        outcome: args.outcome,
        status_code: args.status,
        ..Filter::default()
    };
    let limit = args.limit;
    if args.follow {
        return follow::run(querier, &filter, limit, args.format, out, notes);
    }
    let page = querier.calls(args.window.window(now)?, &filter, Page { limit, after: args.after })?;
    let (text, names_next) = match args.format {
        CallsFormat::Text => (table::render(&page.calls, terminal), false),
        CallsFormat::Json => (json::render(&page)?, true),
        CallsFormat::Csv => (csv::render(&page.calls), false),
    };
    write_all(out, &text)?;
    match page.next.filter(|_| !names_next) {
        Some(next) => write_all(notes, &format!("more calls follow: --after {next}\n")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
