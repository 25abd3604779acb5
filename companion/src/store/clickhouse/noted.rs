//! Questions about what is kept next to calls: the numbers of processes, spans that were skipped, texts, what is in the way of the
//! archive, and which tags there are.

use clickhouse::Row;
use serde::Deserialize;

use super::connection::{Connection, literal};
use super::memory::State;
use super::plan::within;
use super::querier::ClickHouseQuerier;
use crate::record::{SkipReason, SkippedSpans, TagKey, Timestamp, Window, hours_of};
use crate::store::archival::{Trouble, TroubleKind};
use crate::store::sequence::Sequences;
use crate::store::{ArchiveTrouble, Filter, SequenceGaps, StoreError};

/// Keys of tags that are listed.
const TAG_KEYS: usize = 16;

impl ClickHouseQuerier {
    pub(super) fn noted_gaps(
        &self,
        noticed: Window,
        now: Timestamp,
        filter: &Filter,
        limit: usize,
    ) -> Result<SequenceGaps, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            state: String,
        }
        // The others have never missed a number.
        let found: Vec<Found> = self.connection.rows(&format!(
            "SELECT state FROM {}.instances FINAL WHERE remarkable ORDER BY last_seen DESC LIMIT 100000",
            self.database
        ))?;
        let mut sequences = Sequences::default();
        found.iter().for_each(|found| sequences.restore(&found.state));
        Ok(sequences.gaps(noticed, now, filter, limit))
    }

    pub(super) fn noted_skipped(&self, window: Window) -> Result<SkippedSpans, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            scope: String,
            reason: String,
            spans: u64,
        }
        let hours = hours_of(window);
        let found: Vec<Found> = self.connection.rows(&format!(
            "SELECT s.scope AS scope, toString(s.reason) AS reason, sum(s.spans) AS spans FROM {}.skipped AS s FINAL \
             WHERE s.hour >= {} AND s.hour < {} GROUP BY scope, reason ORDER BY scope, reason",
            self.database, hours.start, hours.end
        ))?;
        let mut skipped = SkippedSpans::default();
        for found in found {
            if let Some(reason) = SkipReason::parse(&found.reason) {
                skipped.add(&found.scope, reason, found.spans);
            }
        }
        Ok(skipped)
    }

    pub(super) fn noted_trouble(&self) -> Result<Option<ArchiveTrouble>, StoreError> {
        let state = State::load(&self.connection, &self.database)?;
        let [kind, since, wanted] = state.trouble;
        let trouble = |kind| Trouble { kind, since: Timestamp(since.unwrap_or(0)) };
        let held =
            Window { from: Timestamp(state.calls_from), to: Timestamp(wanted.unwrap_or(state.calls_from)) };
        Ok(kind.and_then(TroubleKind::of_code).map(|kind| ArchiveTrouble { trouble: trouble(kind), held }))
    }

    pub(super) fn noted_tag_keys(&self) -> Result<Vec<TagKey>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Key {
            key: String,
        }
        let all = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
        let plan = self.plan([all], all, true)?;
        let mut parts = Vec::new();
        let tables =
            [("calls", "end", &plan.calls), ("minutes", "at", &plan.minutes), ("hours", "at", &plan.hours)];
        for (table, column, ranges) in tables {
            if !ranges.is_empty() {
                parts.push(format!(
                    "SELECT tags FROM {}.{table} WHERE notEmpty(tags) AND {}",
                    self.database,
                    within(column, ranges)
                ));
            }
        }
        let found: Vec<Key> = self.connection.rows(&format!(
            "SELECT DISTINCT substring(toString(arrayJoin(tags)) AS tag, 1, position(tag, '=') - 1) AS key FROM ({}) \
             ORDER BY key LIMIT {TAG_KEYS}",
            parts.join(" UNION ALL ")
        ))?;
        Ok(found.iter().filter_map(|found| TagKey::new(&found.key)).collect())
    }
}

/// A text that is kept with the ledger.
///
/// # Errors
/// [`StoreError`] when ClickHouse does not answer.
pub(super) fn text(
    connection: &Connection,
    database: &str,
    name: &str,
) -> Result<Option<String>, StoreError> {
    #[derive(Row, Deserialize)]
    struct Found {
        text: String,
    }
    let name = literal(name);
    let found: Option<Found> =
        connection.row(&format!("SELECT text FROM {database}.texts FINAL WHERE name = {name}"))?;
    Ok(found.map(|found| found.text))
}
