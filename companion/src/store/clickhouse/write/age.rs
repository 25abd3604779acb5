//! What time alone changes: witnesses that have waited long enough, and calls past their age.

use std::collections::BTreeSet;
use std::time::Duration;

use clickhouse::Row;
use serde::Deserialize;

use super::super::connection::literal;
use super::super::plan::{HOUR, MINUTE, down};
use super::super::row::CallRow;
use super::ClickHouseAppender;
use super::rollup::OVER;
use crate::record::Timestamp;
use crate::store::identity::WITNESS_WAITS;
use crate::store::{Maintained, StoreError};

/// Calls are kept in partitions of a day.
const DAY: i64 = 86_400 * Timestamp::SECOND;
/// Witnesses that one run of the housekeeping judges.
const JUDGED: usize = 1_000;
/// Of which it reads the calls at most.
const LOOKED_AT: i64 = 6 * HOUR;

impl ClickHouseAppender {
    /// Judges witnesses that have waited long enough for the account of a client, as the table has them. Returns whether
    /// more are left.
    fn end_waiting(&mut self, now: i64) -> Result<bool, StoreError> {
        let Some(memory) = &self.memory else { return Ok(false) };
        let (from, until) = (memory.waited, now.saturating_sub(WITNESS_WAITS).saturating_add(1));
        if from >= until {
            return Ok(false);
        }
        // After an import all of it waits to be looked at: a few hours at a time.
        let to = match until.saturating_sub(from) > LOOKED_AT {
            true => {
                self.first_end(from, until)?.map_or(until, |end| end.saturating_add(LOOKED_AT).min(until))
            }
            false => until,
        };
        let due: Vec<CallRow> = self.connection.rows(&format!(
            "SELECT c.* FROM {}.calls AS c FINAL WHERE c.end >= {from} AND c.end < {to} AND c.witness AND c.waits \
             ORDER BY c.end LIMIT {JUDGED}",
            self.options.database
        ))?;
        let left = due.len() >= JUDGED;
        let Some(memory) = &mut self.memory else { return Ok(left) };
        let ids: Vec<i64> = due.into_iter().map(|row| memory.restore(row)).collect();
        let mut changed = BTreeSet::new();
        self.end_waits(&ids, &mut changed)?;
        self.write_rows(&changed)?;
        let Some(memory) = &mut self.memory else { return Ok(left) };
        memory.forget();
        if !left {
            memory.waited = to;
            // What is between is judged again after a restart, which changes nothing.
            if down(to, MINUTE) > from {
                self.note(&[("waited", to)])?;
            }
        }
        Ok(left || to < until)
    }

    /// Does what the time asks for. What is closed and deleted goes by the newest call: a clock that leaps ahead closes no
    /// minute that calls still come for, and deletes nothing.
    pub(super) fn maintain_all(&mut self, now: Timestamp) -> Result<Maintained, StoreError> {
        #[derive(Row, Deserialize)]
        struct Newest {
            end: i64,
        }
        self.take_late()?;
        let newest: Option<Newest> =
            self.connection.row(&format!("SELECT max(end) AS end FROM {}.calls", self.options.database))?;
        let after = |nanos: i64| {
            now.0.min(newest.as_ref().map_or(i64::MIN, |newest| newest.end.saturating_add(nanos)))
        };
        let more = self.end_waiting(after(DAY))?;
        let more = self.close(after(OVER))? || more;
        let (clock, now) = (now, after(DAY));
        self.take_archived()?;
        let deleted = self.delete_old_calls(now, clock)?;
        self.delete_old_sums(now)?;
        Ok(Maintained { deleted, more, ..Maintained::default() })
    }

    fn delete_old_calls(&mut self, now: i64, clock: Timestamp) -> Result<u64, StoreError> {
        #[derive(Row, Deserialize)]
        struct Day {
            partition: String,
            calls: u64,
            last: i64,
        }
        let database = self.options.database.clone();
        let (Some(keep), Some(memory)) = (self.options.keep_calls, &self.memory) else { return Ok(0) };
        // Only what the rollups have.
        let before = down(earlier(now, keep), DAY).min(down(memory.closed, DAY));
        let before = down(self.deletable(before, clock)?, DAY);
        let days: Vec<Day> = self.connection.rows(&format!(
            "SELECT _partition_id AS partition, count() AS calls, max(end) AS last FROM {database}.calls \
             WHERE end < {before} GROUP BY partition ORDER BY last"
        ))?;
        let days: Vec<Day> = days.into_iter().filter(|day| day.last < before).collect();
        // Where there are no calls the mark stays where it is: what comes late there is not too old.
        let (Some(last), Some(memory)) = (days.last(), &mut self.memory) else { return Ok(0) };
        memory.calls_from = memory.calls_from.max(down(last.last, DAY).saturating_add(DAY));
        let from = memory.calls_from;
        self.note(&[("calls_from", from)])?;
        let mut deleted = 0;
        for day in &days {
            self.connection.execute(&format!(
                "ALTER TABLE {database}.calls DROP PARTITION ID {}",
                literal(&day.partition)
            ))?;
            deleted += day.calls;
        }
        Ok(deleted)
    }

    fn delete_old_sums(&self, now: i64) -> Result<(), StoreError> {
        let Some(keep) = self.options.keep_sums else { return Ok(()) };
        #[derive(Row, Deserialize)]
        struct Old {
            rows: u64,
        }
        // What is archived of an hour is more than its calls.
        let held = match (&self.options.archival, &self.memory) {
            (Some(_), Some(memory)) => memory.archived,
            _ => i64::MAX,
        };
        let (database, before) = (&self.options.database, down(earlier(now, keep).min(held), DAY));
        let hour = before.div_euclid(HOUR);
        for (table, condition) in [
            ("minutes", format!("at < {before}")),
            ("hours", format!("at < {before}")),
            ("skipped", format!("hour < {hour}")),
            ("keys", format!("hour < {hour}")),
            ("instances", format!("last_seen < {before}")),
        ] {
            let old = format!("SELECT count() AS rows FROM {database}.{table} WHERE {condition}");
            // A deletion is costly there, also one of nothing.
            if self.connection.row(&old)?.is_some_and(|old: Old| old.rows > 0) {
                self.connection.execute(&format!("DELETE FROM {database}.{table} WHERE {condition}"))?;
            }
        }
        Ok(())
    }
}

fn earlier(now: i64, age: Duration) -> i64 {
    now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
}
