use std::io::{Seek, SeekFrom, Write};

use super::*;
use crate::store::sqlite::file::schema::VERSION;
use crate::store::sqlite::read::verify::verify;

#[test]
fn a_second_writer_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let first = writer(&path);
    let second = Ledger::open_writer(&path, &options());
    assert!(matches!(second, Err(StoreError::Busy { .. })), "{second:?}");
    drop(first);
    writer(&path);
}

#[test]
fn reads_beside_the_writer_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    let querier = reader(&path).unwrap();
    ledger.append(&[call(1)]).unwrap();
    assert_eq!(querier.totals(ALL, &Filter::default()).unwrap().calls, 1);
    ledger.append(&[call(2)]).unwrap();
    assert_eq!(querier.clone().totals(ALL, &Filter::default()).unwrap().calls, 2);
    drop(ledger);
    assert_eq!(totals(&path, ALL).calls, 2);
}

#[test]
fn reading_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = reader(&path(&folder));
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
    std::fs::write(path(&folder), "").unwrap();
    let empty = reader(&path(&folder));
    assert!(matches!(empty, Err(StoreError::Missing { .. })), "{empty:?}");
    assert_eq!(std::fs::metadata(path(&folder)).unwrap().len(), 0);
}

#[test]
fn reads_what_nobody_writes_where_nothing_can_be_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("50% of #1?.db");
    Ledger::open_writer(&path, &options()).unwrap().append(&[call(1)]).unwrap();
    let beside = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = beside();
    let connection = crate::store::sqlite::file::open::still(&path).unwrap();
    let calls: i64 = connection.query_row("SELECT count(*) FROM calls", [], |row| row.get(0)).unwrap();
    assert_eq!((calls, beside()), (1, before));
}

#[cfg(unix)]
#[test]
fn copies_and_verifies_what_nobody_writes_where_nothing_can_be_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    ledger.append(&(0..500).map(call).collect::<Vec<_>>()).unwrap();
    ledger.maintain(BASE).unwrap();
    drop(ledger);
    // In the way of the file that SQLite creates next to a ledger: it follows no links there.
    std::os::unix::fs::symlink("nowhere", folder.path().join("ledger.db-shm")).unwrap();
    for unchecked in [false, true] {
        let copy = folder.path().join(format!("copy-{unchecked}.db"));
        backup(&path, &copy, unchecked).unwrap();
        assert_eq!(totals(&copy, ALL).calls, 500);
    }
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let found = verify(&path, &mut |_| {}).unwrap();
    assert!(found.damaged_pages == 1 && found.damaged[0].holds.is_some(), "{found:?}");

    // A log that was not written back cannot be left out of a copy.
    std::fs::write(folder.path().join("ledger.db-wal"), "log").unwrap();
    let copy = folder.path().join("copy.db");
    let error = backup(&path, &copy, true).unwrap_err().to_string();
    assert!(error.contains("left a log (-wal)") && !copy.exists(), "{error}");
}

#[cfg(unix)]
#[test]
fn a_ledger_that_cannot_be_reached_is_not_called_missing() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("folder");
    std::os::unix::fs::symlink(&link, &link).unwrap();
    let error = reader(&link.join("ledger.db")).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
}

#[test]
fn says_of_a_folder_that_it_is_one_and_of_a_missing_one_that_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let beside = || std::fs::read_dir(folder.path()).unwrap().count();
    let named = folder.path().join("ledgers");
    std::fs::create_dir(&named).unwrap();
    for error in [Ledger::open_writer(&named, &options()).unwrap_err(), reader(&named).unwrap_err()] {
        assert!(error.to_string().ends_with("failed: it is a folder, not a file"), "{error}");
    }
    let error = Ledger::open_writer(&folder.path().join("none/ledger.db"), &options()).unwrap_err();
    assert!(error.to_string().ends_with("failed: its folder does not exist, create it"), "{error}");
    assert_eq!(beside(), 1);
}

#[test]
fn a_newer_ledger_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    writer(&path).connection.pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    for error in [Ledger::open_writer(&path, &options()).unwrap_err(), reader(&path).unwrap_err()] {
        assert!(matches!(error, StoreError::Newer { found: 99, supported: VERSION, .. }), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "dear diary, ".repeat(1_000)).unwrap();
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE audit_logs (id)").unwrap();
    for path in [text, other] {
        let before = std::fs::read(&path).unwrap();
        for error in [Ledger::open_writer(&path, &options()).unwrap_err(), reader(&path).unwrap_err()] {
            assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_damaged_page_is_reported_as_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    ledger.append(&(0..2_000).map(call).collect::<Vec<_>>()).unwrap();
    ledger.maintain(BASE).unwrap();
    drop(ledger);
    // All pages but the one that holds the header and the schema.
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(4_096 * 3)).unwrap();
    file.write_all(&vec![0xa5; usize::try_from(length).unwrap() - 4_096 * 3]).unwrap();
    drop(file);
    let read = reader(&path).and_then(|querier| {
        querier.calls(ALL, &Filter::default(), Page { limit: 10, after: None }).map(|_| ())
    });
    assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
    let written = Ledger::open_writer(&path, &options()).and_then(|mut ledger| ledger.append(&[call(9_999)]));
    assert!(matches!(written, Err(StoreError::Damaged { .. })), "{written:?}");
}

#[cfg(unix)]
#[test]
fn a_ledger_that_cannot_be_written_says_so() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    writer(&path).append(&[call(1)]).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o555)).unwrap();
    // The superuser may write everything, so only the database's own mark stops it.
    let privileged = std::fs::write(folder.path().join("probe"), "").is_ok();
    if !privileged {
        let refused = Ledger::open_writer(&path, &options());
        assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
        assert_eq!(totals(&path, ALL).calls, 1);
    }
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let mut ledger = writer(&path);
    ledger.connection.pragma_update(None, "query_only", true).unwrap();
    let refused = ledger.append(&[call(2)]);
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
    ledger.connection.pragma_update(None, "query_only", false).unwrap();
    assert_eq!(ledger.append(&[call(2)]).unwrap().inserted, 1);
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Ledger::open_writer(&folder.path().join("no/ledger.db"), &options()).unwrap_err();
    assert!(error.to_string().contains("no/ledger.db"), "{error}");
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_a_new_ledger_and_an_old_one_keeps_its_mode() {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mode = |suffix: &str| {
        let file = format!("{}{suffix}", path.display());
        metadata(&file).unwrap_or_else(|error| panic!("{file}: {error}")).permissions().mode() & 0o777
    };
    let files = ["", "-wal", "-shm", ".lock"];
    let mut ledger = writer(&path);
    ledger.append(&[call(1)]).unwrap();
    assert_eq!(files.map(mode), [0o600; 4]);
    drop(ledger);
    set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let mut ledger = writer(&path);
    ledger.append(&[call(2)]).unwrap();
    assert_eq!(files.map(mode), [0o640, 0o640, 0o640, 0o600]);
}
