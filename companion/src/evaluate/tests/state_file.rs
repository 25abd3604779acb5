use std::fs;

use crate::alert::tests::firing;
use crate::evaluate::state_file::{Saved, StateFile};

#[test]
fn the_state_file_gives_back_what_was_written() {
    let folder = tempfile::tempdir().expect("folder");
    let ledger = folder.path().join("ledger.db");
    let file = StateFile::open(&ledger).expect("open");
    assert_eq!(file.get(), Saved::default());
    file.update(|saved| saved.alerts = firing()).expect("write");
    let again = StateFile::open(&ledger).expect("open");
    assert_eq!(again.get().alerts, firing());
    // Nothing changed, nothing is written.
    fs::remove_file(StateFile::path_beside(&ledger)).expect("remove");
    again.update(|saved| saved.alerts = firing()).expect("no write");
    assert!(!StateFile::path_beside(&ledger).exists());
}

#[test]
fn a_broken_state_file_is_put_aside_and_the_alerts_start_from_scratch() {
    let folder = tempfile::tempdir().expect("folder");
    let ledger = folder.path().join("ledger.db");
    for broken in [&b"{\"version\":1,\"ale"[..], b"", b"{\"version\":2,\"alerts\":[]}", b"\xff\x00"] {
        let path = StateFile::path_beside(&ledger);
        fs::write(&path, broken).expect("write");
        let file = StateFile::open(&ledger).expect("open");
        assert_eq!(file.get(), Saved::default());
        assert_eq!(fs::read(path.with_extension("json.bad")).expect("kept"), broken);
        file.update(|saved| saved.alerts = firing()).expect("write");
        assert_eq!(StateFile::open(&ledger).expect("open").get().alerts, firing());
    }
}

#[test]
fn a_state_file_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().expect("folder");
    let file = StateFile::open(&folder.path().join("ledger.db")).expect("open");
    let path = folder.path().to_owned();
    drop(folder);
    let error = file.update(|saved| saved.alerts = firing()).expect_err("no folder");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", path.display());
    assert_eq!(file.get().alerts, firing());
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_the_saved_state() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("folder");
    let ledger = folder.path().join("ledger.db");
    let path = StateFile::path_beside(&ledger);
    // As a crash of an earlier version may leave it.
    fs::write(path.with_extension("json.new"), "{").expect("write");
    let file = StateFile::open(&ledger).expect("open");
    file.update(|saved| saved.alerts = firing()).expect("update");
    assert_eq!(fs::metadata(&path).expect("state").permissions().mode() & 0o777, 0o600);
}
