//! Which parts of a window are read from the calls, from minutes and from hours.

use std::collections::BTreeSet;

use crate::record::{Timestamp, Window};

pub(super) const MINUTE: i64 = 60 * Timestamp::SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// Ranges of one table that a query names; with more, it reads the calls of the whole window.
const MOST: usize = 200;

/// A half-open range of nanoseconds.
pub(super) type Range = (i64, i64);

/// What to read, from each table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) calls: Vec<Range>,
    pub(super) minutes: Vec<Range>,
    pub(super) hours: Vec<Range>,
}

impl Plan {
    /// The calls of a window alone.
    pub(super) fn of_calls(window: Window) -> Self {
        let mut plan = Self::default();
        push(&mut plan.calls, (window.from.0, window.to.0));
        plan
    }

    /// Whole minutes and hours where stretches of time hold them and they end by `closed`, and calls for what is left.
    pub(super) fn of(stretches: impl IntoIterator<Item = Window>, closed: i64) -> Self {
        let mut plan = Self::default();
        let mut whole: Option<Window> = None;
        for stretch in stretches {
            let from = whole.map_or(stretch.from, |whole| whole.from);
            whole = Some(Window { from, to: stretch.to });
            plan.add(stretch, closed);
        }
        match whole {
            Some(window)
                if plan.calls.len() > MOST || plan.minutes.len() > MOST || plan.hours.len() > MOST =>
            {
                Self::of_calls(window)
            }
            _ => plan,
        }
    }

    /// The same, from minutes where it would be from hours.
    pub(super) fn without_hours(mut self) -> Self {
        self.minutes.append(&mut self.hours);
        self.minutes.sort_unstable();
        self
    }

    fn add(&mut self, Window { from: Timestamp(from), to: Timestamp(to) }: Window, closed: i64) {
        let (first, last) = (up(from, MINUTE), down(to.min(closed), MINUTE));
        if first >= last {
            return push(&mut self.calls, (from, to));
        }
        let (first_hour, last_hour) = (up(first, HOUR), down(last, HOUR));
        push(&mut self.calls, (from, first));
        if first_hour >= last_hour {
            push(&mut self.minutes, (first, last));
        } else {
            push(&mut self.minutes, (first, first_hour));
            push(&mut self.hours, (first_hour, last_hour));
            push(&mut self.minutes, (last_hour, last));
        }
        push(&mut self.calls, (last, to));
    }
}

/// Adds a range, which comes after those before it.
pub(super) fn push(ranges: &mut Vec<Range>, (from, to): Range) {
    if from >= to {
        return;
    }
    match ranges.last_mut() {
        Some(last) if last.1 == from => last.1 = to,
        _ => ranges.push((from, to)),
    }
}

/// The last multiple of `unit` up to `at`.
pub(super) const fn down(at: i64, unit: i64) -> i64 {
    at.div_euclid(unit).saturating_mul(unit)
}

/// The first multiple of `unit` from `at` on.
pub(super) const fn up(at: i64, unit: i64) -> i64 {
    down(at.saturating_add(unit - 1), unit)
}

/// Ranges that hold these minutes or hours, each `unit` long; neighbours are one range.
pub(super) fn ranges_of(starts: BTreeSet<i64>, unit: i64) -> Vec<Range> {
    let mut ranges = Vec::new();
    for start in starts {
        push(&mut ranges, (start, start.saturating_add(unit)));
    }
    ranges
}

/// The ranges in portions that hold at most `most` of time each, and at most [`MOST`] ranges.
pub(super) fn portions(ranges: &[Range], most: i64) -> Vec<Vec<Range>> {
    let mut portions: Vec<Vec<Range>> = Vec::new();
    let mut held = 0;
    for (from, to) in ranges {
        let mut from = *from;
        while from < *to {
            if held == most || portions.last().is_none_or(|portion| portion.len() >= MOST) {
                portions.push(Vec::new());
                held = 0;
            }
            let end = from.saturating_add(most - held).min(*to);
            if let Some(portion) = portions.last_mut() {
                portion.push((from, end));
            }
            held += end - from;
            from = end;
        }
    }
    portions
}

/// The condition of SQL that `column` is in one of the ranges.
pub(super) fn within(column: &str, ranges: &[Range]) -> String {
    let each: Vec<String> =
        ranges.iter().map(|(from, to)| format!("({column} >= {from} AND {column} < {to})")).collect();
    if each.is_empty() { "0".to_owned() } else { format!("({})", each.join(" OR ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, to: i64) -> Window {
        Window { from: Timestamp(from), to: Timestamp(to) }
    }

    #[test]
    fn takes_the_coarsest_table_for_each_part() {
        let plan = Plan::of([window(HOUR - MINUTE - 5, 3 * HOUR + 7)], 10 * HOUR);
        assert_eq!(plan.calls, [(HOUR - MINUTE - 5, HOUR - MINUTE), (3 * HOUR, 3 * HOUR + 7)]);
        assert_eq!((plan.minutes, plan.hours), (vec![(HOUR - MINUTE, HOUR)], vec![(HOUR, 3 * HOUR)]));
        let open = Plan::of([window(0, 3 * HOUR)], HOUR + MINUTE + 3);
        assert_eq!(
            (open.hours, open.minutes, open.calls),
            (vec![(0, HOUR)], vec![(HOUR, HOUR + MINUTE)], vec![(HOUR + MINUTE, 3 * HOUR)])
        );
        assert_eq!(Plan::of([window(0, HOUR)], i64::MIN), Plan::of_calls(window(0, HOUR)));
    }

    #[test]
    fn reads_neighbours_at_once_and_never_across_an_edge() {
        let steps = (0..120).map(|step| window(step * MINUTE, (step + 1) * MINUTE));
        assert_eq!(Plan::of(steps, 10 * HOUR).minutes, [(0, 2 * HOUR)]);
        let odd = (0..3).map(|step| window(step * MINUTE + 1, (step + 1) * MINUTE + 1));
        assert_eq!(Plan::of(odd, 10 * HOUR), Plan::of_calls(window(1, 3 * MINUTE + 1)));
        let many = (0..500).map(|step| window(step * 2 * MINUTE + 1, (step + 1) * 2 * MINUTE + 1));
        assert_eq!(Plan::of(many, 100 * HOUR), Plan::of_calls(window(1, 1_000 * MINUTE + 1)));
    }

    #[test]
    fn cuts_minutes_into_portions_that_hold_no_others() {
        let minutes =
            |numbers: &[i64]| ranges_of(numbers.iter().map(|number| number * MINUTE).collect(), MINUTE);
        assert_eq!(minutes(&[0, 2, 1, 9]), [(0, 3 * MINUTE), (9 * MINUTE, 10 * MINUTE)]);
        assert_eq!(
            portions(&minutes(&[0, 1, 2, 9]), 2 * MINUTE),
            [vec![(0, 2 * MINUTE)], vec![(2 * MINUTE, 3 * MINUTE), (9 * MINUTE, 10 * MINUTE)]]
        );
        let scattered: Vec<i64> = (0..1_000).map(|number| number * 7).collect();
        let found = portions(&minutes(&scattered), 100 * HOUR);
        assert!(found.iter().all(|portion| portion.len() <= MOST), "{found:?}");
        assert_eq!(found.concat(), minutes(&scattered));
        assert!(portions(&[], HOUR).is_empty());
    }
}
