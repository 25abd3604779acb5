//! Which calls go when the ledger is too large: the oldest of the service that has most, so that a flood of one service does
//! not push out the history of the others. Their totals stay.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::store::StoreError;
use crate::store::sqlite::file::call_id::first_id;
use crate::store::sqlite::file::error::store_error;
use crate::store::sqlite::file::names::Names;
use crate::store::sqlite::file::watermarks::Watermarks;
use crate::store::sqlite::rollup::grain::minute_start;
use crate::store::sqlite::rollup::row::{Table, row_id, row_key};
use crate::store::sqlite::write::retention::DELETE_ROWS;
use crate::store::sqlite::write::transaction::{SqliteAppender, Transaction};

/// Minutes after which calls are counted again.
const COUNTED_FOR: i64 = 60;
/// Services with a mark of their own; with more the oldest calls go, of whatever service.
const MARKS: usize = 1_000;
/// How far ahead of the time a mark may be, in minutes, before it goes back.
const AHEAD: i64 = 10;

/// What each service has.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// Calls that are kept, about. Empty when they are to be counted.
    calls: BTreeMap<String, i64>,
    counted: i64,
    /// The minutes before which calls of a service were deleted, where that is later than for all.
    from: BTreeMap<String, i64>,
    /// Calls that are past their service's mark and still there.
    left: Option<Left>,
}

#[derive(Debug)]
struct Left {
    service: String,
    from: i64,
    until: i64,
}

impl Shares {
    pub(super) fn load(sql: &Connection) -> rusqlite::Result<Self> {
        let mut marks = sql.prepare(
            "SELECT substr(name, length('service_from ') + 1), value FROM state WHERE name LIKE 'service\\_from %' ESCAPE '\\'",
        )?;
        let from = marks.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(Self { from, ..Self::default() })
    }

    /// The service with most calls, when there are several.
    fn largest(&self) -> Option<String> {
        let largest = self.calls.iter().max_by_key(|(_, calls)| **calls)?;
        (self.calls.len() > 1 && self.from.len() < MARKS && *largest.1 > 0).then(|| largest.0.clone())
    }

    /// Counts a new call, where calls are counted.
    pub(super) fn added(&mut self, service: &str) {
        if let Some(calls) = self.calls.get_mut(service) {
            *calls += 1;
        } else if (1..MARKS).contains(&self.calls.len()) {
            self.calls.insert(service.to_owned(), 1);
        }
    }

    /// The minute before which the calls of a service were deleted.
    pub(super) fn start(&self, service: &str, watermarks: &Watermarks) -> i64 {
        self.from.get(service).copied().unwrap_or(i64::MIN).max(watermarks.calls_from)
    }
}

impl SqliteAppender {
    /// Deletes about `wanted` calls of the service that has most, and what was left of that before; how many.
    pub(super) fn delete_of_largest(&mut self, wanted: i64, today: i64) -> Result<i64, StoreError> {
        let mut shares = std::mem::take(&mut self.shares);
        let deleted = self.write(|transaction| {
            transaction.forget_marks(&mut shares, today)?;
            match transaction.delete_left(&mut shares)? {
                0 if wanted > 0 => transaction.delete_of_largest(&mut shares, wanted, today),
                deleted => Ok(deleted),
            }
        });
        self.shares = match &deleted {
            Ok(_) => shares,
            Err(_) => Shares::load(&self.connection).map_err(|error| store_error(&self.path, &error))?,
        };
        deleted
    }

    /// Whether there is anything to do for one service.
    pub(super) fn has_marks(&self) -> bool {
        self.shares.left.is_some() || !self.shares.from.is_empty()
    }
}

