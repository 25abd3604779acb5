//! `spanledger call`: one call explained.

use std::io::Write;

use spanledger::PriceTable;

use super::format::Format;
use super::{Failure, write_all};
use crate::explain::{CallRow, Explained, Found, find, to_text};
use crate::record::Timestamp;
use crate::store::Querier;
use crate::text::number::{counted, or_dash, seconds, usd_column};
use crate::text::table::{Align, Table};
use crate::text::terminal::{Terminal, fit, harmless};

/// Which call to explain.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The bill is computed from the row with the prices that are in force here; where the ledger has another cost, both are shown \
with their tables. The calls of the trace are those that began within a day of it.

Examples:
  spanledger call chatcmpl-AbC123         by the id of the response
  spanledger call 00f067aa0ba902b7        by the span id
  spanledger call 4bf92f                  by the beginning of a trace id: lists its calls
  spanledger call 00f067aa0ba902b7 --json | jq '.bill.lines'

Exit status: 0 success, 2 on error, including an id that no call or more than one has.")]
pub(super) struct Args {
    /// Trace id, span id or response id, or the beginning of one.
    #[arg(value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Short for --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// Writes the call that the id means to `out`, or the calls that it may mean.
///
/// # Errors
/// `Failure` when no call or more than one has the id, or the ledger cannot answer.
pub(super) fn run(
    args: &Args,
    querier: &dyn Querier,
    prices: &PriceTable,
    now: Timestamp,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let json = args.json || args.format == Format::Json;
    let id = fit(&harmless(&args.id), 60);
    match find(querier, prices, &args.id, now)? {
        Found::One(call) => write_all(out, &shown(&call, json, terminal)?),
        Found::Nothing => Err(Failure(format!(
            "no call has an id that begins with \"{id}\"; give a trace id, a span id or a response id, as `spanledger calls \
             --format json` lists them"
        ))),
        Found::Several(calls, more) => {
            let text = match json {
                true => {
                    serde_json::to_string_pretty(&serde_json::json!({ "candidates": calls, "more": more }))?
                        + "\n"
                }
                false => candidates(&calls, terminal),
            };
            write_all(out, &text)?;
            let at_least = if more { "more than " } else { "" };
            let count = counted(u64::try_from(calls.len()).unwrap_or(u64::MAX), "call");
            Err(Failure(format!("\"{id}\" means {at_least}{count}; give the span id of one of them")))
        }
    }
}

fn shown(call: &Explained, json: bool, terminal: Terminal) -> Result<String, Failure> {
    match json {
        true => Ok(serde_json::to_string_pretty(call)? + "\n"),
        false => Ok(to_text(call, terminal)),
    }
}

fn candidates(calls: &[CallRow], terminal: Terminal) -> String {
    let columns = [
        ("span id", Align::Left),
        ("start (UTC)", Align::Left),
        ("model", Align::Left),
        ("outcome", Align::Left),
        ("took", Align::Right),
        ("cost", Align::Right),
    ];
    let mut table = Table::new(2, &columns);
    for (call, cost) in calls.iter().zip(usd_column(calls.iter().map(CallRow::cost))) {
        table.push(vec![
            call.span_id.clone(),
            crate::text::time::format(Timestamp(call.start_ns), "%m-%d %H:%M:%S"),
            or_dash(Some(harmless(&call.model)).filter(|model| !model.is_empty()), |model| model),
            call.ending(),
            seconds(call.duration_seconds),
            cost,
        ]);
    }
    let mut out = String::new();
    table.write(&mut out, terminal, 0);
    out
}

#[cfg(test)]
mod tests;
