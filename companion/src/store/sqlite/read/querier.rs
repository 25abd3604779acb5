//! The SQLite store's [`Querier`]: each question in one short read transaction on a connection of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::record::{SkippedSpans, TagKey, Timestamp, Window, hours_of};
use crate::store::history::SeriesSum;
use crate::store::sqlite::Limits;
use crate::store::sqlite::file::error::store_error;
use crate::store::sqlite::file::names::Names;
use crate::store::sqlite::file::open;
use crate::store::sqlite::file::skipped;
use crate::store::sqlite::file::watch::Watch;
use crate::store::sqlite::file::watermarks::Watermarks;
use crate::store::sqlite::read::processes::{self, ProcessAccount};
use crate::store::sqlite::read::scan::{Columns, Snapshot};
use crate::store::sqlite::read::{archive, gaps};
use crate::store::sqlite::rollup::grain::minute_start;
use crate::store::sums::most_called;
use crate::store::{
    ArchiveTrouble, Breakdown, CallAccount, CallId, CallPage, Conversation, Dimension, Duplicates, Filter,
    FiveMinuteCalls, FiveMinutes, Group, GroupRepetition, KeyUse, LargeCall, LatencySummary, Overview,
    OverviewQuestion, Page, Pairing, Querier, Repeated, RepetitionQuestion, SequenceGaps, ServiceGaps, Step,
    StoreError, Totals,
};

/// Idle connections kept; more questions at once open more, and close them after.
const IDLE: usize = 2;

/// Answers questions about one ledger. Clones share connections and what they remember.
#[derive(Debug, Clone)]
pub struct SqliteQuerier {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    names: Names,
    limits: Limits,
    idle: Mutex<Vec<Connection>>,
    /// What the connections have open.
    watch: Watch,
}

impl SqliteQuerier {
    pub(crate) fn open(path: PathBuf, limits: Limits) -> Result<Self, StoreError> {
        let first = open::reader(&path)?;
        let idle = Mutex::new(vec![first]);
        let watch = Watch::of(&path, None);
        Ok(Self { shared: Arc::new(Shared { path, names: Names::default(), limits, idle, watch }) })
    }

    /// What the ledger has of each process that numbers its calls. Reads every call.
    ///
    /// # Errors
    /// [`StoreError`] when the ledger cannot answer.
    pub(crate) fn processes(&self) -> Result<Vec<ProcessAccount>, StoreError> {
        self.ask(|snapshot| processes::all(snapshot.connection, &snapshot.watermarks))
    }

    /// The ledger's file.
    pub(super) fn path(&self) -> &Path {
        &self.shared.path
    }

    pub(super) fn ask<T>(
        &self,
        question: impl FnOnce(&Snapshot<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = || self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.watch.check()?;
        let waiting = idle().pop();
        let connection = match waiting {
            Some(connection) => connection,
            None => open::reader(&self.shared.path)?,
        };
        let answer = (|| {
            let transaction = connection.unchecked_transaction()?;
            let watermarks = Watermarks::load(&transaction)?;
            let Shared { names, limits, .. } = &*self.shared;
            let snapshot = Snapshot {
                connection: &transaction,
                names,
                watermarks,
                limits: *limits,
                columns: Columns::of(&transaction)?,
            };
            question(&snapshot)
            // The transaction ends here: a reader that stays holds back the writer's checkpoint.
        })()
        .map_err(|error| store_error(&self.shared.path, &error))?;
        let mut idle = idle();
        if idle.len() < IDLE {
            idle.push(connection);
        }
        Ok(answer)
    }
}

impl Querier for SqliteQuerier {
    fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError> {
        self.ask(|snapshot| snapshot.totals(window, filter))
    }

