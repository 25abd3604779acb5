//! What is kept next to calls: states, texts, the numbers of processes, passages, and counts of what was skipped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::super::connection::{lists, literal};
use super::super::noted::text;
use super::super::row::end_of;
use super::{ASKED, ClickHouseAppender};
use crate::record::{SkippedHours, Timestamp};
use crate::store::sequence::Sequences;
use crate::store::{Batch, StoreError};

#[derive(Debug, Row, Serialize)]
struct StateRow {
    name: String,
    value: i64,
    version: u64,
}

#[derive(Debug, Row, Serialize)]
struct TextRow {
    name: String,
    text: String,
    version: u64,
}

#[derive(Debug, Row, Serialize)]
struct InstanceRow {
    instance: String,
    service: String,
    last_seen: i64,
    remarkable: bool,
    state: String,
    version: u64,
}

#[derive(Debug, Row, Serialize)]
struct SkippedRow {
    hour: i64,
    scope: String,
    reason: String,
    spans: u64,
    version: u64,
}

#[derive(Debug, Row, Serialize)]
struct PassageRow {
    version: u64,
    trace_id: [u8; 16],
    span_id: [u8; 8],
    parent_span_id: Option<[u8; 8]>,
    boundary: bool,
}

impl ClickHouseAppender {
    pub(super) fn note(&mut self, states: &[(&str, i64)]) -> Result<(), StoreError> {
        let version = self.next_version();
        let row = |(name, value): &(&str, i64)| StateRow { name: (*name).to_owned(), value: *value, version };
        let table = format!("{}.state", self.options.database);
        self.connection.insert(&table, states.iter().map(row).collect())
    }

    /// A text that is kept with the ledger, for the companion that takes over.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        text(&self.connection, &self.options.database, name)
    }

    /// What keeps such a text, from any thread.
    pub(crate) fn text_keeper(
        &self,
        name: &'static str,
    ) -> impl Fn(&str) -> Result<(), StoreError> + Send + Sync + 'static {
        let (connection, table) = (self.connection.clone(), format!("{}.texts", self.options.database));
        // One process keeps texts at a time, and its terms rise. All that it keeps count by one number.
        let version = Arc::clone(&self.texts);
        move |text| {
            let version = version.fetch_add(1, Ordering::Relaxed) + 1;
            let row = TextRow { name: name.to_owned(), text: text.to_owned(), version };
            connection.insert(&table, vec![row])
        }
    }

    /// Writes what batches bring next to their calls. All of it may be written twice, but for the counts of what was
    /// skipped.
    pub(super) fn write_rest(&mut self, batches: &[Batch<'_>]) -> Result<(), StoreError> {
        let version = self.next_version();
        let database = self.options.database.clone();
        self.write_instances(batches)?;
        let passages = batches.iter().flat_map(|batch| batch.passages).map(|passage| PassageRow {
            version,
            trace_id: passage.trace_id,
            span_id: passage.span_id,
            parent_span_id: passage.parent_span_id,
            boundary: passage.boundary,
        });
        self.connection.insert(&format!("{database}.passages"), passages.collect())?;
        let mut skipped = SkippedHours::default();
        batches.iter().filter_map(|batch| batch.skipped).for_each(|of| skipped.absorb(of));
        let mut rows = Vec::new();
        for (hour, spans) in skipped.iter() {
            rows.extend(spans.iter().map(|(scope, reason, spans)| SkippedRow {
                hour,
                scope: scope.to_owned(),
                reason: reason.as_str().to_owned(),
                spans,
                version,
            }));
        }
        self.connection.insert(&format!("{database}.skipped"), rows)
    }

    fn write_instances(&mut self, batches: &[Batch<'_>]) -> Result<(), StoreError> {
        let calls = || batches.iter().flat_map(|batch| batch.calls);
        let reports = || batches.iter().flat_map(|batch| batch.processes);
        let of_calls = calls()
            .filter(|call| call.sequence.is_some())
            .filter_map(|call| Some((call.instance.clone()?, call.service.clone())));
        let of_reports = reports().map(|report| (report.instance.clone(), report.service.clone()));
        self.change_instances(&of_calls.chain(of_reports).collect(), |sequences| {
            calls().for_each(|call| sequences.see(call, Timestamp(end_of(call))));
            reports().for_each(|report| sequences.note(report));
        })
    }

    /// Changes what is known of these processes, and writes it.
    pub(super) fn change_instances(
        &mut self,
        names: &BTreeSet<(String, String)>,
        change: impl FnOnce(&mut Sequences),
    ) -> Result<(), StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            state: String,
        }
        let version = self.next_version();
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let missing = names.iter().filter(|name| !memory.sequences.has(name));
        let missing: Vec<String> = missing
            .map(|(instance, service)| format!("({}, {})", literal(instance), literal(service)))
            .collect();
        for list in lists(missing, ", ", ASKED) {
            let found: Vec<Found> = self.connection.rows(&format!(
                "SELECT state FROM {}.instances FINAL WHERE (instance, service) IN ({list})",
                self.options.database
            ))?;
            found.iter().for_each(|found| memory.sequences.restore(&found.state));
        }
        change(&mut memory.sequences);
        let rows = names.iter().filter_map(|name| {
            let (state, last_seen, remarkable) = memory.sequences.state(name)?;
            let (instance, service) = name.clone();
            Some(InstanceRow { instance, service, last_seen: last_seen.0, remarkable, state, version })
        });
        let rows = rows.collect();
        memory.sequences.bound();
        self.connection.insert(&format!("{}.instances", self.options.database), rows)
    }
}
