use std::path::{Path, PathBuf};

use super::check::{CheckedHour, check};
use super::folder::Folder;
use super::hour::{HourDone, within_hour, write_hour};
use super::restore::restore;
use crate::evaluate::evaluator::Evaluator;
use crate::record::{CallRecord, Timestamp, Window};
use crate::rule::config::RulesConfig;
use crate::store::conformance::TestStore;
use crate::store::conformance::records::{BASE, call, ending_at};
use crate::store::export::{Exporter, HourFacts, Restored, StoredCall};
use crate::store::sqlite::{Ledger, Options, SqliteAppender, SqliteQuerier};
use crate::store::{Appender, Querier};

mod clickhouse;
mod columns;
mod damage;
mod documented;
mod killed;
mod late;
mod travel;

const EVER: Window = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
const HOUR: i64 = 3_600 * Timestamp::SECOND;

/// A ledger in a folder of its own.
struct TestLedger {
    folder: tempfile::TempDir,
    appender: SqliteAppender,
    querier: SqliteQuerier,
}

impl TestLedger {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let appender = Ledger::open_writer(&path, &Options::default()).unwrap();
        Self { querier: Ledger::open_reader(&path).unwrap(), folder, appender }
    }

    fn with(calls: &[CallRecord]) -> Self {
        let mut ledger = Self::new();
        ledger.appender.append(calls).unwrap();
        ledger
    }

    /// The folder of an export.
    fn dir(&self) -> PathBuf {
        self.folder.path().join("export")
    }

    fn settle(&mut self, now: Timestamp) {
        while self.appender.maintain(now).unwrap().more {}
    }

    fn export(&self) -> HourDone {
        export(&self.querier, &self.dir(), EVER)
    }

    /// Brings in what another ledger has exported.
    fn import(&mut self, dir: &Path) -> Restored {
        restore(&check(dir, &mut |_, _| {}).unwrap(), &mut self.appender, &mut |_| {}).unwrap()
    }

    fn into_store(self) -> TestStore {
        let Self { folder, appender, querier } = self;
        TestStore {
            appender: Box::new(appender),
            querier: Box::new(querier),
            reopen: None,
            _keep: Box::new(folder),
        }
    }
}

fn export(exporter: &dyn Exporter, dir: &Path, window: Window) -> HourDone {
    let folder = Folder::open(dir).unwrap();
    let (mut all, mut rest) = (HourDone::default(), window);
    while let Some(hour) = exporter.next_hour(rest).unwrap() {
        let part = within_hour(rest, hour);
        let done = write_hour(&folder, exporter, part).unwrap();
        all.written += done.written;
        all.known += done.known;
        all.files += done.files;
        if part.to >= window.to {
            break;
        }
        rest.from = part.to;
    }
    all
}

/// Everything that a ledger has of calls, by hour.
fn everything(exporter: &dyn Exporter) -> Vec<(i64, Vec<StoredCall>, HourFacts)> {
    let (mut all, mut rest) = (Vec::new(), EVER);
    while let Some(hour) = exporter.next_hour(rest).unwrap() {
        let part = within_hour(rest, hour);
        exporter
            .hour(part, &mut |rows| {
                let mut found = Vec::new();
                rows.each(&mut |row| {
                    found.push(row);
                    true
                })
                .unwrap();
                all.push((hour, found, rows.facts().unwrap()));
            })
            .unwrap();
        if part.to == EVER.to {
            break;
        }
        rest.from = part.to;
    }
    all
}

/// Both ledgers answer the same: rows, facts, the report, the periods of the page and every rule.
fn assert_same(one: &SqliteQuerier, other: &SqliteQuerier, now: Timestamp) {
    assert_eq!(everything(one), everything(other));
    for window in [EVER, Window::last(86_400, now), Window::last(3_600, now)] {
        let rules = RulesConfig::default();
        let report = |querier: &SqliteQuerier| {
            let states = Evaluator::new(&rules).evaluate_all(querier, now);
            let states = crate::report::rule_states::report_states(&states);
            let window =
                Window { from: window.from.max(now.plus_seconds(-30 * 86_400)), to: window.to.min(now) };
            crate::report::to_json(&crate::report::build(querier, window, &states, now).unwrap()).unwrap()
        };
        assert_eq!(report(one), report(other));
    }
    let day = Window::last(86_400, now);
    assert_eq!(one.key_uses(day, 100).unwrap(), other.key_uses(day, 100).unwrap());
    let edges: Vec<Timestamp> = (0..=24).map(|hour| now.plus_seconds((hour - 24) * 3_600)).collect();
    let history = |querier: &SqliteQuerier| {
        let mut history = querier.history(&edges).unwrap();
        history.iter_mut().for_each(|sums| sums.sort_by(|one, other| one.names.cmp(&other.names)));
        history
    };
    assert_eq!(history(one), history(other));
}

/// Names of all files below a folder, those of work in progress included.
fn names(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for day in std::fs::read_dir(dir).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
        for entry in std::fs::read_dir(day.path()).unwrap() {
            names.push(format!("{}/{}", day.file_name().display(), entry.unwrap().file_name().display()));
        }
    }
    names.sort();
    names
}

fn rows_of(hours: &[CheckedHour]) -> u64 {
    hours.iter().map(|hour| hour.rows).sum()
}
