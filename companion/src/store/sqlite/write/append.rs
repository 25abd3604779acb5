//! Appending calls: each is written once, and added to the rollups of its minute.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::record::CallRecord;
use crate::store::Appended;
use crate::store::sqlite::file::call_id::{end_of, identity_hash, places};
use crate::store::sqlite::file::dictionary::day_of;
use crate::store::sqlite::file::row::{CallWriter, Hash, Numbers};
use crate::store::sqlite::file::watermarks::Watermarks;
use crate::store::sqlite::rollup::grain::{FIVE, HOUR, minute_of};
use crate::store::sqlite::rollup::repeats::Late;
use crate::store::sqlite::rollup::row::{ALL, RollupRow, RollupWriter, Table, row_id};
use crate::store::sqlite::rollup::sightings::Sightings;
use crate::store::sqlite::write::transaction::Transaction;
use crate::store::sums::Measures;

impl Transaction<'_> {
    pub(super) fn append<'b>(
        &mut self,
        batches: impl IntoIterator<Item = &'b [CallRecord]>,
    ) -> rusqlite::Result<Vec<Appended>> {
        let mut calls = CallWriter::new(self.sql)?;
        let mut rollups = Rollups::default();
        let mut appended = Vec::new();
        for batch in batches {
            appended.push(self.append_batch(batch, &mut calls, &mut rollups)?);
        }
        rollups.write(self.sql, &self.watermarks, self.limits.listed_hashes)?;
        self.sequences.write(self.sql)?;
        Ok(appended)
    }

    fn append_batch(
        &mut self,
        batch: &[CallRecord],
        calls: &mut CallWriter<'_>,
        rollups: &mut Rollups,
    ) -> rusqlite::Result<Appended> {
        let mut order: Vec<_> =
            batch.iter().map(|call| (end_of(call.start.0, call.duration_ns), call)).collect();
        // Rows in the order of their ids fill pages; batches come in the order of the senders.
        order.sort_by_key(|(end, _)| *end);
        let mut appended = Appended::default();
        for (end, call) in order {
            if minute_of(end) < self.watermarks.calls_from {
                appended.too_old += 1;
                continue;
            }
            match self.insert(call, end, calls)? {
                Some(numbers) => {
                    appended.inserted += 1;
                    rollups.count(call, end, &numbers, &self.watermarks);
                }
                None => appended.duplicates += 1,
            }
        }
        self.sequences.note(self.sql, batch)?;
        Ok(appended)
    }

    /// Writes the call unless it is known.
    fn insert(
        &mut self,
        call: &CallRecord,
        end: i64,
        calls: &mut CallWriter<'_>,
    ) -> rusqlite::Result<Option<Numbers>> {
        let identity = identity_hash(&call.trace_id, &call.span_id);
        if let Some(id) = self.recent_ids.get(identity)
            && calls.holds(id, call)?
        {
            return Ok(None);
        }
        let numbers = Numbers::of(call, day_of(end), self.dictionary, self.sql)?;
        for place in places(end, identity) {
            if calls.insert(place, call, &numbers)? {
                self.watermarks.spill_us = self.watermarks.spill_us.max(place.spill_us);
                self.recent_ids.insert(identity, place.id);
                return Ok(Some(numbers));
            }
            if calls.holds(place.id, call)? {
                return Ok(None);
            }
        }
        let detail =
            format!("no place is left for calls that end at {end} ns; the sender's clock stands still");
        Err(rusqlite::Error::ToSqlConversionFailure(detail.into()))
    }
}

/// What a group of batches adds to the rollups, by row id.
#[derive(Default)]
struct Rollups {
    minutes: BTreeMap<i64, RollupRow>,
    /// Buckets that were closed before these calls came.
    late: BTreeMap<(Table, i64), RollupRow>,
    late_hashes: Late,
}

impl Rollups {
    fn count(&mut self, call: &CallRecord, end: i64, numbers: &Numbers, watermarks: &Watermarks) {
        let measures = Measures::from(call);
        let minute = minute_of(end);
        self.minutes.entry(row_id(minute, numbers.series)).or_default().count(&measures);
        for (table, size, subject) in [
            (Table::Five, FIVE, Some(numbers.series)),
            (Table::Hour, HOUR, Some(numbers.series)),
            (Table::UserFive, FIVE, numbers.user),
            (Table::UserHour, HOUR, numbers.user),
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
            let call = Sightings::one(end, numbers.series, call.cost.unwrap_or_default());
            self.late_hashes.push(Hash::of(hash), call);
        }
    }

    fn write(self, sql: &Connection, watermarks: &Watermarks, listed: usize) -> rusqlite::Result<()> {
        let mut minutes = RollupWriter::new(sql, Table::Minute)?;
        for (id, row) in &self.minutes {
            minutes.add(*id, row)?;
        }
        for ((table, id), row) in &self.late {
            RollupWriter::new(sql, *table)?.add(*id, row)?;
        }
        self.late_hashes.write_new(sql, watermarks, listed)
    }
}
