//! Retention that archives before it deletes.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::archive::check::check;
use crate::archive::keeper::{Keeper, Step};
use crate::archive::restore::restore;
use crate::rule::config::RulesConfig;
use crate::store::archival::{Archival, TroubleKind};

const HOUR: i64 = 3_600;
const FOLDER: &str = "SPANLEDGER_TEST_ARCHIVE_FOLDER";
const DIE_AT: &str = "SPANLEDGER_TEST_DIE_AT";

/// A ledger that keeps calls for three hours, and its archiver.
struct Archived {
    folder: tempfile::TempDir,
    ledger: SqliteAppender,
    keeper: Keeper,
    archival: Archival,
}

impl Archived {
    fn new(folder: tempfile::TempDir, max_bytes: Option<u64>) -> Self {
        std::fs::create_dir_all(folder.path().join("archive")).unwrap();
        let archival = Archival::default();
        let ledger = Ledger::open_writer(&path(&folder), &keeping(&archival, max_bytes)).unwrap();
        let keeper = keeper(folder.path(), &archival);
        Self { folder, ledger, keeper, archival }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    /// Runs both until neither has anything to do; how many calls were deleted.
    fn settle(&mut self, now: Timestamp) -> u64 {
        settle(&mut self.ledger, &self.keeper, now)
    }

    /// Only the housekeeping.
    fn maintain(&mut self, now: Timestamp) -> u64 {
        self.ledger.trust(now);
        let mut deleted = 0;
        loop {
            let run = self.ledger.maintain(now).unwrap();
            deleted += run.deleted;
            if !run.more {
                return deleted;
            }
        }
    }

    /// The identities in the archive, by a ledger that is made of it.
    fn archived(&self) -> BTreeSet<Id> {
        in_archive(&self.dir())
    }

    fn kept(&self) -> BTreeSet<Id> {
        ids(&all_calls(&path(&self.folder)))
    }
}

type Id = ([u8; 16], [u8; 8]);

fn ids(calls: &[CallRecord]) -> BTreeSet<Id> {
    calls.iter().map(|call| (call.trace_id, call.span_id)).collect()
}

fn keeping(archival: &Archival, max_bytes: Option<u64>) -> Options {
    let keep_calls = max_bytes.is_none().then(|| Duration::from_secs(3 * 3_600));
    Options { keep_calls, max_bytes, archival: Some(archival.clone()), ..options() }
}

fn keeper(folder: &Path, archival: &Archival) -> Keeper {
    let querier = Arc::new(reader(&folder.join("ledger.db")).unwrap());
    Keeper::new(folder.join("archive"), querier, archival.clone())
}

fn settle(ledger: &mut SqliteAppender, keeper: &Keeper, now: Timestamp) -> u64 {
    let mut deleted = 0;
    for _ in 0..1_000 {
        ledger.trust(now);
        let run = ledger.maintain(now).unwrap();
        deleted += run.deleted;
        match keeper.step(now) {
            Step::Idle if !run.more => return deleted,
            Step::Failed => panic!("it cannot be archived"),
            Step::Idle | Step::Archived => {}
        }
    }
    panic!("it never ends");
}

fn in_archive(dir: &Path) -> BTreeSet<Id> {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = writer(&path(&folder));
    let hours = check(dir, &mut |_, _| {}).unwrap();
    let restored = restore(&hours, &mut ledger, &mut |_| {}).unwrap();
    assert_eq!(restored.too_old + restored.without_place, 0);
    ids(&all_calls(&path(&folder)))
}

/// A call every minute for so many hours.
fn hours(hours: i64) -> (Timestamp, Vec<CallRecord>) {
    let start = Timestamp(BASE.0.div_euclid(HOUR * Timestamp::SECOND) * HOUR * Timestamp::SECOND);
    let calls = (0..hours * 60).map(|minute| {
        let call = ending_at(minute.cast_unsigned(), start.plus_seconds(minute * 60 + 30));
        CallRecord { service: if minute % 3 == 0 { "blog".into() } else { "shop".into() }, ..call }
    });
    (start, calls.collect())
}

#[test]
fn deletes_what_is_archived_and_nothing_else() {
    let mut archived = Archived::new(tempfile::tempdir().unwrap(), None);
    let (start, calls) = hours(8);
    archived.ledger.append(&calls).unwrap();
    let now = start.plus_seconds(8 * HOUR + 600);
    assert_eq!(archived.maintain(now), 0, "nothing is archived yet");
    assert_eq!(archived.settle(now), 5 * 60);
    let (kept, old) = (archived.kept(), archived.archived());
    assert_eq!((kept.len(), old.len()), (3 * 60, 5 * 60));
    assert_eq!(kept.union(&old).copied().collect::<BTreeSet<_>>(), ids(&calls));
    assert_eq!(check(&archived.dir(), &mut |_, _| {}).unwrap().len(), 5, "a file for each hour");
    assert_eq!(totals(&path(&archived.folder), ALL).calls, 8 * 60, "the totals stay");
    let status = archived.archival.status();
    assert_eq!((status.files, status.rows, status.failures), (5, 300, 0));
}

#[test]
fn what_comes_before_the_deletion_is_archived_too() {
    let mut archived = Archived::new(tempfile::tempdir().unwrap(), None);
    let (start, calls) = hours(8);
    archived.ledger.append(&calls).unwrap();
    let now = start.plus_seconds(8 * HOUR + 600);
    archived.maintain(now);
    assert_eq!(archived.keeper.step(now), Step::Archived);
    // The archiver has read the first hour, and the writer does not know yet.
    let late = ending_at(10_000, start.plus_seconds(60));
    archived.ledger.append(std::slice::from_ref(&late)).unwrap();
    assert_eq!(archived.settle(now), 5 * 60 + 1);
    assert!(archived.archived().is_superset(&ids(&[late])));
    assert_eq!(archived.archived().len(), 5 * 60 + 1);
    assert_eq!(archived.archival.status().files, 6);
}

#[test]
fn an_archive_that_cannot_be_written_stops_the_deletion_and_is_noticed() {
    let mut archived = Archived::new(tempfile::tempdir().unwrap(), None);
    let (start, calls) = hours(8);
    archived.ledger.append(&calls).unwrap();
    let now = start.plus_seconds(8 * HOUR + 600);
    let (dir, away) = (archived.dir(), archived.folder.path().join("away"));
    std::fs::rename(&dir, &away).unwrap();
    for _ in 0..3 {
        assert_eq!(archived.maintain(now), 0);
        assert_eq!(archived.keeper.step(now), Step::Failed);
    }
    archived.maintain(now);
    assert!(!dir.exists(), "a folder that may be an unmounted file system is not made");
    assert_eq!(archived.kept().len(), 8 * 60);
    let querier = reader(&path(&archived.folder)).unwrap();
    let noted = querier.archive_trouble().unwrap().unwrap();
    assert_eq!((noted.trouble.kind, noted.trouble.since), (TroubleKind::Unwritable, now));
    assert_eq!(noted.held.to, start.plus_seconds(5 * HOUR));
    let firing = || {
        let rules = RulesConfig::default();
        let states = crate::evaluate::evaluator::Evaluator::new(&rules).evaluate_all(&querier, now);
        let states = crate::report::rule_states::report_states(&states);
        let states: Vec<_> = states.iter().filter(|state| state.name == "LedgerLosing").collect();
        format!("{states:?}")
    };
    assert!(
        firing().contains("300 calls past retention cannot be archived and are not deleted"),
        "{}",
        firing()
    );

    std::fs::rename(&away, &dir).unwrap();
    assert_eq!(archived.settle(now), 5 * 60);
    assert_eq!(querier.archive_trouble().unwrap(), None);
    assert!(!firing().contains("archived"));
    assert_eq!(archived.archived().len(), 5 * 60);
}

#[test]
fn a_damaged_file_in_the_archive_stops_the_deletion() {
    let mut archived = Archived::new(tempfile::tempdir().unwrap(), None);
    let (start, calls) = hours(8);
    archived.ledger.append(&calls).unwrap();
    let now = start.plus_seconds(8 * HOUR + 600);
    archived.maintain(now);
    assert_eq!(archived.keeper.step(now), Step::Archived);
    archived.ledger.append(&[ending_at(10_000, start.plus_seconds(60))]).unwrap();
    let day = std::fs::read_dir(archived.dir())
        .unwrap()
        .map(Result::unwrap)
        .find(|day| day.path().is_dir())
        .unwrap();
    let table = std::fs::read_dir(day.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "parquet"))
        .unwrap();
    let whole = std::fs::read(&table).unwrap();
    std::fs::write(&table, &whole[1..]).unwrap();
    assert_eq!(archived.maintain(now), 0);
    assert_eq!(archived.keeper.step(now), Step::Failed);
    assert_eq!(archived.maintain(now), 0);
    assert_eq!(archived.archival.status().trouble.unwrap().kind, TroubleKind::Damaged);
    std::fs::write(&table, &whole).unwrap();
    assert_eq!(archived.settle(now), 5 * 60 + 1);
}

