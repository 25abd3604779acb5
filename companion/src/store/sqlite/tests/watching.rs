use std::fs;

use super::*;

fn open() -> (tempfile::TempDir, PathBuf, SqliteAppender) {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    ledger.append(&(0..500).map(call).collect::<Vec<_>>()).unwrap();
    // Cuts the log: everything is in the file itself.
    ledger.maintain(BASE).unwrap();
    (folder, path, ledger)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

#[test]
fn nothing_is_acknowledged_into_a_file_that_is_not_there_any_more() {
    let copied = |path: &Path| {
        let other = beside(path, ".other");
        fs::copy(path, &other).unwrap();
        other
    };
    type Attack<'a> = (&'a str, &'a dyn Fn(&Path));
    let attacks: [Attack<'_>; 10] = [
        ("deleted", &|path| fs::remove_file(path).unwrap()),
        ("moved", &|path| fs::rename(path, beside(path, ".moved")).unwrap()),
        ("replaced", &|path| fs::rename(copied(path), path).unwrap()),
        ("truncated", &|path| fs::File::options().write(true).open(path).unwrap().set_len(4_096).unwrap()),
        ("linked", &|path| {
            let other = copied(path);
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink(other, path).unwrap();
        }),
        ("moved, with a link to it left", &|path| {
            let other = beside(path, ".moved");
            fs::rename(path, &other).unwrap();
            std::os::unix::fs::symlink(other, path).unwrap();
        }),
        ("log cut", &|path| {
            fs::File::options().write(true).open(beside(path, "-wal")).unwrap().set_len(0).unwrap();
        }),
        ("lock gone", &|path| fs::remove_file(beside(path, ".lock")).unwrap()),
        ("log gone", &|path| fs::remove_file(beside(path, "-wal")).unwrap()),
        ("index gone", &|path| fs::remove_file(beside(path, "-shm")).unwrap()),
    ];
    for (name, attack) in attacks {
        let (_folder, path, mut ledger) = open();
        ledger.append(&[call(999)]).unwrap();
        attack(&path);
        let appended = ledger.append(&[call(1_000)]);
        assert!(matches!(appended, Err(StoreError::Gone { .. })), "{name}: {appended:?}");
        let maintained = ledger.maintain(BASE);
        assert!(matches!(maintained, Err(StoreError::Gone { .. })), "{name}: {maintained:?}");
    }
}

#[test]
fn a_file_that_is_put_back_is_written_again() {
    let (_folder, path, mut ledger) = open();
    let moved = beside(&path, ".moved");
    fs::rename(&path, &moved).unwrap();
    ledger.append(&[call(1_000)]).unwrap_err();
    fs::rename(&moved, &path).unwrap();
    assert_eq!(ledger.append(&[call(1_000)]).unwrap().inserted, 1);
    ledger.maintain(BASE).unwrap();
    assert_eq!(all_calls(&path).len(), 501);
}

#[test]
fn the_writers_own_housekeeping_is_no_truncation() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = Ledger::open_writer(&path, &Options { max_bytes: Some(200_000), ..options() }).unwrap();
    for batch in 0..20 {
        ledger.append(&(batch * 500..(batch + 1) * 500).map(call).collect::<Vec<_>>()).unwrap();
        while ledger.maintain(BASE.plus_seconds(100_000)).unwrap().more {}
    }
}

#[test]
fn a_reader_does_not_answer_from_a_file_that_was_replaced() {
    let (_folder, path, ledger) = open();
    let querier = reader(&path).unwrap();
    drop(ledger);
    fs::rename(&path, beside(&path, ".moved")).unwrap();
    let read = querier.totals(ALL, &Filter::default());
    assert!(matches!(read, Err(StoreError::Gone { .. })), "{read:?}");
}

#[test]
fn links_to_one_file_share_one_lock() {
    let (folder, path, _ledger) = open();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let second = Ledger::open_writer(&link, &options());
    assert!(matches!(second, Err(StoreError::Busy { .. })), "{second:?}");
}

#[test]
fn a_file_that_is_refused_gets_no_lock_next_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("passwd");
    fs::write(&text, "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    Ledger::open_writer(&text, &options()).unwrap_err();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
