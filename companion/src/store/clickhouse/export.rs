//! The ledger read whole, an hour at a time.

use std::sync::OnceLock;

use clickhouse::Row;
use serde::Deserialize;

use super::connection::{bytes, literal};
use super::memory::State;
use super::plan::HOUR;
use super::querier::ClickHouseQuerier;
use super::row::CallRow;
use crate::record::{Timestamp, Window};
use crate::store::export::{Exporter, HourFacts, HourRows, KeyCount, SkippedCount, StoredCall};
use crate::store::sequence::Sequences;
use crate::store::{Querier as _, StoreError};

/// Accounts that are read together.
const PAGE: usize = 10_000;
/// Processes that travel; of more, those that were seen last.
const PROCESSES: usize = 1_000_000;

/// Reads the accounts of the tables. What is known of processes is read once.
#[derive(Debug)]
pub(crate) struct ClickHouseExporter {
    querier: ClickHouseQuerier,
    processes: OnceLock<Sequences>,
}

impl ClickHouseExporter {
    /// Reads what `querier` asks.
    pub(crate) const fn new(querier: ClickHouseQuerier) -> Self {
        Self { querier, processes: OnceLock::new() }
    }

    fn processes(&self) -> Result<&Sequences, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            state: String,
        }
        if let Some(known) = self.processes.get() {
            return Ok(known);
        }
        let found: Vec<Found> = self.querier.connection.rows(&format!(
            "SELECT state FROM {}.instances FINAL ORDER BY last_seen DESC LIMIT {PROCESSES}",
            self.querier.database
        ))?;
        let mut sequences = Sequences::default();
        found.iter().for_each(|found| sequences.restore(&found.state));
        Ok(self.processes.get_or_init(|| sequences))
    }
}

/// Reads the tables an hour at a time for as long as a companion runs: what is known of processes is read for each.
#[derive(Debug)]
pub(crate) struct ClickHouseArchive(ClickHouseQuerier);

impl ClickHouseArchive {
    /// Reads what `querier` asks.
    pub(crate) const fn new(querier: ClickHouseQuerier) -> Self {
        Self(querier)
    }

    fn now(&self) -> ClickHouseExporter {
        ClickHouseExporter::new(self.0.clone())
    }
}

impl Exporter for ClickHouseArchive {
    fn next_hour(&self, window: Window) -> Result<Option<i64>, StoreError> {
        self.now().next_hour(window)
    }

    fn hour(&self, window: Window, work: &mut dyn FnMut(&dyn HourRows)) -> Result<(), StoreError> {
        self.now().hour(window, work)
    }

    fn deleted_before(&self) -> Result<Option<Timestamp>, StoreError> {
        self.now().deleted_before()
    }
}

impl Exporter for ClickHouseExporter {
    fn next_hour(&self, window: Window) -> Result<Option<i64>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            first: i64,
        }
        let (from, to) = (window.from.0, window.to.0);
        let (first, last) = (from.div_euclid(HOUR), to.saturating_sub(1).div_euclid(HOUR));
        let database = &self.querier.database;
        let hours = |table: &str| {
            format!(
                "SELECT min(hour) AS first FROM {database}.{table} WHERE hour >= {first} AND hour <= {last} \
                 HAVING count() > 0"
            )
        };
        let found: Vec<Found> = self.querier.connection.rows(&format!(
            "SELECT toInt64(floor(min(end) / {HOUR})) AS first FROM {database}.calls WHERE end >= {from} AND end < {to} \
             HAVING count() > 0 UNION ALL {} UNION ALL {}",
            hours("skipped"),
            hours("keys")
        ))?;
        let of_processes = self.processes()?.first_within(window).map(|at| at.0.div_euclid(HOUR));
        Ok(found.into_iter().map(|found| found.first).chain(of_processes).min())
    }

    fn hour(&self, window: Window, work: &mut dyn FnMut(&dyn HourRows)) -> Result<(), StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            newest: u64,
        }
        let newest: Option<Found> = self.querier.connection.row(&format!(
            "SELECT max(version) AS newest FROM {}.calls WHERE end >= {} AND end < {}",
            self.querier.database, window.from.0, window.to.0
        ))?;
        let version = newest.map_or(0, |found| found.newest);
        work(&Rows { exporter: self, window, version });
        Ok(())
    }

    fn deleted_before(&self) -> Result<Option<Timestamp>, StoreError> {
        let from = State::load(&self.querier.connection, &self.querier.database)?.calls_from;
        Ok((from > i64::MIN).then_some(Timestamp(from)))
    }
}

/// What ended within a part of an hour, as it was when that was asked: what is written later has a higher version.
struct Rows<'a> {
    exporter: &'a ClickHouseExporter,
    window: Window,
    version: u64,
}

impl HourRows for Rows<'_> {
    fn each(&self, take: &mut dyn FnMut(StoredCall) -> bool) -> Result<(), StoreError> {
        let querier = &self.exporter.querier;
        let mut after = format!("c.end >= {}", self.window.from.0);
        loop {
            let rows: Vec<CallRow> = querier.connection.rows(&format!(
                "SELECT c.* FROM {}.calls AS c WHERE {after} AND c.end < {} AND c.version <= {} \
                 ORDER BY c.end, c.trace_id, c.span_id, c.sender, c.version DESC \
                 LIMIT 1 BY c.end, c.trace_id, c.span_id, c.sender LIMIT {PAGE}",
                querier.database, self.window.to.0, self.version
            ))?;
            let is_last = rows.len() < PAGE;
            if let Some(last) = rows.last() {
                after = format!(
                    "c.end >= {end} AND (c.end > {end} OR (c.trace_id, c.span_id, c.sender) > \
                     (toFixedString({}, 16), toFixedString({}, 8), {}))",
                    bytes(&last.trace_id),
                    bytes(&last.span_id),
                    literal(last.sender()),
                    end = last.end
                );
            }
            for row in rows {
                let counted = row.counted;
                let (call, shared) = row.into_call();
                if !take(StoredCall { call, counted, shared }) {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn facts(&self) -> Result<HourFacts, StoreError> {
        let hour = self.window.from.0.div_euclid(HOUR);
        let at = |hour: i64| Timestamp(hour.saturating_mul(HOUR));
        let whole = Window { from: at(hour), to: at(hour + 1) };
        let querier = &self.exporter.querier;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let skipped = querier.skipped(whole)?;
        let mut keys: Vec<KeyCount> = querier
            .key_rows(whole, usize::MAX >> 1)?
            .into_iter()
            .map(|used| KeyCount { key: used.key, service: used.service, calls: number(used.calls) })
            .collect();
        keys.sort_by(|one, other| (&one.key, &one.service).cmp(&(&other.key, &other.service)));
        let (processes, gaps) = self.exporter.processes()?.within(self.window);
        Ok(HourFacts {
            skipped: skipped
                .iter()
                .map(|(scope, reason, spans)| SkippedCount {
                    scope: scope.to_owned(),
                    reason: reason.as_str().to_owned(),
                    spans: number(spans),
                })
                .collect(),
            keys,
            processes,
            gaps,
        })
    }
}
