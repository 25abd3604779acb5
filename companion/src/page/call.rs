//! One call: what `spanledger call` prints, as a page.

use maud::{Markup, html};

use super::parameters::Parameters;
use crate::explain::{BillView, CallRow, Explained, LineView, Mark, money, price};
use crate::report::html::{linked, untrusted};
use crate::text::number::{count, in_seconds, or_dash, seconds, usd_column};
use crate::text::terminal::fit;

pub(super) fn section(call: &Explained, asked: &Parameters) -> Markup {
    html! {
        section aria-labelledby="story" {
            h2 id="story" { "What happened" }
            div.card.story { @for sentence in &call.summary { p { (crate::text::terminal::harmless(sentence)) } } }
        }
        section aria-labelledby="timeline" { h2 id="timeline" { "Timeline" } (timeline(&call.timeline)) }
        section aria-labelledby="bill" { h2 id="bill" { "Bill" } (bill(&call.bill)) }
        section aria-labelledby="trace" { h2 id="trace" { "Calls of this trace" } (rows(&call.trace, Some(&call.id))) }
        section aria-labelledby="recorded" { h2 id="recorded" { "Recorded" } (recorded(call, asked)) }
    }
}

pub(super) fn candidates(calls: &[CallRow], more: bool) -> Markup {
    html! {
        section aria-labelledby="candidates" {
            h2 id="candidates" { "Several calls have an id that begins so" }
            (rows(calls, None))
            @if more { p.note { "More calls have an id that begins so." } }
        }
    }
}

/// From one share of the width to another.
#[expect(clippy::cast_precision_loss, reason = "widths on a screen")]
fn lane(from: i64, to: i64, whole: i64, class: &str) -> Markup {
    let at = |nanos: i64| (nanos.max(0) as f64 / whole.max(1) as f64 * 100.0).min(100.0);
    let (from, to) = (at(from).min(99.0), at(to));
    html! {
        svg width="100%" height="12" aria-hidden="true" {
            rect class=(class) x=(format_args!("{from:.2}%")) height="12" rx="2" width=(format_args!("{:.2}%", (to - from).max(0.5))) {}
        }
    }
}

fn timeline(marks: &[Mark]) -> Markup {
    let whole = marks.last().map_or(0, |mark| mark.at_ns);
    let before =
        |index: usize| index.checked_sub(1).and_then(|index| marks.get(index)).map_or(0, |mark| mark.at_ns);
    html! {
        div.card.times {
            @for (index, mark) in marks.iter().enumerate() {
                span.n { (seconds(in_seconds(mark.at_ns))) }
                // Waiting is grey, receiving in colour.
                @if index == 0 { span {} } @else { (lane(before(index), mark.at_ns, whole, if index > 1 { "s-ok" } else { "s-other" })) }
                span { (mark.what) }
            }
        }
    }
}

fn line(line: &LineView) -> Markup {
    html! {
        tr {
            th scope="row" { (untrusted(&line.item)) }
            td.n { (count(line.quantity)) }
            td.n { (price(line)) }
            td.n { (money(line.nano_usd)) }
        }
    }
}

fn bill(bill: &BillView) -> Markup {
    let source =
        bill.price_source.as_deref().map_or_else(String::new, |source| format!(", by {}", untrusted(source)));
    html! {
        div.card {
            @if !bill.lines.is_empty() {
                div.scroll tabindex="0" role="region" aria-labelledby="bill" {
                    table {
                        thead { tr { th scope="col" { "Item" } th.n scope="col" { "Quantity" } th.n scope="col" { "Price" } th.n scope="col" { "Amount" } } }
                        tbody {
                            @for one in &bill.lines { (line(one)) }
                            @if let Some(total) = bill.computed_nano_usd {
                                tr {
                                    th scope="row" { "Total by " (untrusted(bill.table.as_deref().unwrap_or("an unknown table"))) }
                                    td {} td {}
                                    td.n { strong { (money(total)) } }
                                }
                            }
                        }
                    }
                }
            }
            div.story {
                p {
                    "In the ledger: " strong { (or_dash(bill.cost_nano_usd, money)) } " (" (bill.cost_status) (source) ")"
                    @if bill.adds_up { ", the total to the nano-dollar" }
                    "."
                }
                @for note in &bill.notes { p.note { (untrusted(note)) } }
            }
        }
    }
}

fn rows(calls: &[CallRow], this: Option<&str>) -> Markup {
    let nanos = |call: &CallRow| crate::explain::nanoseconds(call.duration_seconds);
    let from = calls.iter().map(|call| call.start_ns).min().unwrap_or(0);
    let to = calls.iter().map(|call| call.start_ns.saturating_add(nanos(call))).max().unwrap_or(0);
    html! {
        div.card {
            div.scroll tabindex="0" role="region" aria-label="Calls" {
                table.calls {
                    thead { tr {
                        th scope="col" { "Span id" } th.n scope="col" { "After" } th scope="col" { "" } th.n scope="col" { "Latency" }
                        th scope="col" { "Model" } th scope="col" { "Outcome" } th.n scope="col" { "Cost" } th scope="col" { "Service" }
                    } }
                    tbody {
                        @for (call, cost) in calls.iter().zip(usd_column(calls.iter().map(CallRow::cost))) {
                            @let begin = call.start_ns.saturating_sub(from);
                            tr class=[(Some(call.id.as_str()) == this).then_some("this")] {
                                td.mono { a href=(format!("/call/{}", call.id)) { (call.span_id) } }
                                td.n { (seconds(in_seconds(begin))) }
                                td.lane { (lane(begin, begin.saturating_add(nanos(call)), to.saturating_sub(from), if call.failed { "s-bad" } else { "s-ok" })) }
                                td.n { (seconds(call.duration_seconds)) }
                                td { (fit(&untrusted(&call.model), 32)) }
                                td { @if call.counted { (call.ending()) } @else { span.muted { "not counted" } } }
                                td.n { (cost) }
                                td { (fit(&untrusted(&call.service), 24)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn recorded(call: &Explained, asked: &Parameters) -> Markup {
    let href = |name: &str, value: &str| {
        let parameter = match name {
            "service" => "service",
            "user" => "user",
            "provider" => "provider",
            "response model" => "model",
            "request hash" => "hash",
            "error" => "error",
            _ => return None,
        };
        Some(asked.link("/calls", &[(parameter, Some(value))]))
    };
    html! {
        div.card {
            div.scroll tabindex="0" role="region" aria-labelledby="recorded" {
                table.facts {
                    thead { tr { th scope="col" { "Fact" } th scope="col" { "Value" } th scope="col" { "As it was sent, where that differs" } } }
                    tbody {
                        @for fact in &call.recorded {
                            tr {
                                th scope="row" { (fact.name) }
                                td {
                                    @if let Some(value) = &fact.value {
                                        (linked(href(&fact.name, value), &html! { (fit(&crate::text::terminal::harmless(value), 2_000)) }))
                                    } @else { "–" }
                                }
                                td { @if let Some(sent) = &fact.sent { (untrusted(sent)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
