//! What a group of batches changes in the rollups: calls that count, and calls that no longer do.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::record::CallRecord;
use crate::store::sqlite::file::call_id::end_of;
use crate::store::sqlite::file::row::Hash;
use crate::store::sqlite::file::watermarks::Watermarks;
use crate::store::sqlite::rollup::grain::{FIVE, HOUR, minute_of};
use crate::store::sqlite::rollup::repeats::Late;
use crate::store::sqlite::rollup::row::{ALL, RollupRow, RollupWriter, Table, row_id};
use crate::store::sqlite::rollup::sightings::Sightings;
use crate::store::sums::Measures;

/// Added first, so that a call which comes and goes within the group leaves nothing.
#[derive(Default)]
pub(super) struct Rollups {
    more: Change,
    less: Change,
}

/// The numbers under which a call is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subjects {
    pub(super) series: i64,
    pub(super) user: Option<i64>,
}

impl Rollups {
    pub(super) fn count(&mut self, call: &CallRecord, subjects: Subjects, watermarks: &Watermarks) {
        self.more.note(call, subjects, watermarks);
    }

    /// Takes out a call that was counted.
    pub(super) fn remove(&mut self, call: &CallRecord, subjects: Subjects, watermarks: &Watermarks) {
        self.less.note(call, subjects, watermarks);
    }

    pub(super) fn write(
        self,
        sql: &Connection,
        watermarks: &Watermarks,
        listed: usize,
    ) -> rusqlite::Result<()> {
        self.more.write(sql, RollupWriter::add)?;
        self.more.late_hashes.write_new(sql, watermarks, listed)?;
        self.less.write(sql, RollupWriter::subtract)?;
        self.less.late_hashes.write_removed(sql, watermarks, listed)
    }
}

/// Rows by table and id.
#[derive(Default)]
struct Change {
    minutes: BTreeMap<i64, RollupRow>,
    /// Of buckets that were closed before these calls came.
    late: BTreeMap<(Table, i64), RollupRow>,
    late_hashes: Late,
}

impl Change {
    fn note(&mut self, call: &CallRecord, Subjects { series, user }: Subjects, watermarks: &Watermarks) {
        let measures = Measures::from(call);
        let end = end_of(call.start.0, call.duration_ns);
        let minute = minute_of(end);
        self.minutes.entry(row_id(minute, series)).or_default().count(&measures);
        for (table, size, subject) in [
            (Table::Five, FIVE, Some(series)),
            (Table::Hour, HOUR, Some(series)),
            (Table::UserFive, FIVE, user),
            (Table::UserHour, HOUR, user),
            (Table::AllMinute, 1, Some(ALL)),
            (Table::AllFive, FIVE, Some(ALL)),
            (Table::AllHour, HOUR, Some(ALL)),
        ] {
            let bucket = minute.div_euclid(size) * size;
            let closed =
                bucket + size <= watermarks.closed && !(table.of_all() && bucket < watermarks.summed_from);
            let Some(subject) = subject.filter(|_| closed) else { continue };
            let row = self.late.entry((table, row_id(bucket, subject))).or_default();
            match table {
                Table::UserFive | Table::UserHour => row.totals.count(&measures),
                _ => row.count(&measures),
            }
        }
        if let Some(hash) = call.request_hash.as_deref().filter(|_| minute < watermarks.closed) {
            self.late_hashes.push(Hash::of(hash), Sightings::one(end, series, call.cost.unwrap_or_default()));
        }
    }

    fn write<'c>(
        &self,
        sql: &'c Connection,
        change: impl Fn(&mut RollupWriter<'c>, i64, &RollupRow) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let minutes = self.minutes.iter().map(|(id, row)| (Table::Minute, *id, row));
        let late = self.late.iter().map(|((table, id), row)| (*table, *id, row));
        let mut open: Option<(Table, RollupWriter<'c>)> = None;
        for (table, id, row) in minutes.chain(late) {
            let writer = match open.take().filter(|(of, _)| *of == table) {
                Some((_, writer)) => writer,
                None => RollupWriter::new(sql, table)?,
            };
            change(&mut open.insert((table, writer)).1, id, row)?;
        }
        Ok(())
    }
}
