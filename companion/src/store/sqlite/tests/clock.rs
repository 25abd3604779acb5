use std::time::Duration;

use super::*;
use crate::store::sqlite::rollup::grain::minute_of;
use crate::store::sqlite::write::retention;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

fn open(path: &Path) -> SqliteAppender {
    let keep_calls = Some(Duration::from_secs(30 * 86_400));
    Ledger::open_writer(path, &Options { keep_calls, ..options() }).unwrap()
}

/// The housekeeping when the clock shows `now` after `uptime` seconds; tells how many calls it deletes.
fn settle(ledger: &mut SqliteAppender, now: Timestamp, uptime: i64) -> u64 {
    let mut deleted = 0;
    loop {
        let uptime = Duration::from_secs(uptime.unsigned_abs());
        let run = retention::maintain(ledger, now, uptime).unwrap();
        deleted += run.deleted;
        if !run.more {
            return deleted;
        }
    }
}

/// One call per hour of `days` up to [`BASE`].
fn history(days: i64) -> Vec<CallRecord> {
    let each = |hour: i64| ending_at(hour.unsigned_abs(), BASE.plus_seconds(-hour * HOUR));
    (0..days * 24).rev().map(each).collect()
}

#[test]
fn a_clock_that_jumps_ahead_and_back_deletes_nothing_and_refuses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let mut sent = Vec::new();
    let after = |number: i64| BASE.plus_seconds(number * 600);
    let ahead = |number: i64| after(number).plus_seconds(365 * DAY);
    let mut opened = 0;
    for number in 0..10_i64 {
        let calls = [ending_at(number.cast_unsigned(), after(number))];
        assert_eq!(ledger.append(&calls).unwrap().inserted, 1, "call {number}");
        sent.extend(calls);
        settle(&mut ledger, after(number), (number - opened) * 600);
        settle(&mut ledger, ahead(number), (number - opened) * 600);
        if number % 3 == 0 {
            drop(ledger);
            (ledger, opened) = (open(&path), number);
            settle(&mut ledger, ahead(number), 0);
        }
        assert!(
            ledger.watermarks.closed <= minute_of(after(number).0),
            "rollups are closed before their time"
        );
    }
    settle(&mut ledger, after(10), (10 - opened) * 600);
    assert_eq!(all_calls(&path).len(), sent.len());
    assert_eq!(totals(&path, ALL), expected::totals(&sent, ALL, &Filter::default()));
}

#[test]
fn a_clock_that_leaps_with_the_senders_clock_deletes_nothing_and_refuses_nothing_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let calls = history(20);
    ledger.append(&calls).unwrap();
    settle(&mut ledger, BASE, 0);
    for second in 0..25_i64 {
        let leapt = BASE.plus_seconds(200 * DAY + second);
        ledger.append(&[ending_at(10_000 + second.cast_unsigned(), leapt)]).unwrap();
        assert_eq!(settle(&mut ledger, leapt, second), 0);
    }
    assert_eq!(settle(&mut ledger, BASE.plus_seconds(30), 30), 0);
    let late: Vec<_> = (0..100).map(|number| ending_at(20_000 + number, BASE.plus_seconds(31))).collect();
    assert_eq!(ledger.append(&late).unwrap().inserted, 100);
    assert_eq!(all_calls(&path).len(), calls.len() + 25 + 100);
}

#[test]
fn a_clock_that_stays_wrong_deletes_a_day_and_a_margin_in_a_day_of_uptime() {
    for start_of_the_leap in [0, 2 * HOUR] {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        let mut ledger = open(&path);
        let calls = history(20);
        ledger.append(&calls).unwrap();
        settle(&mut ledger, BASE, 0);
        let (mut deleted, mut uptime) = (0, 0);
        if start_of_the_leap == 0 {
            drop(ledger);
            ledger = open(&path);
        }
        while uptime < DAY {
            let leap = if uptime < start_of_the_leap { 0 } else { 200 * DAY };
            let now = BASE.plus_seconds(leap + uptime);
            ledger.append(&[ending_at(50_000 + uptime.unsigned_abs(), now)]).unwrap();
            deleted += settle(&mut ledger, now, uptime);
            uptime += 600;
        }
        // One call per hour; a quarter of a day as a reserve and a quarter more than the uptime.
        assert!((20 * 12..=36 * 12).contains(&deleted), "{deleted}");
        // The mark has not gone past what was deleted.
        let right = BASE.plus_seconds(DAY);
        settle(&mut ledger, right, DAY);
        assert_eq!(ledger.append(&[ending_at(99_999, right)]).unwrap().inserted, 1);
    }
}

