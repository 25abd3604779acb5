//! The pages among each other, and how often one asks for itself again.

use maud::{Markup, html};

use super::parameters::{FILTERS, Parameters};
use crate::record::ENVIRONMENT;
use crate::report::html::{Link, untrusted};

/// The pages, by their addresses.
const PAGES: [(&str, &str); 6] = [
    ("/", "Report"),
    ("/daily", "Days"),
    ("/calls", "Calls"),
    ("/rules", "Rules"),
    ("/silences", "Silences"),
    ("/runbook", "Runbook"),
];
/// How often a page may ask for itself again, in seconds.
const REFRESH: [(Option<&str>, &str); 4] =
    [(None, "off"), (Some("15"), "15 s"), (Some("60"), "1 min"), (Some("300"), "5 min")];

/// Links to the other pages, and to this one with another refresh; then the line that the configuration puts on every page.
pub(super) fn bar(path: &str, asked: &Parameters, note: &str) -> Markup {
    let away: Vec<_> =
        FILTERS.into_iter().chain(["after", "id", "matchers"]).map(|name| (name, None)).collect();
    let refresh = asked.get("refresh");
    html! {
        nav.pages aria-label="Pages" {
            @for (address, name) in PAGES {
                a href=(asked.link(address, &away)) aria-current=[(address == path).then_some("page")] { (name) }
            }
            @if path != "/call" && path != "/runbook" {
                span.refresh {
                    "Refresh"
                    @for (seconds, name) in REFRESH {
                        a href=(asked.link(path, &[("refresh", seconds)])) aria-current=[(seconds == refresh).then_some("true")] { (name) }
                    }
                }
            }
            @if !note.is_empty() { p.banner { (untrusted(note)) } }
        }
    }
}

/// Where the names of the report lead: to their calls of the same time.
pub(super) fn links(asked: &Parameters) -> impl Fn(Link, &str) -> Option<String> {
    move |link, value| {
        let name = match link {
            Link::Model => "model",
            Link::Provider => "provider",
            Link::Service => "service",
            Link::User => "user",
            Link::Error => "error",
            Link::Hash => "hash",
            Link::Tag(ENVIRONMENT) => "environment",
            Link::Tag(key) => {
                let tag = format!("{key}={value}");
                return Some(asked.link("/calls", &[("tag", Some(&tag)), ("after", None)]));
            }
            Link::Rule => return Some(format!("{}#{}", asked.link("/rules", &[]), value.to_lowercase())),
        };
        (!value.is_empty()).then(|| asked.link("/calls", &[(name, Some(value)), ("after", None)]))
    }
}
