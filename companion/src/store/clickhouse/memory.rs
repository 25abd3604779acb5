//! What the writer remembers: the newest accounts, what they lead to, and the numbers of processes. Older accounts are asked
//! for where a response id leads to them (`write/recall`).

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

use clickhouse::Row;
use serde::Deserialize;

use super::Options;
use super::connection::Connection;
use super::row::{CallRow, Decided, end_of};
use super::write::archiving::TROUBLE;
use super::write::{Identities, Ids};
use crate::record::{CallRecord, Origin, Passage, Timestamp};
use crate::store::StoreError;
use crate::store::export::{StoredCall, Versions};
use crate::store::identity::{Account, Accounts, Each, Groups, Known, RESPONSE_WINDOW, Shared, Verdict};
use crate::store::sequence::Sequences;

/// How far back the newest accounts are looked for, step by step, in seconds.
const BACK: [i64; 3] = [600, 86_400, 30 * 86_400];
/// Accounts before the newest whose response ids are read at the start, for each of the newest.
const EARLIER: usize = 16;
/// Numbers of accounts within a microsecond, as a power of two: as in a file, since what is remembered of response ids takes
/// a number for a time.
const SLOT_BITS: u32 = 9;

/// An account, as its own span gave it and as it counts.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) account: Account,
    pub(super) call: CallRecord,
    pub(super) shared: Shared,
    /// Whether it is a witness that waits for the account of a client.
    pub(super) waits: bool,
    /// As the key of its row has it.
    sender: String,
}

impl Kept {
    /// Its row.
    pub(super) fn row(&self, version: u64) -> CallRow {
        let Self { account, call, shared, waits, sender } = self;
        let decided = Decided { counted: account.counted, waits: *waits, version, sender };
        let mut row = CallRow::of(call, shared, decided);
        row.keep_key(account.call.key_fingerprint.as_deref());
        row
    }
}

/// The remembered accounts, by a number that only this process knows.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<i64, Kept>);

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
        let within = self.0.range(rows).map(|(_, kept)| &kept.account);
        let same = within.filter(|account| account.call.response_id.as_deref() == Some(response_id));
        Ok(same.take(limit).cloned().collect())
    }

    fn newest(&self, limit: usize, each: &mut Each<'_, StoreError>) -> Result<(), StoreError> {
        let first = self.0.len().saturating_sub(limit);
        self.0.iter().skip(first).try_for_each(|(id, kept)| each(*id, &kept.account.call))
    }
}

impl Rows {
    pub(super) fn get(&self, id: i64) -> Option<&Kept> {
        self.0.get(&id)
    }

    /// The remembered accounts that end at about `from` to `to`.
    pub(super) fn ending(&self, from: i64, to: i64) -> impl Iterator<Item = &Account> {
        let after = first_number(to).saturating_add(1 << SLOT_BITS);
        self.0.range(first_number(from)..after).map(|(_, kept)| &kept.account)
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

    /// Makes an account that is what an earlier file of an export has into what the newest has; whether that was so. One
    /// that the ledger has changed since stays as it is.
    pub(super) fn advance(&mut self, id: i64, versions: &Versions) -> bool {
        let Some(kept) = self.0.get_mut(&id) else { return false };
        let is = |version: &StoredCall| {
            version.counted == kept.account.counted
                && version.shared == kept.shared
                && version.call == CallRecord { key_fingerprint: None, ..kept.call.clone() }
        };
        if is(&versions.newest) || !versions.older.iter().any(is) {
            return false;
        }
        let StoredCall { call, counted, shared } = &versions.newest;
        kept.account.counted = *counted;
        kept.call.clone_from(call);
        kept.shared.clone_from(shared);
        true
    }

    /// Ends the wait of a witness, which counts when it is alone.
    pub(super) fn end_wait(&mut self, id: i64, alone: bool) {
        if let Some(kept) = self.0.get_mut(&id) {
            kept.waits = false;
            kept.account.counted |= alone;
        }
    }

    /// A number that no account has, by the end of the account.
    fn free(&self, end: i64) -> i64 {
        let first = first_number(end);
        let mut places = 1_i64 << SLOT_BITS;
        loop {
            let number = first.saturating_add(fastrand::i64(0..places));
            if number != 0 && !self.0.contains_key(&number) {
                return number;
            }
            places = places.saturating_mul(2).min(1 << 40);
        }
    }
}

/// The first number of accounts that end at `end` or later.
const fn first_number(end: i64) -> i64 {
    end.div_euclid(1_000) << SLOT_BITS
}

/// From when on, and before when, accounts end that have one of these numbers.
pub(super) const fn ends_of(numbers: &RangeInclusive<i64>) -> (i64, i64) {
    let (first, last) = (*numbers.start() >> SLOT_BITS, *numbers.end() >> SLOT_BITS);
    (first.saturating_mul(1_000), last.saturating_add(1).saturating_mul(1_000))
}

/// Everything that is remembered of the tables.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) rows: Rows,
    pub(super) known: Known,
    pub(super) sequences: Sequences,
    groups: Groups,
    identities: Identities,
    /// The remembered accounts, the oldest first.
    order: VecDeque<i64>,
    recent: usize,
    /// Whether every account of the ledger is remembered.
    pub(super) whole: bool,
    /// Minutes before this are closed, in nanoseconds.
    pub(super) closed: i64,
    /// The version up to which rollups have what came, and no row lands late any more.
    pub(super) rolled: u64,
    /// Witnesses that ended before have waited long enough, and are judged.
    pub(super) waited: i64,
    /// Calls that ended before are deleted.
    pub(super) calls_from: i64,
    /// Calls that ended before are archived, where that is asked for.
    pub(super) archived: i64,
    pub(super) created: Option<Timestamp>,
}

