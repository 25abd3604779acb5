//! Which roll-up rows and which calls together make up a window, exactly.
//!
//! Whole buckets come from the coarsest complete roll-up, the edges from the calls themselves. Where the calls
//! are deleted already the finest bucket left stands for itself: it belongs to the window that holds its
//! first moment, so that windows side by side still add up.

use std::ops::Range;

use crate::record::Window;
use crate::store::sqlite::append::MINUTE_NS;
use crate::store::sqlite::cell::Table;
use crate::store::sqlite::marks::Marks;
use crate::store::sqlite::scan::minute_start;

/// A piece of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The calls themselves.
    Calls(Window),
    /// The rows of one roll-up for these minutes.
    Rollup(Table, Range<i64>),
}

/// A roll-up's bucket in minutes, and where its rows are complete.
#[derive(Debug, Clone, Copy)]
struct Level {
    table: Table,
    minutes: i64,
    complete: Complete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Complete {
    /// With each append.
    Always,
    /// After the bucket was closed.
    Closed,
    /// After it was closed by a version that knew the table.
    Summed,
}

const fn level(table: Table, minutes: i64, complete: Complete) -> Level {
    Level { table, minutes, complete }
}

/// From coarse to fine.
const SERIES: [Level; 3] = [
    level(Table::Hour, 60, Complete::Closed),
    level(Table::Five, 5, Complete::Closed),
    level(Table::Minute, 1, Complete::Always),
];
const ALL: [Level; 6] = [
    level(Table::AllHour, 60, Complete::Summed),
    SERIES[0],
    level(Table::AllFive, 5, Complete::Summed),
    SERIES[1],
    level(Table::AllMinute, 1, Complete::Summed),
    SERIES[2],
];
const USERS: [Level; 2] =
    [level(Table::UserHour, 60, Complete::Closed), level(Table::UserFive, 5, Complete::Closed)];
const HASHES: [Level; 2] =
    [level(Table::HashHour, 60, Complete::Summed), level(Table::HashFive, 5, Complete::Summed)];

/// The parts of a window for sums by series.
pub(super) fn series_parts(window: Window, marks: &Marks) -> Vec<Part> {
    parts(window, marks, &SERIES)
}

/// The parts of a window for sums over all calls.
pub(super) fn all_parts(window: Window, marks: &Marks) -> Vec<Part> {
    parts(window, marks, &ALL)
}

/// The parts of a window for sums by user.
pub(super) fn user_parts(window: Window, marks: &Marks) -> Vec<Part> {
    parts(window, marks, &USERS)
}

/// The parts of a window for the repetition of request hashes.
pub(super) fn hash_parts(window: Window, marks: &Marks) -> Vec<Part> {
    parts(window, marks, &HASHES)
}

fn parts(window: Window, marks: &Marks, levels: &[Level]) -> Vec<Part> {
    let mut parts = Vec::new();
    if window.from >= window.to {
        return parts;
    }
    // Before the calls that are kept: only whole buckets are left, hours before the minutes that are kept.
    let finest = levels.last().map_or(1, |level| level.minutes);
    let whole = |size: i64, until: i64| {
        let from = minute_up(window.from.0, size);
        from..minute_up(window.to.0, size).min(until)
    };
    let hours = whole(60, marks.minutes_from);
    push_whole(hours, marks, levels, &mut parts);
    let mut minutes = whole(finest, marks.calls_from);
    minutes.start = minutes.start.max(marks.minutes_from);
    push_whole(minutes, marks, levels, &mut parts);

    let kept = Window { from: window.from.max(minute_start(marks.calls_from)), to: window.to };
    push_exact(kept, marks, levels, &mut parts);
    parts
}

/// Minutes that are whole buckets of the finest level.
fn push_whole(minutes: Range<i64>, marks: &Marks, levels: &[Level], parts: &mut Vec<Part>) {
    if !minutes.is_empty() {
        push_exact(
            Window { from: minute_start(minutes.start), to: minute_start(minutes.end) },
            marks,
            levels,
            parts,
        );
    }
}

fn push_exact(window: Window, marks: &Marks, levels: &[Level], parts: &mut Vec<Part>) {
    if window.from >= window.to {
        return;
    }
    let Some((level, finer)) = levels.split_first() else {
        parts.push(Part::Calls(window));
        return;
    };
    let mut from = minute_up(window.from.0, level.minutes);
    let mut to = window.to.0.div_euclid(MINUTE_NS * level.minutes) * level.minutes;
    if level.complete != Complete::Always {
        to = to.min(marks.closed.div_euclid(level.minutes) * level.minutes);
    }
    if level.complete == Complete::Summed {
        from = from.max(marks.summed_from);
    }
    if from >= to {
        push_exact(window, marks, finer, parts);
        return;
    }
    push_exact(Window { from: window.from, to: minute_start(from) }, marks, finer, parts);
    parts.push(Part::Rollup(level.table, from..to));
    push_exact(Window { from: minute_start(to), to: window.to }, marks, finer, parts);
}

/// The first minute at or after `ns` that begins a bucket of `size` minutes.
fn minute_up(ns: i64, size: i64) -> i64 {
    let bucket = MINUTE_NS * size;
    let down = ns.div_euclid(bucket);
    (down + i64::from(ns.rem_euclid(bucket) != 0)) * size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;
    use crate::store::sqlite::marks::NEVER;

    const OPEN: Marks =
        Marks { calls_from: NEVER, minutes_from: NEVER, closed: NEVER, summed_from: NEVER, spill_us: 0 };

    fn window(from_seconds: i64, to_seconds: i64) -> Window {
        Window { from: Timestamp(0).plus_seconds(from_seconds), to: Timestamp(0).plus_seconds(to_seconds) }
    }

    #[test]
    fn takes_whole_minutes_from_the_roll_up_and_the_edges_from_the_calls() {
        assert_eq!(
            series_parts(window(30, 200), &OPEN),
            [Part::Calls(window(30, 60)), Part::Rollup(Table::Minute, 1..3), Part::Calls(window(180, 200)),]
        );
        assert_eq!(series_parts(window(61, 119), &OPEN), [Part::Calls(window(61, 119))]);
    }

    #[test]
    fn takes_coarser_roll_ups_only_where_they_are_closed() {
        let marks = Marks { closed: 65, ..OPEN };
        assert_eq!(
            series_parts(window(0, 70 * 60), &marks),
            [
                Part::Rollup(Table::Hour, 0..60),
                Part::Rollup(Table::Five, 60..65),
                Part::Rollup(Table::Minute, 65..70),
            ]
        );
        assert_eq!(
            user_parts(window(0, 70 * 60), &marks),
            [
                Part::Rollup(Table::UserHour, 0..60),
                Part::Rollup(Table::UserFive, 60..65),
                Part::Calls(window(65 * 60, 70 * 60)),
            ]
        );
    }

    #[test]
    fn windows_side_by_side_share_nothing_where_calls_are_deleted() {
        let marks = Marks { calls_from: 130, minutes_from: 60, closed: 180, ..OPEN };
        let hour = Part::Rollup(Table::Hour, 0..60);
        assert_eq!(series_parts(window(-10, 20), &marks), [hour]);
        assert_eq!(series_parts(window(20, 90), &marks), []);
        assert_eq!(
            series_parts(window(100 * 60 + 1, 131 * 60 + 1), &marks),
            [
                Part::Rollup(Table::Minute, 101..105),
                Part::Rollup(Table::Five, 105..130),
                Part::Rollup(Table::Minute, 130..131),
                Part::Calls(window(131 * 60, 131 * 60 + 1)),
            ]
        );
    }

    #[test]
    fn takes_sums_over_all_series_from_where_they_begin() {
        let marks = Marks { closed: 185, summed_from: 120, ..OPEN };
        assert_eq!(
            all_parts(window(50 * 60, 187 * 60), &marks),
            [
                Part::Rollup(Table::Five, 50..60),
                Part::Rollup(Table::Hour, 60..120),
                Part::Rollup(Table::AllHour, 120..180),
                Part::Rollup(Table::AllFive, 180..185),
                Part::Rollup(Table::Minute, 185..187),
            ]
        );
        let odd = [Part::Calls(window(121 * 60 + 7, 122 * 60)), Part::Rollup(Table::AllMinute, 122..124)];
        assert_eq!(all_parts(window(121 * 60 + 7, 124 * 60), &marks), odd);
    }

    #[test]
    fn covers_all_of_time() {
        let all = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
        let parts = series_parts(all, &OPEN);
        assert!(matches!(parts.as_slice(), [Part::Calls(_), Part::Rollup(..), Part::Calls(_)]), "{parts:?}");
    }
}
