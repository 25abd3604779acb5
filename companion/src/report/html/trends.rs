//! Plots over time, rankings, and the figures behind them.

use maud::{Markup, html};

use crate::record::{NanoUsd, Timestamp};
use crate::report::data::Report;
use crate::report::figures::known_cost;
use crate::report::plot::{Bar, OverTime, Series, Shape, interval, over_time, ranking};
use crate::store::{Step, Totals};
use crate::text::number::{count, counted, number, or_dash, percent, seconds, share, short, usd, usd_column};
use crate::text::seconds::in_words;
use crate::text::terminal::fit;

use super::{Link, Links, untrusted};

pub(super) fn section(report: &Report, links: Links<'_>) -> Markup {
    let starts: Vec<Timestamp> = report.steps.iter().map(|step| step.at).collect();
    html! {
        section aria-labelledby="trends" {
            h2 id="trends" { "Over time" }
            div.plots {
                (requests(report, &starts))
                (errors(report, &starts))
                (cost(report, &starts))
                (latency(report, &starts))
                (cost_by_model(report, links))
                (errors_by_type(report, links))
            }
            (figures(report))
        }
    }
}

type Reading = fn(&Step) -> Option<f64>;

fn series(report: &Report, class: &'static str, name: &'static str, read: Reading) -> Series {
    Series { class, name, values: report.steps.iter().map(read).collect() }
}

fn hints(report: &Report, hint: fn(&Step) -> String) -> Vec<String> {
    report.steps.iter().map(hint).collect()
}

/// A plot of this report; what is left open is what tells it from the others.
fn plot<'a>(report: &Report, starts: &'a [Timestamp]) -> OverTime<'a> {
    OverTime {
        id: "",
        title: "",
        description: String::new(),
        window: report.window,
        step_seconds: report.step_seconds,
        starts,
        shape: Shape::Bars,
        series: &[],
        hints: &[],
        finest: 1.0,
        show: short,
    }
}

/// Which step is the highest, in words.
fn peak(report: &Report, read: fn(&Step) -> f64, show: fn(f64) -> String) -> String {
    let highest = report.steps.iter().max_by(|a, b| read(a).total_cmp(&read(b)));
    highest.filter(|step| read(step) > 0.0).map_or_else(
        || "None in any step.".to_owned(),
        |step| format!("Highest: {} in {}.", show(read(step)), interval(step.at, report.step_seconds)),
    )
}

#[expect(clippy::cast_precision_loss, reason = "heights on a screen")]
fn requests(report: &Report, starts: &[Timestamp]) -> Markup {
    let series = [
        series(report, "s-ok", "succeeded", |step| Some(step.totals.succeeded as f64)),
        series(report, "s-other", "ended by the caller", |step| Some(neither(&step.totals) as f64)),
        series(report, "s-bad", "failed", |step| Some(step.totals.failed as f64)),
    ];
    over_time(&OverTime {
        id: "requests",
        title: "Requests",
        description: format!(
            "{} in {} of {}. {}",
            counted(report.totals.calls, "call"),
            counted(report.steps.len() as u64, "step"),
            in_words(report.step_seconds),
            peak(report, |step| step.totals.calls as f64, number)
        ),
        series: &series,
        hints: &hints(report, |step| {
            format!("{}, {} failed", counted(step.totals.calls, "call"), count(step.totals.failed))
        }),
        ..plot(report, starts)
    })
}

#[expect(clippy::cast_precision_loss, reason = "heights on a screen")]
fn errors(report: &Report, starts: &[Timestamp]) -> Markup {
    over_time(&OverTime {
        id: "errors",
        title: "Errors",
        description: format!(
            "{}. {}",
            counted(report.totals.failed, "failed call"),
            peak(report, |step| step.totals.failed as f64, number)
        ),
        series: &[series(report, "s-bad", "failed", |step| Some(step.totals.failed as f64))],
        hints: &hints(report, |step| {
            let rate = or_dash(share(step.totals.failed, step.totals.calls), percent);
            format!("{} of {} failed ({rate})", count(step.totals.failed), counted(step.totals.calls, "call"))
        }),
        ..plot(report, starts)
    })
}

fn cost(report: &Report, starts: &[Timestamp]) -> Markup {
    let dollars = |value: f64| NanoUsd::from_usd(value).map_or_else(|| short(value), usd);
    over_time(&OverTime {
        id: "cost",
        title: "Cost",
        description: format!(
            "{} in all. {}",
            or_dash(known_cost(&report.totals), usd),
            peak(report, |step| step.totals.cost.as_usd(), dollars)
        ),
        series: &[series(report, "s-cost", "cost", |step| Some(step.totals.cost.as_usd()))],
        hints: &hints(report, |step| {
            let cost = or_dash(known_cost(&step.totals), usd);
            match step.totals.unpriced {
                0 => cost,
                calls => format!("{cost}, {} unpriced", counted(calls, "call")),
            }
        }),
        finest: 1e-9,
        show: dollars,
        ..plot(report, starts)
    })
}

