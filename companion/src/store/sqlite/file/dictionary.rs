//! Numbers for text that repeats and for what calls are counted under, as the writer gives them out.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::record::CallRecord;
use crate::store::sqlite::file::enum_codes;
use crate::store::sqlite::file::frequent::Frequent;

/// Bounds the memory of each cache; past it the cache starts from empty and the tables answer.
const CACHED: usize = 32 * 1024;
const DAY_NS: i64 = 86_400_000_000_000;

/// What a number was given for, and the newest day on which the file says it was used.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: i64,
    last_day: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SeriesKey {
    service: i64,
    provider: i64,
    model: i64,
    outcome: i64,
    cost_status: i64,
    error_type: Option<i64>,
}

/// The writer's view of `text` and `series`. After a transaction that was rolled back it must be cleared.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    frequent: Frequent<Entry>,
    texts: HashMap<String, Entry>,
    series: HashMap<SeriesKey, Entry>,
}

/// The day of a time, in days since 1970.
pub(crate) const fn day_of(end: i64) -> i64 {
    end.div_euclid(DAY_NS)
}

impl Dictionary {
    pub(crate) fn clear(&mut self) {
        self.frequent.clear();
        self.texts.clear();
        self.series.clear();
    }

    /// The number of `value`, used on `day`.
    pub(crate) fn text(&mut self, connection: &Connection, value: &str, day: i64) -> rusqlite::Result<i64> {
        if let Some(entry) = self.frequent.get(value).filter(|entry| entry.last_day >= day) {
            return Ok(entry.id);
        }
        let entry = self.entry(connection, value, day)?;
        self.frequent.insert(value, entry);
        Ok(entry.id)
    }

    fn entry(&mut self, connection: &Connection, value: &str, day: i64) -> rusqlite::Result<Entry> {
        if let Some(entry) = self.texts.get_mut(value) {
            if entry.last_day < day {
                touch(connection, "text", entry.id, day)?;
                entry.last_day = day;
            }
            return Ok(*entry);
        }
        // The index holds a hash, so that long values cost no more than short ones.
        let hash = text_hash(value);
        let found = connection
            .prepare_cached("SELECT id, last_day FROM text WHERE hash = ?1 AND value = ?2")?
            .query_row(params![hash, value], |row| Ok(Entry { id: row.get(0)?, last_day: row.get(1)? }))
            .optional()?;
        let entry = used(connection, "text", found, day, || {
            connection
                .prepare_cached("INSERT INTO text (hash, last_day, value) VALUES (?1, ?2, ?3)")?
                .insert(params![hash, day, value])
        })?;
        if self.texts.len() >= CACHED {
            self.texts.clear();
        }
        self.texts.insert(value.to_owned(), entry);
        Ok(entry)
    }

    /// The number of an optional text.
    pub(crate) fn maybe_text(
        &mut self,
        connection: &Connection,
        value: Option<&str>,
        day: i64,
    ) -> rusqlite::Result<Option<i64>> {
        value.map(|value| self.text(connection, value, day)).transpose()
    }

    /// The number of what `call` is counted under.
    pub(crate) fn series(
        &mut self,
        connection: &Connection,
        call: &CallRecord,
        day: i64,
    ) -> rusqlite::Result<i64> {
        let key = SeriesKey {
            service: self.text(connection, &call.service, day)?,
            provider: self.text(connection, &call.provider, day)?,
            model: self.text(connection, call.model(), day)?,
            outcome: enum_codes::of_outcome(call.outcome),
            cost_status: enum_codes::of_cost_status(call.cost_status),
            error_type: self.maybe_text(connection, call.error_kind.as_deref(), day)?,
        };
        if let Some(entry) = self.series.get_mut(&key) {
            if entry.last_day < day {
                touch(connection, "series", entry.id, day)?;
                entry.last_day = day;
            }
            return Ok(entry.id);
        }
        let values =
            params![key.service, key.provider, key.model, key.outcome, key.cost_status, key.error_type];
        let found = connection
            .prepare_cached(
                "SELECT id, last_day FROM series WHERE service = ?1 AND provider = ?2 AND model = ?3 \
                 AND outcome = ?4 AND cost_status = ?5 AND error_type IS ?6",
            )?
            .query_row(values, |row| Ok(Entry { id: row.get(0)?, last_day: row.get(1)? }))
            .optional()?;
        let entry = used(connection, "series", found, day, || {
            connection
                .prepare_cached(
                    "INSERT INTO series (service, provider, model, outcome, cost_status, error_type, last_day) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .insert(params![
                    key.service,
                    key.provider,
                    key.model,
                    key.outcome,
                    key.cost_status,
                    key.error_type,
                    day
                ])
        })?;
        if self.series.len() >= CACHED {
            self.series.clear();
        }
        self.series.insert(key, entry);
        Ok(entry.id)
    }
}

/// The entry found, with its day moved on, or a new one.
fn used(
    connection: &Connection,
    table: &str,
    found: Option<Entry>,
    day: i64,
    insert: impl FnOnce() -> rusqlite::Result<i64>,
) -> rusqlite::Result<Entry> {
    match found {
        None => Ok(Entry { id: insert()?, last_day: day }),
        Some(entry) if entry.last_day >= day => Ok(entry),
        Some(entry) => {
            touch(connection, table, entry.id, day)?;
            Ok(Entry { last_day: day, ..entry })
        }
    }
}

fn touch(connection: &Connection, table: &str, id: i64, day: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!("UPDATE {table} SET last_day = ?2 WHERE id = ?1"))?
        .execute([id, day])?;
    Ok(())
}

/// The key of `text_hash`: half of it would do, but collisions made on purpose would slow the writer down.
pub(crate) fn text_hash(value: &str) -> i64 {
    let digest = Sha256::digest(value);
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | i64::from(*byte))
}
