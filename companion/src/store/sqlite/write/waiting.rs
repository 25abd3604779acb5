//! Accounts that wait for another: witnesses for a client's account, and pending responses for the request that fetches
//! them. They are remembered for longer than others, and a witness that has waited long enough is counted.

use std::sync::Arc;

use crate::record::{CallRecord, Origin, Passage, Timestamp};
use crate::store::StoreError;
use crate::store::identity::{
    Account, Accounts, Groups, Known, RESPONSE_WINDOW, Verdict, WITNESS_WAITS, is_kept, verdicts,
};
use crate::store::sqlite::Limits;
use crate::store::sqlite::file::call_id::{end_id, end_of, first_id};
use crate::store::sqlite::file::call_writer::CallWriter;
use crate::store::sqlite::file::error::is_damaged_page;
use crate::store::sqlite::write::accounts::Rows;
use crate::store::sqlite::write::rollups::Rollups;
use crate::store::sqlite::write::transaction::{SqliteAppender, Transaction};

/// Waiting accounts that are kept in memory; of more, the newest.
const REMEMBERED: i64 = 1_024;
/// Witnesses judged by one run of the housekeeping, and rows searched for the account of a client of each.
const JUDGED: i64 = 16;
const SEARCHED: i64 = 20_000;
/// How long before and after the end of a witness a client's account is searched for: clocks differ, and a client
/// ends its span later. In nanoseconds.
const BEFORE: i64 = 10 * Timestamp::SECOND;
const AFTER: i64 = 120 * Timestamp::SECOND;
/// Rows before the newest whose response ids are read again when the ledger is opened, for each of the newest.
const EARLIER: usize = 16;
/// How long a pending response is remembered: a day, in nanoseconds.
const PENDING_WAITS: i64 = 86_400 * Timestamp::SECOND;

impl Transaction<'_> {
    pub(super) fn note_waiting(&mut self, id: i64, call: &CallRecord) -> rusqlite::Result<()> {
        let waits = match call.origin {
            Origin::Witness => WITNESS_WAITS,
            _ if is_kept(call) => PENDING_WAITS,
            _ => return Ok(()),
        };
        let until = end_of(call.start.0, call.duration_ns).saturating_add(waits);
        self.sql
            .prepare_cached("INSERT OR IGNORE INTO waiting (id, until) VALUES (?1, ?2)")?
            .execute([id, until])
            .map(drop)
    }

    /// Remembers the waiting accounts again before newer ones displace them.
    pub(super) fn remember_waiting(&mut self) -> rusqlite::Result<()> {
        if !self.known.forgets_soon() {
            return Ok(());
        }
        let rows = Rows { sql: self.sql, names: self.names, calls_from: self.watermarks.calls_from };
        let waiting = match self.waiting("SELECT id FROM waiting ORDER BY id DESC LIMIT ?1", [REMEMBERED]) {
            Err(error) if is_damaged_page(&error) => return Ok(()),
            waiting => waiting?,
        };
        for id in waiting {
            if let Some(account) = rows.account(id)? {
                self.known.arrive(id, &account.call, &rows)?;
            }
        }
        Ok(())
    }

    fn waiting(&self, query: &str, values: impl rusqlite::Params) -> rusqlite::Result<Vec<i64>> {
        self.sql.prepare_cached(query)?.query_map(values, |row| row.get(0))?.collect()
    }

    /// Counts witnesses that have waited long enough at `now`, and forgets what waits for too long. Returns whether
    /// more is left.
    fn end_waiting(&mut self, now: Timestamp) -> rusqlite::Result<bool> {
        let due = self
            .waiting("SELECT id FROM waiting WHERE until <= ?1 ORDER BY until LIMIT ?2", [now.0, JUDGED])?;
        let mut rollups = Rollups::default();
        let mut calls = CallWriter::new(self.sql)?;
        for id in &due {
            self.sql.prepare_cached("DELETE FROM waiting WHERE id = ?1")?.execute([id])?;
            let rows = Rows { sql: self.sql, names: self.names, calls_from: self.watermarks.calls_from };
            if let Some(account) = rows.account(*id)?.filter(|account| account.call.origin == Origin::Witness)
                && self.is_alone(account, &rows)?
                && let Some(before) = rows.row(*id)?
            {
                let verdict =
                    Verdict { counted: true, call: before.call.clone(), shared: before.shared.clone() };
                self.change(*id, &before, &verdict, &mut calls, &mut rollups)?;
            }
        }
        rollups.write(self.sql, &self.watermarks, self.limits.listed_hashes)?;
        Ok(due.len() == usize::try_from(JUDGED).unwrap_or(usize::MAX))
    }

    /// Whether no row of the file is a counted account of the same call, however long ago it came.
    fn is_alone(&self, witness: Account, rows: &Rows<'_>) -> rusqlite::Result<bool> {
        let end = witness.call.start.0.saturating_add(witness.call.duration_ns);
        let from = first_id(Timestamp(end.saturating_sub(BEFORE)));
        let to = end_id(Timestamp(end.saturating_add(AFTER)), self.watermarks.spill_us);
        let found: Vec<i64> = self
            .sql
            .prepare_cached(
                "SELECT id FROM (SELECT id, trace_id, response_id FROM calls WHERE id >= ?1 AND id < ?2 \
                 ORDER BY id LIMIT ?3) WHERE (trace_id = ?4 OR response_id = ?5) AND id <> ?6 LIMIT 64",
            )?
            .query_map(
                rusqlite::params![
                    from,
                    to,
                    SEARCHED,
                    witness.call.trace_id.as_slice(),
                    witness.call.response_id,
                    witness.id
                ],
                |row| row.get(0),
            )?
            .collect::<Result<_, _>>()?;
        let mut accounts = vec![Account { counted: true, ..witness.clone() }];
        for id in found {
            let other = rows.account(id)?;
            accounts.extend(other.filter(|other| self.known.may_share(&witness.call, &other.call)));
        }
        Ok(verdicts(&accounts, &std::collections::BTreeSet::new())
            .first()
            .is_some_and(|verdict| verdict.counted))
    }

    /// Writes spans that are no calls, for the next start of the writer.
    pub(super) fn save_passages(&self, passages: &[Passage]) -> rusqlite::Result<()> {
        let mut insert = self.sql.prepare_cached(
            "INSERT INTO passage (trace_id, span_id, parent_span_id, boundary) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for passage in passages {
            insert.execute(rusqlite::params![
                passage.trace_id.as_slice(),
                passage.span_id.as_slice(),
                passage.parent_span_id.as_ref().map(<[u8; 8]>::as_slice),
                passage.boundary,
            ])?;
        }
        Ok(())
    }

    /// Deletes the oldest spans that are no calls, as far as they are past what is remembered.
    fn forget_passages(&self) -> rusqlite::Result<()> {
        let most = i64::try_from(self.limits.recent_accounts).unwrap_or(i64::MAX);
        self.sql
            .prepare_cached("DELETE FROM passage WHERE id <= (SELECT max(id) FROM passage) - ?1")?
            .execute([most])
            .map(drop)
    }
}

