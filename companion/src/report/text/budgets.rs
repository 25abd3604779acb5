//! What is spent of budgets.

use super::{head, line, name_or};
use crate::report::data::Report;
use crate::report::figures::{budget_forecast, budget_whose};
use crate::text::number::usd_column;
use crate::text::table::{Align, Table};
use crate::text::terminal::{Terminal, fit};
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
            ("of", Align::Left),
            ("since", Align::Left),
            ("spent", Align::Right),
            ("limit", Align::Right),
            ("share", Align::Right),
            ("period", Align::Right),
            ("forecast", Align::Right),
        ],
    );
    let spent = usd_column(report.budgets.iter().map(|one| Some(one.spent)));
    let limit = usd_column(report.budgets.iter().map(|one| Some(one.limit)));
    for ((budget, spent), limit) in report.budgets.iter().zip(spent).zip(limit) {
        table.push(vec![
            name_or(&budget.name, "(none)"),
            fit(&name_or(&budget_whose(budget), "all calls"), 24),
            budget.began.clone(),
            spent,
            limit,
            Unit::Share.format(budget.share()),
            Unit::Share.format(budget.elapsed),
            budget_forecast(budget),
        ]);
    }
    table.write(out, terminal, 2);
    let unpriced: u64 = report.budgets.iter().map(|one| one.unpriced).sum();
    if unpriced > 0 {
        line(out, "  calls without a price are not in what is spent; see Unpriced");
    }
}
