//! What happened when: stacked bars or lines over the steps of a window.

use maud::{Markup, html};

use super::axis::{Axis, time_labels};
use super::share_of_width;
use crate::record::{Timestamp, Window};
use crate::text::seconds::in_words;
use crate::text::time::format;

/// Pixels from the top tick to zero.
const HEIGHT: f64 = 168.0;
/// Room above for half a line of text, and below for the labels of the time axis.
const ABOVE: f64 = 8.0;
const BELOW: f64 = 24.0;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Shape {
    /// One bar a step, the series on top of each other.
    Bars,
    /// One line a series, broken where nothing was measured.
    Lines,
}

/// One measure, a value for each step.
#[derive(Debug)]
pub(in crate::report) struct Series {
    /// The class of the style sheet that gives the colour.
    pub(in crate::report) class: &'static str,
    pub(in crate::report) name: &'static str,
    pub(in crate::report) values: Vec<Option<f64>>,
}

/// A plot over time.
#[derive(Debug)]
pub(in crate::report) struct OverTime<'a> {
    /// Unique within the document.
    pub(in crate::report) id: &'static str,
    pub(in crate::report) title: &'static str,
    /// What the plot shows, in a sentence for those who do not see it.
    pub(in crate::report) description: String,
    pub(in crate::report) window: Window,
    pub(in crate::report) step_seconds: i64,
    pub(in crate::report) starts: &'a [Timestamp],
    pub(in crate::report) shape: Shape,
    /// From the bottom up.
    pub(in crate::report) series: &'a [Series],
    /// What the pointer says over a step, below its time.
    pub(in crate::report) hints: &'a [String],
    /// The smallest distance of two ticks that means something.
    pub(in crate::report) finest: f64,
    pub(in crate::report) show: fn(f64) -> String,
}

/// Draws a plot as a figure.
pub(in crate::report) fn over_time(plot: &OverTime<'_>) -> Markup {
    let axis = Axis::up_to(plot.peak(), plot.finest);
    let y = |value: f64| ABOVE + HEIGHT * (1.0 - value / axis.top());
    let total = ABOVE + HEIGHT + BELOW;
    let (title, description) = (format!("{}-title", plot.id), format!("{}-description", plot.id));
    html! {
        figure.card.plot {
            figcaption {
                h3 { (plot.title) }
                span.note { (plot.note()) }
                @if plot.series.len() > 1 {
                    span.legend {
                        @for series in plot.series.iter().rev() {
                            span { (swatch(plot.shape, series.class)) (series.name) }
                        }
                    }
                }
            }
            div.frame {
                svg width="100%" height=(total) aria-hidden="true" {
                    @for tick in &axis.ticks {
                        text x="100%" dx="-8" y=(px(y(*tick))) dy="0.32em" text-anchor="end" { ((plot.show)(*tick)) }
                    }
                }
                svg width="100%" height=(total) role="img" aria-labelledby=(title) aria-describedby=(description) {
                    title id=(title) { (plot.title) }
                    desc id=(description) { (plot.description) }
                    @for tick in axis.ticks.iter().skip(1) {
                        line.grid x1="0" x2="100%" y1=(px(y(*tick))) y2=(px(y(*tick))) {}
                    }
                    @match plot.shape {
                        Shape::Bars => (plot.bars(&y)),
                        Shape::Lines => (plot.lines(axis.top())),
                    }
                    line.base x1="0" x2="100%" y1=(px(y(0.0))) y2=(px(y(0.0))) {}
                    @let labels = time_labels(plot.window);
                    // Narrow screens show every other label; the one that names a day is among them.
                    @let day = labels.iter().position(|label| !label.text.contains(':')).unwrap_or(0);
                    @for (i, label) in labels.iter().enumerate() {
                        @let x = share_of_width(label.at);
                        line.base x1=(x) x2=(x) y1=(px(y(0.0))) y2=(px(y(0.0) + 4.0)) {}
                        text.alternate[i % 2 != day % 2] x=(x) y=(px(total - 4.0)) text-anchor="middle" { (label.text) }
                    }
                    (plot.hits())
                }
            }
        }
    }
}

fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn swatch(shape: Shape, class: &str) -> Markup {
    html! {
        svg width="14" height="10" aria-hidden="true" {
            @match shape {
                Shape::Bars => rect class=(class) width="10" height="10" x="2" rx="2" {},
                Shape::Lines => path class=(class) d="M1 5H13" {},
            }
        }
    }
}

