//! Spans about work with a model that are no calls.

use super::{ROWS, head, name_or, wrap};
use crate::record::SkipReason;
use crate::report::data::{Report, Skipped};
use crate::report::figures::skipped;
use crate::text::number::count;
use crate::text::table::{Align, Table};
use crate::text::terminal::Terminal;

pub(super) fn section(report: &Report, terminal: Terminal, out: &mut String) {
    if report.skipped.is_empty() {
        return;
    }
    head("Other spans", terminal, out);
    wrap(out, "  ", &skipped(report), terminal.columns);
    let mut table =
        Table::new(0, &[("scope", Align::Left), ("reason", Align::Left), ("spans", Align::Right)]);
    let shown = || report.skipped.iter().take(ROWS);
    for Skipped { scope, reason, spans } in shown() {
        let reason = reason.as_str();
        table.push(vec![name_or(scope, "(none)"), reason.to_owned(), count(*spans)]);
    }
    table.write(out, terminal, 2);
    for reason in SkipReason::ALL.into_iter().filter(|reason| shown().any(|shown| shown.reason == *reason)) {
        wrap(out, "  ", &format!("{}: {}", reason.as_str(), reason.explanation()), terminal.columns);
    }
}
