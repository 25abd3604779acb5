//! Counting the calls of each credential, by hour and service.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::record::CallRecord;
use crate::store::sqlite::file::dictionary;
use crate::store::sqlite::write::transaction::Transaction;

/// Credentials and services counted in one hour. Calls of further ones are in no count of keys.
const MOST: i64 = 1_000;
/// Hours that are kept: a month.
const KEPT: i64 = 31 * 24;
const HOUR: i64 = 3_600 * 1_000_000_000;

/// The calls of a batch by hour, credential and service.
#[derive(Debug, Default)]
pub(super) struct Keys<'a>(BTreeMap<(i64, &'a str, &'a str), i64>);

impl<'a> Keys<'a> {
    /// Counts a call that is new and ended at `end`.
    pub(super) fn add(&mut self, call: &'a CallRecord, end: i64) {
        if let Some(key) = &call.key_fingerprint {
            *self.0.entry((end.div_euclid(HOUR), key, &call.service)).or_default() += 1;
        }
    }
}

impl Transaction<'_> {
    /// Adds the counts, and deletes those of a month ago.
    pub(super) fn note_keys(&mut self, keys: &Keys<'_>) -> rusqlite::Result<()> {
        let mut others = 0;
        let mut add = self.sql.prepare_cached(
            "UPDATE key_hour SET calls = calls + ?4 WHERE hour = ?1 AND key = ?2 AND service = ?3",
        )?;
        let mut insert = self
            .sql
            .prepare_cached("INSERT INTO key_hour (hour, key, service, calls) VALUES (?1, ?2, ?3, ?4)")?;
        let mut count = self.sql.prepare_cached("SELECT count(*) FROM key_hour WHERE hour = ?1")?;
        // Of the hour of the last new one; the keys come by hour.
        let mut counted: Option<(i64, i64)> = None;
        for ((hour, key, service), calls) in &keys.0 {
            if add.execute(params![hour, key, service, calls])? > 0 {
                continue;
            }
            let known = match counted.filter(|(of, _)| of == hour) {
                Some((_, known)) => known,
                None => count.query_row([hour], |row| row.get(0))?,
            };
            counted = Some((*hour, known + i64::from(known < MOST)));
            if known < MOST {
                insert.execute(params![hour, key, service, calls])?;
            } else {
                others += calls.unsigned_abs();
            }
        }
        self.dictionary.count_others(dictionary::KEY, others);
        if let Some(((newest, ..), _)) = keys.0.last_key_value() {
            self.sql.prepare_cached("DELETE FROM key_hour WHERE hour < ?1")?.execute([newest - KEPT])?;
        }
        Ok(())
    }
}
