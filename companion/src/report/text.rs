//! The report for a terminal: 80 columns, aligned, readable without colour.

mod budgets;
mod gaps;
mod reported;
mod skipped;

use super::data::{Report, RuleState, RuleStatus};
use super::figures::{known_cost, known_tokens, mean_seconds, repetition, success_rate};
use crate::store::{Group, Quantiles, Step};
use crate::text::number::{
    compact, count, counted, number, or_dash, percent, seconds, share, usd, usd_column,
};
use crate::text::seconds::in_words;
use crate::text::table::{Align, Table};
use crate::text::terminal::{Ink, Terminal, fit, harmless, sparkline};
use crate::text::time::format;
use crate::text::wrap::wrap;

/// Lines of one list; the JSON and the page hold more.
const ROWS: usize = 20;
/// Writes a figure.
type Show = fn(f64) -> String;

/// Characters of a sparkline.
const SPARK: usize = 50;

/// The report as text, ending in a line end.
#[must_use]
pub(crate) fn to_text(report: &Report, terminal: Terminal) -> String {
    let mut out = String::new();
    title(report, terminal, &mut out);
    rules(report, terminal, &mut out);
    budgets::section(report, terminal, &mut out);
    summary(report, terminal, &mut out);
    gaps::section(report, terminal, &mut out);
    if report.totals.calls > 0 {
        over_time(report, terminal, &mut out);
    }
    for (title, first, groups, partition) in [
        ("Models", "model", &report.models, true),
        ("Providers", "provider", &report.providers, true),
        ("Services", "service", &report.services, true),
        ("Users", "user", &report.users, false),
    ] {
        sums(title, first, groups, partition.then_some(report.totals.calls), terminal, &mut out);
    }
    for (key, groups) in &report.tags {
        sums(&format!("Tag {key}"), "value", groups, Some(report.totals.calls), terminal, &mut out);
    }
    errors(report, terminal, &mut out);
    repeated(report, terminal, &mut out);
    unpriced(report, terminal, &mut out);
    reported::section(report, terminal, &mut out);
    skipped::section(report, terminal, &mut out);
    out
}

fn title(report: &Report, terminal: Terminal, out: &mut String) {
    let window = report.window;
    let length = window.to.0.saturating_sub(window.from.0) / crate::record::Timestamp::SECOND;
    line(out, &terminal.paint(Ink::Bold, "Spanledger report"));
    line(
        out,
        &format!(
            "{} to {} UTC ({})",
            format(window.from, "%Y-%m-%d %H:%M:%S"),
            format(window.to, "%Y-%m-%d %H:%M:%S"),
            in_words(length)
        ),
    );
}

fn rules(report: &Report, terminal: Terminal, out: &mut String) {
    head("Rules", terminal, out);
    if report.rules.is_empty() {
        return line(out, "  no rule was evaluated");
    }
    for rule in report.firing() {
        let ink = if rule.severity == "critical" { Ink::Red } else { Ink::Yellow };
        line(out, &format!("  {} {}", terminal.paint(ink, "FIRING"), judgement(rule)));
        for (key, value) in &rule.labels {
            let label = format!("{} = {}", harmless(key), harmless(value));
            line(out, &format!("         {}", fit(&label, terminal.columns.saturating_sub(9))));
        }
        for text in rule.detail.iter().chain([&rule.advice]) {
            wrap(out, "         ", &harmless(text), terminal.columns);
        }
    }
    if report.firing().next().is_none() {
        let state = match report.unjudged() {
            Some((RuleStatus::Error, text)) => terminal.paint(Ink::Yellow, &text),
            Some((_, text)) => text,
            None => terminal.paint(Ink::Green, "none is firing"),
        };
        line(out, &format!("  {state}"));
    }
    for (status, words) in [
        (RuleStatus::Pending, "pending"),
        (RuleStatus::Resolved, "resolved"),
        (RuleStatus::NoData, "without data"),
        (RuleStatus::Error, "failed"),
    ] {
        let names: Vec<String> = report
            .rules
            .iter()
            .filter(|rule| rule.state == status)
            .map(|rule| harmless(&rule.name))
            .collect();
        if !names.is_empty() {
            wrap(out, "  ", &format!("{words}: {}", names.join(", ")), terminal.columns);
        }
    }
}

