//! Where calls are placed, and what becomes of those for which there is no place.

use super::*;
use crate::store::sqlite::file::call_id::{end_of, places};
use crate::store::sqlite::file::salt::Salt;
use crate::store::sqlite::file::schema;

fn ids(path: &Path) -> Vec<i64> {
    let file = file(path);
    let mut ids = file.prepare("SELECT id FROM calls ORDER BY id").unwrap();
    ids.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn no_sender_knows_where_its_calls_are_placed() {
    let calls: Vec<_> = (0..100).map(|number| ending_at(number, BASE)).collect();
    let placed = || {
        let folder = tempfile::tempdir().unwrap();
        writer(&path(&folder)).append(&calls).unwrap();
        ids(&path(&folder))
    };
    assert_ne!(placed(), placed());
}

#[test]
fn a_call_without_a_place_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = writer(&path(&folder));
    ledger.append(&[call(1)]).unwrap();
    let late = ending_at(7, BASE.plus_seconds(50));
    let end = end_of(late.start.0, late.duration_ns);
    let taken = ledger.dictionary.salt.of_call(&late.trace_id, &late.span_id);
    ledger.connection.execute_batch("BEGIN; CREATE TEMP TABLE one AS SELECT * FROM calls").unwrap();
    for place in places(end, taken) {
        ledger.connection.execute("UPDATE one SET id = ?1", [place.id]).unwrap();
        ledger.connection.execute("INSERT INTO calls SELECT * FROM one", []).unwrap();
    }
    ledger.connection.execute_batch("COMMIT").unwrap();
    let appended = ledger.append(&[late, call(3)]).unwrap();
    assert_eq!((appended.inserted, appended.without_place), (1, 1));
    let skipped = reader(&path(&folder)).unwrap().skipped(ALL).unwrap();
    assert!(format!("{skipped:?}").contains("Refused"), "{skipped:?}");
}

#[test]
fn calls_and_texts_from_before_the_salt_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let calls: Vec<_> = (0..200).map(|number| ending_at(number, BASE)).collect();
    let mut ledger = writer(&path);
    ledger.dictionary.salt = Salt::NONE;
    ledger.append(&calls).unwrap();
    drop(ledger);
    let old = file(&path);
    without_tags(&old);
    old.execute_batch("DELETE FROM state WHERE name LIKE '%salt%'; PRAGMA user_version = 9").unwrap();
    let texts = |file: &rusqlite::Connection| -> i64 {
        file.query_row("SELECT count(*) FROM text", [], |row| row.get(0)).unwrap()
    };
    let before = texts(&old);
    drop(old);

    // None is remembered: only the places tell.
    let limits = Limits { recent_accounts: 0, ..LIMITS };
    let mut ledger = Ledger::open_writer(&path, &Options { limits, ..options() }).unwrap();
    assert_eq!(file(&path).pragma_query_value(None, "user_version", |row| row.get(0)), Ok(schema::VERSION));
    assert_ne!(ledger.dictionary.salt, Salt::NONE);
    assert_eq!(ledger.append(&calls).unwrap().duplicates, 200);
    assert_eq!(ledger.append(&[ending_at(900, BASE.plus_seconds(9))]).unwrap().inserted, 1);
    assert_eq!(texts(&file(&path)), before);
    let filter = Filter { user: calls[0].user.clone(), ..Filter::default() };
    assert!(filter.user.is_none() || reader(&path).unwrap().totals(ALL, &filter).unwrap().calls > 0);
}