impl OverTime<'_> {
    fn note(&self) -> String {
        format!("per {}, UTC", in_words(self.step_seconds))
    }

    /// The highest stack or value.
    fn peak(&self) -> f64 {
        let at = |i: usize| self.series.iter().filter_map(move |s| s.values.get(i).copied().flatten());
        (0..self.starts.len())
            .map(|i| match self.shape {
                Shape::Bars => at(i).sum(),
                Shape::Lines => at(i).fold(0.0, f64::max),
            })
            .fold(0.0, f64::max)
    }

    /// Where a step begins and how wide it is, as shares of the window; the first and the last one may be cut.
    #[expect(clippy::cast_precision_loss, reason = "positions on a screen")]
    fn place(&self, i: usize) -> (f64, f64) {
        let length = self.window.to.0.saturating_sub(self.window.from.0).max(1) as f64;
        let share = |at: Timestamp| at.0.saturating_sub(self.window.from.0) as f64 / length;
        let x = share(self.starts[i]);
        (x, share(self.starts.get(i + 1).copied().unwrap_or(self.window.to)) - x)
    }

    fn bars(&self, y: &dyn Fn(f64) -> f64) -> Markup {
        html! {
            @for i in 0..self.starts.len() {
                @let (x, width) = self.place(i);
                @for (series, from, to) in self.stack(i) {
                    // What is not nothing stays visible: half a pixel at least.
                    rect class=(series.class) x=(share_of_width(x + width * 0.1)) width=(share_of_width(width * 0.8))
                        y=(px(y(to).min(y(from) - 0.5))) height=(px((y(from) - y(to)).max(0.5))) {}
                }
            }
        }
    }

    fn stack(&self, i: usize) -> impl Iterator<Item = (&Series, f64, f64)> {
        let mut below = 0.0;
        self.series.iter().filter_map(move |series| {
            let value = series.values.get(i).copied().flatten().filter(|value| *value > 0.0)?;
            let from = below;
            below += value;
            Some((series, from, below))
        })
    }

    /// The lines in a frame of their own, whose units are steps and thousandths of the height.
    fn lines(&self, top: f64) -> Markup {
        html! {
            svg x="0" y=(px(ABOVE)) width="100%" height=(px(HEIGHT)) viewBox="0 0 1000 1000" preserveAspectRatio="none" {
                @for series in self.series {
                    path class=(series.class) d=(self.path(series, top)) {}
                }
            }
        }
    }

    fn path(&self, series: &Series, top: f64) -> String {
        let mut path = String::new();
        let value = |i: usize| series.values.get(i).copied().flatten();
        for i in 0..self.starts.len() {
            let Some(now) = value(i) else { continue };
            let (x, width) = self.place(i);
            let (middle, y) = ((x + width / 2.0) * 1000.0, (1.0 - now / top) * 1000.0);
            let after_gap = i == 0 || value(i - 1).is_none();
            if after_gap && value(i + 1).is_none() {
                // A single measurement between gaps is a dash as wide as its step.
                path.push_str(&format!("M{:.1} {y:.0}h{:.1}", x * 1000.0, width * 1000.0));
            } else {
                path.push_str(&format!("{}{middle:.1} {y:.0}", if after_gap { 'M' } else { 'L' }));
            }
        }
        path
    }

    /// Columns over everything, each with what happened in its step.
    fn hits(&self) -> Markup {
        html! {
            @for (i, hint) in self.hints.iter().enumerate().take(self.starts.len()) {
                @let (x, width) = self.place(i);
                rect.hit x=(share_of_width(x)) width=(share_of_width(width)) y=(px(ABOVE)) height=(px(HEIGHT)) {
                    title { (interval(self.starts[i], self.step_seconds)) "\n" (hint) }
                }
            }
        }
    }
}

/// `Nov 23 11:45–12:00` for people.
pub(in crate::report) fn interval(start: Timestamp, step_seconds: i64) -> String {
    let end = start.plus_seconds(step_seconds);
    if step_seconds >= 86_400 {
        format!("{} to {}", format(start, "%b %-d"), format(end, "%b %-d"))
    } else if step_seconds < 60 {
        format!("{}–{}", format(start, "%b %-d %H:%M:%S"), format(end, "%H:%M:%S"))
    } else {
        format!("{}–{}", format(start, "%b %-d %H:%M"), format(end, "%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_is_cut_is_as_narrow_as_it_is_short() {
        let at = |seconds: i64| Timestamp(seconds * Timestamp::SECOND);
        let plot = OverTime {
            id: "",
            title: "",
            description: String::new(),
            window: Window { from: at(1_000), to: at(1_200) },
            step_seconds: 60,
            starts: &[at(1_000), at(1_020), at(1_080), at(1_140)],
            shape: Shape::Bars,
            series: &[],
            hints: &[],
            finest: 1.0,
            show: |value| value.to_string(),
        };
        let widths = [0, 1, 2, 3].map(|i| (plot.place(i).1 * 10.0).round());
        assert_eq!(widths, [1.0, 3.0, 3.0, 3.0]);
        assert_eq!(plot.place(0), (0.0, 0.1));
    }
}
