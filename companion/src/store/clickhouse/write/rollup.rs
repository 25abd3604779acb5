//! Rollups of minutes and hours: made when these are over, and made again when a call comes later. Each is replaced whole,
//! so that making it twice changes nothing.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::Deserialize;

use super::super::plan::{HOUR, MINUTE, down, ranges_of, within};
use super::super::sums::{MEASURES, from_calls, from_rollup, sums};
use super::ClickHouseAppender;
use crate::record::Timestamp;
use crate::store::StoreError;

/// How long a minute stays open: calls that come later make its rollups again.
const GRACE: i64 = 120 * Timestamp::SECOND;
/// By when a minute is over, after the end of its newest call.
pub(super) const OVER: i64 = GRACE + MINUTE;
/// Ranges of minutes that are made again by one statement.
const RANGES: usize = 100;

impl ClickHouseAppender {
    /// Makes the rollups of these minutes, and of their hours, again.
    pub(super) fn remake(&mut self, minutes: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
        let Some(closed) = self.memory.as_ref().map(|memory| memory.closed) else { return Ok(()) };
        let minutes = ranges_of(minutes, RANGES);
        let minutes = minutes.into_iter().map(|(from, to)| (from, to.min(closed)));
        let minutes: Vec<_> = minutes.filter(|(from, to)| from < to).collect();
        if minutes.is_empty() {
            return Ok(());
        }
        let hours = minutes.iter().map(|(from, to)| {
            let (from, to) = (down(*from, HOUR), down(to.saturating_add(HOUR - 1), HOUR));
            (from, to.min(down(closed, HOUR)))
        });
        let hours: Vec<_> = hours.filter(|(from, to)| from < to).collect();
        let version = self.next_version();
        self.make_minutes(&within("c.end", &minutes), &within("c.at", &minutes), version)?;
        self.make_hours(&hours, version)
    }

    /// Makes rollups of minutes from the counted calls. Groups that have none any more get zeros.
    fn make_minutes(&self, ends: &str, ats: &str, version: u64) -> Result<(), StoreError> {
        let database = &self.options.database;
        for kind in [0, 1] {
            let user = if kind == 1 { " AND isNotNull(c.user)" } else { "" };
            let calls = from_calls(database, &format!("{ends}{user}"), true);
            let before =
                from_rollup(database, "minutes", &format!("c.kind = {kind} AND {ats}"), true, "nothing");
            self.insert_sums("minutes", &format!("{calls} UNION ALL {before}"), MINUTE, kind, version)?;
        }
        Ok(())
    }

    fn make_hours(&self, hours: &[(i64, i64)], version: u64) -> Result<(), StoreError> {
        for kind in [0, 1] {
            if !hours.is_empty() {
                let condition = format!("c.kind = {kind} AND {}", within("c.at", hours));
                let minutes = from_rollup(&self.options.database, "minutes", &condition, true, "");
                self.insert_sums("hours", &minutes, HOUR, kind, version)?;
            }
        }
        Ok(())
    }

    /// Adds a source up by `unit` and series, or by user where `kind` is 1.
    fn insert_sums(
        &self,
        table: &str,
        source: &str,
        unit: i64,
        kind: u8,
        version: u64,
    ) -> Result<(), StoreError> {
        let names = ["service", "provider", "model", "outcome", "cost_status", "error"];
        let (keys, tags, user) = match kind {
            0 => (names.map(|name| format!("k_{name} AS {name}")), "k_tags AS tags", "'' AS user"),
            _ => (
                names.map(|name| format!("'' AS {name}")),
                "CAST([], 'Array(String)') AS tags",
                "ifNull(k_user, '') AS user",
            ),
        };
        let measures: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
        self.connection.execute(&format!(
            "INSERT INTO {database}.{table} (at, kind, {}, tags, user, {}, durations, duration_counts, \
             first_chunk_durations, first_chunk_counts, version) \
             SELECT toInt64(k_at - positiveModulo(k_at, {unit})) AS at, {kind} AS kind, {}, {tags}, {user}, {}, \
             tupleElement(sumMap(m_durations, m_duration_counts) AS d, 1), tupleElement(d, 2), \
             tupleElement(sumMap(m_first_durations, m_first_counts) AS f, 1), tupleElement(f, 2), \
             toUInt64({version}) FROM ({source}) GROUP BY at, kind, {}, tags, user",
            names.join(", "),
            measures.join(", "),
            keys.join(", "),
            sums(),
            names.join(", "),
            database = self.options.database,
        ))
    }

    /// Makes the rollups of the minutes and hours that are over at `now`.
    pub(super) fn close(&mut self, now: i64) -> Result<(), StoreError> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let (from, to) = (memory.closed, down(now.saturating_sub(GRACE), MINUTE));
        if to <= from {
            return Ok(());
        }
        #[derive(Row, Deserialize)]
        struct Hour {
            hour: i64,
        }
        let database = &self.options.database;
        let open: Vec<Hour> = self.connection.rows(&format!(
            "SELECT DISTINCT toInt64(end - positiveModulo(end, {HOUR})) AS hour FROM {database}.calls \
             WHERE end >= {from} AND end < {to} ORDER BY hour"
        ))?;
        // The hour that was begun before may end now, without a call since.
        let begun = down(from, HOUR);
        let mut hours: BTreeSet<i64> = open.iter().map(|open| open.hour).collect();
        let version = self.next_version();
        for hour in &hours {
            let range = [((*hour).max(from), hour.saturating_add(HOUR).min(to))];
            self.make_minutes(&within("c.end", &range), &within("c.at", &range), version)?;
        }
        if begun > i64::MIN {
            hours.insert(begun);
        }
        let over = down(to, HOUR);
        let over: Vec<_> = hours
            .into_iter()
            .filter(|hour| *hour < over)
            .map(|hour| (hour, hour.saturating_add(HOUR)))
            .collect();
        for part in over.chunks(RANGES) {
            self.make_hours(part, version)?;
        }
        if let Some(memory) = &mut self.memory {
            memory.closed = to;
            memory.rolled = version;
        }
        self.note(&[("closed", to), ("rolled", i64::try_from(version).unwrap_or(i64::MAX))])
    }
}
