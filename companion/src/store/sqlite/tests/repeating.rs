use std::time::Duration;

use super::*;
use crate::store::{OverviewQuestion, Repetition};

const MINUTE: i64 = 60;

/// The whole hour before [`BASE`].
fn start() -> Timestamp {
    Timestamp(BASE.0.div_euclid(3_600 * Timestamp::SECOND) * 3_600 * Timestamp::SECOND)
}

/// A call of one request that ends so many seconds after [`start`].
fn hashed(number: u64, hash: &str, seconds: i64) -> CallRecord {
    CallRecord { request_hash: Some(hash.to_owned()), ..ending_at(number, start().plus_seconds(seconds)) }
}

fn settle(ledger: &mut SqliteAppender, seconds: i64) {
    while ledger.maintain(start().plus_seconds(seconds)).unwrap().more {}
}

fn repetition(path: &Path, from: i64, to: i64) -> Repetition {
    let window = Window { from: start().plus_seconds(from), to: start().plus_seconds(to) };
    let asked = OverviewQuestion { window, step_seconds: 3_600, by: &[], repeated: 1_000 };
    reader(path).unwrap().overview(&asked).unwrap().repetition
}

fn assert_all_found(path: &Path, calls: &[CallRecord], from: i64, to: i64) {
    let found = repetition(path, from, to);
    assert!(!found.exact, "the calls themselves were read");
    let any = Filter::default();
    assert_eq!(found.repeated, expected::repeated(calls, found.window, &any, 1, 1_000));
    assert_eq!(found.duplicates, expected::duplicates(calls, found.window, &any));
}

/// Four hours: one request a quarter of an hour, one three times in a row, and otherwise each its own.
fn four_hours() -> Vec<CallRecord> {
    let number = |minute: i64| minute.cast_unsigned() * 10;
    let mut calls = Vec::new();
    for minute in 0..240 {
        let unique = format!("{:032x}", number(minute) + 1_000);
        calls.push(hashed(number(minute), &unique, minute * MINUTE + 1));
        if minute % 15 == 7 {
            calls.push(hashed(number(minute) + 1, "every quarter", minute * MINUTE + 2));
        }
        if (100..103).contains(&minute) {
            calls.push(hashed(number(minute) + 2, &format!("{:032x}", 7), minute * MINUTE + 3));
        }
    }
    calls
}

#[test]
fn repetition_far_apart_is_found_from_the_lists() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    let calls = four_hours();
    ledger.append(&calls).unwrap();
    settle(&mut ledger, 250 * MINUTE);
    assert_all_found(&path, &calls, 0, 240 * MINUTE);
    assert_all_found(&path, &calls, 65 * MINUTE, 230 * MINUTE);
    // At the edges five minutes are cut: their calls are read.
    assert_all_found(&path, &calls, 67 * MINUTE, 233 * MINUTE + 7);
}

#[test]
fn repetition_is_found_beyond_a_restart_and_no_call_counts_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let calls = four_hours();
    for (part, calls) in calls.chunks(37).enumerate() {
        // Once in each half hour or so another process writes.
        let mut ledger = writer(&path);
        ledger.append(calls).unwrap();
        let last = calls.last().map(expected::end).unwrap();
        let seconds = (last - start().0) / Timestamp::SECOND;
        settle(&mut ledger, seconds + if part % 2 == 0 { 0 } else { 1 });
    }
    settle(&mut writer(&path), 250 * MINUTE);
    assert_all_found(&path, &calls, 0, 240 * MINUTE);
}

#[test]
fn a_call_that_comes_late_is_counted_with_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    let mut calls = four_hours();
    ledger.append(&calls).unwrap();
    settle(&mut ledger, 250 * MINUTE);
    let late =
        [hashed(9_001, &format!("{:032x}", 7), 101 * MINUTE), hashed(9_002, "every quarter", 8 * MINUTE)];
    ledger.append(&late).unwrap();
    calls.extend(late);
    assert_all_found(&path, &calls, 0, 240 * MINUTE);
}

#[test]
fn what_cannot_be_followed_makes_figures_too_low_and_never_too_high() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    // More calls between two of a request than are remembered, and more requests that repeat than are listed.
    let mut calls = vec![hashed(0, "far", 1)];
    calls.extend((1..=300).map(|number| {
        let own = format!("{:032x}", number + 5_000);
        hashed(number, &own, number.cast_signed())
    }));
    calls.push(hashed(301, "far", 301));
    for number in 0..40_u64 {
        let hash = format!("{:032x}", number % 20);
        calls.push(hashed(400 + number, &hash, 400 + number.cast_signed()));
    }
    ledger.append(&calls).unwrap();
    settle(&mut ledger, 60 * MINUTE);
    let found = repetition(&path, 0, 20 * MINUTE);
    let wanted = expected::duplicates(&calls, found.window, &Filter::default());
    assert_eq!((wanted.hashed, wanted.repeats), (342, 21));
    // All but "far" are counted as repeats; those that found no place in the list are not named.
    assert_eq!((found.duplicates.hashed, found.duplicates.repeats), (342, 20));
    assert!((1..20).contains(&found.repeated.len()), "{}", found.repeated.len());
    assert!(found.repeated.iter().all(|seen| seen.calls == 2 && seen.hash != "far"), "{found:?}");
    assert!(!found.exact);
}

#[test]
fn few_calls_are_compared_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    ledger.append(&[hashed(1, "a", 0), hashed(2, "b", 60), hashed(3, "a", 7_000)]).unwrap();
    settle(&mut ledger, 10_000);
    let found = repetition(&path, -10, 7_001);
    assert!(found.exact);
    assert_eq!((found.repeated[0].hash.as_str(), found.repeated[0].calls), ("a", 2));
}

#[test]
fn repetition_outlives_the_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let keep_calls = Some(Duration::from_secs(3_600));
    let mut ledger = Ledger::open_writer(&path, &Options { keep_calls, ..options() }).unwrap();
    let calls = four_hours();
    ledger.append(&calls).unwrap();
    settle(&mut ledger, 250 * MINUTE);
    assert!(all_calls(&path).len() < calls.len() / 2);
    assert_all_found(&path, &calls, 0, 240 * MINUTE);
}
