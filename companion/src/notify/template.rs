//! The words of a message: plain text, and HTML in which every value is text.

use std::fmt::Write;

use maud::{DOCTYPE, Markup, html};

use super::{Notification, labels};
use crate::alert::Alert;
use crate::rule::Severity;
use crate::text::time::rfc3339;

/// So many alerts are written out.
const SHOWN: usize = 50;

/// One line: `[FIRING 2] HighFailureRate (critical)`, or `[DIGEST 3] FirstSeenModel, OffHours`.
#[must_use]
pub(crate) fn subject(notification: &Notification) -> String {
    if notification.is_digest() {
        let alerts: Vec<&Alert> = notification.alerts().collect();
        return one_line(&format!("[DIGEST {}] {}", alerts.len(), names(&alerts)));
    }
    let count =
        if notification.firing.is_empty() { notification.resolved.len() } else { notification.firing.len() };
    let rules = names(&notification.alerts().collect::<Vec<_>>());
    let severity = notification.alerts().map(|alert| alert.severity).max().unwrap_or_default();
    let label = |name, before| notification.group_labels.get(name).map(|value| format!("{before}{value}"));
    let service = label("service", " ").unwrap_or_default();
    let environment = label("environment", " in ").unwrap_or_default();
    let text = format!(
        "[{} {count}] {rules}{service}{environment} ({severity})",
        notification.status().to_uppercase()
    );
    one_line(&text)
}

/// The rules of alerts, each once.
fn names(alerts: &[&Alert]) -> String {
    let mut rules: Vec<&str> = alerts.iter().map(|alert| alert.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    rules.join(", ")
}

/// What an alert is about: its summary and its labels.
#[must_use]
pub(crate) fn title(alert: &Alert) -> String {
    let state = if alert.firing() { "firing" } else { "resolved" };
    let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) };
    one_line(&format!("{} {state}: {}{labels}", alert.rule, alert.summary))
}

/// What is known about an alert, one line each.
#[must_use]
pub(crate) fn body(alert: &Alert) -> String {
    lines(alert)
        .into_iter()
        .map(|(name, value)| format!("{name}: {}", one_line(&value)))
        .collect::<Vec<_>>()
        .join("\n")
}

fn lines(alert: &Alert) -> Vec<(&'static str, String)> {
    let unit = alert.rule.rule().unit;
    let mut lines = vec![
        ("What", alert.description.clone()),
        ("Value", format!("{} (threshold {})", unit.format(alert.value), unit.format(alert.threshold))),
        ("Severity", alert.severity.to_string()),
        ("Since", rfc3339(alert.firing_since.unwrap_or(alert.active_since))),
    ];
    if let Some(at) = alert.resolved_at {
        lines.push(("Resolved", rfc3339(at)));
    }
    if let Some(reason) = &alert.resolved_without_data {
        lines.push(("Note", format!("over without a healthy value: {reason}")));
    }
    lines.push(("Advice", alert.advice.clone()));
    lines
}

/// The plain-text part of a mail.
#[must_use]
pub(crate) fn text(notification: &Notification, external_url: &str) -> String {
    let mut out = format!("{}\n", subject(notification));
    for alert in notification.alerts().take(SHOWN) {
        let _ = write!(out, "\n{}\n{}\n", title(alert), body(alert));
    }
    let hidden = hidden(notification);
    if hidden > 0 {
        let _ = write!(out, "\n{}.\n", not_shown(hidden));
    }
    if !external_url.is_empty() {
        let _ = write!(out, "\n{external_url}\n");
    }
    out
}

/// The HTML part of a mail: no images, no links but the one of the configuration, styles inline as mail readers
/// want them.
#[must_use]
pub(crate) fn html(notification: &Notification, external_url: &str) -> String {
    let (subject, hidden) = (subject(notification), hidden(notification));
    let page = html! {
        (DOCTYPE)
        html {
            head { meta charset="utf-8"; title { (subject) } }
            body style="font-family:sans-serif;color:#1b1f24" {
                h1 style="font-size:18px" { (subject) }
                @for alert in notification.alerts().take(SHOWN) { (section(alert)) }
                @if hidden > 0 { p { (not_shown(hidden)) "." } }
                @if !external_url.is_empty() { p { a href=(external_url) { (external_url) } } }
            }
        }
    };
    format!("{}\n", page.into_string())
}

/// One alert of the HTML part.
fn section(alert: &Alert) -> Markup {
    let colour = match (alert.firing(), alert.severity) {
        (false, _) => "#1a7f37",
        (true, Severity::Critical) => "#b42318",
        (true, Severity::Warning) => "#b54708",
        (true, Severity::Info) => "#175cd3",
    };
    let labels = labels(alert);
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    html! {
        h2 style={ "font-size:15px;border-left:4px solid " (colour) ";padding-left:8px" } { (title(alert)) }
        table {
            @for (name, value) in lines(alert).into_iter().chain([("Labels", labels.join(", "))]) {
                tr {
                    th align="left" valign="top" style="padding-right:12px" { (name) }
                    td { (value) }
                }
            }
        }
    }
}

fn not_shown(hidden: usize) -> String {
    if hidden == 1 {
        "1 more alert is not shown".to_owned()
    } else {
        format!("{hidden} more alerts are not shown")
    }
}

fn hidden(notification: &Notification) -> usize {
    notification.alerts().count().saturating_sub(SHOWN)
}

/// Without line ends and other control characters, by which a value could forge a header or a line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
