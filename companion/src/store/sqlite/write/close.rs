//! Closes the coarse rollups: a bucket is written once its time is over. Calls that arrive later are added at the append.

use std::collections::BTreeMap;
use std::ops::Range;

use rusqlite::OptionalExtension;

use crate::record::Window;
use crate::store::Filter;
use crate::store::sqlite::file::call_id::first_id;
use crate::store::sqlite::file::dictionary;
use crate::store::sqlite::file::known_names::OTHER;
use crate::store::sqlite::file::names::Names;
use crate::store::sqlite::file::row::Hash;
use crate::store::sqlite::read::scan::{Columns, HASH, Snapshot, USER};
use crate::store::sqlite::rollup::grain::{FIVE, HOUR, minute_start};
use crate::store::sqlite::rollup::repeats::{Late, Repeats};
use crate::store::sqlite::rollup::row::{
    ALL, RollupRow, RollupWriter, TOTALS, Table, row_id, row_key, row_range,
};
use crate::store::sqlite::rollup::sightings::Sightings;
use crate::store::sqlite::write::transaction::Transaction;

impl Transaction<'_> {
    /// Closes the next five minutes that hold calls, and hours on the way, but nothing past `until`, a
    /// multiple of five minutes. Returns whether `until` is reached, and how many calls were read.
    pub(crate) fn close_next(&mut self, names: &Names, until: i64) -> rusqlite::Result<(bool, u64)> {
        if self.watermarks.closed >= until {
            return Ok((true, 0));
        }
        let next: Option<i64> = self
            .sql
            .prepare_cached("SELECT id FROM series_minute WHERE id >= ?1 ORDER BY id LIMIT 1")?
            .query_row([row_id(self.watermarks.closed, 0)], |row| row.get(0))
            .optional()?;
        let bucket = next.map_or(until, |id| row_key(id).0.div_euclid(FIVE) * FIVE);
        let mut calls = 0;
        if bucket < until {
            self.advance(bucket)?;
            calls = self.close_five(names, bucket)?;
            self.advance(bucket + FIVE)?;
        } else {
            self.advance(until)?;
        }
        Ok((self.watermarks.closed >= until, calls))
    }

    /// Moves the mark on; the hour it leaves is complete.
    fn advance(&mut self, to: i64) -> rusqlite::Result<()> {
        let hour = self.watermarks.closed_hour();
        if to >= hour + HOUR {
            let minutes = hour..hour + HOUR;
            self.sum_up(Table::Five, Table::Hour, &minutes)?;
            let users = self.summed(Table::UserFive, &minutes)?;
            let (users, _) = self.bounded_users(users, minutes.start)?;
            self.put(Table::UserHour, minutes.start, &users)?;
            if hour >= self.watermarks.summed_from {
                self.sum_up(Table::AllFive, Table::AllHour, &minutes)?;
                let repeats = Repeats::of(self.sql, Table::HashFive, &minutes)?;
                if repeats.hashed > 0 {
                    repeats.put(self.sql, Table::HashHour, hour, self.limits.listed_hashes)?;
                }
            }
        }
        self.watermarks.closed = self.watermarks.closed.max(to);
        Ok(())
    }

    /// Writes the rollups of one bucket of five minutes, and returns how many calls were read.
    fn close_five(&mut self, names: &Names, bucket: i64) -> rusqlite::Result<u64> {
        // Series and totals are added up from finer rows: each append already keeps the minutes by series.
        let minutes = bucket..bucket + FIVE;
        self.sum_up(Table::Minute, Table::Five, &minutes)?;
        let summed = bucket >= self.watermarks.summed_from;
        if summed {
            for minute in minutes.clone() {
                self.sum_up_all(Table::Minute, Table::AllMinute, &(minute..minute + 1))?;
            }
            self.sum_up_all(Table::AllMinute, Table::AllFive, &minutes)?;
        }

        // Users and repeated hashes have no finer rollup, so the calls of the bucket are read, once for both.
        let window = Window { from: minute_start(minutes.start), to: minute_start(minutes.end) };
        self.recent_hashes.load(self.sql, first_id(window.from))?;
        let snapshot = Snapshot {
            connection: self.sql,
            names,
            watermarks: self.watermarks,
            limits: self.limits,
            columns: Columns::NEWEST,
        };
        let mut users: BTreeMap<i64, RollupRow> = BTreeMap::new();
        let (mut repeats, mut earlier) = (Repeats::default(), Late::default());
        let mut calls = 0;
        snapshot.scan(window, &Filter::default(), |facts, row| {
            calls += 1;
            if let Some(user) = row.get(USER)? {
                users.entry(user).or_default().totals.count(&facts.measures);
            }
            let Some(hash) = Hash::key(row.get_ref(HASH)?)? else { return Ok(()) };
            repeats.hashed += 1;
            let call = Sightings::one(facts.end, facts.series_id, facts.measures.cost.unwrap_or_default());
            // A hash is listed from its second call on. Its first call may be in this bucket, or in an earlier one whose
            // list was written without it and is completed below. Earlier calls that are listed already count no more.
            match self.recent_hashes.note(&hash, &call) {
                None => return Ok(()),
                Some(Some(before)) if before.last >= window.from.0 => repeats.add(hash.clone(), &before),
                Some(Some(before)) => earlier.push(hash.clone(), before),
                Some(None) => {}
            }
            repeats.add(hash, &call);
            Ok(())
        })?;
        let (users, others) = self.bounded_users(users, bucket)?;
        self.dictionary.count_others(dictionary::USER, others);
        self.put(Table::UserFive, bucket, &users)?;
        if summed {
            let listed = self.limits.listed_hashes;
            earlier.write_repeated(self.sql, &self.watermarks, listed)?;
            repeats.put(self.sql, Table::HashFive, bucket, listed)?;
        }
        Ok(calls)
    }

    /// The users with most calls, and all others as one; and how many calls of others there are.
    fn bounded_users(
        &mut self,
        users: BTreeMap<i64, RollupRow>,
        bucket: i64,
    ) -> rusqlite::Result<(BTreeMap<i64, RollupRow>, u64)> {
        let most = self.limits.users;
        if users.len() <= most {
            return Ok((users, 0));
        }
        let mut users: Vec<_> = users.into_iter().collect();
        users.sort_by_key(|(_, row)| std::cmp::Reverse(row.totals.calls));
        let other = self.dictionary.text(self.sql, OTHER, bucket.div_euclid(24 * HOUR))?;
        let mut rest = RollupRow::default();
        users.drain(most..).for_each(|(_, row)| rest.absorb(&row));
        let mut users: BTreeMap<i64, RollupRow> = users.into_iter().collect();
        users.entry(other).or_default().absorb(&rest);
        Ok((users, rest.totals.calls))
    }

    /// Adds up the rows of `minutes` in one table, over all subjects, to one row in the other.
    fn sum_up_all(&self, from: Table, to: Table, minutes: &Range<i64>) -> rusqlite::Result<()> {
        let mut all = RollupRow::default();
        self.each_row(from, minutes, |_, row| all.absorb(&row))?;
        if all.totals.calls > 0 {
            RollupWriter::new(self.sql, to)?.put(row_id(minutes.start, ALL), &all)?;
        }
        Ok(())
    }

    /// Adds up the rows of `minutes` in one table to one row per subject in the other.
    fn sum_up(&self, from: Table, to: Table, minutes: &Range<i64>) -> rusqlite::Result<()> {
        self.put(to, minutes.start, &self.summed(from, minutes)?)
    }

    fn summed(&self, table: Table, minutes: &Range<i64>) -> rusqlite::Result<BTreeMap<i64, RollupRow>> {
        let mut rows: BTreeMap<i64, RollupRow> = BTreeMap::new();
        self.each_row(table, minutes, |subject, row| rows.entry(subject).or_default().absorb(&row))?;
        Ok(rows)
    }

    fn each_row(
        &self,
        table: Table,
        minutes: &Range<i64>,
        mut each: impl FnMut(i64, RollupRow),
    ) -> rusqlite::Result<()> {
        let sql = format!("SELECT id, {TOTALS}, latency FROM {} WHERE id >= ?1 AND id < ?2", table.name());
        let mut statement = self.sql.prepare_cached(&sql)?;
        let mut rows = statement.query(row_range(minutes))?;
        while let Some(row) = rows.next()? {
            each(row_key(row.get(0)?).1, RollupRow::read(row, 1)?);
        }
        Ok(())
    }

    fn put(&self, table: Table, bucket: i64, rows: &BTreeMap<i64, RollupRow>) -> rusqlite::Result<()> {
        let mut writer = RollupWriter::new(self.sql, table)?;
        for (subject, row) in rows {
            writer.put(row_id(bucket, *subject), row)?;
        }
        Ok(())
    }
}
