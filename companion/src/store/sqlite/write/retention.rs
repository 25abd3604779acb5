//! Housekeeping: closes rollups, deletes what is past its time or over the size, gives pages back and cuts
//! the log. Each call does a bounded amount of work, in short transactions.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use crate::record::Timestamp;
use crate::store::sqlite::file::call_id::{first_id, minute_of_id};
use crate::store::sqlite::file::error::store_error;
use crate::store::sqlite::file::names::Names;
use crate::store::sqlite::file::open::WRITER_TIMEOUT;
use crate::store::sqlite::file::watch::next_to;
use crate::store::sqlite::rollup::grain::{minute_of, minute_start};
use crate::store::sqlite::rollup::row::{Table, row_id, row_key};
use crate::store::sqlite::write::transaction::{SqliteAppender, Transaction};
use crate::store::{Maintained, StoreError};

/// Calls read for rollups, and rows deleted, by one run: some 50 ms each.
const CLOSE_CALLS: u64 = 100_000;
pub(super) const DELETE_ROWS: i64 = 20_000;
/// What a call is supposed to take when the ledger is too large. It is less in truth, so that not too many
/// are deleted.
const CALL_BYTES: i64 = 1_024;
/// Free pages given back to the file system by one run: 16 MiB.
const VACUUM_PAGES: i64 = 4_096;
/// Free pages kept for the next appends, so that the file does not shrink and grow in turns: 1 MiB.
const SPARE_PAGES: i64 = 256;
/// How long the writer waits for readers before it leaves the log to the next run; longer when it has grown.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(100);
const LONG_PATIENCE: Duration = Duration::from_secs(2);
/// In bytes.
const GROWN_LOG: u64 = 64 * 1024 * 1024;
/// A bucket is closed this many minutes after its end: most stragglers are in by then, and later ones only
/// cost a little more.
pub(super) const GRACE: i64 = 2;

pub(crate) fn maintain(
    ledger: &mut SqliteAppender,
    clock: Timestamp,
    uptime: Duration,
) -> Result<Maintained, StoreError> {
    ledger.watch.check()?;
    ledger.watch.check_writable()?;
    ledger.watch.log_may_shrink();
    let maintained = keep_house(ledger, clock, uptime);
    ledger.watch.log_rests();
    maintained
}

fn keep_house(
    ledger: &mut SqliteAppender,
    clock: Timestamp,
    uptime: Duration,
) -> Result<Maintained, StoreError> {
    let now = ledger.clock.at(clock, uptime);
    ledger.note_time(now)?;
    ledger.take_archived()?;
    let today = minute_of(now.0);
    let mut more = close_until(ledger, (today - GRACE).div_euclid(5) * 5)?;

    let confirmed = ledger.clock.is_confirmed();
    let keep_calls = ledger.options.keep_calls.filter(|_| confirmed);
    // Rollups are never kept for less than their calls.
    let keep_sums = ledger.options.keep_sums.filter(|_| confirmed);
    let keep_sums = keep_sums.map(|age| age.max(keep_calls.unwrap_or_default()));
    // What goes is old by both clocks: the own one may come from a clock that was ahead.
    let sure = now.min(clock);
    ledger.mark_back(sure, keep_calls)?;
    let behind = ledger.mark_old_calls(sure, keep_calls, uptime)?;
    let mut deleted = ledger.write(|transaction| transaction.delete_old_calls())?;
    let over = if deleted == 0 { ledger.bytes_over()? } else { 0 };
    if deleted == 0 && (over > 0 || ledger.has_marks()) {
        deleted = ledger.delete_of_largest(over / CALL_BYTES, today)?;
    }
    if deleted > 0 {
        more |= over > 0;
    } else if over > 0 {
        deleted = ledger.write(|transaction| transaction.delete_oldest_calls(over / CALL_BYTES, today))?;
        more |= deleted > 0;
        if deleted == 0 && !ledger.write(|transaction| transaction.holds_calls())? {
            more |= ledger.write(|transaction| transaction.delete_oldest_sums())? > 0;
        }
    }
    more |= deleted == DELETE_ROWS;

    more |= ledger.delete_old_sums(sure, keep_sums, uptime)?;
    more |= ledger.end_waiting(now)?;
    let (more_instances, forgotten_instances) = ledger.write(|transaction| transaction.forget_gaps())?;
    more |= more_instances;
    more |= ledger.forget_names()?;
    more |= ledger.shrink()?;
    ledger.want_archived(now)?;
    Ok(Maintained {
        deleted: deleted.cast_unsigned(),
        more,
        behind_seconds: behind.cast_unsigned(),
        forgotten_instances,
    })
}

