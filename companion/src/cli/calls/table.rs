//! Calls as lines for a terminal.

use crate::record::CallRecord;
use crate::record::ids::hex;
use crate::text::number::in_seconds;
use crate::text::number::{count, or_dash, seconds, usd_column};
use crate::text::table::{Align, Table};
use crate::text::terminal::{Terminal, fit, harmless};
use crate::text::time::format;

/// Optional columns are shown from this width on.
const WIDE: usize = 130;

pub(super) fn render(calls: &[CallRecord], terminal: Terminal) -> String {
    if calls.is_empty() {
        return "no calls match\n".to_owned();
    }
    let wide = terminal.columns >= WIDE;
    let mut columns = vec![
        ("start (UTC)", Align::Left),
        ("model", Align::Left),
        ("outcome", Align::Left),
        ("tokens", Align::Right),
        ("cost", Align::Right),
        ("took", Align::Right),
        ("user", Align::Left),
    ];
    if wide {
        columns.extend([("service", Align::Left), ("hash", Align::Left), ("trace id", Align::Left)]);
    }
    let mut table = Table::new(1, &columns);
    let costs = usd_column(calls.iter().map(|call| call.cost));
    for (call, cost) in calls.iter().zip(costs) {
        let mut row = vec![
            format(call.start, "%m-%d %H:%M:%S"),
            harmless(call.model()),
            outcome(call),
            or_dash(call.total_tokens(), count),
            cost,
            seconds(in_seconds(call.duration_ns)),
            fit(&harmless(call.user.as_deref().unwrap_or("–")), 16),
        ];
        if wide {
            row.push(fit(&harmless(&call.service), 20));
            row.push(fit(&harmless(call.request_hash.as_deref().unwrap_or("–")), 12));
            row.push(hex(&call.trace_id));
        }
        table.push(row);
    }
    let mut out = String::new();
    table.write(&mut out, terminal, 0);
    out
}

/// The outcome, with the status where that says more.
fn outcome(call: &CallRecord) -> String {
    match call.status_code {
        Some(status) if status != 200 => format!("{} {status}", call.outcome),
        _ => call.outcome.to_string(),
    }
}
