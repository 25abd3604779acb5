//! The ClickHouse store's [`Querier`]: questions about totals. Those about calls are in `rows`, those about all at once in `overview`,
//! and those about what is kept next to calls in `noted`.

use std::collections::HashMap;

use super::conditions::{rollups_know, step_of};
use super::connection::{Connection, remote};
use super::memory::State;
use super::noted::text;
use super::plan::Plan;
use super::sums::{By, SumRow, Sums};
use super::{Options, schema};
use crate::record::{SkippedSpans, TagKey, Timestamp, Window};
use crate::store::history::SeriesSum;
use crate::store::overview::steps;
use crate::store::sums::{FIVE_MINUTES, whole_five_minutes};
use crate::store::{
    ArchiveTrouble, CallAccount, CallId, CallPage, Conversation, Dimension, Duplicates, Filter, FiveMinutes,
    Group, GroupRepetition, KeyUse, LargeCall, LatencySummary, Overview, OverviewQuestion, Page, Pairing,
    Querier, Repeated, RepetitionQuestion, SequenceGaps, Step, StoreError, Totals,
};

/// Stretches of a history that one query names.
const STRETCHES: usize = 1_000;

/// Answers questions about the tables. Clones share the connection.
#[derive(Debug, Clone)]
pub(crate) struct ClickHouseQuerier {
    pub(super) connection: Connection,
    pub(super) database: String,
}

impl ClickHouseQuerier {
    /// Prepares questions.
    ///
    /// # Errors
    /// [`StoreError::NoTables`] when there are no tables, [`StoreError::Newer`], or what ClickHouse refuses.
    pub(crate) fn open(options: &Options) -> Result<Self, StoreError> {
        let connection = Connection::new(options)?;
        if schema::version(&connection, &options.database)? < schema::VERSION {
            return Err(StoreError::NoTables { path: options.name().into() });
        }
        Ok(Self { connection, database: options.database.clone() })
    }

    /// A text that the writer keeps with the ledger.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        text(&self.connection, &self.database, name)
    }

    /// What of a window is in rollups, where they know what is asked.
    pub(super) fn plan(
        &self,
        stretches: impl IntoIterator<Item = Window>,
        window: Window,
        rollups: bool,
    ) -> Result<Plan, StoreError> {
        if !rollups {
            return Ok(Plan::of_calls(window));
        }
        let state = State::load(&self.connection, &self.database)?;
        Ok(Plan::of(stretches, state.closed))
    }

    fn sums(&self, question: &Sums<'_>) -> Result<Vec<SumRow>, StoreError> {
        self.connection.rows(&question.sql())
    }

    /// Totals of one window.
    pub(super) fn of_window(
        &self,
        window: Window,
        filter: &Filter,
        by: By,
        latency: bool,
        limit: Option<usize>,
    ) -> Result<Vec<SumRow>, StoreError> {
        // Users are added up without a filter only.
        let rollups =
            rollups_know(filter) && (by != By::Dimension(Dimension::User) || *filter == Filter::default());
        let plan = self.plan([window], window, rollups)?;
        let database = &self.database;
        self.sums(&Sums { database, plan: &plan, filter, by, at: "0", latency, limit })
    }
}

impl Querier for ClickHouseQuerier {
    fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError> {
        let found = self.of_window(window, filter, By::All, false, None)?;
        Ok(found.first().map(SumRow::totals).unwrap_or_default())
    }

