//! Which calls never came, by the gaps in their sequence numbers.

use maud::{Markup, html};

use super::{name_or_none, untrusted};
use crate::report::data::Report;
use crate::report::figures::{lost, missing, more_gaps, unproved};
use crate::text::number::count;
use crate::text::time::format;

/// Rows of the table; the JSON has more.
const ROWS: usize = 25;

pub(super) fn section(report: &Report) -> Markup {
    html! {
        section aria-labelledby="missing" {
            h2 id="missing" { "Missing calls" }
            @if let Some(unproved) = unproved(report) {
                p.card { (unproved) }
            }
            @if report.missing.newest.is_empty() {
                // No sign of health: where no call is numbered, none can be missed.
                p.card.calm { (missing(report)) }
            } @else {
                (table(report))
            }
        }
    }
}

fn table(report: &Report) -> Markup {
    html! {
        div.card {
            div.heading {
                h3 { (missing(report)) }
                span.note { "lost on the way to the ledger; only numbered calls can be missed" }
            }
            @if let Some(lost) = lost(report) {
                p { (lost) }
            }
            div.scroll tabindex="0" role="region" aria-label="Missing calls" {
                table {
                    thead { tr {
                        th scope="col" { "Instance" } th scope="col" { "Service" }
                        th.n scope="col" { "First missing" } th.n scope="col" { "Last missing" }
                        th.n scope="col" { "Calls" } th.n scope="col" { "Noticed (UTC)" }
                    } }
                    tbody {
                        @for gap in report.missing.newest.iter().take(ROWS) {
                            tr {
                                th.mono scope="row" { (untrusted(&gap.instance)) }
                                td { (name_or_none(&gap.service)) }
                                td.n { (gap.first) }
                                td.n { (gap.last) }
                                td.n { (count(gap.numbers())) }
                                td.n { (format(gap.noticed, "%Y-%m-%d %H:%M:%S")) }
                            }
                        }
                        @if let Some(more) = more_gaps(report, ROWS) {
                            tr { th scope="row" { span.muted { (more) } } td colspan="5" {} }
                        }
                    }
                }
            }
        }
    }
}