fn judgement(rule: &RuleState) -> String {
    format!(
        "{} {}: {}, threshold {}",
        harmless(&rule.severity),
        harmless(&rule.name),
        rule.shown_value(),
        rule.shown_threshold()
    )
}

fn summary(report: &Report, terminal: Terminal, out: &mut String) {
    head("Summary", terminal, out);
    let totals = &report.totals;
    let neither = totals.calls.saturating_sub(totals.succeeded).saturating_sub(totals.failed);
    let tokens = |sum| or_dash(known_tokens(totals, sum), count);
    let rows = [
        ["Calls", &count(totals.calls), "Cost", &or_dash(known_cost(totals), usd)],
        ["Success rate", &or_dash(success_rate(totals), percent), "Unpriced calls", &count(totals.unpriced)],
        ["Succeeded", &count(totals.succeeded), "Input tokens", &tokens(totals.input_tokens)],
        ["Failed", &count(totals.failed), "Output tokens", &tokens(totals.output_tokens)],
        ["Ended by caller", &count(neither), "Cache-read tokens", &tokens(totals.cache_read_tokens)],
        ["401 or 403", &count(totals.unauthorized), "Reasoning tokens", &tokens(totals.reasoning_tokens)],
        ["429", &count(totals.rate_limited), "Without usage", &count(totals.succeeded_without_usage)],
    ];
    for [a, x, b, y] in rows {
        line(out, &format!("  {a:<17}{x:>15}     {b:<19}{y:>15}"));
    }
    line(out, "");
    let mut table = Table::new(
        0,
        &[
            ("", Align::Left),
            ("mean", Align::Right),
            ("p50", Align::Right),
            ("p95", Align::Right),
            ("p99", Align::Right),
            ("measured", Align::Right),
        ],
    );
    for (name, quantiles) in
        [("Latency", report.latency.duration), ("Time to first chunk", report.latency.first_chunk)]
    {
        let Quantiles { count: measured, mean, p50, p95, p99 } = quantiles;
        let mut cells = vec![name.to_owned()];
        cells.extend([mean, p50, p95, p99].map(|value| or_dash(value, seconds)));
        cells.push(count(measured));
        table.push(cells);
    }
    table.write(out, terminal, 2);
}

#[expect(clippy::cast_precision_loss, reason = "heights of characters")]
fn over_time(report: &Report, terminal: Terminal, out: &mut String) {
    let each = report.steps.len().div_ceil(SPARK).max(1);
    let columns: Vec<&[Step]> = report.steps.chunks(each).collect();
    let each_seconds = report.step_seconds.saturating_mul(i64::try_from(each).unwrap_or(i64::MAX));
    head(&format!("Over time (a column is {})", in_words(each_seconds)), terminal, out);
    let sum =
        |of: fn(&Step) -> f64| columns.iter().map(|steps| steps.iter().map(of).sum()).collect::<Vec<f64>>();
    let most = |of: fn(&Step) -> f64| {
        columns.iter().map(|steps| steps.iter().map(of).fold(0.0, f64::max)).collect::<Vec<f64>>()
    };
    let whole: Show = number;
    let dollars: Show = |v| crate::record::NanoUsd::from_usd(v).map_or_else(String::new, usd);
    let lines: [(&str, Vec<f64>, Show); 4] = [
        ("Calls", sum(|step| step.totals.calls as f64), whole),
        ("Failed", sum(|step| step.totals.failed as f64), whole),
        ("Cost", sum(|step| step.totals.cost.as_usd()), dollars),
        ("p95", most(|step| step.latency.duration.p95.unwrap_or(0.0)), seconds),
    ];
    for (name, values, show) in lines {
        let peak = values.iter().copied().fold(0.0, f64::max);
        line(out, format!("  {name:<7}peak {:<12}{}", show(peak), sparkline(&values)).trim_end());
    }
}

