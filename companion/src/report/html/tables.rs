//! Totals by model, provider, service and user, repeated requests and unpriced models.

use maud::{Markup, html};

use super::{Link, Links, linked, name_linked, reported, untrusted};
use crate::report::data::Report;
use crate::report::figures::{known_cost, known_tokens, mean_seconds, repetition, success_rate};
use crate::store::{Group, Totals};
use crate::text::number::{compact, count, or_dash, percent, seconds, usd_column};
use crate::text::time::format;

/// Rows of a table; the JSON has more.
const ROWS: usize = 25;

pub(super) fn section(report: &Report, links: Links<'_>) -> Markup {
    html! {
        section aria-labelledby="breakdown" {
            h2 id="breakdown" { "Who and what" }
            div.tables {
                div.wide { (sums("Models", (Link::Model, links), &report.models, Some(&report.totals), false)) }
                (sums("Providers", (Link::Provider, links), &report.providers, Some(&report.totals), true))
                (sums("Services", (Link::Service, links), &report.services, Some(&report.totals), true))
                @if !report.users.is_empty() {
                    div.wide { (sums("Users with the most calls", (Link::User, links), &report.users, None, false)) }
                }
                @for (key, groups) in &report.tags {
                    (sums(&format!("Calls by tag {key}"), (Link::Tag(*key), links), groups, Some(&report.totals), true))
                }
                @if !report.repetition.repeated.is_empty() { div.wide { (repeated(report, links)) } }
                @if !report.unpriced.is_empty() { div.wide { (unpriced(report, links)) } }
                (reported::tables(report, links))
            }
        }
    }
}

/// `all` is what the groups are parts of; `brief` leaves room for a table next to it.
fn sums(
    title: &str,
    (link, links): (Link, Links<'_>),
    groups: &[Group],
    all: Option<&Totals>,
    brief: bool,
) -> Markup {
    let of = match link {
        Link::Provider => "Provider",
        Link::Service => "Service",
        Link::User => "User",
        Link::Tag(ref key) => key.as_str(),
        _ => "Model",
    };
    let groups = &groups[..groups.len().min(ROWS)];
    let others = all.map(|all| all.calls.saturating_sub(groups.iter().map(|g| g.totals.calls).sum()));
    let costs = usd_column(groups.iter().map(|group| known_cost(&group.totals)));
    let tokens = if brief { compact } else { count };
    html! {
        div.card {
            div.heading { h3 { (title) } }
            div.scroll tabindex="0" role="region" aria-label=(title) {
                table {
                    thead { tr {
                        th scope="col" { (of) }
                        th.n scope="col" { "Calls" }
                        @if !brief { th.n scope="col" { "Failed" } }
                        @for title in ["Success", "Tokens in", "Tokens out", "Cost"] { th.n scope="col" { (title) } }
                        @if !brief { th.n scope="col" { "Mean latency" } }
                    } }
                    tbody {
                        @for (Group { name, totals }, cost) in groups.iter().zip(costs) {
                            tr {
                                th scope="row" { (name_linked(links, link, name)) }
                                td.n { (count(totals.calls)) }
                                @if !brief { td.n { (count(totals.failed)) } }
                                td.n { (or_dash(success_rate(totals), percent)) }
                                td.n { (or_dash(known_tokens(totals, totals.input_tokens), tokens)) }
                                td.n { (or_dash(known_tokens(totals, totals.output_tokens), tokens)) }
                                td.n { (cost) }
                                @if !brief { td.n { (or_dash(mean_seconds(totals), seconds)) } }
                            }
                        }
                        @if let Some(calls) = others.filter(|calls| *calls > 0) {
                            tr { th scope="row" { span.muted { "all others" } } td.n { (count(calls)) } td colspan=(if brief { 4 } else { 6 }) {} }
                        }
                    }
                }
            }
        }
    }
}

fn repeated(report: &Report, links: Links<'_>) -> Markup {
    let costs =
        usd_column(report.repetition.repeated.iter().map(|item| (item.cost.0 != 0).then_some(item.cost)));
    html! {
        div.card {
            div.heading {
                h3 { "Repeated requests" }
                span.note { (repetition(report)) }
            }
            div.scroll tabindex="0" role="region" aria-label="Repeated requests" {
                table {
                    thead { tr {
                        th scope="col" { "Request hash" } th scope="col" { "Model of the newest" }
                        th.n scope="col" { "Calls" } th.n scope="col" { "Cost" } th.n scope="col" { "Newest ended (UTC)" }
                    } }
                    tbody {
                        @for (item, cost) in report.repetition.repeated.iter().zip(costs) {
                            tr {
                                th.mono scope="row" { (linked(links(Link::Hash, &item.hash), &html! { (untrusted(&item.hash)) })) }
                                td { (name_linked(links, Link::Model, &item.model)) }
                                td.n { (count(item.calls)) }
                                td.n { (cost) }
                                td.n { (format(item.last, "%Y-%m-%d %H:%M:%S")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn unpriced(report: &Report, links: Links<'_>) -> Markup {
    html! {
        div.card {
            div.heading {
                h3 { "Unpriced models" }
                span.note { "not included in any total; add prices to prices.toml" }
            }
            div.scroll tabindex="0" role="region" aria-label="Unpriced models" {
                table {
                    thead { tr {
                        th scope="col" { "Model" } th.n scope="col" { "Unpriced calls" }
                        th.n scope="col" { "Tokens in" } th.n scope="col" { "Tokens out" }
                    } }
                    tbody {
                        @for Group { name, totals } in report.unpriced.iter().take(ROWS) {
                            tr {
                                th scope="row" { (name_linked(links, Link::Model, name)) }
                                td.n { (count(totals.unpriced)) }
                                td.n { (or_dash(known_tokens(totals, totals.input_tokens), count)) }
                                td.n { (or_dash(known_tokens(totals, totals.output_tokens), count)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
