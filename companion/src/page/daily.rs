//! Usage and cost by day of UTC, or by hour, week and month: the figures of `spanledger daily`.

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::Refusal;
use super::parameters::{FILTERS, Parameters, Wrong};
use crate::periods::usage::{Figures, Usage, basis, gather};
use crate::periods::{Period, calendar};
use crate::record::{Timestamp, Window};
use crate::report::{known_cost, known_tokens};
use crate::store::{Dimension, Querier};
use crate::text::number::{compact, count, or_dash, percent, share, usd_column};
use crate::text::time::{duration_seconds, format};

/// Groups within a period are left to the command.
const NONE: [((), Dimension); 0] = [];

const LENGTHS: [(&str, &str); 3] = [("7d", "7 d"), ("30d", "30 d"), ("90d", "90 d")];

/// The days that were asked for; 30 unless a time is given.
pub(super) fn usage(querier: &dyn Querier, asked: &Parameters, now: Timestamp) -> Result<Usage<()>, Refusal> {
    let wrong = |error: &dyn std::fmt::Display| Wrong(error.to_string());
    let last = asked.get("last").map(duration_seconds).transpose().map_err(|error| wrong(&error))?;
    let ends = calendar::Ends { last, from: asked.get("from"), to: asked.get("to") };
    let slots = calendar::slots(Period::Day, ends, &TimeZone::UTC, now).map_err(|error| wrong(&error))?;
    Ok(gather(querier, slots, &asked.filter()?, &NONE, now)?)
}

/// From the first to the last day.
pub(super) fn window(usage: &Usage<()>, now: Timestamp) -> Window {
    let ends = usage.periods.first().zip(usage.periods.last());
    ends.map_or(Window { from: now, to: now }, |(first, last)| Window {
        from: first.slot.window.from,
        to: last.slot.window.to,
    })
}

pub(super) fn controls(asked: &Parameters) -> Markup {
    let current =
        asked.get("last").or((asked.get("from").is_none() && asked.get("to").is_none()).then_some("30d"));
    let link = |length| asked.link("/daily", &[("last", Some(length)), ("from", None), ("to", None)]);
    html! {
        div.ranges {
            nav.segments aria-label="Time" {
                @for (length, name) in LENGTHS {
                    a href=(link(length)) aria-current=[(current == Some(length)).then_some("true")] { (name) }
                }
            }
        }
    }
}

pub(super) fn section(usage: &Usage<()>, asked: &Parameters) -> Markup {
    let costs = usd_column(
        usage
            .periods
            .iter()
            .map(|period| &period.figures)
            .chain([&usage.total])
            .map(|figures| known_cost(&figures.totals)),
    );
    let most = usage.periods.iter().map(|period| period.figures.totals.cost.0).max().unwrap_or(0);
    html! {
        section aria-labelledby="days" {
            h2 id="days" { "Usage and cost by day (UTC)" }
            @if asked.present(&FILTERS).next().is_some() {
                p.note { "Only some calls: " @for (name, value) in asked.present(&FILTERS) { (name) " " (crate::report::html::untrusted(value)) " " } }
            }
            div.card {
                div.scroll tabindex="0" role="region" aria-labelledby="days" {
                    table {
                        thead { tr {
                            th scope="col" { "Day" }
                            @for title in ["Calls", "Failed", "Input", "Cached", "Written", "Output", "Reasoning", "Cost"] { th.n scope="col" { (title) } }
                            th scope="col" { "" }
                            th.n scope="col" { "Not exact" }
                        } }
                        tbody {
                            @for (period, cost) in usage.periods.iter().zip(&costs).rev() {
                                tr {
                                    th scope="row" { a href=(link(asked, period.slot.window)) { (period.slot.label) } }
                                    (cells(&period.figures, cost, most))
                                }
                            }
                            tr { th scope="row" { "total" } (cells(&usage.total, costs.last().map_or("", String::as_str), 0)) }
                        }
                    }
                }
            }
            p.note { (basis(usage)) }
        }
    }
}

/// The report of one day.
fn link(asked: &Parameters, window: Window) -> String {
    let text = |at| format(at, "%Y-%m-%dT%H:%M:%SZ");
    asked.link("/", &[("last", None), ("from", Some(&text(window.from))), ("to", Some(&text(window.to)))])
}

#[expect(clippy::cast_precision_loss, reason = "widths on a screen")]
fn cells(figures: &Figures, cost: &str, most: i64) -> Markup {
    let totals = &figures.totals;
    let inexact = share(figures.estimated_calls.saturating_add(totals.unpriced), totals.calls);
    let width = if most > 0 { totals.cost.0 as f64 / most as f64 * 100.0 } else { 0.0 };
    html! {
        td.n { (count(totals.calls)) }
        td.n { (count(totals.failed)) }
        @for tokens in [totals.input_tokens, totals.cache_read_tokens, totals.cache_write_tokens, totals.output_tokens, totals.reasoning_tokens] {
            td.n { (or_dash(known_tokens(totals, tokens), compact)) }
        }
        td.n { (cost) }
        td.lane { @if width > 0.0 { svg width="100%" height="12" aria-hidden="true" { rect class="s-cost" height="12" rx="2" width=(format_args!("{width:.1}%")) {} } } }
        td.n { (or_dash(inexact, percent)) }
    }
}