fn sums(
    title: &str,
    first: &'static str,
    groups: &[Group],
    all_calls: Option<u64>,
    terminal: Terminal,
    out: &mut String,
) {
    if groups.is_empty() {
        return;
    }
    head(title, terminal, out);
    let mut table = Table::new(
        0,
        &[
            (first, Align::Left),
            ("calls", Align::Right),
            ("failed", Align::Right),
            ("tokens in", Align::Right),
            ("tokens out", Align::Right),
            ("cost", Align::Right),
            ("mean", Align::Right),
        ],
    );
    let costs = usd_column(groups.iter().take(ROWS).map(|group| known_cost(&group.totals)));
    for (Group { name, totals }, cost) in groups.iter().zip(costs) {
        table.push(vec![
            name_or(name, "(none)"),
            count(totals.calls),
            count(totals.failed),
            or_dash(known_tokens(totals, totals.input_tokens), compact),
            or_dash(known_tokens(totals, totals.output_tokens), compact),
            cost,
            or_dash(mean_seconds(totals), seconds),
        ]);
    }
    table.write(out, terminal, 2);
    if let Some(all) = all_calls {
        let shown: u64 = groups.iter().take(ROWS).map(|group| group.totals.calls).sum();
        if all > shown {
            line(out, &format!("  and {} of others", counted(all - shown, "call")));
        }
    }
}

fn errors(report: &Report, terminal: Terminal, out: &mut String) {
    if report.errors.is_empty() {
        return;
    }
    head("Errors", terminal, out);
    let mut table =
        Table::new(0, &[("error.type", Align::Left), ("calls", Align::Right), ("of failed", Align::Right)]);
    for Group { name, totals } in &report.errors {
        let of_failed = share(totals.calls, report.totals.failed);
        table.push(vec![name_or(name, "(none)"), count(totals.calls), or_dash(of_failed, percent)]);
    }
    table.write(out, terminal, 2);
}

fn repeated(report: &Report, terminal: Terminal, out: &mut String) {
    if report.repetition.repeated.is_empty() {
        return;
    }
    head("Repeated requests", terminal, out);
    wrap(out, "  ", &repetition(report), terminal.columns);
    let mut table = Table::new(
        1,
        &[
            ("request hash", Align::Left),
            ("model", Align::Left),
            ("calls", Align::Right),
            ("cost", Align::Right),
        ],
    );
    let costs =
        usd_column(report.repetition.repeated.iter().map(|item| (item.cost.0 != 0).then_some(item.cost)));
    for (item, cost) in report.repetition.repeated.iter().zip(costs) {
        table.push(vec![
            fit(&harmless(&item.hash), 32),
            name_or(&item.model, "(none)"),
            count(item.calls),
            cost,
        ]);
    }
    table.write(out, terminal, 2);
}

fn unpriced(report: &Report, terminal: Terminal, out: &mut String) {
    if report.unpriced.is_empty() {
        return;
    }
    head("Unpriced models", terminal, out);
    let mut table = Table::new(
        0,
        &[
            ("model", Align::Left),
            ("unpriced calls", Align::Right),
            ("tokens in", Align::Right),
            ("tokens out", Align::Right),
        ],
    );
    for Group { name, totals } in report.unpriced.iter().take(ROWS) {
        table.push(vec![
            name_or(name, "(none)"),
            count(totals.unpriced),
            or_dash(known_tokens(totals, totals.input_tokens), compact),
            or_dash(known_tokens(totals, totals.output_tokens), compact),
        ]);
    }
    table.write(out, terminal, 2);
    line(out, "  not included in any total; add prices to prices.toml");
}

fn name_or(name: &str, none: &str) -> String {
    if name.is_empty() { none.to_owned() } else { harmless(name) }
}

fn head(title: &str, terminal: Terminal, out: &mut String) {
    line(out, "");
    line(out, &terminal.paint(Ink::Bold, title));
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}
