//! How the rules stand: what fires in full, the rest behind one line.

use maud::{Markup, html};

use super::{Link, Links, linked, untrusted, untrusted_text};
use crate::record::ENVIRONMENT;
use crate::report::data::{Report, RuleState, RuleStatus};

pub(super) fn section(report: &Report, note: &str, links: Links<'_>) -> Markup {
    let firing: Vec<&RuleState> = report.firing().collect();
    html! {
        section aria-labelledby="rules" {
            h2 id="rules" { "Rules" }
            @if !note.is_empty() { p.note { (note) } }
            @if firing.is_empty() {
                p.card.calm { (state(report)) span.muted { (others(report)) } }
            } @else {
                ul.alerts {
                    @for rule in &firing {
                        li.card {
                            (badge(&rule.severity, &rule.severity))
                            span.name { (linked(links(Link::Rule, &rule.name), &html! { (untrusted(&rule.name)) })) }
                            span.value { (rule.shown_value()) " " span.note { "threshold " (rule.shown_threshold()) } }
                            span.advice {
                                @for (label, value) in &rule.labels {
                                    (untrusted(label)) " " span.mono { (linked(label_link(links, label, value), &html! { (untrusted(value)) })) } " · "
                                }
                                @if let Some(detail) = &rule.detail { (untrusted_text(detail)) br; }
                                (untrusted(&rule.advice))
                            }
                        }
                    }
                }
            }
            @if !report.rules.is_empty() {
                (all(report, &firing, links))
            }
        }
    }
}

/// Where the calls of a label of an alert are.
pub(crate) fn label_link(links: Links<'_>, label: &str, value: &str) -> Option<String> {
    let link = match label {
        "model" => Link::Model,
        "provider" => Link::Provider,
        "service" => Link::Service,
        "environment" => Link::Tag(ENVIRONMENT),
        "user" => Link::User,
        "request_hash" => Link::Hash,
        "error" | "error_type" => Link::Error,
        _ => return None,
    };
    links(link, value)
}

/// A word on a coloured ground. `kind` is one of the style sheet's, anything else stays grey.
pub(crate) fn badge(kind: &str, text: &str) -> Markup {
    let kind = ["critical", "warning", "info", "good"].into_iter().find(|known| *known == kind);
    html! { span class=(["badge", kind.unwrap_or_default()].join(" ").trim_end()) { (untrusted(text)) } }
}

fn state(report: &Report) -> Markup {
    match report.unjudged() {
        _ if report.rules.is_empty() => badge("", "not evaluated"),
        Some((RuleStatus::Error, text)) => badge("warning", &text),
        Some((_, text)) => badge("", &text),
        None => badge("good", "none is firing"),
    }
}

fn others(report: &Report) -> String {
    let parts: Vec<String> = [
        (RuleStatus::Pending, "pending"),
        (RuleStatus::Resolved, "resolved"),
        (RuleStatus::NoData, "without data"),
        (RuleStatus::Error, "failed"),
        (RuleStatus::Inactive, "inactive"),
    ]
    .into_iter()
    .map(|(status, words)| (report.rules.iter().filter(|rule| rule.state == status).count(), words))
    .filter(|(n, _)| *n > 0)
    .map(|(n, words)| format!("{n} {words}"))
    .collect();
    parts.join(" · ")
}

fn all(report: &Report, firing: &[&RuleState], links: Links<'_>) -> Markup {
    html! {
        details.card {
            summary {
                "All rules"
                @if !firing.is_empty() { ": " (firing.len()) " firing · " (others(report)) }
            }
            div.scroll {
                table {
                    thead { tr {
                        th scope="col" { "Rule" } th scope="col" { "State" } th scope="col" { "Severity" }
                        th.n scope="col" { "Value" } th.n scope="col" { "Threshold" } th scope="col" { "When it fires" }
                    } }
                    tbody {
                        @for rule in &report.rules {
                            tr {
                                th scope="row" {
                                    (linked(links(Link::Rule, &rule.name), &html! { (untrusted(&rule.name)) }))
                                    @for (label, value) in &rule.labels {
                                        br; span.note { (untrusted(label)) " " (untrusted(value)) }
                                    }
                                    @if let (RuleStatus::NoData | RuleStatus::Error, Some(detail)) = (rule.state, &rule.detail) {
                                        br; span.note { (untrusted(detail)) }
                                    }
                                }
                                td { (standing(rule)) }
                                td { (untrusted(&rule.severity)) }
                                td.n { (rule.shown_value()) }
                                td.n { (rule.shown_threshold()) }
                                td { (untrusted(&rule.advice)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The state of a rule as a badge.
pub(crate) fn standing(rule: &RuleState) -> Markup {
    match rule.state {
        RuleStatus::Firing => badge(&rule.severity, "firing"),
        RuleStatus::Pending => badge("warning", "pending"),
        RuleStatus::Resolved => badge("good", "resolved"),
        RuleStatus::NoData => badge("", "no data"),
        RuleStatus::Error => badge("warning", "failed"),
        RuleStatus::Inactive => html! { "inactive" },
    }
}
