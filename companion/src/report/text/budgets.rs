//! What is spent of budgets.

use super::{head, line, name_or};
use crate::report::data::Report;
use crate::report::figures::{budget_forecast, budget_whose};
use crate::text::number::usd_column;
use crate::text::table::{Align, Table};
use crate::text::terminal::Terminal;
use crate::text::unit::Unit;

pub(super) fn section(report: &Report, terminal: Terminal, out: &mut String) {
    if report.budgets.is_empty() {
        return;
    }
    head("Budgets", terminal, out);
    let mut table = Table::new(
        0,
        &[
            ("budget", Align::Left),
            ("since", Align::Left),
            ("spent", Align::Right),
            ("limit", Align::Right),
            ("share", Align::Right),
            ("period", Align::Right),
        ],
    );
    let spent = usd_column(report.budgets.iter().map(|one| Some(one.spent)));
    let limit = usd_column(report.budgets.iter().map(|one| Some(one.limit)));
    let mut below = Vec::new();
    for ((budget, spent), limit) in report.budgets.iter().zip(spent).zip(limit) {
        table.push(vec![
            name_or(&budget.name, "(none)"),
            budget.began.clone(),
            spent,
            limit,
            Unit::Share.format(budget.share()),
            Unit::Share.format(budget.elapsed),
        ]);
        let whose = name_or(&budget_whose(budget), "all calls");
        below.push(format!("{whose}; forecast {}", budget_forecast(budget)));
    }
    table.write_with_notes(out, terminal, 2, &below);
    let unpriced: u64 = report.budgets.iter().map(|one| one.unpriced).sum();
    if unpriced > 0 {
        line(out, "  calls without a price are not in what is spent; see Unpriced");
    }
}
