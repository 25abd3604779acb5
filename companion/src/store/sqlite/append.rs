//! The one writer of a ledger.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::{Connection, TransactionBehavior};

use crate::record::{CallRecord, Timestamp};
use crate::store::sqlite::cell::{ALL, Cell, CellWriter, Table, cell_id};
use crate::store::sqlite::dictionary::{Dictionary, day_of};
use crate::store::sqlite::error::store_error;
use crate::store::sqlite::gaps::Sequences;
use crate::store::sqlite::key::{end_of, identity_hash, places};
use crate::store::sqlite::marks::Marks;
use crate::store::sqlite::open::WriterLock;
use crate::store::sqlite::recent::Recent;
use crate::store::sqlite::repeats::{Late, Sightings};
use crate::store::sqlite::row::{CallWriter, Hash, Numbers};
use crate::store::sqlite::seen::Seen;
use crate::store::sqlite::{Options, retention};
use crate::store::sums::Measures;
use crate::store::{Appended, Appender, Maintained, StoreError};

pub(super) const MINUTE_NS: i64 = 60_000_000_000;

/// The minute of a moment, in minutes since 1970.
pub(super) const fn minute_of(end: i64) -> i64 {
    end.div_euclid(MINUTE_NS)
}

/// The SQLite store's [`Appender`].
#[derive(Debug)]
pub struct SqliteAppender {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) options: Options,
    pub(super) marks: Marks,
    pub(super) dictionary: Dictionary,
    /// The day before which names were forgotten, in days since 1970.
    pub(super) names_from: i64,
    /// Whether the housekeeping did not believe the clock, and has said so.
    pub(super) clock_leaps: bool,
    sequences: Sequences,
    /// Needs no clearing: what it leads to is looked at.
    recent: Recent,
    seen: Seen,
    _lock: WriterLock,
}

impl SqliteAppender {
    pub(super) fn new(
        connection: Connection,
        lock: WriterLock,
        path: PathBuf,
        options: Options,
    ) -> Result<Self, StoreError> {
        let remembered = Marks::load(&connection).and_then(|marks| {
            let recent = Recent::load(&connection)?;
            Ok((marks, recent, Sequences::load(&connection)?))
        });
        let (marks, recent, sequences) = remembered.map_err(|error| store_error(&path, &error))?;
        Ok(Self {
            connection,
            path,
            options,
            marks,
            dictionary: Dictionary::default(),
            names_from: i64::MIN,
            clock_leaps: false,
            sequences,
            recent,
            seen: Seen::default(),
            _lock: lock,
        })
    }

    /// Runs `work` in one transaction. When it fails, what is remembered of the file is forgotten with it.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let marks = self.marks;
        let done = (|| {
            let sql = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut transaction = Transaction {
                sql: &sql,
                marks: self.marks,
                dictionary: &mut self.dictionary,
                sequences: &mut self.sequences,
                recent: &mut self.recent,
                seen: &mut self.seen,
            };
            let value = work(&mut transaction)?;
            let marks = transaction.marks;
            if marks != self.marks {
                marks.store(&sql)?;
            }
            sql.commit()?;
            Ok((value, marks))
        })();
        match done {
            Ok((value, marks)) => {
                self.marks = marks;
                Ok(value)
            }
            Err(error) => {
                self.marks = marks;
                self.dictionary.clear();
                self.sequences.clear();
                self.seen.clear();
                Err(store_error(&self.path, &error))
            }
        }
    }
}

/// An open write transaction with what the writer remembers.
pub(super) struct Transaction<'a> {
    pub(super) sql: &'a Connection,
    pub(super) marks: Marks,
    pub(super) dictionary: &'a mut Dictionary,
    pub(super) sequences: &'a mut Sequences,
    recent: &'a mut Recent,
    pub(super) seen: &'a mut Seen,
}

impl Appender for SqliteAppender {
    fn append(&mut self, batch: &[CallRecord]) -> Result<Appended, StoreError> {
        let appended = self.write(|transaction| transaction.append([batch]))?;
        Ok(appended.first().copied().unwrap_or_default())
    }

