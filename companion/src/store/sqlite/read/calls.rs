//! Lists of calls, and the newest one.

use std::ops::Range;

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use crate::record::{Timestamp, Window};

use crate::store::sqlite::file::call_id::{end_id, end_of, first_id};
use crate::store::sqlite::file::row::{columns, read_call};
use crate::store::sqlite::read::scan::{SeriesMemo, Snapshot, needs_rows, row_conditions};
use crate::store::sqlite::rollup::grain::{minute_of, minute_start};
use crate::store::sqlite::rollup::row::{Table, row_key, row_range};
use crate::store::{CallPage, Filter, Page};

impl Snapshot<'_> {
    pub(crate) fn calls(&self, window: Window, filter: &Filter, page: Page) -> rusqlite::Result<CallPage> {
        let mut found = CallPage { calls: Vec::new(), next: None };
        let window = self.kept(window);
        if window.from >= window.to || page.limit == 0 {
            return Ok(found);
        }
        let Some((conditions, values)) = row_conditions(self.connection, filter)? else { return Ok(found) };
        let mut matching = SeriesMemo::new(self, filter);
        let below = end_id(window.to, self.watermarks.spill_us).min(page.after.unwrap_or(i64::MAX));
        let range = [first_id(window.from), below];
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM calls WHERE id >= ? AND id < ?{conditions} ORDER BY id DESC",
            columns(self.connection)?
        ))?;
        let mut rows =
            statement.query(params_from_iter(range.into_iter().map(Value::Integer).chain(values)))?;
        let mut last_id = None;
        while let Some(row) = rows.next()? {
            let end = end_of(row.get(2)?, row.get(3)?);
            if end < window.from.0 || end >= window.to.0 || matching.get(row.get(1)?)?.is_none() {
                continue;
            }
            if found.calls.len() == page.limit {
                // One more exists, so the page has a next.
                found.next = last_id;
                break;
            }
            last_id = Some(row.get(0)?);
            found.calls.push(read_call(row, self.names, self.connection)?);
        }
        Ok(found)
    }

    pub(crate) fn last_call(
        &self,
        before: Timestamp,
        filter: &Filter,
    ) -> rusqlite::Result<Option<Timestamp>> {
        let all = Window { from: Timestamp(i64::MIN), to: before };
        if *filter == Filter::default() || needs_rows(filter) {
            return self.newest_row(all, filter);
        }
        // The rollups tell in which minute to look; without them a series that fell silent long ago would
        // be sought through all calls since.
        let mut until = before;
        while let Some(minute) = self.newest_minute(until, filter)? {
            let within = Window { from: minute_start(minute), to: minute_start(minute + 1).min(before) };
            if let Some(found) = self.newest_row(within, filter)? {
                return Ok(Some(found));
            }
            until = within.from;
        }
        Ok(None)
    }

    fn newest_row(&self, window: Window, filter: &Filter) -> rusqlite::Result<Option<Timestamp>> {
        // Within a microsecond, and where calls were spilled, the ids are not in the order of the ends.
        let mut newest: Option<i64> = None;
        let window = self.kept(window);
        if window.from >= window.to {
            return Ok(None);
        }
        let Some((conditions, values)) = row_conditions(self.connection, filter)? else { return Ok(None) };
        let mut matching = SeriesMemo::new(self, filter);
        let range = [first_id(window.from), end_id(window.to, self.watermarks.spill_us)];
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT id, series, start, duration FROM calls WHERE id >= ? AND id < ?{conditions} ORDER BY id DESC"
        ))?;
        let mut rows =
            statement.query(params_from_iter(range.into_iter().map(Value::Integer).chain(values)))?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if newest.is_some_and(|newest| id < first_id(Timestamp(newest))) {
                break;
            }
            let end = end_of(row.get(2)?, row.get(3)?);
            if end < window.from.0 || end >= window.to.0 || matching.get(row.get(1)?)?.is_none() {
                continue;
            }
            newest = newest.max(Some(end));
        }
        Ok(newest.map(Timestamp))
    }

    /// The newest minute that begins before `before` and has matching calls.
    fn newest_minute(&self, before: Timestamp, filter: &Filter) -> rusqlite::Result<Option<i64>> {
        let before = minute_of(before.0.saturating_sub(1)).saturating_add(1);
        let closed = self.watermarks.closed_hour();
        let open = closed.max(self.watermarks.minutes_from)..before;
        if let Some(minute) = self.newest_bucket(Table::Minute, &open, filter)? {
            return Ok(Some(minute));
        }
        // Hours first: a series may have been silent for long.
        let mut until = before.min(closed);
        while let Some(hour) =
            self.newest_bucket(Table::Hour, &(self.watermarks.minutes_from..until), filter)?
        {
            let minutes = hour..until.min(hour + 60);
            if let Some(minute) = self.newest_bucket(Table::Minute, &minutes, filter)? {
                return Ok(Some(minute));
            }
            until = hour;
        }
        Ok(None)
    }

    fn newest_bucket(
        &self,
        table: Table,
        minutes: &Range<i64>,
        filter: &Filter,
    ) -> rusqlite::Result<Option<i64>> {
        let mut matching = SeriesMemo::new(self, filter);
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT id FROM {} WHERE id >= ?1 AND id < ?2 ORDER BY id DESC",
            table.name()
        ))?;
        let mut rows = statement.query(row_range(minutes))?;
        while let Some(row) = rows.next()? {
            let (minute, series) = row_key(row.get(0)?);
            if matching.get(series)?.is_some() {
                return Ok(Some(minute));
            }
        }
        Ok(None)
    }
}
