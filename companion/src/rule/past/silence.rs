//! Silences: how many calls were expected while none came.

use super::cell::Kept;
use super::history::History;
use super::{DAY, HOUR};

/// A silence that ended with a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Silence {
    /// The cell of the call that ended it.
    pub(super) end: i64,
    /// How many calls were expected in it.
    expected: f64,
}

/// Shorter ones are pauses.
const SHORTEST: i64 = 3;

impl<C: Kept> History<C> {
    /// How many calls are expected in `length` cells of silence after the cell `last`: as many as in the hour before, but no
    /// more than came at this time of day on all days but one. `None` when the hour before was no steady traffic.
    pub(crate) fn expected(&self, last: i64, length: f64) -> Option<f64> {
        // The cell of the last call itself may not be known yet, and is cut.
        let before = last - HOUR..last;
        if self.cells(before.clone()).count() < 10 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an hour has twelve cells")]
        let rate = f64::from(self.sum(before).calls()) / HOUR as f64;
        let mut like = Vec::new();
        for back in 1..=7 {
            let from = last + 1 - back * DAY;
            if self.first.is_none_or(|first| first > from) {
                break;
            }
            #[expect(clippy::cast_possible_truncation, reason = "a silence is at most days long")]
            let whole = length.ceil() as i64;
            let calls = f64::from(self.sum(from..from + whole.max(1)).calls());
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            like.push(calls * length / whole.max(1) as f64);
        }
        like.sort_by(f64::total_cmp);
        let least = like.get(1).or(like.first()).copied().unwrap_or(f64::INFINITY);
        Some((rate * length).min(least))
    }

    /// Notes the silence that a call in `slot` ends, if there was one.
    pub(super) fn end_silence(&mut self, slot: i64) {
        let Some(last) = self.last().filter(|last| slot - last > SHORTEST) else { return };
        #[expect(clippy::cast_precision_loss, reason = "a silence is at most days long")]
        if let Some(expected) = self.expected(last, (slot - last - 1) as f64) {
            self.silences.push_back(Silence { end: slot, expected });
        }
    }

    /// How many calls were expected in the `rank`-th longest silence of the last seven days; 0 without so many.
    pub(crate) fn silence(&self, rank: usize) -> f64 {
        let mut expected: Vec<f64> = self.silences.iter().map(|silence| silence.expected).collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        expected.get(rank - 1).copied().unwrap_or(0.0)
    }
}