    fn breakdown(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Vec<Group>, StoreError> {
        self.ask(|snapshot| snapshot.breakdown(window, filter, by, limit))
    }

    fn breakdown_of_all(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Breakdown, StoreError> {
        self.ask(|snapshot| snapshot.breakdown_of_all(window, filter, by, limit))
    }

    fn calls_of_users(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        self.ask(|snapshot| snapshot.calls_of_users(window, filter, limit))
    }

    fn five_minutes(
        &self,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> Result<Vec<FiveMinutes>, StoreError> {
        self.ask(|snapshot| snapshot.five_minutes(window, filter, by))
    }

    fn five_minute_calls(
        &self,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
        most: usize,
    ) -> Result<Vec<FiveMinuteCalls>, StoreError> {
        if by == Some(Dimension::User) && *filter == Filter::default() {
            return self.ask(|snapshot| snapshot.five_minute_calls_of_users(window, most));
        }
        Ok(most_called(self.five_minutes(window, filter, by)?, most))
    }

    fn series(&self, window: Window, filter: &Filter, step_seconds: i64) -> Result<Vec<Step>, StoreError> {
        self.ask(|snapshot| snapshot.series(window, filter, step_seconds))
    }

    fn history(&self, edges: &[Timestamp]) -> Result<Vec<Vec<SeriesSum>>, StoreError> {
        self.ask(|snapshot| snapshot.history(edges))
    }

    fn overview(&self, question: &OverviewQuestion<'_>) -> Result<Overview, StoreError> {
        self.ask(|snapshot| snapshot.overview(question))
    }

    fn tag_keys(&self) -> Result<Vec<TagKey>, StoreError> {
        self.ask(|snapshot| snapshot.tag_keys())
    }

    fn latency(&self, window: Window, filter: &Filter) -> Result<LatencySummary, StoreError> {
        self.ask(|snapshot| snapshot.latency(window, filter))
    }

    fn repeated(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<Repeated>, StoreError> {
        self.ask(|snapshot| snapshot.repeated(window, filter, more_than, limit))
    }

    fn duplicates(&self, window: Window, filter: &Filter) -> Result<Duplicates, StoreError> {
        self.ask(|snapshot| snapshot.duplicates(window, filter))
    }

    fn repetition(
        &self,
        window: Window,
        filter: &Filter,
        question: &RepetitionQuestion,
    ) -> Result<Vec<GroupRepetition>, StoreError> {
        self.ask(|snapshot| snapshot.repetition_by(window, filter, question))
    }

    fn largest_calls(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError> {
        self.ask(|snapshot| snapshot.largest_calls(window, filter, more_than, limit))
    }

    fn served_models(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Pairing>, StoreError> {
        self.ask(|snapshot| snapshot.served_models(window, filter, limit))
    }

    fn conversations(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Conversation>, StoreError> {
        self.ask(|snapshot| snapshot.conversations(window, filter, limit))
    }

    fn key_uses(&self, window: Window, limit: usize) -> Result<Vec<KeyUse>, StoreError> {
        self.ask(|snapshot| snapshot.key_uses(window, limit))
    }

    fn sequence_gaps(
        &self,
        noticed: Window,
        now: Timestamp,
        filter: &Filter,
        limit: usize,
    ) -> Result<SequenceGaps, StoreError> {
        self.ask(|snapshot| {
            gaps::missing(snapshot.connection, kept_gaps(snapshot, noticed, now), filter, limit)
        })
    }

    fn missing_by_service(
        &self,
        noticed: Window,
        now: Timestamp,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<ServiceGaps>, StoreError> {
        self.ask(|snapshot| {
            gaps::missing_by_service(snapshot.connection, kept_gaps(snapshot, noticed, now), filter, limit)
        })
    }

    fn archive_trouble(&self) -> Result<Option<ArchiveTrouble>, StoreError> {
        self.ask(|snapshot| archive::trouble(snapshot.connection, &snapshot.watermarks))
    }

    fn skipped(&self, window: Window) -> Result<SkippedSpans, StoreError> {
        self.ask(|snapshot| skipped::read(snapshot.connection, hours_of(window)))
    }

    fn last_call(&self, before: Timestamp, filter: &Filter) -> Result<Option<Timestamp>, StoreError> {
        self.ask(|snapshot| snapshot.last_call(before, filter))
    }

    fn calls(&self, window: Window, filter: &Filter, page: Page) -> Result<CallPage, StoreError> {
        self.ask(|snapshot| snapshot.calls(window, filter, page))
    }

    fn accounts(&self, window: Window, id: &CallId, limit: usize) -> Result<Vec<CallAccount>, StoreError> {
        self.ask(|snapshot| snapshot.accounts(window, id, limit))
    }
}

/// The part of `noticed` whose gaps are kept and known at `now`.
fn kept_gaps(snapshot: &Snapshot<'_>, noticed: Window, now: Timestamp) -> Window {
    let from = noticed.from.max(minute_start(snapshot.watermarks.calls_from));
    Window { from, to: noticed.to.min(now) }
}