#[test]
fn restarts_do_not_release_the_brake() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    ledger.append(&history(20)).unwrap();
    settle(&mut ledger, BASE, 0);
    let mut deleted = 0;
    for restart in 0..20_i64 {
        drop(ledger);
        ledger = open(&path);
        let now = BASE.plus_seconds((200 + 20 * restart) * DAY);
        // Long enough to be believed.
        settle(&mut ledger, now, 0);
        deleted += settle(&mut ledger, now.plus_seconds(HOUR), HOUR);
    }
    assert!((20 * 12..=(6 + 20 * 5 / 4) * 12).contains(&deleted), "{deleted}");
}

#[test]
fn a_clock_that_is_ahead_before_the_first_call_refuses_nothing_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    settle(&mut ledger, BASE.plus_seconds(365 * DAY), 0);
    assert_eq!(ledger.append(&[call(1)]).unwrap().inserted, 1);
}

#[test]
fn a_clock_that_was_ahead_when_the_ledger_was_made_deletes_and_refuses_nothing_once_it_is_right() {
    for leap in [HOUR, 40 * DAY, 3_650 * DAY] {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        let mut ledger = open(&path);
        settle(&mut ledger, BASE.plus_seconds(leap), 0);
        for (number, uptime) in (0..).zip((60..2 * HOUR).step_by(300)) {
            let now = BASE.plus_seconds(uptime);
            let call = ending_at(number, now);
            assert_eq!(ledger.append(&[call]).unwrap().inserted, 1, "{leap}: after {uptime} s");
            assert_eq!(settle(&mut ledger, now, uptime), 0, "{leap}: after {uptime} s");
        }
    }
}

#[test]
fn a_clock_that_is_behind_at_start_is_not_the_ledgers_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    ledger.append(&history(20)).unwrap();
    settle(&mut ledger, BASE, 0);
    drop(ledger);
    let mut ledger = open(&path);
    let clock = ledger.clock();
    let behind = BASE.plus_seconds(-60 * DAY);
    assert_eq!(settle(&mut ledger, behind, 0), 0);
    let own = clock.at(behind.plus_seconds(20), Duration::from_secs(20));
    assert!((BASE.0 - own.0).abs() < 300 * Timestamp::SECOND, "calls are received at {own:?}");
    assert_eq!(ledger.append(&[ending_at(9_000, own)]).unwrap().inserted, 1);
    settle(&mut ledger, BASE.plus_seconds(60), 60);
    assert_eq!(all_calls(&path).len(), 20 * 24 + 1);
}

#[test]
fn a_ledger_that_was_not_served_for_weeks_takes_calls_at_their_time_and_deletes_nothing_at_once() {
    for days in [2, 10, 90] {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        let mut ledger = open(&path);
        ledger.append(&history(20)).unwrap();
        settle(&mut ledger, BASE, 0);
        drop(ledger);
        let mut ledger = open(&path);
        let back = BASE.plus_seconds(days * DAY);
        let clock = ledger.clock();
        assert_eq!(clock.receipt(back, Duration::from_secs(1)), back, "{days} days");
        assert_eq!(settle(&mut ledger, back.plus_seconds(1), 2), 0);
        assert_eq!(ledger.append(&[ending_at(9_000, back)]).unwrap().inserted, 1);
    }
}

#[test]
fn a_mark_that_is_ahead_of_the_time_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    ledger.append(&[call(1)]).unwrap();
    // What an earlier version left when the clock had leapt.
    ledger
        .write(|transaction| {
            let ahead = minute_of(BASE.0) + 170 * 24 * 60;
            transaction.watermarks.calls_from = ahead;
            transaction.watermarks.minutes_from = ahead.div_euclid(60) * 60;
            Ok(())
        })
        .unwrap();
    assert_eq!(ledger.append(&[call(2)]).unwrap().too_old, 1);
    settle(&mut ledger, BASE, 0);
    assert_eq!(ledger.append(&[call(3)]).unwrap().inserted, 1);
    assert!(ledger.watermarks.minutes_from <= ledger.watermarks.calls_from);
}

#[test]
fn calls_that_come_with_a_clock_that_stays_say_nothing_about_what_is_deleted_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    ledger.append(&[call(1)]).unwrap();
    settle(&mut ledger, BASE, 0);
    let year = BASE.plus_seconds(365 * DAY);
    ledger.append(&[ending_at(2, year)]).unwrap();
    settle(&mut ledger, year.plus_seconds(60), 60);
    assert_eq!(all_calls(&path).len(), 2);
    settle(&mut ledger, year.plus_seconds(2 * HOUR), 2 * HOUR);
    assert_eq!(all_calls(&path), [ending_at(2, year)]);
}

#[test]
fn a_ledger_that_gets_no_calls_forgets_its_last_ones_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    ledger.append(&[call(1)]).unwrap();
    for hours in 0..29 * 24 {
        settle(&mut ledger, BASE.plus_seconds(hours * HOUR), hours * HOUR);
    }
    assert_eq!(all_calls(&path).len(), 1);
    for hours in 29 * 24..31 * 24 {
        settle(&mut ledger, BASE.plus_seconds(hours * HOUR), hours * HOUR);
    }
    assert_eq!(all_calls(&path), []);
}

