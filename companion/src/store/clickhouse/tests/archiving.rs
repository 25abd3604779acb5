//! Retention that archives before it deletes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::archive::check::check;
use crate::archive::keeper::{Keeper, Step};
use crate::archive::restore::restore;
use crate::record::{CallRecord, Window};
use crate::store::archival::{Archival, TroubleKind};
use crate::store::conformance::records::{BASE, ending_at};
use crate::store::sqlite::{Ledger, Options as FileOptions};
use crate::store::{Appender as _, Filter, Page, Querier};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

type Id = ([u8; 16], [u8; 8]);

fn ever() -> Window {
    Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) }
}

fn listed(querier: &dyn Querier) -> BTreeSet<Id> {
    let page = Page { limit: 10_000, after: None };
    let calls = querier.calls(ever(), &Filter::default(), page).unwrap().calls;
    calls.iter().map(|call| (call.trace_id, call.span_id)).collect()
}

/// The calls in the archive, by a ledger that is made of it.
fn archived(dir: &Path) -> BTreeSet<Id> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut ledger = Ledger::open_writer(&path, &FileOptions::default()).unwrap();
    restore(&check(dir, &mut |_, _| {}).unwrap(), &mut ledger, &mut |_| {}).unwrap();
    listed(&Ledger::open_reader(&path).unwrap())
}

struct Archived {
    options: Options,
    writer: ClickHouseAppender,
    querier: ClickHouseQuerier,
    keeper: Keeper,
    dir: std::path::PathBuf,
    _keep: (engine::Database, tempfile::TempDir),
}

impl Archived {
    /// A ledger that keeps calls for a day, and its archiver.
    fn new() -> Option<Self> {
        engine::address()?;
        let folder = tempfile::tempdir().unwrap();
        let archival = Archival::default();
        let options = Options {
            keep_calls: Some(Duration::from_secs(86_400)),
            archival: Some(archival.clone()),
            ..options()
        };
        let mut writer = ClickHouseAppender::open(&options).unwrap();
        writer.expect_nothing_late();
        let querier = ClickHouseQuerier::open(&options).unwrap();
        let dir = folder.path().join("archive");
        std::fs::create_dir(&dir).unwrap();
        let keeper = Keeper::new(dir.clone(), Arc::new(ClickHouseArchive::new(querier.clone())), archival);
        let _keep = (engine::Database::of(&options), folder);
        Some(Self { options, writer, querier, keeper, dir, _keep })
    }

    /// Runs both until neither has anything to do, or the archiver has done so many steps. How many calls were deleted.
    fn settle(&mut self, now: Timestamp, steps: usize) -> u64 {
        let (mut deleted, mut done) = (0, 0);
        loop {
            let run = self.writer.maintain(now).unwrap();
            deleted += run.deleted;
            match self.keeper.step(now) {
                Step::Failed => return deleted,
                Step::Idle if !run.more => return deleted,
                Step::Idle => {}
                Step::Archived => done += 1,
            }
            if done == steps {
                return deleted;
            }
        }
    }
}

/// From the beginning of a day on, a call in every second hour of so many days.
fn days(days: i64) -> (Timestamp, Vec<CallRecord>) {
    let start = Timestamp(BASE.0.div_euclid(DAY * Timestamp::SECOND) * DAY * Timestamp::SECOND);
    let call = |number: i64| ending_at(number.cast_unsigned(), start.plus_seconds(number * 2 * HOUR + 600));
    (start, (0..days * 12).map(call).collect())
}

#[test]
fn deletes_days_that_are_archived_and_nothing_else() {
    let Some(mut archived_ledger) = Archived::new() else { return };
    let ledger = &mut archived_ledger;
    let (start, calls) = days(3);
    let now = start.plus_seconds(3 * DAY);
    ledger.writer.append(&calls[..35]).unwrap();
    // Half of what is to be deleted is archived when a call comes late.
    assert_eq!(ledger.settle(now, 7), 0, "no day is archived whole");
    let late = [CallRecord { trace_id: [99; 16], ..calls[1].clone() }];
    ledger.writer.append(&late).unwrap();
    assert_eq!(ledger.settle(now, 1_000), 25);
    ledger.writer.append(&calls[35..]).unwrap();
    assert_eq!(ledger.settle(now, 1_000), 0, "the last day is kept");
    let (old, kept) = (archived(&ledger.dir), listed(&ledger.querier));
    assert_eq!((old.len(), kept.len()), (25, 12));
    let all = calls.iter().chain(&late).map(|call| (call.trace_id, call.span_id));
    assert_eq!(old.union(&kept).copied().collect::<BTreeSet<_>>(), all.collect());
    assert_eq!(ledger.querier.totals(ever(), &Filter::default()).unwrap().calls, 37, "the totals stay");
    assert_eq!(ledger.keeper.status().failures, 0);
}

#[test]
fn an_archive_that_cannot_be_written_stops_the_deletion_and_is_named() {
    let Some(mut ledger) = Archived::new() else { return };
    let (start, calls) = days(3);
    let now = start.plus_seconds(4 * DAY);
    ledger.writer.append(&calls).unwrap();
    std::fs::remove_dir(&ledger.dir).unwrap();
    let mut deleted = 0;
    for _ in 0..40 {
        deleted += ledger.settle(now, 1_000);
    }
    assert_eq!(deleted, 0);
    let noted = ledger.querier.archive_trouble().unwrap().unwrap();
    assert_eq!((noted.trouble.kind, noted.trouble.since), (TroubleKind::Unwritable, now));
    assert_eq!(noted.held.to, start.plus_seconds(2 * DAY));
    // What is noted outlives the writer, which expects rows that land late at first, and deletes nothing meanwhile.
    std::fs::create_dir(&ledger.dir).unwrap();
    drop(ledger.writer);
    ledger.writer = ClickHouseAppender::open(&ledger.options).unwrap();
    assert_eq!(ledger.settle(now, 1_000), 0);
    ledger.writer.expect_nothing_late();
    assert_eq!(ledger.settle(now, 1_000), 24);
    assert_eq!(ledger.querier.archive_trouble().unwrap(), None);
    assert_eq!((archived(&ledger.dir).len(), listed(&ledger.querier).len()), (24, 12));
}
