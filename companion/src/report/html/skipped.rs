//! Spans about work with a model that are no calls, and requests that were not recognised.

use maud::{Markup, html};

use super::{badge, name_or_none};
use crate::report::data::Report;
use crate::report::figures::skipped;
use crate::text::number::count;

/// Rows of the table; the JSON has more.
const ROWS: usize = 25;

pub(super) fn section(report: &Report) -> Markup {
    html! {
        @if !report.skipped.is_empty() {
            section aria-labelledby="skipped" {
                h2 id="skipped" { "Other spans" }
                div.card {
                    div.heading {
                        h3 { (skipped(report)) }
                        span.note { "by whole hours; not counted above" }
                    }
                    div.scroll tabindex="0" role="region" aria-label="Other spans" {
                        table {
                            thead { tr {
                                th scope="col" { "Scope" } th.n scope="col" { "Spans" } th scope="col" { "What they are" }
                            } }
                            tbody {
                                @for skipped in report.skipped.iter().take(ROWS) {
                                    tr {
                                        th scope="row" { (name_or_none(&skipped.scope)) }
                                        td.n { (count(skipped.spans)) }
                                        td {
                                            @if skipped.reason.may_miss_calls() { (badge("warning", "may be calls")) " " }
                                            (skipped.reason.explanation())
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
