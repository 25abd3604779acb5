//! What time alone changes: witnesses that have waited long enough, and calls past their age.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::Deserialize;

use super::super::connection::literal;
use super::super::plan::down;
use super::ClickHouseAppender;
use crate::record::Timestamp;
use crate::store::StoreError;

impl ClickHouseAppender {
    /// Counts witnesses that have waited long enough for the account of a client.
    pub(super) fn end_waiting(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let mut changed = BTreeSet::new();
        for id in memory.due(now) {
            if memory.rows.end_wait(id) {
                changed.insert(id);
            }
        }
        self.write_rows(&changed)
    }

    /// Deletes days of calls that are past their age.
    pub(super) fn delete_old(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        const DAY: i64 = 86_400 * Timestamp::SECOND;
        #[derive(Row, Deserialize)]
        struct Day {
            partition: String,
            calls: u64,
            last: i64,
        }
        let database = self.options.database.clone();
        let Some(keep) = self.options.keep_calls else { return Ok(0) };
        let before = down(now.0.saturating_sub(i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX)), DAY);
        let Some(memory) = &mut self.memory else { return Ok(0) };
        // Only what the rollups have.
        let before = before.min(down(memory.closed, DAY));
        if before <= memory.calls_from {
            return Ok(0);
        }
        let days: Vec<Day> = self.connection.rows(&format!(
            "SELECT _partition_id AS partition, count() AS calls, max(end) AS last FROM {database}.calls \
             WHERE end < {before} GROUP BY partition ORDER BY last"
        ))?;
        memory.calls_from = before;
        self.note(&[("calls_from", before)])?;
        let mut deleted = 0;
        for day in days.iter().filter(|day| day.last < before) {
            self.connection.execute(&format!(
                "ALTER TABLE {database}.calls DROP PARTITION ID {}",
                literal(&day.partition)
            ))?;
            deleted += day.calls;
        }
        if let Some(keep) = self.options.keep_sums {
            let before = now.0.saturating_sub(i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX));
            for table in ["minutes", "hours"] {
                self.connection.execute(&format!("DELETE FROM {database}.{table} WHERE at < {before}"))?;
            }
        }
        Ok(deleted)
    }
}
