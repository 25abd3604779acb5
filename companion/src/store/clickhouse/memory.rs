//! What the writer remembers: the newest accounts, what waits, and the numbers of processes.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;

use clickhouse::Row;
use serde::Deserialize;

use super::Options;
use super::connection::Connection;
use super::row::{CallRow, end_of};
use super::write::Identities;
use crate::record::{CallRecord, Origin, Passage, Timestamp};
use crate::store::StoreError;
use crate::store::identity::{
    Account, Accounts, Each, Known, Shared, Verdict, WITNESS_WAITS, is_kept, verdicts,
};
use crate::store::sequence::Sequences;

/// Newest accounts by which others of a call are recognised, and as many before them.
pub(super) const RECENT: usize = 32_768;
/// How long a pending response is remembered: a day, in nanoseconds.
const PENDING_WAITS: i64 = 86_400 * Timestamp::SECOND;
/// Waiting accounts that are kept; of more, the newest.
const WAITING: usize = 1_024;
/// How far back the newest accounts are looked for, step by step, in seconds.
const BACK: [i64; 3] = [600, 86_400, 30 * 86_400];
/// How far from the end of a witness the account of its client may end.
const NEAR: i64 = 120 * Timestamp::SECOND;

/// An account, as its own span gave it and as it counts.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) account: Account,
    pub(super) call: CallRecord,
    pub(super) shared: Shared,
}

/// The remembered accounts, by a number that only this process knows.
#[derive(Debug, Default)]
pub(super) struct Rows(HashMap<i64, Kept>);

impl Accounts for Rows {
    type Error = StoreError;

    fn account(&self, id: i64) -> Result<Option<Account>, StoreError> {
        Ok(self.0.get(&id).map(|kept| kept.account.clone()))
    }

    fn with_response(
        &self,
        rows: RangeInclusive<i64>,
        response_id: &str,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        let within = self.0.iter().filter(|(id, _)| rows.contains(id)).map(|(_, kept)| &kept.account);
        let same = within.filter(|account| account.call.response_id.as_deref() == Some(response_id));
        Ok(same.take(limit).cloned().collect())
    }

    fn newest(&self, limit: usize, each: &mut Each<'_, StoreError>) -> Result<(), StoreError> {
        let mut ids: Vec<i64> = self.0.keys().copied().collect();
        ids.sort_unstable();
        let first = ids.len().saturating_sub(limit);
        ids.iter()
            .skip(first)
            .filter_map(|id| self.0.get(id).map(|kept| (*id, kept)))
            .try_for_each(|(id, kept)| each(id, &kept.account.call))
    }
}

impl Rows {
    pub(super) fn get(&self, id: i64) -> Option<&Kept> {
        self.0.get(&id)
    }

    /// Notes a verdict; whether the account counted before and does now, where the verdict changes something.
    pub(super) fn judge(&mut self, id: i64, verdict: Verdict) -> Option<(bool, bool)> {
        let kept = self.0.get_mut(&id)?;
        let before = kept.account.counted;
        if before == verdict.counted && kept.call == verdict.call {
            return None;
        }
        kept.account.counted = verdict.counted;
        kept.call = verdict.call;
        kept.shared = verdict.shared;
        Some((before, verdict.counted))
    }

    /// Judges a witness that has waited long enough. Whether it counts now.
    pub(super) fn end_wait(&mut self, id: i64) -> bool {
        let Some(witness) = self.0.get(&id).map(|kept| kept.account.clone()) else { return false };
        let end = end_of(&witness.call);
        let mut same = vec![Account { counted: true, ..witness.clone() }];
        let others = self.0.values().map(|kept| &kept.account).filter(|other| {
            other.id != id
                && end_of(&other.call).abs_diff(end) <= NEAR.unsigned_abs()
                && (other.call.trace_id == witness.call.trace_id
                    || other.call.response_id.is_some() && other.call.response_id == witness.call.response_id)
        });
        same.extend(others.cloned());
        let alone = verdicts(&same, &BTreeSet::new()).first().is_some_and(|verdict| verdict.counted);
        match self.0.get_mut(&id) {
            Some(kept) if alone && !kept.account.counted => {
                kept.account.counted = true;
                true
            }
            _ => false,
        }
    }
}

