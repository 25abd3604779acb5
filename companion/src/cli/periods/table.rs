//! Usage by period as a table, with what it rests on below.

use super::usage::{Figures, Usage, basis};
use super::{By, Period};
use crate::report::{known_cost, known_tokens};
use crate::store::Totals;
use crate::text::number::{compact, count, or_dash, percent, share, usd_column};
use crate::text::table::{Align, Table};
use crate::text::terminal::{Terminal, harmless};
use crate::text::wrap::wrap;

/// Reads one number of tokens.
type Tokens = fn(&Totals) -> u64;

/// Kinds of tokens. One that no call has is left out, except input and output.
const KINDS: [(&str, Tokens, bool); 5] = [
    ("Input", |totals| totals.input_tokens, true),
    ("Cached", |totals| totals.cache_read_tokens, false),
    ("Written", |totals| totals.cache_write_tokens, false),
    ("Output", |totals| totals.output_tokens, true),
    ("Reasoning", |totals| totals.reasoning_tokens, false),
];
const ALL_TOKENS: (&str, Tokens, bool) =
    ("Tokens", |totals| totals.input_tokens.saturating_add(totals.output_tokens), true);

/// Columns that are left out where names would be cut, the first first: parts of other columns, then what the last line has too.
const DISPENSABLE: [&str; 4] = ["Reasoning", "Written", "Cached", "Not exact"];

/// A row before its cost is aligned with the others.
struct Row {
    name: String,
    /// Without any it is a heading.
    totals: Option<Totals>,
    /// The share of calls whose cost is an estimate or unknown; not known of a group.
    inexact: Option<Option<f64>>,
}

pub(super) fn render(usage: &Usage, period: Period, compact_form: bool, terminal: Terminal) -> String {
    let of = |figures: &Figures| {
        let inexact = figures.estimated_calls.saturating_add(figures.totals.unpriced);
        Some(share(inexact, figures.totals.calls))
    };
    let mut rows = Vec::new();
    for one in &usage.periods {
        rows.push(Row {
            name: one.slot.label.clone(),
            totals: Some(one.figures.totals),
            inexact: of(&one.figures),
        });
        // One dimension needs no heading.
        let several = one.groups.len() > 1;
        for (by, groups) in &one.groups {
            if several && !groups.is_empty() {
                rows.push(Row { name: format!("  by {by}"), totals: None, inexact: None });
            }
            for group in groups {
                let name = if group.name.is_empty() {
                    match by {
                        By::Tag(key) => format!("no {key}, and others"),
                        by => format!("other {by}s"),
                    }
                } else {
                    harmless(&group.name)
                };
                let indent = if several { "    " } else { "  " };
                rows.push(Row { name: format!("{indent}{name}"), totals: Some(group.totals), inexact: None });
            }
        }
    }
    rows.push(Row { name: "total".to_owned(), totals: Some(usage.total.totals), inexact: of(&usage.total) });

    let total = &usage.total.totals;
    let kinds: Vec<_> = match compact_form {
        true => vec![ALL_TOKENS],
        false => KINDS.into_iter().filter(|(_, tokens, always)| *always || tokens(total) > 0).collect(),
    };
    let heading = match period {
        Period::Hour => "Hour",
        Period::Day => "Day",
        Period::Week => "Week from",
        Period::Month => "Month",
    };
    let mut columns = vec![(heading, Align::Left), ("Calls", Align::Right)];
    columns.extend(kinds.iter().map(|(title, ..)| (*title, Align::Right)));
    columns.push(("Cost", Align::Right));
    if !compact_form {
        columns.push(("Not exact", Align::Right));
    }
    let mut table = Table::new(0, &columns);
    let costs = usd_column(rows.iter().map(|row| row.totals.as_ref().and_then(known_cost)));
    for (row, cost) in rows.into_iter().zip(costs) {
        let Some(totals) = row.totals else {
            let mut cells = vec![String::new(); columns.len()];
            cells[0] = row.name;
            table.push(cells);
            continue;
        };
        let mut cells = vec![row.name, count(totals.calls)];
        let tokens =
            kinds.iter().map(|(_, tokens, _)| or_dash(known_tokens(&totals, tokens(&totals)), compact));
        cells.extend(tokens);
        cells.push(cost);
        if !compact_form {
            cells.push(match row.inexact {
                None => String::new(),
                Some(share) => share.map_or_else(|| "–".to_owned(), percent),
            });
        }
        table.push(cells);
    }
    let numbers: Vec<usize> = DISPENSABLE
        .iter()
        .filter_map(|title| columns.iter().position(|(column, _)| column == title))
        .collect();
    table.leave_out(&numbers, terminal);
    let mut out = String::new();
    table.write(&mut out, terminal, 0);
    out.push('\n');
    wrap(&mut out, "", basis(usage).trim_end(), terminal.columns);
    out
}