fn latency(report: &Report, starts: &[Timestamp]) -> Markup {
    let of = report.latency.duration;
    over_time(&OverTime {
        id: "latency",
        title: "Latency",
        description: format!(
            "Over the whole time p50 {}, p95 {}, p99 {}.",
            or_dash(of.p50, seconds),
            or_dash(of.p95, seconds),
            or_dash(of.p99, seconds)
        ),
        shape: Shape::Lines,
        series: &[
            series(report, "s-p50", "p50", |step| step.latency.duration.p50),
            series(report, "s-p95", "p95", |step| step.latency.duration.p95),
            series(report, "s-p99", "p99", |step| step.latency.duration.p99),
        ],
        hints: &hints(report, |step| {
            let of = step.latency.duration;
            format!(
                "p99 {}\np95 {}\np50 {}",
                or_dash(of.p99, seconds),
                or_dash(of.p95, seconds),
                or_dash(of.p50, seconds)
            )
        }),
        finest: 1e-6,
        show: seconds,
        ..plot(report, starts)
    })
}

fn cost_by_model(report: &Report, links: Links<'_>) -> Markup {
    let shown: i64 = report.costliest.iter().map(|group| group.totals.cost.0).sum();
    let rest = NanoUsd(report.totals.cost.0.saturating_sub(shown));
    let mut rows: Vec<(String, Option<String>, NanoUsd)> = report
        .costliest
        .iter()
        .map(|group| (model(&group.name), links(Link::Model, &group.name), group.totals.cost))
        .collect();
    if rest.0 > 0 {
        rows.push(("others".to_owned(), None, rest));
    }
    let costs = usd_column(rows.iter().map(|(_, _, cost)| Some(*cost)));
    let bars: Vec<Bar> = rows
        .into_iter()
        .zip(costs)
        .map(|((name, href, cost), shown)| Bar { name, href, value: cost.as_usd(), shown })
        .collect();
    let note = if bars.is_empty() { "no call has a known cost above zero" } else { "priced calls only" };
    ranking("Cost by model", note, "s-cost", &bars)
}

#[expect(clippy::cast_precision_loss, reason = "widths on a screen")]
fn errors_by_type(report: &Report, links: Links<'_>) -> Markup {
    let bars: Vec<Bar> = report
        .errors
        .iter()
        .map(|group| Bar {
            name: model(&group.name),
            href: links(Link::Error, &group.name),
            value: group.totals.calls as f64,
            shown: format!(
                "{} · {}",
                count(group.totals.calls),
                or_dash(share(group.totals.calls, report.totals.failed), percent)
            ),
        })
        .collect();
    let note = if bars.is_empty() { "no call has an error type" } else { "top 10, share of failed calls" };
    ranking("Errors by type", note, "s-bad", &bars)
}

/// A name short enough for the side of a bar.
fn model(name: &str) -> String {
    if name.is_empty() { "(none)".to_owned() } else { fit(&untrusted(name), 60) }
}

fn neither(totals: &Totals) -> u64 {
    totals.calls.saturating_sub(totals.succeeded).saturating_sub(totals.failed)
}

/// The plots as a table, for those who cannot see them or want the figures.
fn figures(report: &Report) -> Markup {
    let costs = usd_column(report.steps.iter().map(|step| known_cost(&step.totals)));
    html! {
        details.card {
            summary { "The figures behind the plots" }
            div.scroll.long tabindex="0" role="region" aria-label="The figures behind the plots" {
                table {
                    thead { tr {
                        th scope="col" { "Time (UTC)" }
                        @for title in ["Calls", "Succeeded", "Failed", "Failure rate", "Cost", "p50", "p95", "p99"] {
                            th.n scope="col" { (title) }
                        }
                    } }
                    tbody {
                        @for (step, cost) in report.steps.iter().zip(&costs) {
                            @let Totals { calls, succeeded, failed, .. } = step.totals;
                            tr {
                                th scope="row" { (interval(step.at, report.step_seconds)) }
                                td.n { (count(calls)) }
                                td.n { (count(succeeded)) }
                                td.n { (count(failed)) }
                                td.n { (or_dash(share(failed, calls), percent)) }
                                td.n { (cost) }
                                @let of = step.latency.duration;
                                @for value in [of.p50, of.p95, of.p99] { td.n { (or_dash(value, seconds)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
