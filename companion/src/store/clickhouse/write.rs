//! The one writer: accounts, and which of them count. `rest` writes what is kept next to calls, `rollup` the totals, and
//! `age` what time alone changes.
//!
//! A batch is inserted as one block of rows, so that it is there whole or not at all. What the writer remembers leads to
//! the newest accounts only; older ones are asked for. When an insert fails, what is remembered is forgotten and read
//! again, so that it never differs from the tables.

mod age;
mod rest;
mod rollup;

use std::collections::{BTreeSet, HashMap, HashSet};

use clickhouse::Row;
use serde::Deserialize;
use tokio::sync::watch;

use super::connection::{Connection, bytes};
use super::lease::Lease;
use super::memory::{Kept, Memory};
use super::plan::{MINUTE, down};
use super::row::{CallRow, end_of};
use super::{Options, schema};
use crate::record::{CallRecord, Origin, Timestamp};
use crate::store::{Appended, Appender, Batch, Maintained, StoreError};

/// Identities that one query asks for.
const ASKED: usize = 1_000;
/// Versions that one term has: the low bits.
pub(super) const TERM_BITS: u32 = 40;

/// The ClickHouse store's [`Appender`].
#[derive(Debug)]
pub(crate) struct ClickHouseAppender {
    pub(super) connection: Connection,
    pub(super) options: Options,
    lease: Option<Lease>,
    memory: Option<Memory>,
    version: u64,
    /// Whether another companion has taken the lease.
    lost: watch::Sender<bool>,
}

impl ClickHouseAppender {
    /// Makes the tables where there are none, and takes the lease.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another companion writes, [`StoreError::Newer`], or what ClickHouse refuses.
    pub(crate) fn open(options: &Options) -> Result<Self, StoreError> {
        let connection = Connection::new(options)?;
        schema::migrate(&connection, &options.database)?;
        let lost = watch::Sender::new(false);
        let options = options.clone();
        let mut appender = Self { connection, options, lease: None, memory: None, version: 0, lost };
        appender.hold_and_note()?;
        Ok(appender)
    }

    /// Becomes true when another companion has taken the lease: this one must stop judging.
    pub(crate) fn lost(&self) -> watch::Receiver<bool> {
        self.lost.subscribe()
    }

