//! What providers and senders reported of costs, next to what the price tables give.

use super::{ROWS, head, line, name_or};
use crate::report::data::Report;
use crate::report::figures::shown_drift;
use crate::store::Group;
use crate::text::number::{count, usd_column};
use crate::text::table::{Align, Table};
use crate::text::terminal::Terminal;

pub(super) fn section(report: &Report, terminal: Terminal, out: &mut String) {
    if report.totals.reported == 0 {
        return;
    }
    head("Reported costs", terminal, out);
    for (first, groups) in [("provider", &report.reported_by_provider), ("model", &report.reported_by_model)]
    {
        let mut table = Table::new(
            0,
            &[
                (first, Align::Left),
                ("calls", Align::Right),
                ("reported", Align::Right),
                ("computed", Align::Right),
                ("drift", Align::Right),
            ],
        );
        let shown = || groups.iter().take(ROWS);
        let reported = usd_column(shown().map(|group| Some(group.totals.reported_cost)));
        let computed = usd_column(shown().map(|group| Some(group.totals.computed_cost)));
        for ((Group { name, totals }, reported), computed) in shown().zip(reported).zip(computed) {
            let drift = shown_drift(totals);
            table.push(vec![name_or(name, "(none)"), count(totals.reported), reported, computed, drift]);
        }
        table.write(out, terminal, 2);
    }
    line(out, "  reported by the provider or the sender; computed by the price tables");
}
