//! Calls as a table with filters and pages.

use maud::{Markup, html};
use spanledger::{CostStatus, Outcome};

use super::parameters::{FILTERS, Parameters, TIME};
use crate::record::CallRecord;
use crate::record::ids::hex;
use crate::report::html::{badge, linked, name_or_none, untrusted};
use crate::store::{CallId, CallPage};
use crate::text::number::in_seconds;
use crate::text::number::{count, or_dash, seconds, usd_column};
use crate::text::terminal::fit;
use crate::text::time::{format, rfc3339};

pub(super) fn section(title: &str, asked: &Parameters, page: &CallPage) -> Markup {
    let filtered = asked.present(&FILTERS).next().is_some();
    html! {
        section aria-labelledby="calls" {
            h2 id="calls" { (title) }
            (filters(asked))
            @if page.calls.is_empty() {
                div.card.empty {
                    h3 { "No calls" }
                    p { @if filtered { "None matches within this time." } @else { "None ended within this time." } }
                }
            } @else {
                (table(asked, page))
            }
            (pager(asked, page))
        }
    }
}

fn filters(asked: &Parameters) -> Markup {
    let value = |name| asked.get(name).unwrap_or_default();
    html! {
        form.filters action="/calls" method="get" aria-label="Filter the calls" {
            @for (name, value) in asked.present(&TIME) { input type="hidden" name=(name) value=(value); }
            @for (name, title) in [("model", "Model"), ("provider", "Provider"), ("service", "Service"), ("environment", "Environment"), ("user", "User"), ("tag", "Tag (key=value)"), ("error", "Error")] {
                label { (title) input type="text" name=(name) value=(value(name)) autocomplete="off" spellcheck="false"; }
            }
            label {
                "Outcome"
                select name="outcome" {
                    option value="" { "any" }
                    @for outcome in Outcome::ALL {
                        option value=(outcome) selected[value("outcome") == outcome.as_str()] { (words(outcome)) }
                    }
                }
            }
            label { "HTTP status" input type="text" name="status" value=(value("status")) inputmode="numeric" pattern="[0-9]{3}" autocomplete="off"; }
            label { "Request hash" input type="text" name="hash" value=(value("hash")) autocomplete="off" spellcheck="false"; }
            label { "Trace id" input type="text" name="trace_id" value=(value("trace_id")) pattern="[0-9A-Fa-f]{32}" title="32 hex digits" autocomplete="off" spellcheck="false"; }
            div.do {
                button type="submit" { "Filter" }
                @if asked.present(&FILTERS).next().is_some() {
                    a href=(asked.link("/calls", &FILTERS.map(|name| (name, None)))) { "Clear" }
                }
            }
        }
    }
}

fn words(outcome: Outcome) -> String {
    outcome.as_str().replace('_', " ")
}

fn table(asked: &Parameters, page: &CallPage) -> Markup {
    let costs = usd_column(page.calls.iter().map(|call| call.cost));
    html! {
        div.card {
            div.scroll tabindex="0" role="region" aria-labelledby="calls" {
                table.calls {
                    thead { tr {
                        th scope="col" { "Start (UTC)" } th scope="col" { "Model" } th scope="col" { "Outcome" }
                        th.n scope="col" { "Tokens in" } th.n scope="col" { "Tokens out" } th.n scope="col" { "Cost" }
                        th.n scope="col" { "Latency" } th.n scope="col" { "First chunk" }
                        th scope="col" { "User" } th scope="col" { "Service" } th scope="col" { "Tags" }
                        th scope="col" { "Request hash" } th scope="col" { "Trace" }
                    } }
                    tbody { @for (call, cost) in page.calls.iter().zip(&costs) { (row(asked, call, cost)) } }
                }
            }
        }
    }
}