    fn append_group(&mut self, batches: &[Vec<CallRecord>]) -> Vec<Result<Appended, StoreError>> {
        match self.write(|transaction| transaction.append(batches.iter().map(Vec::as_slice))) {
            Ok(appended) => appended.into_iter().map(Ok).collect(),
            // Each by itself, so that a batch the database refuses takes no other along.
            Err(_) => batches.iter().map(|batch| self.append(batch)).collect(),
        }
    }

    fn maintain(&mut self, now: Timestamp) -> Result<Maintained, StoreError> {
        retention::maintain(self, now)
    }
}

impl Transaction<'_> {
    fn append<'b>(
        &mut self,
        batches: impl IntoIterator<Item = &'b [CallRecord]>,
    ) -> rusqlite::Result<Vec<Appended>> {
        let mut calls = CallWriter::new(self.sql)?;
        let mut cells = Cells::default();
        let mut appended = Vec::new();
        for batch in batches {
            appended.push(self.append_batch(batch, &mut calls, &mut cells)?);
        }
        cells.write(self.sql, &self.marks)?;
        self.sequences.write(self.sql)?;
        Ok(appended)
    }

    fn append_batch(
        &mut self,
        batch: &[CallRecord],
        calls: &mut CallWriter<'_>,
        cells: &mut Cells,
    ) -> rusqlite::Result<Appended> {
        let mut order: Vec<_> =
            batch.iter().map(|call| (end_of(call.start.0, call.duration_ns), call)).collect();
        // Rows in the order of their ids fill pages; batches come in the order of the senders.
        order.sort_by_key(|(end, _)| *end);
        let mut appended = Appended::default();
        for (end, call) in order {
            if minute_of(end) < self.marks.calls_from {
                appended.too_old += 1;
                continue;
            }
            match self.insert(call, end, calls)? {
                Some(numbers) => {
                    appended.inserted += 1;
                    cells.count(call, end, &numbers, &self.marks);
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
        if let Some(id) = self.recent.get(identity)
            && calls.holds(id, call)?
        {
            return Ok(None);
        }
        let numbers = Numbers::of(call, day_of(end), self.dictionary, self.sql)?;
        for place in places(end, identity) {
            if calls.insert(place, call, &numbers)? {
                self.marks.spill_us = self.marks.spill_us.max(place.spill_us);
                self.recent.insert(identity, place.id);
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

/// What a group of batches adds to the roll-ups, by row id.
#[derive(Default)]
struct Cells {
    minutes: BTreeMap<i64, Cell>,
    /// Buckets that were closed before these calls came.
    late: BTreeMap<(Table, i64), Cell>,
    late_hashes: Late,
}

impl Cells {
    fn count(&mut self, call: &CallRecord, end: i64, numbers: &Numbers, marks: &Marks) {
        let measures = Measures::from(call);
        let minute = minute_of(end);
        self.minutes.entry(cell_id(minute, numbers.series)).or_default().count(&measures);
        for (table, size, subject) in [
            (Table::Five, 5, Some(numbers.series)),
            (Table::Hour, 60, Some(numbers.series)),
            (Table::UserFive, 5, numbers.user),
            (Table::UserHour, 60, numbers.user),
            (Table::AllMinute, 1, Some(ALL)),
            (Table::AllFive, 5, Some(ALL)),
            (Table::AllHour, 60, Some(ALL)),
        ] {
            let bucket = minute.div_euclid(size) * size;
            let closed = bucket + size <= marks.closed && !(table.of_all() && bucket < marks.summed_from);
            let Some(subject) = subject.filter(|_| closed) else { continue };
            let cell = self.late.entry((table, cell_id(bucket, subject))).or_default();
            match table {
                Table::UserFive | Table::UserHour => cell.totals.count(&measures),
                _ => cell.count(&measures),
            }
        }
        if let Some(hash) = call.request_hash.as_deref().filter(|_| minute < marks.closed) {
            let call = Sightings::one(end, numbers.series, call.cost.unwrap_or_default());
            self.late_hashes.push(Hash::of(hash), call);
        }
    }

    fn write(self, sql: &Connection, marks: &Marks) -> rusqlite::Result<()> {
        let mut minutes = CellWriter::new(sql, Table::Minute)?;
        for (id, cell) in &self.minutes {
            minutes.add(*id, cell)?;
        }
        for ((table, id), cell) in &self.late {
            CellWriter::new(sql, *table)?.add(*id, cell)?;
        }
        self.late_hashes.write_new(sql, marks)
    }
}
