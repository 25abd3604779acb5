//! The ticks of an axis: round numbers, and round times.

use crate::record::{Timestamp, Window};
use crate::text::time::format;

/// A vertical axis from 0 to the last of its ticks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) ticks: Vec<f64>,
}

impl Axis {
    /// An axis for values up to `peak` in steps of 1, 2 or 5 times a power of ten; at least `finest` a step.
    pub(super) fn up_to(peak: f64, finest: f64) -> Self {
        let peak = if peak.is_finite() && peak > 0.0 { peak } else { finest };
        let rough = peak / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(rough).max(finest);
        let steps = (peak / step * 0.9999).ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "four or five steps")]
        let ticks = (0..=steps as u32).map(|i| f64::from(i) * step).collect();
        Self { ticks }
    }

    pub(super) fn top(&self) -> f64 {
        self.ticks.last().copied().unwrap_or(1.0)
    }
}

/// A tick of the time axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TimeLabel {
    /// Its place in the window, from 0 to 1.
    pub(super) at: f64,
    pub(super) text: String,
}

/// At most seven ticks on whole minutes, hours or days of UTC.
#[expect(clippy::cast_precision_loss, reason = "positions on a screen")]
pub(super) fn time_labels(window: Window) -> Vec<TimeLabel> {
    const MOST: i64 = 7;
    const DAY: i64 = 86_400;
    const STEPS: [i64; 20] = [
        1,
        5,
        15,
        60,
        300,
        600,
        1800,
        3600,
        7200,
        14_400,
        21_600,
        43_200,
        DAY,
        2 * DAY,
        7 * DAY,
        30 * DAY,
        90 * DAY,
        365 * DAY,
        3650 * DAY,
        7300 * DAY,
    ];
    let length = window.to.0.saturating_sub(window.from.0);
    let seconds = length / Timestamp::SECOND;
    let step = STEPS.into_iter().find(|step| seconds / step <= MOST).unwrap_or(36_500 * DAY);
    let step_ns = step.saturating_mul(Timestamp::SECOND);
    let first = window.from.0.div_euclid(step_ns) + i64::from(window.from.0.rem_euclid(step_ns) != 0);
    (first..)
        .map_while(|i| i.checked_mul(step_ns))
        .take_while(|at| *at < window.to.0)
        .take(8)
        .map(|at| TimeLabel {
            at: (at - window.from.0) as f64 / length as f64,
            text: format(Timestamp(at), label_format(at, step)),
        })
        .collect()
}

fn label_format(at: i64, step: i64) -> &'static str {
    let midnight = at.rem_euclid(86_400 * Timestamp::SECOND) == 0;
    match step {
        ..60 => "%H:%M:%S",
        60..86_400 if midnight => "%b %-d",
        60..86_400 => "%H:%M",
        86_400..7_776_000 => "%b %-d",
        _ => "%b %Y",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_ticks_cover_the_peak_in_round_steps() {
        assert_eq!(Axis::up_to(43.0, 1.0).ticks, [0.0, 20.0, 40.0, 60.0]);
        assert_eq!(Axis::up_to(4.0, 1.0).ticks, [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Axis::up_to(2.0, 1.0).ticks, [0.0, 1.0, 2.0]);
        assert_eq!(Axis::up_to(0.0, 1.0).ticks, [0.0, 1.0]);
        for peak in [1e-9, 0.013, 0.99, 7.0, 100.0, 101.0, 9.9e14, f64::MAX / 1e10] {
            let axis = Axis::up_to(peak, 1e-9);
            assert!(axis.top() >= peak * 0.999, "{peak}");
            assert!(axis.top() <= peak * 2.0, "{peak}");
            assert!((2..=6).contains(&axis.ticks.len()), "{peak}");
        }
        assert_eq!(Axis::up_to(f64::NAN, 1.0).ticks, [0.0, 1.0]);
    }

    #[test]
    fn time_labels_are_round_times() {
        let to = crate::text::time::parse_time("2026-11-23T12:07:00Z").unwrap();
        let labels = |seconds| {
            time_labels(Window::last(seconds, to)).into_iter().map(|label| label.text).collect::<Vec<_>>()
        };
        assert_eq!(labels(86_400), ["16:00", "20:00", "Nov 23", "04:00", "08:00", "12:00"]);
        assert_eq!(labels(3600), ["11:10", "11:20", "11:30", "11:40", "11:50", "12:00"]);
        assert_eq!(labels(7 * 86_400).first().unwrap(), "Nov 17");
        for seconds in [1, 90, 3600, 86_400, 400 * 86_400, 100 * 365 * 86_400] {
            let ticks = time_labels(Window::last(seconds, to));
            assert!(ticks.len() <= 8 && ticks.iter().all(|m| (0.0..1.0).contains(&m.at)), "{seconds}");
        }
    }
}
