//! What chooses the time: links and a form. They keep the filters.

use maud::{Markup, html};

use super::parameters::{FILTERS, Parameters};
use crate::record::Window;
use crate::text::time::format;

/// The lengths that are one step away.
const LENGTHS: [(&str, &str); 5] =
    [("15m", "15 min"), ("1h", "1 h"), ("24h", "24 h"), ("7d", "7 d"), ("30d", "30 d")];

pub(super) fn controls(path: &str, asked: &Parameters, window: Window) -> Markup {
    let custom = asked.get("from").is_some() || asked.get("to").is_some();
    let current = if custom { None } else { asked.get("last").or(Some("24h")) };
    let link =
        |length| asked.link(path, &[("last", Some(length)), ("from", None), ("to", None), ("after", None)]);
    html! {
        div.ranges {
            nav.segments aria-label="Time" {
                @for (length, name) in LENGTHS {
                    a href=(link(length)) aria-current=[(current == Some(length)).then_some("true")] { (name) }
                }
            }
            form action=(path) method="get" aria-label="Any time" {
                @for (name, value) in asked.present(&FILTERS) { input type="hidden" name=(name) value=(value); }
                label {
                    "From (UTC)"
                    input type="datetime-local" name="from" required value=(format(window.from, "%Y-%m-%dT%H:%M"));
                }
                label {
                    "To (UTC)"
                    input type="datetime-local" name="to" required value=(format(window.to, "%Y-%m-%dT%H:%M"));
                }
                button type="submit" { "Show" }
            }
        }
    }
}