    fn breakdown(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Vec<Group>, StoreError> {
        let found = self.of_window(window, filter, By::Dimension(by), false, Some(limit))?;
        Ok(found
            .into_iter()
            .map(|row| {
                let totals = row.totals();
                Group { name: row.name, totals }
            })
            .collect())
    }

    fn five_minutes(
        &self,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> Result<Vec<FiveMinutes>, StoreError> {
        // As a ledger on one machine, which adds users up without a filter only.
        if by == Some(Dimension::User) && *filter != Filter::default() {
            return Ok(Vec::new());
        }
        let window = whole_five_minutes(window);
        let plan = self.plan([window], window, rollups_know(filter))?;
        // Hours have several of them.
        let plan = plan.without_hours();
        let at = format!("k_at - positiveModulo(k_at, {FIVE_MINUTES})");
        let by = by.map_or(By::All, By::Dimension);
        let database = &self.database;
        let mut found =
            self.sums(&Sums { database, plan: &plan, filter, by, at: &at, latency: false, limit: None })?;
        found.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
        let five = |row: SumRow| FiveMinutes {
            at: Timestamp(row.at),
            totals: row.totals(),
            first_chunks: row.first_chunks,
            first_chunk_ns: row.first_chunk_ns,
            name: row.name.into(),
        };
        Ok(found.into_iter().map(five).collect())
    }

    fn series(&self, window: Window, filter: &Filter, step_seconds: i64) -> Result<Vec<Step>, StoreError> {
        let steps = steps(window, step_seconds).map_err(|detail| remote(&self.database, detail))?;
        let plan = self.plan(steps.iter().copied(), window, rollups_know(filter))?;
        // All steps but the first are of one length.
        let base = steps.get(1).or(steps.first()).map_or(0, |step| step.from.0);
        let at = format!(
            "greatest(k_at - positiveModulo(k_at - ({base}), {}), {})",
            step_seconds.saturating_mul(Timestamp::SECOND),
            window.from.0
        );
        let database = &self.database;
        let question =
            Sums { database, plan: &plan, filter, by: By::All, at: &at, latency: true, limit: None };
        let found: HashMap<i64, SumRow> = match steps.is_empty() {
            true => HashMap::new(),
            false => self.sums(&question)?.into_iter().map(|row| (row.at, row)).collect(),
        };
        let step = |step: Window| {
            let row = found.get(&step.from.0);
            Step {
                at: step.from,
                totals: row.map(SumRow::totals).unwrap_or_default(),
                latency: row.map(SumRow::latency).unwrap_or_default(),
            }
        };
        Ok(steps.into_iter().map(step).collect())
    }

    fn history(&self, edges: &[Timestamp]) -> Result<Vec<Vec<SeriesSum>>, StoreError> {
        let mut names = HashMap::new();
        let mut all = Vec::new();
        let mut first = 0;
        while let Some(part) =
            edges.get(first..edges.len().min(first + STRETCHES + 1)).filter(|p| p.len() > 1)
        {
            let stretches: Vec<Window> =
                part.windows(2).map(|pair| Window { from: pair[0], to: pair[1] }).collect();
            let window = Window { from: part[0], to: part[part.len() - 1] };
            let plan = self.plan(stretches.iter().copied(), window, true)?;
            let (at, filter) = (step_of(part), Filter::default());
            let question = Sums {
                database: &self.database,
                plan: &plan,
                filter: &filter,
                by: By::Series,
                at: &at,
                latency: true,
                limit: None,
            };
            let mut found: HashMap<i64, Vec<SeriesSum>> = HashMap::new();
            for row in self.sums(&question)? {
                found.entry(row.at).or_default().push(row.series(&mut names));
            }
            // An empty stretch has no calls; one that begins where it does may have.
            all.extend(stretches.iter().map(|stretch| match stretch.from < stretch.to {
                true => found.remove(&stretch.from.0).unwrap_or_default(),
                false => Vec::new(),
            }));
            first += STRETCHES;
        }
        Ok(all)
    }

    fn overview(&self, question: &OverviewQuestion<'_>) -> Result<Overview, StoreError> {
        self.overview_of_sums(question)
    }

    fn tag_keys(&self) -> Result<Vec<TagKey>, StoreError> {
        self.noted_tag_keys()
    }

    fn latency(&self, window: Window, filter: &Filter) -> Result<LatencySummary, StoreError> {
        let found = self.of_window(window, filter, By::All, true, None)?;
        Ok(found.first().map(SumRow::latency).unwrap_or_default())
    }

    fn repeated(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<Repeated>, StoreError> {
        self.repeated_rows(window, filter, more_than, limit)
    }

    fn duplicates(&self, window: Window, filter: &Filter) -> Result<Duplicates, StoreError> {
        let question = RepetitionQuestion { by: None, groups: 1, more_than: u64::MAX, hashes: 0 };
        let found = self.repetition_rows(window, filter, &question)?;
        Ok(found.first().map(|group| group.duplicates).unwrap_or_default())
    }

    fn repetition(
        &self,
        window: Window,
        filter: &Filter,
        question: &RepetitionQuestion,
    ) -> Result<Vec<GroupRepetition>, StoreError> {
        self.repetition_rows(window, filter, question)
    }

    fn largest_calls(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError> {
        self.largest_rows(window, filter, more_than, limit)
    }

    fn served_models(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Pairing>, StoreError> {
        self.served_rows(window, filter, limit)
    }

    fn conversations(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Conversation>, StoreError> {
        self.conversation_rows(window, filter, limit)
    }

    fn archive_trouble(&self) -> Result<Option<ArchiveTrouble>, StoreError> {
        self.noted_trouble()
    }

    fn key_uses(&self, window: Window, limit: usize) -> Result<Vec<KeyUse>, StoreError> {
        self.key_rows(window, limit)
    }

    fn sequence_gaps(
        &self,
        noticed: Window,
        now: Timestamp,
        filter: &Filter,
        limit: usize,
    ) -> Result<SequenceGaps, StoreError> {
        self.noted_gaps(noticed, now, filter, limit)
    }

    fn skipped(&self, window: Window) -> Result<SkippedSpans, StoreError> {
        self.noted_skipped(window)
    }

    fn last_call(&self, before: Timestamp, filter: &Filter) -> Result<Option<Timestamp>, StoreError> {
        self.last_row(before, filter)
    }

    fn calls(&self, window: Window, filter: &Filter, page: Page) -> Result<CallPage, StoreError> {
        self.page_of_rows(window, filter, page)
    }

    fn accounts(&self, window: Window, id: &CallId, limit: usize) -> Result<Vec<CallAccount>, StoreError> {
        self.account_rows(window, id, limit)
    }
}
