//! The report as one HTML document that needs nothing else: no script, no font, no image from elsewhere.

mod budgets;
mod gaps;
mod glance;
mod reported;
mod rules;
mod skipped;
mod tables;
mod trends;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::data::Report;
use crate::record::{TagKey, Timestamp, Window};
use crate::text::seconds::in_words;
use crate::text::terminal::{fit, harmless};
use crate::text::time::format;

pub(crate) use rules::{badge, label_link, standing};

/// The whole look; its hash is what the content security policy lets through.
const STYLE: &str = include_str!("html/style.css");

/// Three entries of a ledger.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath \
     fill='%234479cf' d='M1 2h14v3H1zM1 6.5h9v3H1zM1 11h12v3H1z'/%3E%3C/svg%3E";

/// What a document may load: its own style sheet and its own icon, nothing else.
pub(crate) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'"
    )
});

/// The report as a file to mail, to print or to keep.
#[must_use]
pub fn to_html(report: &Report) -> String {
    let body = html! {
        (masthead("Report", report.window, None, &html! {}))
        main id="main" tabindex="-1" { (sections(report, "", &|_, _| None)) }
        (footer(report.generated))
    };
    document(&format!("Spanledger report, {}", period(report.window)), &body).into_string()
}

/// A whole document around `body`. The policy is inside as well, for copies that are no longer served.
pub(crate) fn document(title: &str, body: &Markup) -> Markup {
    refreshing(title, None, body)
}

/// The same, which the browser asks for again after so many seconds.
pub(crate) fn refreshing(title: &str, refresh: Option<u32>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(*POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
                title { (title) }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                div.wrap { (body) }
            }
        }
    }
}

/// Name, title and window, followed by the links that change the window. The name links to `home`.
pub(crate) fn masthead(title: &str, window: Window, home: Option<&str>, controls: &Markup) -> Markup {
    html! {
        header.top {
            div {
                @if let Some(home) = home { a.brand href=(home) { (brand()) } } @else { p.brand { (brand()) } }
                h1 { (title) }
                p.period { (period(window)) }
            }
            (controls)
        }
    }
}

fn brand() -> Markup {
    html! {
        svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" {
            path d="M1 2h14v3H1zM1 6.5h9v3H1zM1 11h12v3H1z" {}
        }
        "Spanledger"
    }
}

/// Where the calls of a value of a dimension are listed; nothing in a file, which leads nowhere.
pub(crate) type Links<'a> = &'a dyn Fn(Link, &str) -> Option<String>;

/// What a link is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Model,
    Provider,
    Service,
    User,
    Error,
    Hash,
    Rule,
    /// A value of this tag.
    Tag(TagKey),
}

/// `shown`, as a link where there is one to follow.
pub(crate) fn linked(href: Option<String>, shown: &Markup) -> Markup {
    html! { @if let Some(href) = href { a href=(href) { (shown) } } @else { (shown) } }
}

/// A name from outside that leads to its calls.
fn name_linked(links: Links<'_>, link: Link, name: &str) -> Markup {
    let href = if name.is_empty() { None } else { links(link, name) };
    linked(href, &name_or_none(name))
}

/// Everything a report says. `rules_note` says of when the state of the rules is, where that needs saying.
pub(crate) fn sections(report: &Report, rules_note: &str, links: Links<'_>) -> Markup {
    html! {
        (rules::section(report, rules_note, links))
        (budgets::section(report))
        (glance::section(report))
        (gaps::section(report))
        @if report.totals.calls == 0 {
            section.card.empty {
                h2 { "No calls ended in this time" }
                p {
                    "Choose a longer time, or point an application's OTLP exporter at this ledger: port 4317 takes "
                    "gRPC and port 4318 takes HTTP unless configured otherwise."
                }
            }
        } @else {
            (trends::section(report, links))
            (tables::section(report, links))
        }
        (skipped::section(report))
    }
}

pub(crate) fn footer(generated: Timestamp) -> Markup {
    html! {
        footer {
            "Made by Spanledger " (env!("CARGO_PKG_VERSION")) " at " (format(generated, "%Y-%m-%d %H:%M:%S")) " UTC. "
            "A call counts when it ends. A dash means that nothing is known, which is not zero."
        }
    }
}

/// `Nov 22, 12:00 to Nov 23, 2026, 12:00 UTC (24 h)`.
fn period(window: Window) -> String {
    let seconds = window.to.0.saturating_sub(window.from.0) / Timestamp::SECOND;
    let from = format(window.from, "%Y-%m-%d %H:%M:%S");
    let to = format(window.to, "%Y-%m-%d %H:%M:%S");
    let short = |text: &str| text.strip_suffix(":00").unwrap_or(text).to_owned();
    format!("{} to {} UTC ({})", short(&from), short(&to), in_words(seconds))
}

/// A name from outside, as text that shows what it holds and does not fill the page.
pub(crate) fn untrusted(text: &str) -> String {
    fit(&harmless(text), 160)
}

/// A sentence with such names, which is shown whole.
pub(crate) fn untrusted_text(text: &str) -> String {
    fit(&harmless(text), 2_000)
}

/// As [`untrusted`], with a word where there is none.
pub(crate) fn name_or_none(text: &str) -> Markup {
    html! { @if text.is_empty() { span.muted { "(none)" } } @else { (untrusted(text)) } }
}
