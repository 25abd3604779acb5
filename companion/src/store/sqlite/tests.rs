use std::path::PathBuf;

use super::*;
use crate::record::{CallRecord, Timestamp, Window};
use crate::store::conformance::records::{BASE, call, ending_at};
use crate::store::conformance::{TestStore, expected, store_conformance};
use crate::store::{Appended, Appender, Batch, Dimension, Filter, Page, Querier, Totals};

mod archiving;
mod clock;
mod crash;
mod damaged;
mod documented;
mod full;
mod gaps;
mod migrating;
mod misplaced;
mod naming;
mod opening;
mod placing;
mod recognising;
mod repeating;
mod retaining;
mod senders;
mod sharing;
mod skipping;
#[cfg(unix)]
mod watching;

mod conformance {
    use super::*;

    fn open() -> TestStore {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        let appender = Box::new(writer(&path));
        let querier = Box::new(reader(&path).unwrap());
        let reopen: Box<dyn Fn() -> Box<dyn Appender>> = Box::new(move || Box::new(writer(&path)));
        TestStore { appender, querier, reopen: Some(reopen), _keep: Box::new(folder) }
    }

    store_conformance!(open);
}

const ALL: Window = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };

fn path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("ledger.db")
}

/// Small enough that every test reaches them.
const LIMITS: Limits = Limits {
    listed_hashes: 8,
    recent_hashes: 100,
    compared_calls: 20,
    remembered_calls: 20,
    recent_accounts: 1_000,
    response_ids: 8 << 20,
    names: 1_000,
    series: 5_000,
    users: 5_000,
    instances: 100_000,
};

fn options() -> Options {
    Options { limits: LIMITS, ..Options::default() }
}

fn reader(path: &Path) -> Result<SqliteQuerier, StoreError> {
    Ledger::open_reader_with(path, LIMITS)
}

fn writer(path: &Path) -> SqliteAppender {
    Ledger::open_writer(path, &options()).unwrap()
}

/// The file as another program would change it that writes checksums.
fn file(path: &Path) -> rusqlite::Connection {
    spanledger_page_checksums::open(path, rusqlite::OpenFlags::default()).unwrap()
}

fn totals(path: &Path, window: Window) -> Totals {
    reader(path).unwrap().totals(window, &Filter::default()).unwrap()
}

fn all_calls(path: &Path) -> Vec<CallRecord> {
    let page = Page { limit: 1_000_000, after: None };
    reader(path).unwrap().calls(ALL, &Filter::default(), page).unwrap().calls
}

/// The rollups say the same as the rows, and the file is sound.
fn assert_sound(path: &Path) {
    let calls = all_calls(path);
    assert_eq!(totals(path, ALL), expected::totals(&calls, ALL, &Filter::default()));
    let connection = file(path);
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

#[test]
fn many_calls_that_end_in_one_microsecond_are_all_kept_and_found_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = writer(&path(&folder));
    let calls: Vec<_> = (0..3_000).map(|number| ending_at(number, BASE)).collect();
    assert_eq!(ledger.append(&calls).unwrap().inserted, 3_000);
    assert_eq!(ledger.append(&calls).unwrap().duplicates, 3_000);
    let instant = Window { from: BASE, to: Timestamp(BASE.0 + 1) };
    let querier = reader(&path(&folder)).unwrap();
    let found = querier.calls(instant, &Filter::default(), Page { limit: 5_000, after: None }).unwrap();
    assert_eq!(found.calls.len(), 3_000);
    let after = Window { from: instant.to, to: ALL.to };
    assert_eq!(querier.totals(after, &Filter::default()).unwrap().calls, 0);
    assert_eq!(querier.last_call(ALL.to, &Filter::default()).unwrap(), Some(BASE));
    drop(ledger);
    assert_eq!(writer(&path(&folder)).append(&calls).unwrap().duplicates, 3_000, "after a restart");
    assert_sound(&path(&folder));
}

#[test]
fn a_call_known_from_just_before_is_known_at_another_time_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = writer(&path(&folder));
    ledger.append(&[call(1)]).unwrap();
    let shifted = CallRecord { start: BASE.plus_seconds(100), ..call(1) };
    let known = Appended { duplicates: 1, ..Appended::default() };
    assert_eq!(ledger.append(std::slice::from_ref(&shifted)).unwrap(), known);
    drop(ledger);
    assert_eq!(writer(&path(&folder)).append(&[shifted]).unwrap(), known, "after a restart");
    assert_eq!(all_calls(&path(&folder)), [call(1)]);
}

#[test]
fn a_call_that_the_database_refuses_takes_no_other_along() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = writer(&path(&folder));
    ledger
        .connection
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON calls WHEN NEW.response_id = 'bad' \
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .unwrap();
    let bad = CallRecord { response_id: Some("bad".into()), ..call(2) };
    let batches = [vec![call(1)], vec![bad, call(3)], vec![call(4)]];
    let answers = ledger.append_group(&batches.each_ref().map(|calls| Batch { calls, ..Batch::default() }));
    let done: Vec<_> = answers.iter().map(|answer| answer.as_ref().unwrap()).collect();
    assert_eq!(
        done.iter().map(|done| (done.inserted, done.not_taken)).collect::<Vec<_>>(),
        [(1, 0), (1, 1), (1, 0)]
    );
    assert_eq!(all_calls(&path(&folder)), [call(4), call(3), call(1)]);
    assert_sound(&path(&folder));
}

/// Takes away what the fourteenth schema added.
fn without_indexes_by_hash(file: &rusqlite::Connection) {
    file.execute_batch(
        "DROP TABLE text_by_hash; DROP TABLE instance_by_hash; DELETE FROM state WHERE name LIKE '%_indexed'; \
         ALTER TABLE instance DROP COLUMN hash; \
         CREATE UNIQUE INDEX instance_name_service ON instance (name, service); \
         CREATE INDEX text_hash ON text (hash); PRAGMA user_version = 13",
    )
    .unwrap();
}

/// Makes the file what the twelfth version wrote.
fn without_skipped_calls(file: &rusqlite::Connection) {
    without_indexes_by_hash(file);
    file.execute_batch(
        "ALTER TABLE instance DROP COLUMN lost_unnamed; ALTER TABLE instance DROP COLUMN skipped; PRAGMA user_version = 12",
    )
    .unwrap();
}

/// Takes away what the eleventh schema added.
fn without_tags(file: &rusqlite::Connection) {
    without_skipped_calls(file);
    file.execute_batch(
        "DROP INDEX series_key; ALTER TABLE series DROP COLUMN tags; ALTER TABLE calls DROP COLUMN tags; \
         CREATE INDEX series_key ON series (model, error_type, service, provider, outcome, cost_status); \
         PRAGMA user_version = 10",
    )
    .unwrap();
}
