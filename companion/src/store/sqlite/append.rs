//! The one writer of a ledger.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::record::{CallRecord, Timestamp};
use crate::store::sqlite::cell::{Cell, CellWriter, Table, cell_id};
use crate::store::sqlite::dictionary::{Dictionary, day_of};
use crate::store::sqlite::error::store_error;
use crate::store::sqlite::gaps::Sequences;
use crate::store::sqlite::key::{end_of, identity_hash, places};
use crate::store::sqlite::marks::Marks;
use crate::store::sqlite::open::WriterLock;
use crate::store::sqlite::recent::Recent;
use crate::store::sqlite::row::{self, Numbers};
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
    sequences: Sequences,
    /// Needs no clearing: what it leads to is looked at.
    recent: Recent,
    _lock: WriterLock,
}

impl SqliteAppender {
    pub(super) fn new(
        connection: Connection,
        lock: WriterLock,
        path: PathBuf,
        options: Options,
    ) -> Result<Self, StoreError> {
        let remembered = Marks::load(&connection).and_then(|marks| Ok((marks, Recent::load(&connection)?)));
        let (marks, recent) = remembered.map_err(|error| store_error(&path, &error))?;
        Ok(Self {
            connection,
            path,
            options,
            marks,
            dictionary: Dictionary::default(),
            names_from: i64::MIN,
            sequences: Sequences::default(),
            recent,
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
}

impl Appender for SqliteAppender {
    fn append(&mut self, batch: &[CallRecord]) -> Result<Appended, StoreError> {
        self.write(|transaction| transaction.append(batch))
    }

    fn append_group(&mut self, batches: &[Vec<CallRecord>]) -> Vec<Result<Appended, StoreError>> {
        let together = self.write(|transaction| {
            batches.iter().map(|batch| transaction.append(batch)).collect::<rusqlite::Result<Vec<_>>>()
        });
        match together {
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
    fn append(&mut self, batch: &[CallRecord]) -> rusqlite::Result<Appended> {
        let mut order: Vec<_> =
            batch.iter().map(|call| (end_of(call.start.0, call.duration_ns), call)).collect();
        // Rows in the order of their ids fill pages; batches come in the order of the senders.
        order.sort_by_key(|(end, _)| *end);

        let mut appended = Appended::default();
        let mut cells = Cells::default();
        for (end, call) in order {
            match self.insert(call, end)? {
                Some(numbers) => {
                    appended.inserted += 1;
                    cells.count(call, end, &numbers, &self.marks);
                }
                None => appended.duplicates += 1,
            }
            self.sequences.note(self.sql, call, end)?;
        }
        cells.write(self.sql)?;
        self.sequences.write(self.sql)?;
        Ok(appended)
    }

    /// Writes the call unless it is known, or so old that nobody can tell any more.
    fn insert(&mut self, call: &CallRecord, end: i64) -> rusqlite::Result<Option<Numbers>> {
        if minute_of(end) < self.marks.calls_from {
            return Ok(None);
        }
        let identity = identity_hash(&call.trace_id, &call.span_id);
        if let Some(id) = self.recent.get(identity)
            && self.identity_at(id)? == Some((call.trace_id, call.span_id))
        {
            return Ok(None);
        }
        let numbers = Numbers::of(call, day_of(end), self.dictionary, self.sql)?;
        for place in places(end, identity) {
            if row::insert(self.sql, place, call, &numbers)? {
                self.marks.spill_us = self.marks.spill_us.max(place.spill_us);
                self.recent.insert(identity, place.id);
                return Ok(Some(numbers));
            }
            if self.identity_at(place.id)? == Some((call.trace_id, call.span_id)) {
                return Ok(None);
            }
        }
        let detail =
            format!("no place is left for calls that end at {end} ns; the sender's clock stands still");
        Err(rusqlite::Error::ToSqlConversionFailure(detail.into()))
    }

    fn identity_at(&self, id: i64) -> rusqlite::Result<Option<([u8; 16], [u8; 8])>> {
        self.sql
            .prepare_cached("SELECT trace_id, span_id FROM calls WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    }
}

/// What a batch adds to the roll-ups, by row id.
#[derive(Default)]
struct Cells {
    minutes: BTreeMap<i64, Cell>,
    /// Tables whose buckets were complete before these calls came.
    late: BTreeMap<(u8, i64), (Table, Cell)>,
}

impl Cells {
    fn count(&mut self, call: &CallRecord, end: i64, numbers: &Numbers, marks: &Marks) {
        let measures = Measures::from(call);
        let minute = minute_of(end);
        self.minutes.entry(cell_id(minute, numbers.series)).or_default().count(&measures);
        for (at, (table, size, subject)) in [
            (Table::Five, 5, Some(numbers.series)),
            (Table::UserFive, 5, numbers.user),
            (Table::Hour, 60, Some(numbers.series)),
            (Table::UserHour, 60, numbers.user),
        ]
        .into_iter()
        .enumerate()
        {
            let bucket = minute.div_euclid(size) * size;
            let Some(subject) = subject else { continue };
            if bucket + size > marks.closed {
                continue;
            }
            let key = (u8::try_from(at).unwrap_or(u8::MAX), cell_id(bucket, subject));
            let (_, cell) = self.late.entry(key).or_insert_with(|| (table, Cell::default()));
            if matches!(table, Table::UserFive | Table::UserHour) {
                cell.totals.count(&measures);
            } else {
                cell.count(&measures);
            }
        }
    }

    fn write(&self, sql: &Connection) -> rusqlite::Result<()> {
        let mut minutes = CellWriter::new(sql, Table::Minute)?;
        for (id, cell) in &self.minutes {
            minutes.add(*id, cell)?;
        }
        for ((_, id), (table, cell)) in &self.late {
            CellWriter::new(sql, *table)?.add(*id, cell)?;
        }
        Ok(())
    }
}