#[test]
fn the_size_deletes_only_what_is_archived() {
    let mut archived = Archived::new(tempfile::tempdir().unwrap(), Some(500 * 1024));
    let (start, calls) = hours(10);
    let preview = Some("x".repeat(2_000));
    let calls: Vec<_> =
        calls.into_iter().map(|call| CallRecord { response_preview: preview.clone(), ..call }).collect();
    archived.ledger.append(&calls).unwrap();
    let now = start.plus_seconds(10 * HOUR + 600);
    assert_eq!(archived.maintain(now), 0);
    let hours_kept =
        || reader(&path(&archived.folder)).unwrap().totals(ALL, &Filter::default()).unwrap().calls;
    assert_eq!(hours_kept(), 600, "totals do not go before the calls");
    let deleted = archived.settle(now);
    assert!(deleted > 100, "{deleted}");
    let (kept, old) = (archived.kept(), archived.archived());
    assert_eq!(kept.union(&old).copied().collect::<BTreeSet<_>>(), ids(&calls));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_archive_stops_the_deletion_until_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("archive");
    std::fs::create_dir(&dir).unwrap();
    let mount = |arguments: &[&str]| {
        Command::new("mount").args(arguments).arg(&dir).output().is_ok_and(|output| output.status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=128k", "tmpfs"]) {
        eprintln!("not run: this user may not mount file systems");
        return;
    }
    let mut archived = Archived::new(folder, None);
    let (start, calls) = hours(8);
    archived.ledger.append(&calls).unwrap();
    let now = start.plus_seconds(8 * HOUR + 600);
    // It takes all the space that there is, and fails.
    std::fs::write(dir.join(".ballast"), vec![0; 256 * 1024]).unwrap_err();
    archived.maintain(now);
    assert_eq!(archived.keeper.step(now), Step::Failed);
    assert_eq!(archived.archival.status().trouble.unwrap().kind, TroubleKind::Full);
    assert_eq!(archived.maintain(now), 0);
    std::fs::remove_file(dir.join(".ballast")).unwrap();
    assert!(check(&dir, &mut |_, _| {}).is_err(), "there is no part of a file");

    assert!(mount(&["-o", "remount,ro"]));
    assert_eq!(archived.keeper.step(now), Step::Failed);
    assert_eq!(archived.archival.status().trouble.unwrap().kind, TroubleKind::Unwritable);
    assert_eq!(archived.maintain(now), 0);
    assert!(mount(&["-o", "remount,rw,size=4m"]));

    assert_eq!(archived.settle(now), 5 * 60);
    assert_eq!(archived.archived().len(), 5 * 60);
    drop(archived.keeper);
    assert!(Command::new("umount").arg("-l").arg(&dir).output().unwrap().status.success());
}

/// The process that is killed.
#[test]
#[ignore = "started and killed by `a_process_killed_while_it_archives_loses_nothing`"]
#[expect(clippy::disallowed_methods, reason = "the test that started this process names the folder")]
fn archives_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let archival = Archival::default();
    let mut ledger = Ledger::open_writer(&folder.join("ledger.db"), &keeping(&archival, None)).unwrap();
    let keeper = keeper(folder, &archival);
    settle(&mut ledger, &keeper, hours(8).0.plus_seconds(8 * HOUR + 600));
}