fn row(asked: &Parameters, call: &CallRecord, cost: &str) -> Markup {
    let trace = hex(&call.trace_id);
    html! {
        tr {
            td {
                a href=(format!("/call/{}", CallId::of(call))) {
                    time datetime=(rfc3339(call.start)) title=(rfc3339(call.start)) { (format(call.start, "%b %-d %H:%M:%S")) }
                }
            }
            td { (only(asked, "model", call.model(), 32)) }
            td { (ending(asked, call)) }
            td.n { (or_dash(call.input_tokens, count)) }
            td.n { (or_dash(call.output_tokens, count)) }
            td.n { (priced(call, cost)) }
            td.n { (seconds(in_seconds(call.duration_ns))) }
            td.n { (or_dash(call.first_chunk_ns, |ns| seconds(in_seconds(ns)))) }
            td { (call.user.as_deref().map_or_else(dash, |user| only(asked, "user", user, 24))) }
            td { (only(asked, "service", &call.service, 24)) }
            td { (tags(asked, call)) }
            td.mono { (call.request_hash.as_deref().map_or_else(dash, |hash| only(asked, "hash", hash, 9))) }
            td.mono { (only(asked, "trace_id", &trace, 9)) }
        }
    }
}

fn tags(asked: &Parameters, call: &CallRecord) -> Markup {
    let tags: Vec<String> = call.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    html! {
        @if tags.is_empty() { (dash()) }
        @for (index, tag) in tags.iter().enumerate() {
            @if index > 0 { " " }
            (only(asked, "tag", tag, 24))
        }
    }
}

fn dash() -> Markup {
    html! { "–" }
}

/// A value that leads to all calls which share it.
fn only(asked: &Parameters, name: &'static str, value: &str, columns: usize) -> Markup {
    if value.is_empty() {
        return name_or_none(value);
    }
    let shown = untrusted(value);
    html! {
        a href=(asked.link("/calls", &[(name, Some(value)), ("after", None)])) title=(shown) { (fit(&shown, columns)) }
    }
}

/// A completed call is shown quietly; a failure is highlighted, with its status and its kind of error. The sender's own
/// error type and text are in the title.
fn ending(asked: &Parameters, call: &CallRecord) -> Markup {
    let kind = match call.outcome {
        Outcome::Completed => return html! { span.muted { (words(call.outcome)) } },
        Outcome::Dropped | Outcome::Cancelled | Outcome::Pending | Outcome::Interrupted => "",
        Outcome::Failed | Outcome::Truncated | Outcome::TimedOut => "critical",
    };
    let error = call.error_kind.as_deref().or(call.error_type.as_deref());
    let own = call.error_type.as_deref().filter(|own| Some(*own) != error);
    let details = [own, call.error_message.as_deref()].into_iter().flatten().map(untrusted);
    let details = details.collect::<Vec<_>>().join(": ");
    html! {
        (badge(kind, &words(call.outcome)))
        @if let Some(status) = call.status_code { " " (status) }
        @if let Some(error) = error {
            @let href = call.error_kind.as_deref().map(|kind| asked.link("/calls", &[("error", Some(kind)), ("after", None)]));
            " " span.muted title=[Some(details).filter(|details| !details.is_empty())] {
                (linked(href, &html! { (fit(&untrusted(error), 32)) }))
            }
        }
    }
}

fn priced(call: &CallRecord, cost: &str) -> Markup {
    match call.cost_status {
        CostStatus::Exact => html! { (cost) },
        CostStatus::Estimated => html! { span title="estimated" { "~" (cost) } },
        CostStatus::Free => html! { "free" },
        CostStatus::Unpriced => html! { span.muted { "unpriced" } },
        CostStatus::NoUsage => dash(),
    }
}

fn pager(asked: &Parameters, page: &CallPage) -> Markup {
    html! {
        nav.pager aria-label="Pages of calls" {
            @if asked.get("after").is_some() { a href=(asked.link("/calls", &[("after", None)])) { "Newest" } } @else { span {} }
            @if let Some(next) = page.next {
                a href=(asked.link("/calls", &[("after", Some(&next.to_string()))])) rel="next" { "Older calls" }
            }
        }
    }
}
