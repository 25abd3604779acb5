use std::collections::VecDeque;
use std::ops::Range;

use super::cell::{Cell, Kept};
use super::silence::Silence;
use super::{DAY, HOUR, LAG, Usual};

/// Cells are kept for eight days, so that the like hours of the seventh day before are whole.
pub(crate) const KEPT: i64 = 8 * DAY;
/// The like hours reach half an hour to either side of the time of day.
pub(crate) const LIKE: i64 = 6;
/// Around these weeks before, cells are kept a little longer than the like hours need.
pub(crate) const WEEKS: [i64; 3] = [2, 3, 4];
/// How far around.
pub(crate) const NEAR: i64 = LIKE + HOUR;

/// The cells of one group, oldest first. Five minutes without calls have none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct History<C = Cell> {
    cells: VecDeque<(i64, C)>,
    /// Silences that ended with a call, oldest first.
    pub(super) silences: VecDeque<Silence>,
    /// The first cell of the newest eight days that had calls; it is remembered when the cell is gone.
    pub(super) first: Option<i64>,
}

impl<C: Kept> History<C> {
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// All its calls.
    pub(crate) fn calls(&self) -> f32 {
        self.cells.iter().map(|(_, cell)| cell.calls()).sum()
    }

    /// How many cells ago the group was first seen.
    pub(crate) fn age(&self, now: i64) -> i64 {
        self.first.map_or(0, |first| now - first)
    }

    /// The newest cell with calls.
    pub(crate) fn last(&self) -> Option<i64> {
        self.cells.back().map(|(slot, _)| *slot)
    }

    /// Adds a cell. Those of one time come in any order, but later ones never before earlier ones of the same week.
    pub(super) fn push(&mut self, slot: i64, cell: C) {
        let at = self.cells.partition_point(|(known, _)| *known < slot);
        match self.cells.get_mut(at) {
            Some((known, existing)) if *known == slot => existing.add(&cell),
            Some(_) => self.cells.insert(at, (slot, cell)),
            None => {
                self.end_silence(slot);
                self.cells.push_back((slot, cell));
            }
        }
        self.first = Some(self.first.map_or(slot, |first| first.min(slot)));
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (slot, cell) in other.cells {
            self.push(slot, cell);
        }
    }

    /// Removes what no rule looks at after `now`.
    pub(super) fn forget(&mut self, now: i64) {
        let near = |slot: i64| {
            now - slot <= KEPT || WEEKS.iter().any(|week| (now - slot - week * 7 * DAY).abs() <= NEAR)
        };
        if self.cells.front().is_some_and(|(slot, _)| !near(*slot)) {
            self.cells.retain(|(slot, _)| near(*slot));
        }
        while self.silences.front().is_some_and(|silence| now - silence.end > 7 * DAY) {
            self.silences.pop_front();
        }
    }

    /// The cells of a time that have calls.
    pub(crate) fn cells(&self, slots: Range<i64>) -> impl Iterator<Item = &(i64, C)> {
        let from = self.cells.partition_point(|(slot, _)| *slot < slots.start);
        self.cells.range(from..).take_while(move |(slot, _)| *slot < slots.end)
    }

    /// All cells of a time together.
    pub(crate) fn sum(&self, slots: Range<i64>) -> C {
        let mut sum = C::default();
        for (_, cell) in self.cells(slots) {
            sum.add(cell);
        }
        sum
    }

    /// The totals of `length` cells that end within `slots`, one for each cell there with calls; `None` where a sum says
    /// nothing.
    pub(crate) fn values(
        &self,
        slots: Range<i64>,
        length: i64,
        value: impl Fn(&C) -> Option<f64>,
    ) -> impl Iterator<Item = (i64, f64)> {
        self.cells(slots).filter_map(move |(slot, cell)| {
            let sum = if length == 1 { *cell } else { self.sum(slot + 1 - length..slot + 1) };
            Some((*slot, value(&sum)?))
        })
    }

    /// How regularly calls come: the share of the hours with calls on the whole days before `now`, at most seven, among the hours
    /// of the day in which any came. 1 where every day is like the others; small where the group comes and goes.
    pub(crate) fn regularity(&self, now: i64) -> f64 {
        let days = ((self.age(now) - HOUR) / DAY).min(7);
        // Hours of the day, as bits.
        let hours = |day: i64| {
            let from = now - day * DAY;
            self.cells(from..from + DAY).fold(0_u32, |hours, (slot, _)| hours | 1 << ((slot - from) / HOUR))
        };
        let days: Vec<u32> = (1..=days).map(hours).collect();
        let any = days.iter().fold(0, |any, hours| any | hours).count_ones();
        let called: u32 = days.iter().map(|hours| hours.count_ones()).sum();
        #[expect(clippy::cast_precision_loss, reason = "a week has seven days")]
        let most = f64::from(any) * days.len() as f64;
        if most == 0.0 { 0.0 } else { f64::from(called) / most }
    }

    /// The largest value of `length` cells together within `slots`.
    pub(crate) fn peak(
        &self,
        slots: Range<i64>,
        length: i64,
        value: impl Fn(&C) -> Option<f64>,
    ) -> Option<f64> {
        self.values(slots, length, value).map(|(_, value)| value).reduce(f64::max)
    }

    /// The `rank`-th largest of the hourly maxima of the seven days before `now`: `rank - 1` hours of trouble a week do not
    /// raise it.
    pub(crate) fn hourly_peak(
        &self,
        now: i64,
        rank: usize,
        length: i64,
        value: impl Fn(&C) -> Option<f64>,
    ) -> Option<f64> {
        let mut hours: Vec<(i64, f64)> = Vec::new();
        for (slot, value) in self.values(now - 7 * DAY..now - LAG, length, value) {
            let hour = slot.div_euclid(HOUR);
            match hours.last_mut() {
                Some((known, peak)) if *known == hour => *peak = peak.max(value),
                _ => hours.push((hour, value)),
            }
        }
        hours.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        hours.get(rank - 1).or(hours.last()).map(|(_, value)| *value)
    }

    /// The envelope over the day before and the like hours: this time of day on the seven days before, and on the same day of
    /// the weeks before those. `value` is of a whole sum; five minutes without calls count as 0 in the like hours.
    pub(crate) fn usual(&self, now: i64, length: i64, value: impl Fn(&C) -> f64) -> Usual {
        let of = |cell: &C| Some(value(cell));
        let day = self.peak(now - DAY..now - LAG, length, of);
        let mut like: Option<(f64, f64)> = None;
        for back in (1..=7).chain(WEEKS.map(|week| week * 7)) {
            let slots = now - back * DAY - LIKE..now - back * DAY + LIKE;
            if self.first.is_none_or(|first| first >= slots.end) {
                continue;
            }
            let (mut low, mut high, mut seen) = (f64::INFINITY, 0.0_f64, 0);
            for (_, value) in self.values(slots.clone(), length, of) {
                (low, high, seen) = (low.min(value), high.max(value), seen + 1);
            }
            // Weeks ago there may be nothing because nothing was kept.
            if seen == 0 && back > 7 {
                continue;
            }
            let seen_from = self.first.map_or(slots.start, |first| first.max(slots.start));
            let low = if seen < slots.end - seen_from { 0.0 } else { low };
            like = Some(like.map_or((low, high), |(lowest, highest)| (lowest.min(low), highest.max(high))));
        }
        let peak = day.unwrap_or(0.0).max(like.map_or(0.0, |(_, high)| high));
        Usual { like, day, ..Usual::of(peak, self.age(now)) }
    }
}