#[test]
fn a_process_killed_while_it_archives_loses_nothing() {
    for step in
        ["first row", "table written", "table compared", "manifest written", "table named", "manifest named"]
    {
        let folder = tempfile::tempdir().unwrap();
        let (start, calls) = hours(8);
        writer(&path(&folder)).append(&calls).unwrap();
        std::fs::create_dir(folder.path().join("archive")).unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::sqlite::tests::archiving::archives_until_killed", "--ignored"])
            .env(FOLDER, folder.path())
            .env(DIE_AT, step)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{step}: it was not killed");
        assert_eq!(ids(&all_calls(&path(&folder))), ids(&calls), "{step}: nothing was deleted");

        let mut archived = Archived::new(folder, None);
        assert_eq!(archived.settle(start.plus_seconds(8 * HOUR + 600)), 5 * 60, "{step}");
        let (kept, old) = (archived.kept(), archived.archived());
        assert_eq!((kept.len(), old.len()), (3 * 60, 5 * 60), "{step}");
        assert_eq!(kept.union(&old).copied().collect::<BTreeSet<_>>(), ids(&calls), "{step}");
        let hours = check(&archived.dir(), &mut |_, _| {}).unwrap();
        assert_eq!(hours.iter().map(|hour| hour.rows).sum::<u64>(), 300, "{step}: no row is in two files");
    }
}
