//! Which rollup rows and which calls together make up a window, exactly.
//!
//! Whole buckets come from the coarsest complete rollup, the edges from the calls themselves. Where the calls
//! are deleted already the finest remaining bucket cannot be cut: it belongs to the window that holds its
//! first time, so that windows side by side still add up.

use std::ops::Range;

use crate::record::Window;
use crate::store::sqlite::file::watermarks::Watermarks;
use crate::store::sqlite::rollup::grain::MINUTE_NS;
use crate::store::sqlite::rollup::grain::minute_start;
use crate::store::sqlite::rollup::row::Table;

/// A piece of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The calls themselves.
    Calls(Window),
    /// The rows of one rollup for these minutes.
    Rollup(Table, Range<i64>),
}

/// A rollup's bucket in minutes, and where its rows are complete.
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
const FIVES: [Level; 2] = [SERIES[1], SERIES[2]];
const USER_FIVES: [Level; 1] = [level(Table::UserFive, 5, Complete::Closed)];
const USERS: [Level; 2] =
    [level(Table::UserHour, 60, Complete::Closed), level(Table::UserFive, 5, Complete::Closed)];
const HASHES: [Level; 2] =
    [level(Table::HashHour, 60, Complete::Summed), level(Table::HashFive, 5, Complete::Summed)];

/// The parts of a window for totals by series.
pub(crate) fn series_parts(window: Window, watermarks: &Watermarks) -> Vec<Part> {
    parts(window, watermarks, &SERIES)
}

/// The parts of a window for totals over all calls.
pub(crate) fn all_parts(window: Window, watermarks: &Watermarks) -> Vec<Part> {
    parts(window, watermarks, &ALL)
}

/// The parts of a window for totals by user.
pub(crate) fn user_parts(window: Window, watermarks: &Watermarks) -> Vec<Part> {
    parts(window, watermarks, &USERS)
}

/// The parts of a window for totals of five minutes by series, none of them coarser.
pub(crate) fn five_minute_parts(window: Window, watermarks: &Watermarks) -> Vec<Part> {
    parts(window, watermarks, &FIVES)
}

/// The same by user.
pub(crate) fn user_five_minute_parts(window: Window, watermarks: &Watermarks) -> Vec<Part> {
    parts(window, watermarks, &USER_FIVES)
}

/// The parts of a window for the repetition of request hashes.
pub(crate) fn hash_parts(window: Window, watermarks: &Watermarks) -> Vec<Part> {
    parts(window, watermarks, &HASHES)
}

fn parts(window: Window, watermarks: &Watermarks, levels: &[Level]) -> Vec<Part> {
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
    let hours = whole(60, watermarks.minutes_from);
    push_whole(hours, watermarks, levels, &mut parts);
    let mut minutes = whole(finest, watermarks.every_call_from());
    minutes.start = minutes.start.max(watermarks.minutes_from);
    push_whole(minutes, watermarks, levels, &mut parts);

    let kept = Window { from: window.from.max(minute_start(watermarks.every_call_from())), to: window.to };
    push_exact(kept, watermarks, levels, &mut parts);
    parts
}

/// Minutes that are whole buckets of the finest level.
fn push_whole(minutes: Range<i64>, watermarks: &Watermarks, levels: &[Level], parts: &mut Vec<Part>) {
    if !minutes.is_empty() {
        push_exact(
            Window { from: minute_start(minutes.start), to: minute_start(minutes.end) },
            watermarks,
            levels,
            parts,
        );
    }
}