/// Everything that is remembered of the tables.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) rows: Rows,
    pub(super) known: Known,
    pub(super) sequences: Sequences,
    identities: Identities,
    /// The remembered accounts, the oldest first.
    order: VecDeque<i64>,
    newest: i64,
    /// Accounts that wait for another, with the time at which that ends.
    waiting: BTreeSet<(i64, i64)>,
    /// Whether every account of the ledger is remembered.
    pub(super) whole: bool,
    /// Minutes before this are closed, in nanoseconds.
    pub(super) closed: i64,
    /// The version up to which rollups have what came late.
    pub(super) rolled: u64,
    /// Calls that ended before are deleted.
    pub(super) calls_from: i64,
    pub(super) created: Option<Timestamp>,
}

/// The newest accounts. Reads no more of the table than it must.
fn newest_rows(connection: &Connection, database: &str) -> Result<Vec<CallRow>, StoreError> {
    #[derive(Row, Deserialize)]
    struct Newest {
        newest: i64,
    }
    // Known without reading a row.
    let newest: Option<Newest> =
        connection.row(&format!("SELECT max(end) AS newest FROM {database}.calls HAVING count() > 0"))?;
    let Some(Newest { newest }) = newest else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for from in BACK.map(|seconds| Timestamp(newest).plus_seconds(-seconds).0).into_iter().chain([i64::MIN]) {
        rows = connection.rows(&format!(
            "SELECT * FROM {database}.calls FINAL WHERE end >= {from} ORDER BY end DESC LIMIT {RECENT}"
        ))?;
        if rows.len() >= RECENT {
            break;
        }
    }
    Ok(rows)
}

/// What the table `state` has.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) closed: i64,
    pub(super) rolled: i64,
    pub(super) calls_from: i64,
    pub(super) created: Option<i64>,
}

impl State {
    /// Reads the state of the tables.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(super) fn load(connection: &Connection, database: &str) -> Result<Self, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            name: String,
            value: i64,
        }
        let found: Vec<Found> =
            connection.rows(&format!("SELECT name, value FROM {database}.state FINAL"))?;
        let value = |name: &str| found.iter().find(|found| found.name == name).map(|found| found.value);
        Ok(Self {
            closed: value("closed").unwrap_or(i64::MIN),
            rolled: value("rolled").unwrap_or(0),
            calls_from: value("calls_from").unwrap_or(i64::MIN),
            created: value("created"),
        })
    }
}

