//! Reading the ledger whole, an hour at a time.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{OptionalExtension, params};

use crate::record::{ProcessEnd, Timestamp, Window};
use crate::store::StoreError;
use crate::store::export::{
    Exporter, Gap, HourFacts, HourRows, KeyCount, Place, Process, SkippedCount, StoredCall,
};
use crate::store::sqlite::file::call_id::{end_id, end_of, first_id, micros_of_id};
use crate::store::sqlite::file::enum_codes;
use crate::store::sqlite::file::error::store_error;
use crate::store::sqlite::file::row::{columns, read_account};
use crate::store::sqlite::file::schema::{WITH_ERROR_KINDS, WITH_KEYS, WITH_PROCESSES, WITH_SKIPPED_CALLS};
use crate::store::sqlite::file::watermarks::NEVER;
use crate::store::sqlite::read::querier::SqliteQuerier;
use crate::store::sqlite::read::scan::Snapshot;
use crate::store::sqlite::rollup::grain::minute_start;

const HOUR: i64 = 3_600 * Timestamp::SECOND;
/// Accounts held to bring them into the order of time. Beyond that millions end in one microsecond, and come in the order of
/// the file.
const SORTED: usize = 100_000;

impl Exporter for SqliteQuerier {
    fn next_hour(&self, window: Window) -> Result<Option<i64>, StoreError> {
        self.ask(|snapshot| snapshot.next_hour(window))
    }

    fn hour(&self, window: Window, work: &mut dyn FnMut(&dyn HourRows)) -> Result<(), StoreError> {
        self.ask(|snapshot| {
            work(&Rows { snapshot, window, path: self.path() });
            Ok(())
        })
    }

    fn deleted_before(&self) -> Result<Option<Timestamp>, StoreError> {
        self.ask(|snapshot| {
            let from = snapshot.watermarks.every_call_from();
            Ok((from > NEVER).then(|| minute_start(from)))
        })
    }
}

/// A part of an hour in one snapshot.
struct Rows<'a> {
    snapshot: &'a Snapshot<'a>,
    window: Window,
    path: &'a Path,
}

impl HourRows for Rows<'_> {
    fn each(&self, take: &mut dyn FnMut(StoredCall) -> bool) -> Result<(), StoreError> {
        self.snapshot.accounts_in_order(self.window, take).map_err(|error| store_error(self.path, &error))
    }

    fn facts(&self) -> Result<HourFacts, StoreError> {
        self.snapshot.facts(self.window).map_err(|error| store_error(self.path, &error))
    }
}