/// Tells whether more is left to close.
fn close_until(ledger: &mut SqliteAppender, until: i64) -> Result<bool, StoreError> {
    let names = Names::default();
    let mut calls = 0;
    while calls < CLOSE_CALLS {
        let (reached, read) = ledger.write(|transaction| transaction.close_next(&names, until))?;
        calls += read;
        if reached {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Transaction<'_> {
    /// Deletes calls before the mark; tells how many.
    fn delete_old_calls(&mut self) -> rusqlite::Result<i64> {
        self.delete("calls", first_id(minute_start(self.watermarks.calls_from)))
    }

    /// Moves the mark past the oldest five minutes that have calls, or more of them while those have fewer
    /// than `wanted`, and deletes what is before it; tells how many.
    fn delete_oldest_calls(&mut self, wanted: i64, today: i64) -> rusqlite::Result<i64> {
        let minute_of_call = |number: i64| -> rusqlite::Result<Option<i64>> {
            let id: Option<i64> = self
                .sql
                .prepare_cached("SELECT id FROM calls ORDER BY id LIMIT 1 OFFSET ?1")?
                .query_row([number], |row| row.get(0))
                .optional()?;
            Ok(id.map(minute_of_id))
        };
        let Some(oldest) = minute_of_call(0)? else { return Ok(0) };
        let enough = minute_of_call(wanted.min(DELETE_ROWS))?.filter(|minute| *minute <= today);
        let five = (oldest.div_euclid(5) + 1) * 5;
        let five = enough.map_or(five, |minute| five.max(minute.div_euclid(5) * 5));
        if oldest > today + 60 {
            // Sent by a clock that is wrong. The mark stays, or it would shut out every right one.
            let until = self.deletable(five, today);
            return self.delete("calls", first_id(minute_start(until)));
        }
        // When not even the last five minutes fit, the users' totals of these are lost with their calls.
        let until = self.deletable(five.min(today), today);
        if until <= oldest {
            return Ok(0);
        }
        let names = Names::default();
        while !self.close_next(&names, until.div_euclid(5) * 5)?.0 {}
        self.watermarks.calls_from = self.watermarks.calls_from.max(until);
        self.delete_old_calls()
    }

    /// Deletes rollups finer than an hour where the calls are gone, and hours before `oldest_sum`. Tells
    /// whether more is left.
    pub(super) fn delete_old_sums(&mut self, oldest_sum: i64) -> rusqlite::Result<bool> {
        let watermarks = &mut self.watermarks;
        let whole_hours = watermarks.calls_from.min(watermarks.closed).div_euclid(60) * 60;
        watermarks.minutes_from = watermarks.minutes_from.max(whole_hours);
        let minutes_from = row_id(watermarks.minutes_from, 0);
        let mut more = false;
        for table in
            [Table::Minute, Table::Five, Table::AllMinute, Table::AllFive, Table::UserFive, Table::HashFive]
        {
            more |= self.delete(table.name(), minutes_from)? == DELETE_ROWS;
        }
        for table in [Table::Hour, Table::AllHour, Table::UserHour, Table::HashHour] {
            more |= self.delete(table.name(), row_id(oldest_sum, 0))? == DELETE_ROWS;
        }
        more |= self.delete_skipped(oldest_sum, DELETE_ROWS)? == DELETE_ROWS;
        Ok(more)
    }

    /// Deletes the oldest hours, as little as a row; tells how many rows.
    fn delete_oldest_sums(&mut self) -> rusqlite::Result<i64> {
        let mut deleted = 0;
        // What is summed over all series goes with the series, so that both say the same.
        for (first, along) in
            [(Table::Hour, [Table::AllHour, Table::HashHour].as_slice()), (Table::UserHour, &[])]
        {
            if let Some(oldest) = self.oldest(first)? {
                for table in [&[first], along].concat() {
                    deleted += self.delete(table.name(), row_id(oldest + 60, 0))?;
                }
                deleted += self.delete_skipped(oldest + 60, DELETE_ROWS)?;
            }
        }
        Ok(deleted)
    }

    pub(super) fn oldest(&self, table: Table) -> rusqlite::Result<Option<i64>> {
        let id: Option<i64> = self
            .sql
            .prepare_cached(&format!("SELECT min(id) FROM {}", table.name()))?
            .query_row([], |row| row.get(0))?;
        Ok(id.map(|id| row_key(id).0))
    }

    /// Deletes at most [`DELETE_ROWS`] rows with a lower id, from the lowest on; tells how many.
    fn delete(&self, table: &str, below: i64) -> rusqlite::Result<i64> {
        let deleted = self
            .sql
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id < ?1 ORDER BY id LIMIT ?2)"
            ))?
            .execute([below, DELETE_ROWS])?;
        Ok(i64::try_from(deleted).unwrap_or(DELETE_ROWS))
    }

    /// Numbers older than the retention are not missing; instances silent for longest are forgotten.
    fn forget_gaps(&mut self) -> rusqlite::Result<(bool, u64)> {
        self.sequences.forget_before(self.sql, minute_start(self.watermarks.calls_from).0)?;
        let most = i64::try_from(self.limits.instances).unwrap_or(i64::MAX);
        let surplus = (self.sequences.rows.count(self.sql)? - most).min(DELETE_ROWS);
        if surplus > 0 {
            self.forget_instances(usize::try_from(surplus).unwrap_or(0))?;
        }
        Ok((surplus == DELETE_ROWS, surplus.max(0).cast_unsigned()))
    }
}