    /// Ends the lease as its time would.
    #[cfg(test)]
    pub(super) fn expire_lease(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.expire();
        }
    }

    /// Holds the lease and remembers; notes when another companion has the lease.
    fn hold_and_note(&mut self) -> Result<(), StoreError> {
        let ready = self.hold_and_remember();
        if let Err(StoreError::Busy { .. }) = ready {
            tracing::warn!(
                "another companion writes the ledger now: stopping; restart this companion to answer queries"
            );
            self.lost.send_replace(true);
        }
        ready
    }

    /// Holds the lease, and remembers what the tables have.
    fn hold_and_remember(&mut self) -> Result<(), StoreError> {
        let database = &self.options.database;
        if let Some(lease) = &mut self.lease
            && let Err(error) = lease.hold()
        {
            self.lease = None;
            self.memory = None;
            return Err(error);
        }
        if self.lease.is_none() {
            let lease = Lease::acquire(&self.connection, database, &self.options.holder)?;
            self.version = lease.term << TERM_BITS;
            self.lease = Some(lease);
            self.memory = None;
        }
        if self.memory.is_none() {
            let memory = Memory::load(&self.connection, &self.options)?;
            self.memory = Some(memory);
            self.begin()?;
        }
        Ok(())
    }

    /// Notes when the ledger began, and makes the rollups again that a writer before could not.
    fn begin(&mut self) -> Result<(), StoreError> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let mut states = Vec::new();
        if memory.created.is_none()
            && let Some(now) = self.options.created
        {
            memory.created = Some(now);
            memory.sequences.settles_at(Some(now));
            states.push(("created", now.0));
        }
        let (closed, rolled, database) = (memory.closed, memory.rolled, &self.options.database);
        #[derive(Row, Deserialize)]
        struct Minute {
            minute: i64,
        }
        let late: Vec<Minute> = self.connection.rows(&format!(
            "SELECT DISTINCT toInt64(end - positiveModulo(end, {MINUTE})) AS minute FROM {database}.calls \
             WHERE version > {rolled} AND end < {closed}"
        ))?;
        self.remake(late.into_iter().map(|late| late.minute))?;
        self.note(&states)
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// Judges each batch, and writes what all of them change at once: few large inserts are what ClickHouse is made for.
    fn append_all(&mut self, batches: &[Batch<'_>]) -> Result<Vec<Appended>, StoreError> {
        self.hold_and_note()?;
        let mut changed = BTreeSet::new();
        let done = batches.iter().map(|batch| self.judge(*batch, &mut changed)).collect::<Result<_, _>>()?;
        self.write_rows(&changed)?;
        self.write_rest(batches)?;
        if let Some(memory) = &mut self.memory {
            memory.forget()?;
        }
        Ok(done)
    }

    /// Takes a batch into the memory, and decides which accounts count. `changed` gets those to be written.
    fn judge(&mut self, batch: Batch<'_>, changed: &mut BTreeSet<i64>) -> Result<Appended, StoreError> {
        let known = self.known_before(batch.calls)?;
        let Some(memory) = &mut self.memory else { return Ok(Appended::default()) };
        let mut done = Appended::default();
        let (mut new, mut unsettled) = (HashSet::new(), Vec::new());
        let mut within = HashSet::new();
        let earliest = memory.calls_from;
        for call in batch.calls {
            if end_of(call) < earliest {
                done.too_old += 1;
                continue;
            }
            let identity = (call.trace_id, call.span_id);
            if known.contains(&identity) || !within.insert(identity) {
                done.duplicates += 1;
                continue;
            }
            let id = memory.add(call);
            new.insert(id);
            changed.insert(id);
            done.inserted += 1;
            if call.origin == Origin::Witness {
                done.count_change(true, false, true);
            }
            unsettled.extend(memory.known.arrive(id, call, &memory.rows)?);
        }
        for passage in batch.passages {
            unsettled.extend(memory.known.pass(passage, &memory.rows)?);
        }
        for id in unsettled {
            let related = memory.known.related(id, &memory.rows)?;
            for (account, verdict) in related.accounts.iter().zip(memory.known.judge(&related)) {
                let Some((before, after)) = memory.rows.judge(account.id, verdict) else { continue };
                done.count_change(before, after, new.contains(&account.id));
                changed.insert(account.id);
            }
        }
        done.forgotten = memory.known.forgotten();
        Ok(done)
    }

    /// The calls of a batch that the ledger has: those remembered, and those that it is asked for.
    fn known_before(&self, calls: &[CallRecord]) -> Result<HashSet<Ids>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Identity {
            trace_id: [u8; 16],
            span_id: [u8; 8],
        }
        let Some(memory) = &self.memory else { return Ok(HashSet::new()) };
        let (mut known, mut asked) = (HashSet::new(), Vec::new());
        for call in calls {
            match memory.holds(call) {
                true => drop(known.insert((call.trace_id, call.span_id))),
                false if memory.whole => {}
                false => asked.push(call),
            }
        }
        for part in asked.chunks(ASKED) {
            let ends: Vec<String> = part.iter().map(|call| end_of(call).to_string()).collect();
            let traces: Vec<String> = part.iter().map(|call| bytes(&call.trace_id)).collect();
            let found: Vec<Identity> = self.connection.rows(&format!(
                "SELECT trace_id, span_id FROM {}.calls WHERE end IN ({}) AND trace_id IN ({})",
                self.options.database,
                ends.join(","),
                traces.join(",")
            ))?;
            known.extend(found.into_iter().map(|found| (found.trace_id, found.span_id)));
        }
        Ok(known)
    }

    /// Writes accounts that are new or count otherwise, and makes the rollups again that have them.
    fn write_rows(&mut self, changed: &BTreeSet<i64>) -> Result<(), StoreError> {
        let mut version = self.version;
        let Some(memory) = &self.memory else { return Ok(()) };
        let mut late = BTreeSet::new();
        let mut rows = Vec::with_capacity(changed.len());
        for id in changed {
            let Some(Kept { account, call, shared }) = memory.rows.get(*id) else { continue };
            version += 1;
            let mut row = CallRow::of(call, shared, account.counted, memory.waits(*id), version);
            row.keep_key(account.call.key_fingerprint.as_deref());
            if row.end < memory.closed {
                late.insert(down(row.end, MINUTE));
            }
            rows.push(row);
        }
        self.version = version;
        self.connection.insert(&format!("{}.calls", self.options.database), rows)?;
        if late.is_empty() {
            return Ok(());
        }
        self.remake(late)?;
        let rolled = i64::try_from(self.version).unwrap_or(i64::MAX);
        if let Some(memory) = &mut self.memory {
            memory.rolled = self.version;
        }
        self.note(&[("rolled", rolled)])
    }
}

impl Appender for ClickHouseAppender {
    fn append_batch(&mut self, batch: Batch<'_>) -> Result<Appended, StoreError> {
        let done = self.append_all(&[batch]);
        if done.is_err() {
            self.memory = None;
        }
        Ok(done?.into_iter().next().unwrap_or_default())
    }

    fn append_group(&mut self, batches: &[Batch<'_>]) -> Vec<Result<Appended, StoreError>> {
        match self.append_all(batches) {
            Ok(done) => done.into_iter().map(Ok).collect(),
            Err(error) => {
                self.memory = None;
                // Nothing of any is acknowledged. What of them was written is known when it is sent again.
                let again = |_: &Batch<'_>| Err(error.again());
                batches.iter().map(again).collect()
            }
        }
    }

    fn maintain(&mut self, now: Timestamp) -> Result<Maintained, StoreError> {
        self.hold_and_note()?;
        let done = self.maintain_all(now);
        if done.is_err() {
            self.memory = None;
        }
        Ok(Maintained { deleted: done?, ..Maintained::default() })
    }
}

/// The trace and the span of a call.
type Ids = ([u8; 16], [u8; 8]);

/// The map of what is remembered of each call.
pub(super) type Identities = HashMap<Ids, i64>;
