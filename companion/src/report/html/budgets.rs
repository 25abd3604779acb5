//! What is spent of budgets.

use maud::{Markup, html};

use super::rules::badge;
use super::untrusted;
use crate::report::data::Report;
use crate::report::figures::{budget_forecast, budget_whose};
use crate::rule::budget::Standing;
use crate::text::number::{count, usd_column};
use crate::text::time::format;
use crate::text::unit::Unit;

pub(super) fn section(report: &Report) -> Markup {
    let spent = usd_column(report.budgets.iter().map(|one| Some(one.spent)));
    let limit = usd_column(report.budgets.iter().map(|one| Some(one.limit)));
    html! {
        @if !report.budgets.is_empty() {
            section aria-labelledby="budgets" {
                h2 id="budgets" { "Budgets" }
                div.card {
                    div.heading {
                        h3 { "Spent in the current period" }
                        span.note { "a forecast is given after half of the usual spend, with its median error" }
                    }
                    div.scroll tabindex="0" role="region" aria-label="Budgets" {
                        table {
                            thead { tr {
                                th scope="col" { "Budget" } th scope="col" { "Of" }
                                th scope="col" { "Period (UTC)" }
                                @for title in ["Spent", "Limit", "Share", "Of the period", "Forecast", "Without a price"] {
                                    th.n scope="col" { (title) }
                                }
                            } }
                            tbody {
                                @for ((budget, spent), limit) in report.budgets.iter().zip(spent).zip(limit) {
                                    (row(budget, &spent, &limit))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn row(budget: &Standing, spent: &str, limit: &str) -> Markup {
    let whose = budget_whose(budget);
    let share = Unit::Share.format(budget.share());
    html! {
        tr {
            th scope="row" { (untrusted(&budget.name)) }
            td { @if whose.is_empty() { span.muted { "all calls" } } @else { (untrusted(&whose)) } }
            td { (format(budget.period.from, "%b %-d %H:%M")) " to " (format(budget.period.to, "%b %-d %H:%M")) }
            td.n { (spent) }
            td.n { (limit) }
            td.n { @if budget.share() >= 1.0 { (badge("critical", &share)) } @else { (share) } }
            td.n { (Unit::Share.format(budget.elapsed)) }
            td.n { (budget_forecast(budget)) }
            td.n { (count(budget.unpriced)) }
        }
    }
}
