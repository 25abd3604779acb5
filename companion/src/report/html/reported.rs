//! What providers and senders reported of costs, next to what the price tables give.

use maud::{Markup, html};

use super::{Link, Links, name_linked};
use crate::report::data::Report;
use crate::report::figures::shown_drift;
use crate::store::Group;
use crate::text::number::{count, usd_column};

/// Rows of a table; the JSON has more.
const ROWS: usize = 25;

pub(super) fn tables(report: &Report, links: Links<'_>) -> Markup {
    html! {
        @if report.totals.reported > 0 {
            (table("Reported costs by provider", (Link::Provider, links), &report.reported_by_provider))
            (table("Reported costs by model", (Link::Model, links), &report.reported_by_model))
        }
    }
}

fn table(title: &str, (link, links): (Link, Links<'_>), groups: &[Group]) -> Markup {
    let of = if link == Link::Provider { "Provider" } else { "Model" };
    let groups = &groups[..groups.len().min(ROWS)];
    let reported = usd_column(groups.iter().map(|group| Some(group.totals.reported_cost)));
    let computed = usd_column(groups.iter().map(|group| Some(group.totals.computed_cost)));
    html! {
        div.card {
            div.heading {
                h3 { (title) }
                span.note { "next to what the price tables give for the same calls" }
            }
            div.scroll tabindex="0" role="region" aria-label=(title) {
                table {
                    thead { tr {
                        th scope="col" { (of) }
                        @for title in ["Calls", "Reported", "Computed", "Drift"] { th.n scope="col" { (title) } }
                    } }
                    tbody {
                        @for ((Group { name, totals }, reported), computed) in groups.iter().zip(reported).zip(computed) {
                            tr {
                                th scope="row" { (name_linked(links, link, name)) }
                                td.n { (count(totals.reported)) }
                                td.n { (reported) }
                                td.n { (computed) }
                                td.n { (shown_drift(totals)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
