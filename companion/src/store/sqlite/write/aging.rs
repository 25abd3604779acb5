//! Which rows are past their age, by the ledger's own time, and how many of them may go now.

use std::time::Duration;

use crate::record::Timestamp;
use crate::store::StoreError;
use crate::store::sqlite::file::call_id::{first_id, minute_of_id};
use crate::store::sqlite::file::watermarks::NEVER;
use crate::store::sqlite::rollup::grain::{FIVE, HOUR, minute_of, minute_start};
use crate::store::sqlite::rollup::row::{Table, row_id, row_key};
use crate::store::sqlite::write::brake::Brake;
use crate::store::sqlite::write::transaction::{SqliteAppender, Transaction};

/// How far back calls are taken when the mark goes back and only the size decides what is kept.
const LATE: Duration = Duration::from_secs(24 * 3_600);

/// How old the time in the file may be, in nanoseconds.
const NOTED: i64 = 300 * Timestamp::SECOND;

/// Rows with the ids of their buckets.
struct Rows {
    table: &'static str,
    /// Minutes of a bucket.
    bucket: i64,
    /// The first id of a minute.
    id: fn(i64) -> i64,
    /// The minute of an id.
    minute: fn(i64) -> i64,
    /// What else is deleted with them: the oldest minute from another one on.
    also: Option<&'static str>,
}

const CALLS: Rows = Rows {
    table: "calls",
    // Whole buckets of every rollup go together.
    bucket: FIVE,
    id: |minute| first_id(minute_start(minute)),
    minute: minute_of_id,
    also: None,
};
const SUMS: Rows = Rows {
    table: Table::Hour.name(),
    bucket: HOUR,
    id: |minute| row_id(minute, 0),
    minute: |id| row_key(id).0,
    also: Some("SELECT min(hour) * 60 FROM skipped WHERE hour * 60 >= ?1"),
};

impl Rows {
    /// The bucket at which rows of this age are young enough.
    fn limit(&self, now: Timestamp, age: Duration) -> i64 {
        minute_of(before(now, age)).div_euclid(self.bucket) * self.bucket
    }
}

impl SqliteAppender {
    /// Takes `now` for the time, and lets everything go that is past its age.
    #[cfg(test)]
    pub(in crate::store::sqlite) fn trust(&mut self, now: Timestamp) {
        self.clock = crate::store::own_clock::OwnClock::after(Some(now));
        self.calls_brake.release();
        self.sums_brake.release();
    }

