//! Spans that are no calls: how many rows they take, and how long they are kept.

use std::time::Duration;

use super::*;
use crate::record::{OTHER_SCOPES, SkipReason, SkippedHours};
use crate::store::Batch;

const HOUR: i64 = 3_600;

fn note(ledger: &mut SqliteAppender, skipped: &SkippedHours) {
    let batch = Batch { skipped: Some(skipped), ..Batch::default() };
    assert_eq!(ledger.append_batch(batch).unwrap(), Appended::default());
}

fn one(end: Timestamp, scope: &str) -> SkippedHours {
    let mut skipped = SkippedHours::default();
    skipped.add(end, scope, SkipReason::Unknown);
    skipped
}

fn found(path: &Path) -> Vec<(String, u64)> {
    let found = reader(path).unwrap().skipped(ALL).unwrap();
    found.iter().map(|(scope, _, spans)| (scope.to_owned(), spans)).collect()
}

#[test]
fn an_hour_names_a_bounded_number_of_scopes() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    for batch in 0..30 {
        let mut skipped = SkippedHours::default();
        for scope in 0..10 {
            skipped.add(BASE, &format!("scope {batch} {scope}"), SkipReason::Unknown);
        }
        note(&mut ledger, &skipped);
    }
    let rows: i64 =
        ledger.connection.query_row("SELECT count(*) FROM skipped", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 101);
    let found = found(&path);
    assert_eq!(found.iter().map(|(_, spans)| spans).sum::<u64>(), 300);
    assert!(found.contains(&(OTHER_SCOPES.to_owned(), 200)), "{found:?}");
}

#[test]
fn are_kept_as_long_as_the_sums() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
    let options = Options { keep_calls: hours(1), keep_sums: hours(24), ..options() };
    let mut ledger = Ledger::open_writer(&path, &options).unwrap();
    ledger.append(&[call(0)]).unwrap();
    note(&mut ledger, &one(BASE, "old"));
    while ledger.maintain(BASE.plus_seconds(2 * HOUR)).unwrap().more {}
    assert_eq!(found(&path), [("old".to_owned(), 1)]);
    // As late as a call that is too old.
    note(&mut ledger, &one(BASE.plus_seconds(-HOUR), "late"));
    assert_eq!(found(&path), [("old".to_owned(), 1)]);
    ledger.append(&[ending_at(1, BASE.plus_seconds(49 * HOUR))]).unwrap();
    note(&mut ledger, &one(BASE.plus_seconds(49 * HOUR), "new"));
    ledger.trust(BASE.plus_seconds(49 * HOUR + 60));
    while ledger.maintain(BASE.plus_seconds(49 * HOUR + 60)).unwrap().more {}
    assert_eq!(found(&path), [("new".to_owned(), 1)]);
}

#[test]
fn a_ledger_from_before_and_one_from_later_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    note(&mut ledger, &one(BASE, "a"));
    drop(ledger);
    let file = file(&path);
    file.execute_batch("UPDATE skipped SET reason = 'a reason of a later version'").unwrap();
    assert_eq!(found(&path), [("a".to_owned(), 1)]);
    file.execute_batch("DROP TABLE skipped; PRAGMA user_version = 3").unwrap();
    assert_eq!(found(&path), []);
}