/// Splits a window in three: whole buckets of the coarsest level in the middle, and the two edges, which the finer levels
/// split in the same way. What is left after the finest level is read call by call.
fn push_exact(window: Window, watermarks: &Watermarks, levels: &[Level], parts: &mut Vec<Part>) {
    if window.from >= window.to {
        return;
    }
    let Some((level, finer)) = levels.split_first() else {
        parts.push(Part::Calls(window));
        return;
    };
    // The whole buckets inside the window, of which only those count that the level has complete.
    let mut from = minute_up(window.from.0, level.minutes);
    let mut to = window.to.0.div_euclid(MINUTE_NS * level.minutes) * level.minutes;
    if level.complete != Complete::Always {
        to = to.min(watermarks.closed.div_euclid(level.minutes) * level.minutes);
    }
    if level.complete == Complete::Summed {
        from = from.max(watermarks.summed_from);
    }
    if from >= to {
        push_exact(window, watermarks, finer, parts);
        return;
    }
    push_exact(Window { from: window.from, to: minute_start(from) }, watermarks, finer, parts);
    parts.push(Part::Rollup(level.table, from..to));
    push_exact(Window { from: minute_start(to), to: window.to }, watermarks, finer, parts);
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
    use crate::store::sqlite::file::watermarks::NEVER;

    const OPEN: Watermarks = Watermarks {
        calls_from: NEVER,
        whole_from: NEVER,
        minutes_from: NEVER,
        closed: NEVER,
        summed_from: NEVER,
        spill_us: 0,
        archived: NEVER,
    };

    fn window(from_seconds: i64, to_seconds: i64) -> Window {
        Window { from: Timestamp(0).plus_seconds(from_seconds), to: Timestamp(0).plus_seconds(to_seconds) }
    }

    #[test]
    fn takes_whole_minutes_from_the_rollup_and_the_edges_from_the_calls() {
        assert_eq!(
            series_parts(window(30, 200), &OPEN),
            [Part::Calls(window(30, 60)), Part::Rollup(Table::Minute, 1..3), Part::Calls(window(180, 200)),]
        );
        assert_eq!(series_parts(window(61, 119), &OPEN), [Part::Calls(window(61, 119))]);
    }

    #[test]
    fn takes_coarser_rollups_only_where_they_are_closed() {
        let watermarks = Watermarks { closed: 65, ..OPEN };
        assert_eq!(
            series_parts(window(0, 70 * 60), &watermarks),
            [
                Part::Rollup(Table::Hour, 0..60),
                Part::Rollup(Table::Five, 60..65),
                Part::Rollup(Table::Minute, 65..70),
            ]
        );
        assert_eq!(
            user_parts(window(0, 70 * 60), &watermarks),
            [
                Part::Rollup(Table::UserHour, 0..60),
                Part::Rollup(Table::UserFive, 60..65),
                Part::Calls(window(65 * 60, 70 * 60)),
            ]
        );
    }

    #[test]
    fn windows_side_by_side_share_nothing_where_calls_are_deleted() {
        let watermarks = Watermarks { calls_from: 130, minutes_from: 60, closed: 180, ..OPEN };
        let hour = Part::Rollup(Table::Hour, 0..60);
        assert_eq!(series_parts(window(-10, 20), &watermarks), [hour]);
        assert_eq!(series_parts(window(20, 90), &watermarks), []);
        assert_eq!(
            series_parts(window(100 * 60 + 1, 131 * 60 + 1), &watermarks),
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
        let watermarks = Watermarks { closed: 185, summed_from: 120, ..OPEN };
        assert_eq!(
            all_parts(window(50 * 60, 187 * 60), &watermarks),
            [
                Part::Rollup(Table::Five, 50..60),
                Part::Rollup(Table::Hour, 60..120),
                Part::Rollup(Table::AllHour, 120..180),
                Part::Rollup(Table::AllFive, 180..185),
                Part::Rollup(Table::Minute, 185..187),
            ]
        );
        let odd = [Part::Calls(window(121 * 60 + 7, 122 * 60)), Part::Rollup(Table::AllMinute, 122..124)];
        assert_eq!(all_parts(window(121 * 60 + 7, 124 * 60), &watermarks), odd);
    }

    #[test]
    fn covers_all_of_time() {
        let all = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
        let parts = series_parts(all, &OPEN);
        assert!(matches!(parts.as_slice(), [Part::Calls(_), Part::Rollup(..), Part::Calls(_)]), "{parts:?}");
    }
}
