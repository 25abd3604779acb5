//! What the ledger has of each process that numbers its calls. Reads every call: for a comparison, not for a page.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rusqlite::Connection;
use spanledger::Outcome;

use crate::record::ProcessEnd;
use crate::store::sqlite::file::enum_codes;
use crate::store::sqlite::file::schema::{WITH_ACCOUNTS, WITH_PROCESSES, WITH_SKIPPED_CALLS};
use crate::store::sqlite::file::watermarks::{NEVER, Watermarks};

/// One process in the ledger. Ranges are in rising order, both ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProcessAccount {
    pub(crate) instance: String,
    pub(crate) service: String,
    /// The highest number that is known of.
    pub(crate) highest: u64,
    /// How it ended, where its journal has reported that.
    pub(crate) end: Option<ProcessEnd>,
    /// Calls with a number, and those that were in flight when it died.
    pub(crate) calls: u64,
    pub(crate) interrupted: u64,
    /// The numbers of the calls that are there.
    pub(crate) present: Vec<RangeInclusive<u64>>,
    /// Numbers that never came.
    pub(crate) gaps: Vec<RangeInclusive<u64>>,
    /// Numbers that its journal has dropped.
    pub(crate) lost: Vec<RangeInclusive<u64>>,
    /// Calls that its journal has dropped and that `lost` does not name.
    pub(crate) lost_unnamed: u64,
    /// Calls that its journal could not write down before it died, as far as they are counted.
    pub(crate) skipped: u64,
    /// Whether nothing of it can have been deleted.
    pub(crate) whole: bool,
}

pub(crate) fn all(sql: &Connection, watermarks: &Watermarks) -> rusqlite::Result<Vec<ProcessAccount>> {
    let version: i64 = sql.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let reported = version >= WITH_PROCESSES;
    let mut accounts: BTreeMap<(String, String), ProcessAccount> = BTreeMap::new();
    let ended = if reported { "ended" } else { "NULL" };
    let counts = if version >= WITH_SKIPPED_CALLS { "lost_unnamed, skipped" } else { "0, 0" };
    let mut statement =
        sql.prepare(&format!("SELECT name, service, highest, {ended}, {counts} FROM instance"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (instance, service): (String, String) = (row.get(0)?, row.get(1)?);
        let account = ProcessAccount {
            instance: instance.clone(),
            service: service.clone(),
            highest: row.get::<_, i64>(2)?.cast_unsigned(),
            end: row.get::<_, Option<i64>>(3)?.map(enum_codes::process_end).transpose()?,
            lost_unnamed: row.get::<_, i64>(4)?.cast_unsigned(),
            skipped: row.get::<_, i64>(5)?.cast_unsigned(),
            whole: watermarks.every_call_from() == NEVER,
            ..ProcessAccount::default()
        };
        accounts.insert((instance, service), account);
    }
    let mut read = |table: &str, into: fn(&mut ProcessAccount) -> &mut Vec<RangeInclusive<u64>>| {
        let mut statement = sql.prepare(&format!(
            "SELECT name, service, first, last FROM {table} JOIN instance ON instance.id = {table}.instance \
             WHERE first > 0 ORDER BY name, first"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(account) = accounts.get_mut(&(row.get(0)?, row.get(1)?)) {
                let (first, last): (i64, i64) = (row.get(2)?, row.get(3)?);
                into(account).push(first.cast_unsigned()..=last.cast_unsigned());
            }
        }
        Ok::<_, rusqlite::Error>(())
    };
    read("gap", |account| &mut account.gaps)?;
    if reported {
        read("lost", |account| &mut account.lost)?;
    }
    // The service of the account itself, which may be counted under that of another.
    let own_service = if version < WITH_ACCOUNTS {
        "series.service"
    } else {
        "coalesce(calls.own_service, series.service)"
    };
    let mut statement = sql.prepare(
        &format!("SELECT process.value, sequence, series.outcome, service.value FROM calls
             JOIN text AS process ON process.id = calls.instance JOIN series ON series.id = calls.series
             JOIN text AS service ON service.id = {own_service} ORDER BY calls.instance, service.value, sequence"),
    )?;
    let interrupted = enum_codes::of_outcome(Outcome::Interrupted);
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key: (String, String) = (row.get(0)?, row.get(3)?);
        let account = accounts.entry(key).or_insert_with_key(|(instance, service)| ProcessAccount {
            instance: instance.clone(),
            service: service.clone(),
            whole: watermarks.every_call_from() == NEVER,
            ..ProcessAccount::default()
        });
        account.interrupted += u64::from(row.get::<_, i64>(2)? == interrupted);
        let Some(number) = row.get::<_, Option<i64>>(1)?.map(i64::cast_unsigned) else { continue };
        match account.present.last_mut() {
            // Several accounts of one call have one number.
            Some(last) if *last.end() == number => continue,
            Some(last) if last.end() + 1 == number => *last = *last.start()..=number,
            _ => account.present.push(number..=number),
        }
        account.calls += 1;
    }
    Ok(accounts.into_values().collect())
}