impl Snapshot<'_> {
    fn version(&self) -> rusqlite::Result<i64> {
        self.connection.query_row("PRAGMA user_version", [], |row| row.get(0))
    }

    fn next_hour(&self, window: Window) -> rusqlite::Result<Option<i64>> {
        let version = self.version()?;
        let kept = self.kept(window);
        let mut first: Option<i64> = None;
        // Within a microsecond ids are not in the order of the ends, and some are placed later: the hour is that of the
        // earliest of the calls that may be first.
        let from = first_id(kept.from);
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, start, duration FROM calls WHERE id >= ?1 AND id < ?2 ORDER BY id")?;
        let mut rows = statement.query([from, end_id(kept.to, self.watermarks.spill_us)])?;
        while let Some(row) = rows.next()? {
            let (placed, end) = (micros_of_id(row.get(0)?), end_of(row.get(1)?, row.get(2)?));
            if first.is_some_and(|first| placed > first.div_euclid(1_000) + self.watermarks.spill_us) {
                break;
            }
            if end >= kept.from.0 && end < kept.to.0 {
                first = Some(first.map_or(end, |first| first.min(end)));
            }
        }
        let mut consider = |sql: &str, scale: i64| -> rusqlite::Result<()> {
            let bounds = [window.from.0.div_euclid(scale), window.to.0.saturating_sub(1).div_euclid(scale)];
            let found: Option<i64> = self
                .connection
                .prepare_cached(sql)?
                .query_row(bounds, |row| row.get(0))
                .optional()?
                .flatten();
            first = first.into_iter().chain(found.map(|found| found.saturating_mul(scale))).min();
            Ok(())
        };
        if version >= WITH_ERROR_KINDS {
            consider("SELECT min(hour) FROM skipped WHERE hour >= ?1 AND hour <= ?2", HOUR)?;
        }
        if version >= WITH_KEYS {
            consider("SELECT min(hour) FROM key_hour WHERE hour >= ?1 AND hour <= ?2", HOUR)?;
        }
        consider("SELECT min(noticed) FROM gap WHERE first > 0 AND noticed >= ?1 AND noticed <= ?2", 1)?;
        consider("SELECT min(last_end) FROM instance WHERE last_end >= ?1 AND last_end <= ?2", 1)?;
        Ok(first.map(|first| first.div_euclid(HOUR)))
    }

    fn accounts_in_order(
        &self,
        window: Window,
        take: &mut dyn FnMut(StoredCall) -> bool,
    ) -> rusqlite::Result<()> {
        let window = self.kept(window);
        if window.from >= window.to {
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM calls WHERE id >= ?1 AND id < ?2 ORDER BY id",
            columns(self.connection)?
        ))?;
        let mut rows =
            statement.query([first_id(window.from), end_id(window.to, self.watermarks.spill_us)])?;
        // Rows come in the order of their microsecond, or of one that is later by as much as a call was placed later.
        let mut waiting: BTreeMap<Place, StoredCall> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let end = end_of(row.get(2)?, row.get(3)?);
            if end < window.from.0 || end >= window.to.0 {
                continue;
            }
            let settled = micros_of_id(row.get(0)?).saturating_sub(self.watermarks.spill_us);
            let account = read_account(row, self.names, self.connection)?;
            let stored = StoredCall { call: account.call, counted: account.counted, shared: account.shared };
            // Of services that have no name of their own, two may be one here.
            if let Some(twin) = waiting.insert(stored.place(), stored)
                && !take(twin)
            {
                return Ok(());
            }
            while let Some(first) = waiting.first_entry()
                && (first.key().0.div_euclid(1_000) < settled || waiting.len() > SORTED)
            {
                if let Some((_, stored)) = waiting.pop_first()
                    && !take(stored)
                {
                    return Ok(());
                }
            }
        }
        for stored in waiting.into_values() {
            if !take(stored) {
                break;
            }
        }
        Ok(())
    }

    fn facts(&self, window: Window) -> rusqlite::Result<HourFacts> {
        let version = self.version()?;
        let hour = window.from.0.div_euclid(HOUR);
        let mut facts = HourFacts::default();
        if version >= WITH_ERROR_KINDS {
            let mut statement = self.connection.prepare_cached(
                "SELECT scope, reason, spans FROM skipped WHERE hour = ?1 ORDER BY scope, reason",
            )?;
            let rows = statement.query_map([hour], |row| {
                Ok(SkippedCount { scope: row.get(0)?, reason: row.get(1)?, spans: row.get(2)? })
            })?;
            facts.skipped = rows.collect::<Result<_, _>>()?;
        }
        if version >= WITH_KEYS {
            let mut statement = self.connection.prepare_cached(
                "SELECT key, service, calls FROM key_hour WHERE hour = ?1 ORDER BY key, service",
            )?;
            let rows = statement.query_map([hour], |row| {
                Ok(KeyCount { key: row.get(0)?, service: row.get(1)?, calls: row.get(2)? })
            })?;
            facts.keys = rows.collect::<Result<_, _>>()?;
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT name, service, first, last, noticed FROM gap JOIN instance ON instance.id = gap.instance \
             WHERE noticed >= ?1 AND noticed < ?2 ORDER BY name, service, first",
        )?;
        let rows = statement.query_map([window.from.0, window.to.0], |row| {
            Ok(Gap {
                instance: row.get(0)?,
                service: row.get(1)?,
                first: row.get(2)?,
                last: row.get(3)?,
                noticed: row.get(4)?,
            })
        })?;
        facts.gaps = rows.collect::<Result<_, _>>()?;
        facts.processes = self.processes_of(window, version)?;
        Ok(facts)
    }

    fn processes_of(&self, window: Window, version: i64) -> rusqlite::Result<Vec<Process>> {
        let reported = match version {
            ..WITH_PROCESSES => "NULL, NULL, NULL, NULL, 0, 0",
            WITH_PROCESSES..WITH_SKIPPED_CALLS => "ended, reported, lost_from, lost_to, 0, 0",
            _ => "ended, reported, lost_from, lost_to, lost_unnamed, skipped",
        };
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT id, name, service, highest, last_end, {reported} FROM instance \
             WHERE last_end >= ?1 AND last_end < ?2 ORDER BY name, service"
        ))?;
        let mut processes = Vec::new();
        let mut rows = statement.query([window.from.0, window.to.0])?;
        while let Some(row) = rows.next()? {
            let lost = match version < WITH_PROCESSES {
                true => Vec::new(),
                false => self
                    .connection
                    .prepare_cached("SELECT first, last FROM lost WHERE instance = ?1 ORDER BY first")?
                    .query_map(params![row.get::<_, i64>(0)?], |row| Ok([row.get(0)?, row.get(1)?]))?
                    .collect::<Result<_, _>>()?,
            };
            let ended = row.get::<_, Option<i64>>(5)?.map(enum_codes::process_end).transpose()?;
            processes.push(Process {
                instance: row.get(1)?,
                service: row.get(2)?,
                highest: row.get(3)?,
                last_end: row.get(4)?,
                ended: ended.map(|end| ProcessEnd::as_str(end).to_owned()),
                reported: row.get(6)?,
                lost_from: row.get(7)?,
                lost_to: row.get(8)?,
                lost_unnamed: row.get(9)?,
                skipped: row.get(10)?,
                lost,
            });
        }
        Ok(processes)
    }
}
