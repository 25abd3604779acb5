//! The six figures people look at first.

use maud::{Markup, html};

use crate::report::data::Report;
use crate::report::figures::{known_cost, known_tokens, success_rate};
use crate::store::Quantiles;
use crate::text::number::{compact, count, counted, or_dash, percent, seconds, usd};

/// How the line below a figure is meant.
#[derive(Debug, Clone, Copy)]
enum Tone {
    Plain,
    Attention,
    Trouble,
}

pub(super) fn section(report: &Report) -> Markup {
    let totals = &report.totals;
    let neither = totals.calls.saturating_sub(totals.succeeded).saturating_sub(totals.failed);
    let (input, output) =
        (known_tokens(totals, totals.input_tokens), known_tokens(totals, totals.output_tokens));
    let both = match (input, output) {
        (None, None) => None,
        (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
    };
    let failed = if totals.failed > 0 { Tone::Trouble } else { Tone::Plain };
    html! {
        section aria-labelledby="glance" {
            h2 id="glance" { "At a glance" }
            dl.card.tiles {
                (tile("Calls", &count(totals.calls), &[
                    (format!("{} succeeded", count(totals.succeeded)), Tone::Plain),
                    (format!("{} ended by the caller", count(neither)), Tone::Plain),
                ]))
                (tile("Success rate", &or_dash(success_rate(totals), percent), &[
                    (format!("{} failed", count(totals.failed)), failed),
                    (format!("{} × 401/403 · {} × 429", count(totals.unauthorized), count(totals.rate_limited)), Tone::Plain),
                ]))
                (tile("Cost", &or_dash(known_cost(totals), usd), &[
                    if totals.unpriced > 0 {
                        (format!("{} unpriced", counted(totals.unpriced, "call")), Tone::Attention)
                    } else {
                        ("all usage priced".to_owned(), Tone::Plain)
                    },
                    if totals.succeeded_without_usage > 0 {
                        (format!("{} without usage", counted(totals.succeeded_without_usage, "call")), Tone::Attention)
                    } else {
                        (String::new(), Tone::Plain)
                    },
                ]))
                (tile("Tokens", &or_dash(both, compact), &[
                    (format!("{} in · {} out", or_dash(input, compact), or_dash(output, compact)), Tone::Plain),
                    (cached(report), Tone::Plain),
                ]))
                (latency("Latency, p95", report.latency.duration))
                (latency("First chunk, p95", report.latency.first_chunk))
            }
        }
    }
}

fn cached(report: &Report) -> String {
    match known_tokens(&report.totals, report.totals.cache_read_tokens) {
        Some(tokens) if report.totals.calls > 0 => format!("{} read from caches", compact(tokens)),
        _ => String::new(),
    }
}

fn latency(title: &str, quantiles: Quantiles) -> Markup {
    let Quantiles { mean, p50, p95, p99, .. } = quantiles;
    let shown = |value| or_dash(value, seconds);
    tile(
        title,
        &shown(p95),
        &[
            (format!("p50 {} · p99 {}", shown(p50), shown(p99)), Tone::Plain),
            (format!("mean {}", shown(mean)), Tone::Plain),
        ],
    )
}

fn tile(title: &str, figure: &str, more: &[(String, Tone)]) -> Markup {
    // The unit is quieter than the number.
    let (number, unit) = figure.split_once(' ').unwrap_or((figure, ""));
    html! {
        div {
            dt { (title) }
            dd.figure { (number) @if !unit.is_empty() { small { " " (unit) } } }
            @for (text, tone) in more.iter().filter(|(text, _)| !text.is_empty()) {
                dd.more.attention[matches!(tone, Tone::Attention)].trouble[matches!(tone, Tone::Trouble)] {
                    // Between a number and its unit no line breaks.
                    @if text.contains(" · ") {
                        @for (i, part) in text.split(" · ").enumerate() { @if i > 0 { " · " } span { (part) } }
                    } @else { (text) }
                }
            }
        }
    }
}