impl Memory {
    /// Reads the newest accounts of the tables.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(super) fn load(connection: &Connection, options: &Options) -> Result<Self, StoreError> {
        let database = &options.database;
        let state = State::load(connection, database)?;
        let mut memory = Self {
            rows: Rows::default(),
            known: Known::new(RECENT, options.groups.clone()),
            sequences: Sequences::default(),
            identities: Identities::default(),
            order: VecDeque::new(),
            newest: 0,
            waiting: BTreeSet::new(),
            whole: false,
            closed: state.closed,
            rolled: u64::try_from(state.rolled).unwrap_or(0),
            calls_from: state.calls_from,
            created: state.created.map(Timestamp),
        };
        memory.sequences.settles_at(memory.created);
        let newest = newest_rows(connection, database)?;
        memory.whole = newest.len() < RECENT;
        let waiting: Vec<CallRow> = match memory.whole {
            true => Vec::new(),
            false => connection.rows(&format!(
                "SELECT * FROM {database}.calls FINAL WHERE waits AND end < {} ORDER BY end DESC LIMIT {WAITING}",
                newest.last().map_or(i64::MAX, |oldest| oldest.end)
            ))?,
        };
        let mut rows: Vec<CallRow> = newest.into_iter().chain(waiting).collect();
        // In the order in which they came, as far as that is known.
        rows.sort_by_key(|row| row.version);
        for row in rows {
            memory.restore(row);
        }
        memory.known.load(&memory.rows)?;
        #[derive(Row, Deserialize)]
        struct PassageRow {
            trace_id: [u8; 16],
            span_id: [u8; 8],
            parent_span_id: Option<[u8; 8]>,
            boundary: bool,
        }
        let passages: Vec<PassageRow> = connection.rows(&format!(
            "SELECT trace_id, span_id, parent_span_id, boundary FROM {database}.passages \
             ORDER BY version DESC LIMIT {RECENT}"
        ))?;
        for found in passages.into_iter().rev() {
            let PassageRow { trace_id, span_id, parent_span_id, boundary } = found;
            let passage = Passage { trace_id, span_id, parent_span_id, boundary };
            memory.known.pass(&passage, &memory.rows)?;
        }
        Ok(memory)
    }

    fn restore(&mut self, row: CallRow) {
        let (counted, waits, key) = (row.counted, row.waits(), row.key());
        let (call, shared) = row.into_call();
        let own = CallRecord { key_fingerprint: key, ..shared.own(call.clone()) };
        let id = self.number(&own);
        if waits {
            self.wait(id, &own);
        }
        let account = Account { id, call: own, counted };
        self.rows.0.insert(id, Kept { account, call, shared });
    }

    fn number(&mut self, call: &CallRecord) -> i64 {
        self.newest += 1;
        self.identities.insert((call.trace_id, call.span_id), self.newest);
        self.order.push_back(self.newest);
        self.newest
    }

    /// Remembers a new account; a witness does not count yet. Returns its number.
    pub(super) fn add(&mut self, call: &CallRecord) -> i64 {
        let id = self.number(call);
        let counted = call.origin != Origin::Witness;
        if !counted || is_kept(call) {
            self.wait(id, call);
        }
        let account = Account { id, call: call.clone(), counted };
        self.rows.0.insert(id, Kept { account, call: call.clone(), shared: Shared::default() });
        id
    }

    fn wait(&mut self, id: i64, call: &CallRecord) {
        let lasts = if call.origin == Origin::Witness { WITNESS_WAITS } else { PENDING_WAITS };
        self.waiting.insert((end_of(call).saturating_add(lasts), id));
        if self.waiting.len() > WAITING {
            self.waiting.pop_first();
        }
    }

    /// Whether the account waits for another one of its call.
    pub(super) fn waits(&self, id: i64) -> bool {
        self.rows.get(id).is_some_and(|kept| {
            let call = &kept.account.call;
            let lasts = if call.origin == Origin::Witness { WITNESS_WAITS } else { PENDING_WAITS };
            self.waiting.contains(&(end_of(call).saturating_add(lasts), id))
        })
    }

    /// Whether the account is remembered.
    pub(super) fn holds(&self, call: &CallRecord) -> bool {
        self.identities.contains_key(&(call.trace_id, call.span_id))
    }

    /// The witnesses that have waited until `now`. Other accounts stop waiting.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<i64> {
        let mut due = Vec::new();
        while let Some((until, id)) = self.waiting.first().copied().filter(|(until, _)| *until <= now.0) {
            self.waiting.remove(&(until, id));
            if self.rows.get(id).is_some_and(|kept| kept.account.call.origin == Origin::Witness) {
                due.push(id);
            }
        }
        due
    }

    /// Forgets the oldest accounts, except those that wait.
    ///
    /// # Errors
    /// None in practice; the memory answers by the trait of stores.
    pub(super) fn forget(&mut self) -> Result<(), StoreError> {
        if self.known.forgets_soon() {
            for (_, id) in self.waiting.clone() {
                if let Some(call) = self.rows.get(id).map(|kept| kept.account.call.clone()) {
                    self.known.arrive(id, &call, &self.rows)?;
                }
            }
        }
        let waiting: BTreeSet<i64> = self.waiting.iter().map(|(_, id)| *id).collect();
        let mut turns = self.order.len().saturating_sub(2 * RECENT);
        while turns > 0 {
            turns -= 1;
            let Some(id) = self.order.pop_front() else { break };
            if waiting.contains(&id) {
                self.order.push_back(id);
            } else if let Some(kept) = self.rows.0.remove(&id) {
                self.identities.remove(&(kept.account.call.trace_id, kept.account.call.span_id));
                self.whole = false;
            }
        }
        Ok(())
    }
}