/// The newest accounts, at most `limit`. Reads no more of the table than it must.
fn newest_rows(connection: &Connection, database: &str, limit: usize) -> Result<Vec<CallRow>, StoreError> {
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
            "SELECT * FROM {database}.calls FINAL WHERE end >= {from} ORDER BY end DESC LIMIT {limit}"
        ))?;
        if rows.len() >= limit {
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
    pub(super) waited: i64,
    pub(super) calls_from: i64,
    pub(super) archived: i64,
    pub(super) created: Option<i64>,
    /// The kind of what is in the way of the archive, since when, and up to which time calls are held.
    pub(super) trouble: [Option<i64>; 3],
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
            waited: value("waited").unwrap_or(i64::MIN),
            calls_from: value("calls_from").unwrap_or(i64::MIN),
            archived: value("archived").unwrap_or(i64::MIN),
            created: value("created"),
            trouble: TROUBLE.map(value),
        })
    }
}

impl Memory {
    /// Reads the newest accounts of the tables.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(super) fn load(connection: &Connection, options: &Options) -> Result<Self, StoreError> {
        let (database, recent) = (&options.database, options.recent);
        let state = State::load(connection, database)?;
        let mut memory = Self {
            rows: Rows::default(),
            known: Known::new(recent, options.response_ids, options.groups.clone()),
            sequences: Sequences::default(),
            groups: options.groups.clone(),
            identities: Identities::default(),
            order: VecDeque::new(),
            recent,
            whole: false,
            closed: state.closed,
            rolled: u64::try_from(state.rolled).unwrap_or(0),
            waited: state.waited,
            calls_from: state.calls_from,
            archived: state.archived,
            created: state.created.map(Timestamp),
        };
        memory.sequences.settles_at(memory.created);
        let mut rows = newest_rows(connection, database, recent)?;
        memory.whole = rows.len() < recent;
        if let (false, Some(newest), Some(oldest)) = (memory.whole, rows.first(), rows.last()) {
            memory.recall_earlier(connection, database, newest.end, oldest.end)?;
        }
        // In the order in which they came, as far as that is known.
        rows.sort_by_key(|row| row.version);
        for row in rows {
            memory.restore(row);
        }
        memory.known.load(&memory.rows)?;
        memory.load_passages(connection, database)?;
        Ok(memory)
    }

    /// The response ids of the ten minutes before the newest accounts.
    fn recall_earlier(
        &mut self,
        connection: &Connection,
        database: &str,
        newest: i64,
        oldest: i64,
    ) -> Result<(), StoreError> {
        #[derive(Row, Deserialize)]
        struct Earlier {
            end: i64,
            response_id: String,
            operation: String,
            service: String,
        }
        let earlier: Vec<Earlier> = connection.rows(&format!(
            "SELECT c.end AS end, assumeNotNull(c.response_id) AS response_id, \
             JSONExtractString(c.rest, 'operation') AS operation, {OWN_SERVICE} AS service \
             FROM {database}.calls AS c WHERE c.end >= {} AND c.end <= {oldest} AND c.response_id != '' \
             ORDER BY c.end DESC LIMIT {}",
            newest.saturating_sub(RESPONSE_WINDOW),
            self.recent.saturating_mul(EARLIER)
        ))?;
        for Earlier { end, response_id, operation, service } in earlier {
            let key = self.known.key_of_response(&operation, &service, &response_id);
            self.known.recall(key, self.rows.free(end));
        }
        Ok(())
    }

    fn load_passages(&mut self, connection: &Connection, database: &str) -> Result<(), StoreError> {
        #[derive(Row, Deserialize)]
        struct PassageRow {
            trace_id: [u8; 16],
            span_id: [u8; 8],
            parent_span_id: Option<[u8; 8]>,
            boundary: bool,
        }
        let passages: Vec<PassageRow> = connection.rows(&format!(
            "SELECT trace_id, span_id, parent_span_id, boundary FROM {database}.passages \
             ORDER BY version DESC LIMIT {}",
            self.recent
        ))?;
        for found in passages.into_iter().rev() {
            let PassageRow { trace_id, span_id, parent_span_id, boundary } = found;
            let passage = Passage { trace_id, span_id, parent_span_id, boundary };
            self.known.pass(&passage, &self.rows)?;
        }
        Ok(())
    }

    /// Remembers an account of the tables, unless it is remembered. Returns its number.
    pub(super) fn restore(&mut self, row: CallRow) -> i64 {
        let (counted, waits, key, sender) = (row.counted, row.waits(), row.key(), row.sender().to_owned());
        let (call, shared) = row.into_call();
        let own = CallRecord { key_fingerprint: key, ..shared.own(call.clone()) };
        if let Some(id) = self.identities.get(&self.ids(&own)) {
            return *id;
        }
        let id = self.number(&own);
        let account = Account { id, call: own, counted };
        self.rows.0.insert(id, Kept { account, call, shared, waits, sender });
        id
    }

    fn number(&mut self, call: &CallRecord) -> i64 {
        let id = self.rows.free(end_of(call));
        self.identities.insert(self.ids(call), id);
        self.order.push_back(id);
        id
    }

    /// Remembers a new account; a witness does not count yet. Returns its number.
    pub(super) fn add(&mut self, call: &CallRecord) -> i64 {
        let id = self.number(call);
        let waits = call.origin == Origin::Witness;
        let account = Account { id, call: call.clone(), counted: !waits };
        let (shared, sender) = (Shared::default(), call.service.clone());
        self.rows.0.insert(id, Kept { account, call: call.clone(), shared, waits, sender });
        id
    }

    /// What makes an account the same as another: accounts of senders that are kept apart never are.
    pub(super) fn ids(&self, call: &CallRecord) -> Ids {
        (call.trace_id, call.span_id, self.groups.group(&call.service))
    }

    /// Whether accounts of both services may be of one call.
    pub(super) fn may_share(&self, one: &CallRecord, other: &CallRecord) -> bool {
        self.groups.group(&one.service) == self.groups.group(&other.service)
    }

    /// The number of an account, where it is remembered.
    pub(super) fn id(&self, call: &CallRecord) -> Option<i64> {
        self.identities.get(&self.ids(call)).copied()
    }

    /// Whether the account is remembered.
    pub(super) fn holds(&self, call: &CallRecord) -> bool {
        self.identities.contains_key(&self.ids(call))
    }

    /// Whether nothing is known but what is remembered.
    pub(super) fn is_whole(&self) -> bool {
        self.whole && self.order.len() <= self.recent
    }

    /// Forgets the oldest accounts.
    pub(super) fn forget(&mut self) {
        while self.order.len() > self.recent.saturating_mul(2) {
            let Some(id) = self.order.pop_front() else { break };
            if let Some(kept) = self.rows.0.remove(&id) {
                let ids = self.ids(&kept.account.call);
                self.identities.remove(&ids);
                self.whole = false;
            }
        }
    }
}

/// The service that sent an account of `calls AS c`.
pub(super) const OWN_SERVICE: &str = "multiIf(c.sender != '', toString(c.sender), \
    JSONExtractString(c.rest, 'own_service') != '', JSONExtractString(c.rest, 'own_service'), toString(c.service))";