impl SqliteAppender {
    /// See [`Transaction::end_waiting`].
    pub(super) fn end_waiting(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let more = self.write(|transaction| {
            transaction.save_passages(transaction.unsaved)?;
            transaction.forget_passages()?;
            transaction.end_waiting(now)
        })?;
        self.unsaved.clear();
        Ok(more)
    }
}

/// What the newest calls and passages of the file lead to. What comes after a damaged page is not remembered: another account
/// of its call may be counted as well, and the ledger goes on.
pub(super) fn load_known(limits: &Limits, groups: Groups, rows: &Rows<'_>) -> rusqlite::Result<Known> {
    let limit = limits.recent_accounts;
    let mut known = Known::new(limit, limits.response_ids, groups);
    let readable = |read: rusqlite::Result<()>| match read {
        Err(error) if is_damaged_page(&error) => Ok(()),
        read => read,
    };
    readable(recall_earlier(limit, &mut known, rows))?;
    known.load(rows)?;
    readable(load_passages(&mut known, rows))?;
    readable(load_waiting(&mut known, rows))?;
    Ok(known)
}

fn load_passages(known: &mut Known, rows: &Rows<'_>) -> rusqlite::Result<()> {
    let mut statement =
        rows.sql.prepare("SELECT trace_id, span_id, parent_span_id, boundary FROM passage ORDER BY id")?;
    let mut passages = statement.query([])?;
    while let Some(row) = passages.next()? {
        let passage = Passage {
            trace_id: row.get(0)?,
            span_id: row.get(1)?,
            parent_span_id: row.get(2)?,
            boundary: row.get(3)?,
        };
        known.pass(&passage, rows)?;
    }
    Ok(())
}

fn load_waiting(known: &mut Known, rows: &Rows<'_>) -> rusqlite::Result<()> {
    let mut waiting = rows.sql.prepare("SELECT id FROM waiting ORDER BY id DESC LIMIT ?1")?;
    let mut waiting = waiting.query([REMEMBERED])?;
    while let Some(row) = waiting.next()? {
        let id = row.get(0)?;
        if let Some(account) = rows.account(id)? {
            known.arrive(id, &account.call, rows)?;
        }
    }
    Ok(())
}

/// The response ids of the ten minutes before the newest rows, one by one: there may be a million.
fn recall_earlier(limit: usize, known: &mut Known, rows: &Rows<'_>) -> rusqlite::Result<()> {
    let mut statement = rows.sql.prepare(
        "SELECT id, response_id, operation, series, own_service FROM calls \
         WHERE id < (SELECT min(id) FROM (SELECT id FROM calls ORDER BY id DESC LIMIT ?1)) \
         AND id >= (SELECT max(id) FROM calls) - ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let most = i64::try_from(limit.saturating_mul(EARLIER)).unwrap_or(i64::MAX);
    let window = end_id(Timestamp(RESPONSE_WINDOW), 0);
    let mut found = statement.query([i64::try_from(limit).unwrap_or(i64::MAX), window, most])?;
    loop {
        let row = match found.next() {
            Err(error) if is_damaged_page(&error) => break,
            row => row?,
        };
        let Some(row) = row else { break };
        let Some(response_id) = row.get_ref(1)?.as_str_or_null()?.filter(|id| !id.is_empty()) else {
            continue;
        };
        let operation = rows.names.text(rows.sql, row.get(2)?)?;
        let service = match row.get::<_, Option<i64>>(4)? {
            Some(own) => rows.names.text(rows.sql, own)?,
            None => Arc::clone(&rows.names.series(rows.sql, row.get(3)?)?.service),
        };
        let key = known.key_of_response(&operation, &service, response_id);
        known.recall(key, row.get(0)?);
    }
    Ok(())
}
