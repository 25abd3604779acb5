//! The words of a message: plain text, and HTML in which every value is text.

use std::fmt::Write;

use super::{Notification, labels};
use crate::alert::Alert;
use crate::rule::Severity;
use crate::text::time::rfc3339;

/// So many alerts are written out.
const SHOWN: usize = 50;

/// One line: `[FIRING 2] HighFailureRate (critical)`.
#[must_use]
pub fn subject(notification: &Notification) -> String {
    let count =
        if notification.firing.is_empty() { notification.resolved.len() } else { notification.firing.len() };
    let mut rules: Vec<&str> = notification.alerts().map(|alert| alert.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let severity = notification.alerts().map(|alert| alert.severity).max().unwrap_or_default();
    let service = notification.group_labels.get("service").map(|name| format!(" {name}")).unwrap_or_default();
    let text = format!(
        "[{} {count}] {}{service} ({severity})",
        notification.status().to_uppercase(),
        rules.join(", ")
    );
    one_line(&text)
}

/// What an alert is about: its summary and its labels.
#[must_use]
pub fn title(alert: &Alert) -> String {
    let state = if alert.firing() { "firing" } else { "resolved" };
    let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) };
    one_line(&format!("{} {state}: {}{labels}", alert.rule, alert.summary))
}

/// What is known about an alert, one line each.
#[must_use]
pub fn body(alert: &Alert) -> String {
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
pub fn text(notification: &Notification, external_url: &str) -> String {
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
pub fn html(notification: &Notification, external_url: &str) -> String {
    let mut out = format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>{0}</title></head>\
         <body style=\"font-family:sans-serif;color:#1b1f24\"><h1 style=\"font-size:18px\">{0}</h1>",
        escape(&subject(notification))
    );
    for alert in notification.alerts().take(SHOWN) {
        let colour = match (alert.firing(), alert.severity) {
            (false, _) => "#1a7f37",
            (true, Severity::Critical) => "#b42318",
            (true, Severity::Warning) => "#b54708",
            (true, Severity::Info) => "#175cd3",
        };
        let _ = write!(
            out,
            "<h2 style=\"font-size:15px;border-left:4px solid {colour};padding-left:8px\">{}</h2><table>",
            escape(&title(alert))
        );
        let labels = labels(alert);
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for (name, value) in lines(alert).into_iter().chain([("Labels", labels.join(", "))]) {
            let _ = write!(
                out,
                "<tr><th align=\"left\" valign=\"top\" style=\"padding-right:12px\">{name}</th><td>{}</td></tr>",
                escape(&value)
            );
        }
        out.push_str("</table>");
    }
    let hidden = hidden(notification);
    if hidden > 0 {
        let _ = write!(out, "<p>{}.</p>", not_shown(hidden));
    }
    if !external_url.is_empty() {
        let url = escape(external_url);
        let _ = write!(out, "<p><a href=\"{url}\">{url}</a></p>");
    }
    out.push_str("</body></html>\n");
    out
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

/// Text as HTML text or a quoted attribute.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Without line ends and other control characters, by which a value could forge a header or a line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