impl SqliteAppender {
    /// Deletes names that nothing kept can refer to any more, once per day.
    fn forget_names(&mut self) -> Result<bool, StoreError> {
        let forgotten = self.names_from;
        let (names_from, deleted) = self.write(|transaction| {
            let mut oldest = None;
            for table in [Table::Minute, Table::Hour, Table::UserHour] {
                let minute = transaction.oldest(table)?;
                oldest = oldest.into_iter().chain(minute).min();
            }
            // Rows that are not counted are in no rollup, and are read again.
            let row: Option<i64> = transaction
                .sql
                .prepare_cached("SELECT min(id) FROM calls")?
                .query_row([], |row| row.get(0))?;
            oldest = oldest.into_iter().chain(row.map(minute_of_id)).min();
            let day = oldest.map_or(i64::MIN, |minute| minute.div_euclid(24 * 60));
            if day <= forgotten {
                return Ok((forgotten, 0));
            }
            match transaction.dictionary.forget(transaction.sql, day, DELETE_ROWS)? {
                0 => Ok((day, 0)),
                deleted => Ok((forgotten, deleted)),
            }
        })?;
        self.names_from = names_from;
        Ok(deleted > 0)
    }

    /// By how many bytes the pages in use and the log exceed what they may take.
    fn bytes_over(&self) -> Result<i64, StoreError> {
        let Some(most) = self.options.max_bytes else { return Ok(0) };
        let used = self.read(|sql| {
            let pages = pragma(sql, "page_count")? - pragma(sql, "freelist_count")?;
            Ok(pages * pragma(sql, "page_size")?)
        })?;
        let over = used.cast_unsigned().saturating_add(self.log_bytes()).saturating_sub(most);
        Ok(i64::try_from(over).unwrap_or(i64::MAX))
    }

    fn log_bytes(&self) -> u64 {
        std::fs::metadata(next_to(&self.path, "-wal")).map_or(0, |metadata| metadata.len())
    }

    /// Gives free pages back and cuts the log. Tells whether more pages are free.
    fn shrink(&mut self) -> Result<bool, StoreError> {
        self.watch.may_shrink();
        let (more, whole) = self.read(|sql| {
            let free = pragma(sql, "freelist_count")?;
            let page_size = pragma(sql, "page_size")?;
            let used = (pragma(sql, "page_count")? - free) * page_size;
            let room =
                self.options.max_bytes.map_or(i64::MAX, |most| i64::try_from(most).unwrap_or(i64::MAX));
            let spare = ((room - used) / page_size).clamp(0, SPARE_PAGES);
            let surplus = free - spare;
            if surplus > 0 {
                let pages = surplus.min(VACUUM_PAGES);
                // Each step gives back one page.
                let mut vacuum = sql.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
                let mut steps = vacuum.query([])?;
                while steps.next()?.is_some() {}
            }
            // A reader in the way is no failure: what it holds is cut by the next run.
            let grown = self.log_bytes() > GROWN_LOG;
            sql.busy_timeout(if grown { LONG_PATIENCE } else { CHECKPOINT_PATIENCE })?;
            let cut =
                sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0));
            sql.busy_timeout(WRITER_TIMEOUT)?;
            let whole = match cut {
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => false,
                other => other?,
            };
            Ok((surplus > VACUUM_PAGES, whole))
        })?;
        if whole {
            self.watch.grows_only();
        }
        Ok(more)
    }

    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        ask(&self.connection).map_err(|error| store_error(&self.path, &error))
    }
}

fn pragma(sql: &Connection, name: &str) -> rusqlite::Result<i64> {
    sql.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}
