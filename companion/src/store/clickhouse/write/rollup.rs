//! Rollups of minutes and hours: made when these are over, and made again when a call comes later. Each is replaced whole,
//! so that making it twice changes nothing.
//!
//! No statement makes more than an hour of minutes or a few hours, so that it fits into the memory and the time that a statement
//! has, and the lease is renewed between them: a backlog of days is made in as many steps as it has hours.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::Deserialize;

use super::super::plan::{HOUR, MINUTE, Range, down, portions, ranges_of, up, within};
use super::super::sums::{MEASURES, from_calls, from_rollup, sums};
use super::ClickHouseAppender;
use crate::record::Timestamp;
use crate::store::StoreError;

/// How long a minute stays open: calls that come later make its rollups again.
const GRACE: i64 = 120 * Timestamp::SECOND;
/// By when a minute is over, after the end of its newest call.
pub(super) const OVER: i64 = GRACE + MINUTE;
/// The most that one statement makes: of minutes as many as an hour has, and of hours as many as a quarter of a day has.
const OF_MINUTES: i64 = HOUR;
const OF_HOURS: i64 = 6 * HOUR;

impl ClickHouseAppender {
    /// Makes the rollups of these minutes, and of their hours, again.
    pub(super) fn remake(&mut self, minutes: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
        let Some(closed) = self.memory.as_ref().map(|memory| memory.closed) else { return Ok(()) };
        let minutes: BTreeSet<i64> = minutes.into_iter().filter(|minute| *minute < closed).collect();
        let hours = minutes.iter().map(|minute| down(*minute, HOUR));
        let over: BTreeSet<i64> = hours.filter(|hour| *hour < down(closed, HOUR)).collect();
        let version = self.next_version();
        for part in portions(&ranges_of(minutes, MINUTE), OF_MINUTES) {
            self.keep_lease()?;
            self.make_minutes(&part, version)?;
        }
        for part in portions(&ranges_of(over, HOUR), OF_HOURS) {
            self.keep_lease()?;
            self.make_hours(&part, version)?;
        }
        Ok(())
    }

    /// Makes rollups of minutes from the counted calls. Groups that have none any more get zeros.
    fn make_minutes(&self, minutes: &[Range], version: u64) -> Result<(), StoreError> {
        let database = &self.options.database;
        let (ends, ats) = (within("c.end", minutes), within("c.at", minutes));
        for of in [Of::Series, Of::Users] {
            let user = if of == Of::Users { " AND isNotNull(c.user)" } else { "" };
            let calls = from_calls(database, &format!("{ends}{user}"), of.latency());
            let condition = format!("c.kind = {} AND {ats}", of.kind());
            let before = from_rollup(database, "minutes", &condition, of.latency(), "nothing");
            self.insert_sums("minutes", &format!("{calls} UNION ALL {before}"), MINUTE, of, version)?;
        }
        Ok(())
    }

    fn make_hours(&self, hours: &[Range], version: u64) -> Result<(), StoreError> {
        for of in [Of::Series, Of::Users] {
            let condition = format!("c.kind = {} AND {}", of.kind(), within("c.at", hours));
            let minutes = from_rollup(&self.options.database, "minutes", &condition, of.latency(), "");
            self.insert_sums("hours", &minutes, HOUR, of, version)?;
        }
        Ok(())
    }

    /// Adds a source up by `unit` and series, or by user.
    fn insert_sums(
        &self,
        table: &str,
        source: &str,
        unit: i64,
        of: Of,
        version: u64,
    ) -> Result<(), StoreError> {
        let names = ["service", "provider", "model", "outcome", "cost_status", "error"];
        let (keys, tags, user) = match of {
            Of::Series => (names.map(|name| format!("k_{name} AS {name}")), "k_tags AS tags", "'' AS user"),
            Of::Users => (
                names.map(|name| format!("'' AS {name}")),
                "CAST([], 'Array(String)') AS tags",
                "ifNull(k_user, '') AS user",
            ),
        };
        let (columns, distributions) = match of.latency() {
            true => (
                "durations, duration_counts, first_chunk_durations, first_chunk_counts, ",
                "tupleElement(sumMap(m_durations, m_duration_counts) AS d, 1), tupleElement(d, 2), \
                 tupleElement(sumMap(m_first_durations, m_first_counts) AS f, 1), tupleElement(f, 2), ",
            ),
            false => ("", ""),
        };
        let measures: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
        self.connection.execute(&format!(
            "INSERT INTO {database}.{table} (at, kind, {}, tags, user, {}, {columns}version) \
             SELECT toInt64(k_at - positiveModulo(k_at, {unit})) AS at, {} AS kind, {}, {tags}, {user}, {}, \
             {distributions}toUInt64({version}) FROM ({source}) GROUP BY at, kind, {}, tags, user",
            names.join(", "),
            measures.join(", "),
            of.kind(),
            keys.join(", "),
            sums(),
            names.join(", "),
            database = self.options.database,
        ))
    }

    /// Makes the rollups of what is over at `now`: of the first hour that has calls which are in none yet. Returns whether more
    /// may be left.
    pub(super) fn close(&mut self, now: i64) -> Result<bool, StoreError> {
        let Some(memory) = &self.memory else { return Ok(false) };
        let (from, over) = (memory.closed, down(now.saturating_sub(GRACE), MINUTE));
        if over <= from {
            return Ok(false);
        }
        let first = self.first_end(from, over)?;
        // The hour that was begun before may end without a call since.
        let begun = Some(down(from, HOUR)).filter(|hour| *hour < from && *hour > i64::MIN);
        let next = first.map(|first| down(first, HOUR));
        let to = first.map_or(over, |first| up(first.saturating_add(1), HOUR).min(over));
        let version = self.next_version();
        if let Some(next) = next {
            // No minute begins before the first whole one that there can be.
            self.make_minutes(&[(next.max(from).max(up(i64::MIN, MINUTE)), to)], version)?;
        }
        let ended = |hour: &i64| hour.saturating_add(HOUR) <= to;
        let hours: BTreeSet<i64> = begun.into_iter().chain(next).filter(ended).collect();
        for part in portions(&ranges_of(hours, HOUR), OF_HOURS) {
            self.make_hours(&part, version)?;
        }
        if let Some(memory) = &mut self.memory {
            memory.closed = to;
        }
        self.note_rolled(version, vec![("closed", to)])?;
        Ok(to < over)
    }

    /// When the first call of a stretch of time ended.
    pub(super) fn first_end(&self, from: i64, to: i64) -> Result<Option<i64>, StoreError> {
        #[derive(Row, Deserialize)]
        struct First {
            end: i64,
        }
        let first: Option<First> = self.connection.row(&format!(
            "SELECT c.end AS end FROM {}.calls AS c WHERE c.end >= {from} AND c.end < {to} ORDER BY c.end LIMIT 1",
            self.options.database
        ))?;
        Ok(first.map(|first| first.end))
    }

    /// Closes all that is over at `now`.
    pub(super) fn close_all(&mut self, now: i64) -> Result<(), StoreError> {
        while self.close(now)? {
            self.keep_lease()?;
        }
        Ok(())
    }
}

/// What a rollup adds up by. Each is sorted apart in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Series,
    /// Which need no distribution of latencies: no question asks for it, and it would be most of what they cost.
    Users,
}

impl Of {
    const fn kind(self) -> u8 {
        match self {
            Self::Series => 0,
            Self::Users => 1,
        }
    }

    fn latency(self) -> bool {
        self == Self::Series
    }
}
