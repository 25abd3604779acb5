//! The rules: what fires and since when, each value against its threshold over time, and what is usual.

use maud::{Markup, html};

use super::navigation;
use super::parameters::Parameters;
use crate::evaluate::history::{History, Point};
use crate::record::Timestamp;
use crate::report::html::{Links, badge, label_link, linked, standing, untrusted, untrusted_text};
use crate::report::{RuleState, RuleStatus};
use crate::text::number::or_dash;
use crate::text::seconds::in_words;
use crate::text::time::{format, rfc3339};

/// Rules and alerts that are shown; more are counted.
const MOST: usize = 200;
/// How long before it fired the calls of an alert are listed, in seconds.
const BEFORE: i64 = 900;
/// The drawing, in its own units.
const WIDTH: f32 = 300.0;
const HEIGHT: f32 = 48.0;

pub(super) fn sections(
    states: &[RuleState],
    history: &History,
    asked: &Parameters,
    now: Timestamp,
) -> Markup {
    let links = navigation::links(asked);
    let active = |rule: &&RuleState| matches!(rule.state, RuleStatus::Firing | RuleStatus::Pending);
    let (at_work, at_rest): (Vec<_>, Vec<_>) = states.iter().partition(active);
    let mut named = std::collections::BTreeSet::new();
    let mut list = |title: &str, id: &str, rules: &[&RuleState]| {
        html! {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) }
                @if rules.is_empty() { p.card.calm { (badge("good", "none")) } }
                @for rule in rules.iter().take(MOST) {
                    // The first of a rule's alerts is where its links lead.
                    @let anchor = named.insert(rule.name.clone()).then(|| rule.name.to_lowercase());
                    (one(rule, anchor, history, &links, calls_of(rule, asked).as_deref(), now))
                }
                @if rules.len() > MOST { p.note { "and " (rules.len() - MOST) " more" } }
            }
        }
    };
    html! {
        (list("Firing or about to", "firing", &at_work))
        (list("All others", "others", &at_rest))
    }
}

/// Where the calls are that an alert is about: those with its labels, from a little before it fired.
fn calls_of(rule: &RuleState, asked: &Parameters) -> Option<String> {
    let from = rfc3339(rule.since?.plus_seconds(-BEFORE));
    let mut wanted = vec![("from", Some(from.as_str())), ("last", None), ("to", None), ("after", None)];
    for name in ["service", "provider", "model", "user"] {
        wanted.push((name, rule.labels.get(name).map(String::as_str).filter(|value| !value.is_empty())));
    }
    Some(asked.link("/calls", &wanted))
}

fn one(
    rule: &RuleState,
    anchor: Option<String>,
    history: &History,
    links: Links<'_>,
    calls: Option<&str>,
    now: Timestamp,
) -> Markup {
    let points = history.of(&rule.name, &rule.labels);
    html! {
        div.card.rule id=[anchor] {
            div {
                h3 {
                    (untrusted(&rule.name))
                    span { " " (standing(rule)) }
                    span.note { (untrusted(&rule.severity)) }
                }
                p {
                    (or_dash(rule.value, |value| rule.unit.format(value)))
                    span.muted { ", threshold " (rule.unit.format(rule.threshold)) }
                    @if let Some(since) = rule.since {
                        " · since " time datetime=(rfc3339(since)) { (format(since, "%b %-d %H:%M:%S")) } " UTC, "
                        (in_words(now.0.saturating_sub(since.0).max(0) / Timestamp::SECOND))
                        @if let Some(calls) = calls { " · " a href=(calls) { "calls" } }
                    }
                }
                @if let Some(detail) = &rule.detail { p { (untrusted_text(detail)) } }
                p.note {
                    @for (label, value) in &rule.labels {
                        (untrusted(label)) " " (linked(label_link(links, label, value), &html! { (untrusted(value)) })) " · "
                    }
                    (untrusted(&rule.advice)) " · "
                    a href=(format!("/runbook#{}", rule.name.to_lowercase())) { "runbook" } " · "
                    a href=(silence_link(rule)) { "silence" }
                }
            }
            div { (drawing(rule, &points)) }
        }
    }
}

/// To the form of a silence for what is shown here.
fn silence_link(rule: &RuleState) -> String {
    let name = [("alertname", rule.name.as_str())].into_iter();
    let labels = rule.labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    let matchers: Vec<String> =
        name.chain(labels).map(|(label, value)| format!("{label}=\"{value}\"")).collect();
    Parameters::default().link("/silences", &[("matchers", Some(&matchers.join("\n")))])
}

/// Value and threshold of the last day, one point per minute.
fn drawing(rule: &RuleState, points: &[Point]) -> Markup {
    let [first, .., last] = points else {
        return html! { p.note { "No values over time yet." } };
    };
    let top =
        points.iter().flat_map(|point| [point.value, point.threshold]).fold(f32::MIN_POSITIVE, f32::max);
    let (value, limit) = (path(points, top, |point| point.value), path(points, top, |point| point.threshold));
    let most = points.iter().map(|point| point.value).fold(f32::MIN, f32::max);
    html! {
        svg width="100%" height="56" viewBox=(format_args!("0 -4 {WIDTH} {}", HEIGHT + 8.0)) preserveAspectRatio="none" role="img" {
            title { "At most " (rule.unit.format(f64::from(most))) " since " (format(first.at, "%b %-d %H:%M")) " UTC" }
            path class="s-bad limit" d=(limit) {}
            path class="s-ok" d=(value) {}
        }
        p.note {
            (format(first.at, "%b %-d %H:%M")) " to " (format(last.at, "%H:%M")) " UTC, at most " (rule.unit.format(f64::from(most)))
            "; the broken line is the threshold"
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing")]
fn path(points: &[Point], top: f32, read: fn(&Point) -> f32) -> String {
    let (first, last) =
        (points.first().map_or(0, |point| point.at.0), points.last().map_or(1, |point| point.at.0));
    let mut path = String::new();
    for point in points {
        let x = (point.at.0 - first) as f32 / (last - first).max(1) as f32 * WIDTH;
        let y = HEIGHT * (1.0 - (read(point) / top).clamp(0.0, 1.0));
        path.push_str(&format!("{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' }));
    }
    path
}