#[test]
fn sums_have_a_brake_of_their_own_and_less_to_keep_is_done_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    let keep = |calls, sums| Options { keep_calls: days(calls), keep_sums: days(sums), ..options() };
    let mut ledger = Ledger::open_writer(&path, &keep(30, 30)).unwrap();
    ledger.append(&history(20)).unwrap();
    settle(&mut ledger, BASE.plus_seconds(HOUR), 0);
    let leapt = BASE.plus_seconds(200 * DAY);
    settle(&mut ledger, leapt, 1);
    settle(&mut ledger, leapt.plus_seconds(2 * HOUR), 2 * HOUR);
    assert_eq!(totals(&path, ALL).calls, 20 * 24 - 6, "six hours of sums are gone");
    // The clock is right again, for longer than an hour.
    settle(&mut ledger, BASE.plus_seconds(2 * HOUR), 2 * HOUR + 1);
    settle(&mut ledger, BASE.plus_seconds(4 * HOUR), 4 * HOUR + 1);
    drop(ledger);
    let mut ledger = Ledger::open_writer(&path, &keep(2, 2)).unwrap();
    settle(&mut ledger, BASE.plus_seconds(5 * HOUR), 0);
    let kept = all_calls(&path).len();
    assert!((42..=44).contains(&kept), "{kept}");
}

#[test]
fn what_is_too_old_is_in_the_report_of_the_hour_of_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    ledger.append(&history(2)).unwrap();
    settle(&mut ledger, BASE, 0);
    let later = BASE.plus_seconds(29 * DAY);
    settle(&mut ledger, later, 29 * DAY);
    assert!(settle(&mut ledger, later.plus_seconds(HOUR), 29 * DAY + HOUR) > 0);
    let old = CallRecord { scope: "late".into(), ..ending_at(1_000, BASE.plus_seconds(-3 * DAY)) };
    assert_eq!(ledger.append(&[old]).unwrap().too_old, 1);
    let skipped = reader(&path).unwrap().skipped(Window::last(HOUR, later.plus_seconds(HOUR + 1))).unwrap();
    let found: Vec<_> = skipped.iter().collect();
    assert_eq!(found, [("late", crate::record::SkipReason::TooOld, 1)]);
}

#[test]
fn a_new_ledger_whose_clock_is_behind_deletes_nothing_and_dates_itself_by_the_first_call_that_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let behind = BASE.plus_seconds(-400 * DAY);
    let open = || {
        let keep_calls = Some(Duration::from_secs(30 * 86_400));
        Ledger::open_writer(&path, &Options { keep_calls, now: Some(behind), ..options() }).unwrap()
    };
    let numbered = |instance: &str, number: u64, at: i64| CallRecord {
        instance: Some(instance.into()),
        sequence: Some(number),
        ..ending_at(number, BASE.plus_seconds(at))
    };
    let mut ledger = open();
    settle(&mut ledger, behind, 1);
    // Of years ago as its clock was, and of now: both may be right.
    ledger.append(&[ending_at(90, behind), numbered("running before", 50, 0)]).unwrap();
    assert_eq!(settle(&mut ledger, behind.plus_seconds(2 * HOUR), 2 * HOUR), 0);
    drop(ledger);
    // Two more starts, with the right clock for longer than it takes to believe one.
    for start in 1..=2 {
        let mut ledger = open();
        let at = start * 3 * HOUR;
        assert_eq!(settle(&mut ledger, BASE.plus_seconds(at), 1), 0);
        ledger.append(&[numbered("running before", 50 + start.unsigned_abs(), at)]).unwrap();
        assert_eq!(settle(&mut ledger, BASE.plus_seconds(at + 2 * HOUR), 2 * HOUR), 0);
        assert!(!ledger.clock().is_believed());
    }
    assert_eq!(all_calls(&path).len(), 4);
    let mut ledger = open();
    settle(&mut ledger, BASE.plus_seconds(12 * HOUR), 1);
    ledger.clock().believe();
    ledger.append(&[numbered("running now", 7, 12 * HOUR), numbered("lost some", 5, 13 * HOUR)]).unwrap();
    drop(ledger);
    let gaps = reader(&path)
        .unwrap()
        .sequence_gaps(ALL, BASE.plus_seconds(99 * DAY), &Filter::default(), 9)
        .unwrap();
    assert_eq!((gaps.gaps, gaps.numbers), (1, 4), "{gaps:?}");
    // From now on a clock that is behind is compared with the time in the file.
    let mut ledger = open();
    assert!(ledger.clock().is_confirmed());
    settle(&mut ledger, behind, 1);
    assert!(ledger.clock().last() > Some(BASE));
}
