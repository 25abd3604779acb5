//! Which calls never came, by the gaps in their sequence numbers.

use super::{ROWS, head, line, name_or, wrap};
use crate::report::data::Report;
use crate::report::figures::{lost, missing, more_gaps, unproved};
use crate::text::number::count;
use crate::text::table::{Align, Table};
use crate::text::terminal::{Terminal, fit};
use crate::text::time::format;

pub(super) fn section(report: &Report, terminal: Terminal, out: &mut String) {
    head("Missing calls", terminal, out);
    line(out, &format!("  {}", missing(report)));
    if let Some(lost) = lost(report) {
        wrap(out, "  ", &lost, terminal.columns);
    }
    if let Some(unproved) = unproved(report) {
        wrap(out, "  ", &unproved, terminal.columns);
    }
    if report.missing.newest.is_empty() {
        return;
    }
    let mut table = Table::new(
        0,
        &[
            ("instance", Align::Left),
            ("service", Align::Left),
            ("first", Align::Right),
            ("last", Align::Right),
            ("missing", Align::Right),
            ("noticed (UTC)", Align::Left),
        ],
    );
    for gap in report.missing.newest.iter().take(ROWS) {
        table.push(vec![
            name_or(&gap.instance, "(none)"),
            fit(&name_or(&gap.service, "(none)"), 20),
            gap.first.to_string(),
            gap.last.to_string(),
            count(gap.numbers()),
            format(gap.noticed, "%m-%d %H:%M:%S"),
        ]);
    }
    table.write(out, terminal, 2);
    if let Some(more) = more_gaps(report, ROWS) {
        line(out, &format!("  {more}"));
    }
}
