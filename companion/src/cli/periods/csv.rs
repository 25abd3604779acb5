//! Usage by period as CSV: a row per period, and below it a row per group.

use super::usage::{OfPeriod, Usage};
use crate::cli::calls::csv::{line, untrusted};
use crate::report::{known_cost, known_tokens};
use crate::store::Totals;
use crate::text::time::rfc3339;

const COLUMNS: [&str; 16] = [
    "period",
    "from",
    "to",
    "by",
    "name",
    "calls",
    "failed_calls",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "unpriced_calls",
    // Of whole periods; not known of a group.
    "estimated_calls",
    "estimated_cost_usd",
];

pub(super) fn render(usage: &Usage) -> String {
    let mut out = String::new();
    line(&mut out, COLUMNS.iter().map(|title| (*title).to_owned()));
    for one in &usage.periods {
        let figures = &one.figures;
        let estimated = [figures.estimated_calls.to_string(), figures.estimated.as_usd().to_string()];
        row(&mut out, one, "", "", &figures.totals, estimated);
        for (by, groups) in &one.groups {
            for group in groups {
                row(&mut out, one, &by.to_string(), &group.name, &group.totals, Default::default());
            }
        }
    }
    out
}

fn row(out: &mut String, one: &OfPeriod, by: &str, name: &str, totals: &Totals, estimated: [String; 2]) {
    let texts = [
        one.slot.label.clone(),
        rfc3339(one.slot.window.from),
        rfc3339(one.slot.window.to),
        by.to_owned(),
        untrusted(name),
    ];
    let counts = [totals.calls, totals.failed].map(|count| count.to_string());
    let tokens = [
        totals.input_tokens,
        totals.cache_read_tokens,
        totals.cache_write_tokens,
        totals.output_tokens,
        totals.reasoning_tokens,
    ];
    // Empty is unknown, as in CSV of calls.
    let tokens = tokens.map(|sum| known_tokens(totals, sum).map_or_else(String::new, |sum| sum.to_string()));
    let cost = known_cost(totals).map_or_else(String::new, |cost| cost.as_usd().to_string());
    let cells = texts.into_iter().chain(counts).chain(tokens);
    line(out, cells.chain([cost, totals.unpriced.to_string()]).chain(estimated));
}
