//! Who has most of it: one horizontal bar a name.

use maud::{Markup, html};

use super::share_of_width;

/// One bar.
#[derive(Debug)]
pub(in crate::report) struct Bar {
    pub(in crate::report) name: String,
    /// Where the name leads, if anywhere.
    pub(in crate::report) href: Option<String>,
    pub(in crate::report) value: f64,
    /// The value in words, with its unit.
    pub(in crate::report) shown: String,
}

/// Draws bars as a figure, in the order given. All text is next to the bars, so they are decoration.
pub(in crate::report) fn ranking(title: &str, note: &str, class: &str, bars: &[Bar]) -> Markup {
    let peak = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    html! {
        figure.card.plot {
            figcaption { h3 { (title) } span.note { (note) } }
            div.bars {
                @for bar in bars {
                    span.name title=(bar.name) {
                        @if let Some(href) = &bar.href { a href=(href) { (bar.name) } } @else { (bar.name) }
                    }
                    svg width="100%" height="14" aria-hidden="true" {
                        @if bar.value > 0.0 {
                            rect class=(class) y="1" height="12" rx="2" width=(share_of_width((bar.value / peak).max(0.003))) {}
                        }
                    }
                    span.of { (bar.shown) }
                }
            }
        }
    }
}