impl Transaction<'_> {
    /// Forgets marks that the one for all has reached, and those that are ahead of the time.
    fn forget_marks(&mut self, shares: &mut Shares, today: i64) -> rusqlite::Result<()> {
        let watermarks = &mut self.watermarks;
        if watermarks.whole_from > today + AHEAD {
            watermarks.whole_from = watermarks.calls_from;
        }
        let kept = watermarks.calls_from + 1..=today + AHEAD;
        if shares.from.values().all(|mark| kept.contains(mark)) {
            return Ok(());
        }
        shares.from.retain(|_, mark| kept.contains(mark));
        self.sql
            .prepare_cached(
                "DELETE FROM state WHERE name LIKE 'service\\_from %' ESCAPE '\\' AND (value < ?1 OR value > ?2)",
            )?
            .execute([*kept.start(), *kept.end()])
            .map(drop)
    }

    fn delete_of_largest(&mut self, shares: &mut Shares, wanted: i64, today: i64) -> rusqlite::Result<i64> {
        if shares.calls.is_empty() || today - shares.counted >= COUNTED_FOR {
            self.count_calls(shares)?;
            shares.counted = today;
        }
        let Some(service) = shares.largest() else { return Ok(0) };
        let from = shares.start(&service, &self.watermarks);
        let Some((oldest, enough)) = self.oldest_minutes(&service, from, today, wanted.min(DELETE_ROWS))?
        else {
            shares.calls.remove(&service);
            return Ok(0);
        };
        // Whole buckets of every rollup, none of which is open.
        let until = ((enough.div_euclid(5) + 1) * 5).min(today.div_euclid(5) * 5);
        let until = self.deletable(until, today);
        if until <= oldest {
            return Ok(0);
        }
        let names = Names::default();
        while !self.close_next(&names, until)?.0 {}
        self.watermarks.whole_from = self.watermarks.whole_from.max(until);
        self.sql
            .prepare_cached("INSERT OR REPLACE INTO state (name, value) VALUES ('service_from ' || ?1, ?2)")?
            .execute(params![service, until])?;
        shares.from.insert(service.clone(), until);
        shares.left = Some(Left { service, from, until });
        self.delete_left(shares)
    }

    /// Counts what each service has in the hours that are closed and in the minutes since.
    fn count_calls(&self, shares: &mut Shares) -> rusqlite::Result<()> {
        shares.calls.clear();
        let hour = self.watermarks.closed_hour();
        for (table, ids) in [
            (Table::Hour, row_id(self.watermarks.calls_from.max(0), 0)..row_id(hour.max(0), 0)),
            (Table::Minute, row_id(hour.max(self.watermarks.calls_from).max(0), 0)..i64::MAX),
        ] {
            let mut statement = self.sql.prepare_cached(&format!(
                "SELECT rollup.id, calls, value FROM {} AS rollup JOIN series ON series.id = rollup.id & ?3 \
                 JOIN text ON text.id = service WHERE rollup.id >= ?1 AND rollup.id < ?2",
                table.name()
            ))?;
            let mut rows = statement.query([ids.start, ids.end, row_key(i64::MAX).1])?;
            while let Some(row) = rows.next()? {
                let service = row.get_ref(2)?.as_str()?;
                let (minute, calls): (i64, i64) = (row_key(row.get(0)?).0, row.get(1)?);
                if minute < shares.start(service, &self.watermarks) {
                    continue;
                }
                match shares.calls.get_mut(service) {
                    Some(known) => *known = known.saturating_add(calls),
                    None => drop(shares.calls.insert(service.to_owned(), calls)),
                }
            }
        }
        Ok(())
    }

    /// The oldest minute in which the service has calls, and the one by which it has so many.
    fn oldest_minutes(
        &self,
        service: &str,
        from: i64,
        today: i64,
        wanted: i64,
    ) -> rusqlite::Result<Option<(i64, i64)>> {
        let mut statement = self.sql.prepare_cached(
            "SELECT rollup.id, calls FROM series_minute AS rollup JOIN series ON series.id = rollup.id & ?3 \
             JOIN text ON text.id = service WHERE rollup.id >= ?1 AND rollup.id < ?2 AND value = ?4 ORDER BY rollup.id",
        )?;
        let ids = [row_id(from.max(0), 0), row_id(today, 0)];
        let mut rows = statement.query(params![ids[0], ids[1], row_key(i64::MAX).1, service])?;
        let (mut found, mut calls): (Option<(i64, i64)>, i64) = (None, 0);
        while let Some(row) = rows.next()? {
            let minute = row_key(row.get(0)?).0;
            found = Some((found.map_or(minute, |(oldest, _)| oldest), minute));
            calls += row.get::<_, i64>(1)?;
            if calls >= wanted {
                break;
            }
        }
        Ok(found)
    }

    fn delete_left(&self, shares: &mut Shares) -> rusqlite::Result<i64> {
        let Some(Left { service, from, until }) = &shares.left else { return Ok(0) };
        let deleted = self
            .sql
            .prepare_cached(
                "DELETE FROM calls WHERE id IN (SELECT calls.id FROM calls JOIN series ON series.id = calls.series \
                 JOIN text ON text.id = service WHERE calls.id >= ?1 AND calls.id < ?2 AND value = ?3 LIMIT ?4)",
            )?
            .execute(params![
                first_id(minute_start(*from)),
                first_id(minute_start(*until)),
                service,
                DELETE_ROWS
            ])?;
        let deleted = i64::try_from(deleted).unwrap_or(DELETE_ROWS);
        if let Some(calls) = shares.calls.get_mut(service) {
            *calls -= deleted;
        }
        if deleted < DELETE_ROWS {
            shares.left = None;
        }
        Ok(deleted)
    }
}
