use std::time::Duration;

use super::*;
use crate::store::sqlite::rollup::grain::minute_of;

const DAY: i64 = 86_400;

fn open(path: &Path) -> SqliteAppender {
    let keep_calls = Some(Duration::from_secs(30 * 86_400));
    Ledger::open_writer(path, &Options { keep_calls, ..options() }).unwrap()
}

fn settle(ledger: &mut SqliteAppender, now: Timestamp) {
    while ledger.maintain(now).unwrap().more {}
}

#[test]
fn a_clock_that_jumps_ahead_and_back_deletes_nothing_and_refuses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let mut sent = Vec::new();
    let after = |number: i64| BASE.plus_seconds(number * 600);
    let ahead = |number: i64| after(number).plus_seconds(365 * DAY);
    for number in 0..10_i64 {
        let calls = [ending_at(number.cast_unsigned(), after(number))];
        assert_eq!(ledger.append(&calls).unwrap().inserted, 1, "call {number}");
        sent.extend(calls);
        settle(&mut ledger, after(number));
        settle(&mut ledger, ahead(number));
        if number % 3 == 0 {
            drop(ledger);
            ledger = open(&path);
            settle(&mut ledger, ahead(number));
        }
        assert!(
            ledger.watermarks.closed <= minute_of(after(number).0),
            "rollups are closed before their time"
        );
    }
    settle(&mut ledger, after(10));
    assert_eq!(all_calls(&path).len(), sent.len());
    assert_eq!(totals(&path, ALL), expected::totals(&sent, ALL, &Filter::default()));
}

#[test]
fn a_clock_that_is_ahead_before_the_first_call_refuses_nothing_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    settle(&mut ledger, BASE.plus_seconds(365 * DAY));
    assert_eq!(ledger.append(&[call(1)]).unwrap().inserted, 1);
}

#[test]
fn calls_that_come_with_the_clock_say_that_it_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    ledger.append(&[call(1)]).unwrap();
    settle(&mut ledger, BASE);
    let year = BASE.plus_seconds(365 * DAY);
    ledger.append(&[ending_at(2, year)]).unwrap();
    settle(&mut ledger, year.plus_seconds(60));
    assert_eq!(all_calls(&path), [ending_at(2, year)]);
}

#[test]
fn a_ledger_that_gets_no_calls_forgets_its_last_ones_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    ledger.append(&[call(1)]).unwrap();
    for hours in 0..29 * 24 {
        settle(&mut ledger, BASE.plus_seconds(hours * 3_600));
    }
    assert_eq!(all_calls(&path).len(), 1);
    for hours in 29 * 24..31 * 24 {
        settle(&mut ledger, BASE.plus_seconds(hours * 3_600));
    }
    assert_eq!(all_calls(&path), []);
}