    /// Takes `now` for the time of a new ledger, which is filled with a history from then on.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn begins(mut self, now: Timestamp) -> Result<Self, StoreError> {
        self.clock.at(now, Duration::ZERO);
        self.clock.believe();
        self.note_time(now)?;
        Ok(self)
    }

    /// Notes the time in the file, for the next start: a clock that is wrong then is compared with it. A clock that is not
    /// believed says nothing, and when the ledger was created is known when it is.
    pub(super) fn note_time(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let noted = self.noted_time.is_some_and(|noted| (now.0 - noted.0).abs() < NOTED);
        if noted || !self.clock.is_believed() {
            return Ok(());
        }
        let (undated, confirmed) = (self.sequences.is_undated(), self.clock.is_confirmed());
        self.write(|transaction| {
            let mut state = transaction
                .sql
                .prepare_cached("INSERT OR REPLACE INTO state (name, value) VALUES (?1, ?2)")?;
            if undated {
                state.execute(("created", now.0))?;
            }
            if confirmed {
                state.execute(("confirmed", 1))?;
            }
            state.execute(("time", now.0)).map(drop)
        })?;
        if undated {
            self.sequences.created_at(now);
        }
        self.noted_time = Some(now);
        Ok(())
    }

    /// Moves the mark back where it is ahead of the time `now`: nothing that ends now was deleted.
    pub(super) fn mark_back(&mut self, now: Timestamp, keep: Option<Duration>) -> Result<(), StoreError> {
        if self.watermarks.calls_from <= minute_of(now.0) + 2 * FIVE {
            return Ok(());
        }
        let back = SUMS.limit(now, keep.unwrap_or(LATE));
        tracing::warn!("the mark of what was deleted is ahead of the time and goes back");
        self.write(|transaction| {
            let watermarks = &mut transaction.watermarks;
            watermarks.calls_from = watermarks.calls_from.min(back);
            watermarks.whole_from = watermarks.whole_from.min(back);
            watermarks.minutes_from = watermarks.minutes_from.min(back);
            Ok(())
        })
    }

    /// Marks calls past their age as deleted, as far as the brake lets go; tells how many seconds of history stay.
    pub(super) fn mark_old_calls(
        &mut self,
        now: Timestamp,
        keep: Option<Duration>,
        uptime: Duration,
    ) -> Result<i64, StoreError> {
        let mut brake = self.calls_brake;
        brake.pass(uptime);
        let behind = self.write(|transaction| {
            let wanted = keep.map_or(NEVER, |age| CALLS.limit(now, age)).min(transaction.watermarks.closed);
            // Files are of whole hours.
            let whole = if transaction.archives { wanted.div_euclid(HOUR) * HOUR } else { wanted };
            let until = transaction.deletable(whole, minute_of(now.0));
            let from = transaction.watermarks.calls_from;
            // Where there are no calls the mark stays where it is: what comes late there is not too old.
            if let Some(taken) = transaction.let_go(&CALLS, from, until, keep, &mut brake)? {
                transaction.watermarks.calls_from = from.max(taken);
            }
            transaction.backlog(&CALLS, transaction.watermarks.calls_from, wanted)
        })?;
        self.calls_brake = brake;
        Ok(behind)
    }

    /// Deletes hour rollups past their age, as far as the brake lets go. Tells whether more is left to do now.
    pub(super) fn delete_old_sums(
        &mut self,
        now: Timestamp,
        keep: Option<Duration>,
        uptime: Duration,
    ) -> Result<bool, StoreError> {
        let (mut brake, mut gone) = (self.sums_brake, self.sums_from);
        brake.pass(uptime);
        let more = self.write(|transaction| {
            let until = keep.map_or(NEVER, |age| SUMS.limit(now, age));
            // With the totals of an hour its calls go.
            let until = transaction.deletable(until, minute_of(now.0)).div_euclid(HOUR) * HOUR;
            gone = gone.max(transaction.let_go(&SUMS, gone, until, keep, &mut brake)?.unwrap_or(NEVER));
            // Of hours that are gone nothing finer stays either.
            transaction.watermarks.calls_from = transaction.watermarks.calls_from.max(gone);
            transaction.delete_old_sums(gone)
        })?;
        (self.sums_brake, self.sums_from) = (brake, gone);
        Ok(more)
    }
}

impl Transaction<'_> {
    /// Takes the buckets with rows from minute `from` on and before `until` from the brake, the oldest first; the end of
    /// the last one that may go.
    fn let_go(
        &self,
        rows: &Rows,
        from: i64,
        until: i64,
        keep: Option<Duration>,
        brake: &mut Brake,
    ) -> rusqlite::Result<Option<i64>> {
        brake.keep(self.sql, keep, || self.backlog(rows, from, until))?;
        let (mut next, mut taken) = (from, None);
        while let Some(oldest) = self.oldest_from(rows, next)? {
            let end = (oldest.div_euclid(rows.bucket) + 1) * rows.bucket;
            if end > until || !brake.take(rows.bucket * 60) {
                break;
            }
            (next, taken) = (end, Some(end));
        }
        if taken.is_some() {
            brake.save(self.sql)?;
        }
        Ok(taken)
    }

    /// Seconds from the oldest row, from minute `from` on, to `until`.
    fn backlog(&self, rows: &Rows, from: i64, until: i64) -> rusqlite::Result<i64> {
        let oldest = self.oldest_from(rows, from)?;
        Ok(oldest.map_or(0, |minute| until.saturating_sub(minute).max(0).saturating_mul(60)))
    }

    /// The minute of the oldest row from minute `from` on.
    fn oldest_from(&self, rows: &Rows, from: i64) -> rusqlite::Result<Option<i64>> {
        let id: Option<i64> = self
            .sql
            .prepare_cached(&format!("SELECT min(id) FROM {} WHERE id >= ?1", rows.table))?
            .query_row([(rows.id)(from)], |row| row.get(0))?;
        let other: Option<i64> = match rows.also {
            Some(sql) => self.sql.prepare_cached(sql)?.query_row([from], |row| row.get(0))?,
            None => None,
        };
        Ok(id.map(rows.minute).into_iter().chain(other).min())
    }
}

/// `now - age`; saturates.
fn before(now: Timestamp, age: Duration) -> i64 {
    now.0.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
}
