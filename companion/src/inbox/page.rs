//! The page of the inbox.

use axum::response::Html;
use maud::{Markup, html};

use super::{Alert, Notice};
use crate::report::html::document;

/// All `notices`, in their order.
pub(super) fn of(notices: &[Notice]) -> Html<String> {
    let body = html! {
        header.top { div { h1 { "Notifications" } p.period { "Newest first. Reload the page for newer ones." } } }
        main id="main" tabindex="-1" {
            @if notices.is_empty() {
                p { "No notification was received so far. One arrives when an alert fires." }
            }
            @for notice in notices {
                section.card {
                    h2 { (notice.status) ", " (notice.received) }
                    @for alert in &notice.alerts { (shown(alert)) }
                }
            }
        }
    };
    Html(document("Notifications, Spanledger", &body).into_string())
}

fn shown(alert: &Alert) -> Markup {
    let label = |name: &str| alert.labels.get(name).map_or("", String::as_str);
    let annotation = |name: &str| alert.annotations.get(name).map_or("", String::as_str);
    let links = [
        ("runbook", annotation("runbook_url")),
        ("dashboard", annotation("dashboard_url")),
        ("source", alert.source.as_str()),
    ];
    let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    html! {
        h3 { (label("alertname")) " (" (label("severity")) "), " (alert.status) ": " (annotation("summary")) }
        p { (annotation("description")) " " (annotation("advice")) }
        p {
            (labels.join(", "))
            @for (name, url) in links {
                // Only links that a browser opens as pages: the text is a sender's.
                @if url.starts_with("http://") || url.starts_with("https://") {
                    " · " a href=(url) { (name) }
                }
            }
        }
    }
}
