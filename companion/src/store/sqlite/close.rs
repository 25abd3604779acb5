//! Makes the coarse roll-ups once their time is over. Calls that come later are added to them at the append.

use std::collections::BTreeMap;
use std::ops::Range;

use rusqlite::OptionalExtension;

use crate::record::Window;
use crate::store::Filter;
use crate::store::sqlite::append::Transaction;
use crate::store::sqlite::cell::{Cell, CellWriter, TOTALS, Table, cell_id, cell_key};
use crate::store::sqlite::names::Names;
use crate::store::sqlite::scan::{Snapshot, USER, minute_start};
use crate::store::sqlite::sums::cell_range;

const FIVE: i64 = 5;
const HOUR: i64 = 60;

impl Transaction<'_> {
    /// Closes the next five minutes that hold calls, and hours on the way, but nothing past `until`, a
    /// multiple of five minutes. Tells whether `until` is reached, and how many calls were read.
    pub(super) fn close_next(&mut self, names: &Names, until: i64) -> rusqlite::Result<(bool, u64)> {
        if self.marks.closed >= until {
            return Ok((true, 0));
        }
        let next: Option<i64> = self
            .sql
            .prepare_cached("SELECT id FROM series_minute WHERE id >= ?1 ORDER BY id LIMIT 1")?
            .query_row([cell_id(self.marks.closed, 0)], |row| row.get(0))
            .optional()?;
        let bucket = next.map_or(until, |id| cell_key(id).0.div_euclid(FIVE) * FIVE);
        let mut calls = 0;
        if bucket < until {
            self.advance(bucket)?;
            calls = self.close_five(names, bucket)?;
            self.advance(bucket + FIVE)?;
        } else {
            self.advance(until)?;
        }
        Ok((self.marks.closed >= until, calls))
    }

    /// Moves the mark on; the hour it leaves is complete.
    fn advance(&mut self, to: i64) -> rusqlite::Result<()> {
        let hour = self.marks.closed_hour();
        if to >= hour + HOUR {
            let minutes = hour..hour + HOUR;
            self.sum_up(Table::Five, Table::Hour, &minutes)?;
            self.sum_up(Table::UserFive, Table::UserHour, &minutes)?;
        }
        self.marks.closed = self.marks.closed.max(to);
        Ok(())
    }

    fn close_five(&mut self, names: &Names, bucket: i64) -> rusqlite::Result<u64> {
        let minutes = bucket..bucket + FIVE;
        self.sum_up(Table::Minute, Table::Five, &minutes)?;
        let snapshot = Snapshot { connection: self.sql, names, marks: self.marks };
        let window = Window { from: minute_start(minutes.start), to: minute_start(minutes.end) };
        let mut users: BTreeMap<i64, Cell> = BTreeMap::new();
        let mut calls = 0;
        snapshot.scan(window, &Filter::default(), |facts, row| {
            calls += 1;
            if let Some(user) = row.get(USER)? {
                users.entry(user).or_default().totals.count(&facts.measures);
            }
            Ok(())
        })?;
        self.put(Table::UserFive, bucket, &users)?;
        Ok(calls)
    }

    /// Adds up the rows of `minutes` in one table to one row a subject in the other.
    fn sum_up(&self, from: Table, to: Table, minutes: &Range<i64>) -> rusqlite::Result<()> {
        let mut cells: BTreeMap<i64, Cell> = BTreeMap::new();
        {
            let sql = format!("SELECT id, {TOTALS}, latency FROM {} WHERE id >= ?1 AND id < ?2", from.name());
            let mut statement = self.sql.prepare_cached(&sql)?;
            let mut rows = statement.query(cell_range(minutes))?;
            while let Some(row) = rows.next()? {
                let (_, subject) = cell_key(row.get(0)?);
                cells.entry(subject).or_default().absorb(&Cell::read(row, 1)?);
            }
        }
        self.put(to, minutes.start, &cells)
    }

    fn put(&self, table: Table, bucket: i64, cells: &BTreeMap<i64, Cell>) -> rusqlite::Result<()> {
        let mut writer = CellWriter::new(self.sql, table)?;
        for (subject, cell) in cells {
            writer.put(cell_id(bucket, *subject), cell)?;
        }
        Ok(())
    }
}
