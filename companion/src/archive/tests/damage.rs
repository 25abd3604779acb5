use super::*;
use crate::archive::ArchiveError;

fn exported() -> TestLedger {
    let calls: Vec<_> =
        (0..3).map(|number| ending_at(number, BASE.plus_seconds(number.cast_signed() * 3_600))).collect();
    let ledger = TestLedger::with(&calls);
    ledger.export();
    ledger
}

fn complaints(dir: &Path) -> Vec<String> {
    check(dir, &mut |_, _| {}).unwrap_err().iter().map(ArchiveError::to_string).collect()
}

/// Changes a file, and expects that it is named and nothing else is.
fn damaged(name: &str, change: impl FnOnce(&Path), expected: &str) {
    let ledger = exported();
    let path = ledger.dir().join("date=2025-06-15").join(name);
    assert!(path.exists(), "{name}");
    change(&path);
    let found = complaints(&ledger.dir());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("calls-16") && found[0].contains(expected), "{}", found[0]);
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn names_the_file_that_is_damaged_and_what_to_do() {
    let (table, manifest) = ("calls-16.parquet", "calls-16.json");
    let truncate =
        |path: &Path| std::fs::File::options().write(true).open(path).unwrap().set_len(100).unwrap();
    damaged(table, truncate, "it has 100 bytes and its manifest states");
    damaged(table, |path| std::fs::write(path, "").unwrap(), "it has 0 bytes");
    damaged(table, |path| std::fs::remove_file(path).unwrap(), "it is missing");
    damaged(manifest, |path| std::fs::remove_file(path).unwrap(), "its manifest calls-16.json is missing");
    damaged(manifest, truncate, "the manifest is damaged");
    damaged(
        manifest,
        |path| std::fs::write(path, [0xff, 0xfe]).unwrap(),
        "the manifest is damaged (it is not text)",
    );
    damaged(manifest, |path| edit(path, "\"rows\": 1", "\"rows\": 2"), "its checksum does not match");
    damaged(
        manifest,
        |path| edit(path, "\"format\": 1", "\"format\": 2"),
        "it has format 2, this version reads up to 1: use the newer spanledger",
    );
}

#[test]
fn every_flipped_bit_is_noticed() {
    let ledger = exported();
    for name in ["calls-16.parquet", "calls-16.json"] {
        let path = ledger.dir().join("date=2025-06-15").join(name);
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 100 + 1) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bytes).unwrap();
            let found = complaints(&ledger.dir());
            assert!(found.len() == 1 && found[0].contains("calls-16"), "{name} byte {at}: {found:?}");
        }
        std::fs::write(&path, whole).unwrap();
    }
    assert_eq!(rows_of(&check(&ledger.dir(), &mut |_, _| {}).unwrap()), 3);
}

#[test]
fn a_manifest_that_was_written_for_another_file_is_noticed() {
    let ledger = exported();
    let day = ledger.dir().join("date=2025-06-15");
    for name in ["calls-16.parquet", "calls-16.json"] {
        std::fs::rename(day.join(name), day.join(name.replace("16", "18"))).unwrap();
    }
    let found = complaints(&ledger.dir());
    assert!(found[0].contains("give it and its file their own names back"), "{found:?}");
}

#[test]
fn says_what_is_wrong_with_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let complaint = |path: &Path| complaints(path).join("\n");
    assert!(complaint(&folder.path().join("none")).contains("no such folder"));
    assert!(complaint(folder.path()).contains("there is no export in it"));
    let file = folder.path().join("ledger.db");
    std::fs::write(&file, "").unwrap();
    assert!(complaint(&file).contains("it is a file"));
    assert!(complaint(folder.path()).contains("no part of an export"));
    assert!(
        Folder::open(folder.path())
            .unwrap_err()
            .to_string()
            .contains("ledger.db: it is no part of an export")
    );
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir_all(folder.path().join("date=2025-06-15")).unwrap();
    std::fs::write(folder.path().join("date=2025-06-15/other.parquet"), "").unwrap();
    assert!(complaint(folder.path()).contains("other.parquet: it is no part of an export: move it away"));

    let first = Folder::open(folder.path()).unwrap();
    assert!(
        Folder::open(folder.path()).unwrap_err().to_string().contains("another process writes this folder")
    );
    drop(first);
    Folder::open(folder.path()).unwrap();
}

#[test]
fn a_file_of_other_columns_is_refused() {
    let ledger = exported();
    // What another program has written again, with its manifest brought up to date.
    let day = ledger.dir().join("date=2025-06-15");
    let path = day.join("calls-16.parquet");
    std::fs::write(&path, "PAR1 is no table PAR1").unwrap();
    let error = crate::archive::table_reader::TableReader::open(&path).err().unwrap().to_string();
    assert!(error.contains("calls-16.parquet: it is damaged, or no Parquet file of calls"), "{error}");
}
