//! Bits flipped in the file of a database.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use spanledger_page_checksums::{Header, header, make_room, open, take_fault};

const CREATE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_CREATE);

fn fill(connection: &Connection, rows: i64) {
    connection
        .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT); CREATE INDEX i ON t (a)")
        .unwrap();
    let transaction = connection.unchecked_transaction().unwrap();
    for row in 0..rows {
        transaction
            .execute("INSERT INTO t (a, b) VALUES (?1, ?2)", (row * 7, "x".repeat((row % 40) as usize)))
            .unwrap();
    }
    transaction.commit().unwrap();
}

fn total(path: &Path) -> rusqlite::Result<(i64, i64)> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.query_row("SELECT sum(a), sum(length(b)) FROM t", [], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn is_checked(path: &Path) -> bool {
    header(&std::fs::read(path).unwrap()[..4096]) == Header::Checked
}

#[test]
fn no_flipped_bit_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let connection = open(&path, CREATE).unwrap();
    make_room(&connection).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    fill(&connection, 2_000);
    connection.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
    connection.close().unwrap();
    assert!(is_checked(&path));
    let right = total(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();

    let mut found = BTreeSet::new();
    for offset in (0..bytes.len()).step_by(101) {
        let mut flipped = bytes.clone();
        flipped[offset] ^= 1 << (offset % 8);
        std::fs::write(&path, &flipped).unwrap();
        match total(&path) {
            // A page that the question does not read, or one whose header makes it no database that has checksums.
            Ok(total) => assert_eq!(total, right, "offset {offset}"),
            Err(_) => found.extend(take_fault()),
        }
    }
    assert!(found.len() > 10, "{found:?}");
}

#[test]
fn the_page_that_failed_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let connection = open(&path, CREATE).unwrap();
    make_room(&connection).unwrap();
    fill(&connection, 2_000);
    connection.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4 * 4096 + 2_000] ^= 4;
    std::fs::write(&path, &bytes).unwrap();
    let error = total(&path).unwrap_err();
    let rusqlite::Error::SqliteFailure(failure, _) = &error else { panic!("{error}") };
    assert_eq!(failure.extended_code, rusqlite::ffi::SQLITE_IOERR_DATA);
    assert_eq!((take_fault(), take_fault()), (Some(5), None));
}

#[test]
fn a_database_from_before_gets_checksums_by_being_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let plain = Connection::open(&path).unwrap();
    plain.pragma_update(None, "journal_mode", "WAL").unwrap();
    fill(&plain, 3_000);
    plain.close().unwrap();
    let right = total(&path).unwrap();
    assert!(!is_checked(&path));

    let connection = open(&path, CREATE).unwrap();
    make_room(&connection).unwrap();
    connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert!(is_checked(&path));
    // The same connection goes on with checksums, and so does another.
    connection.execute_batch("UPDATE t SET a = a + 1; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert_eq!(total(&path).unwrap(), (right.0 + 3_000, right.1));
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.chunks(4096).all(spanledger_page_checksums::is_intact));
}
