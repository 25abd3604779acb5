//! The one writer: accounts, and which of them count. `recall` asks for accounts that are no longer remembered, `late` takes in
//! rows that land late, `restore` takes in another ledger, `rest` writes what is kept next to calls, `rollup` the totals, `age` what time alone
//! changes, and `archiving` what is archived before that.
//!
//! A batch is inserted as one block of rows, so that it is there whole or not at all. What the writer remembers leads to
//! the newest accounts only; older ones are asked for. When an insert fails, what is remembered is forgotten and read
//! again, so that it never differs from the tables.

mod age;
pub(super) mod archiving;
mod late;
mod recall;
mod rest;
mod restore;
mod rollup;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clickhouse::Row;
use serde::Deserialize;
use tokio::sync::watch;

use super::connection::{Connection, bytes, remote};
use super::lease::Lease;
use super::memory::{Memory, OWN_SERVICE};
use super::plan::{MINUTE, down};
use super::row::end_of;
use super::{Options, schema};
use crate::record::{CallRecord, Origin, Timestamp};
use crate::store::archival::Trouble;
use crate::store::{Appended, Appender, Batch, Maintained, StoreError};
use late::Late;

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
    late: Option<Late>,
    /// What is in the way of the archive and up to when calls are held, where the table has it from this writer.
    noted_trouble: Option<Option<(Trouble, i64)>>,
    version: u64,
    /// The version of the newest text.
    texts: Arc<AtomicU64>,
    /// Whether another companion has taken the lease.
    lost: watch::Sender<bool>,
}

impl ClickHouseAppender {
    /// Makes the tables where there are none, and takes the lease.
    ///
    /// # Errors
    /// [`StoreError::Held`] while another companion writes, [`StoreError::Newer`], or what ClickHouse refuses.
    pub(crate) fn open(options: &Options) -> Result<Self, StoreError> {
        let connection = Connection::new(options)?;
        schema::migrate(&connection, &options.database)?;
        let lost = watch::Sender::new(false);
        let options = options.clone();
        let (lease, memory, late) = (None, None, None);
        let mut appender = Self {
            connection,
            options,
            lease,
            memory,
            late,
            noted_trouble: None,
            version: 0,
            texts: Arc::default(),
            lost,
        };
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

    /// Lets the lease run out as a pause of this process would.
    #[cfg(test)]
    pub(super) fn pause(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.run_out();
        }
    }

    /// The newest version that this writer gave.
    #[cfg(test)]
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// As two minutes after the start.
    #[cfg(test)]
    pub(super) fn expect_nothing_late(&mut self) {
        self.late = None;
    }

    /// What an insert that fails leaves behind. Returns the version of its row.
    #[cfg(test)]
    pub(super) fn give_up_an_insert(&mut self) -> u64 {
        self.memory = None;
        self.next_version()
    }

    /// Holds the lease and remembers; notes when another companion has the lease.
    fn hold_and_note(&mut self) -> Result<(), StoreError> {
        let ready = self.hold_and_remember();
        if let Err(StoreError::Held { .. }) = ready {
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
        let held = self.lease.as_mut().map(Lease::hold);
        if held.as_ref().is_some_and(|held| !matches!(held, Ok(true))) {
            self.lease = None;
            self.memory = None;
        }
        held.transpose()?;
        if self.lease.is_none() {
            let lease = Lease::acquire(&self.connection, database, &self.options.holder)?;
            self.version = lease.term << TERM_BITS;
            self.texts.fetch_max(self.version, Ordering::Relaxed);
            self.lease = Some(lease);
            self.memory = None;
        }
        if self.memory.is_none() {
            let memory = Memory::load(&self.connection, &self.options)?;
            // Another claim may have been under way when this one was read back.
            if let Some(lease) = &self.lease
                && let Err(error) = lease.confirm()
            {
                self.lease = None;
                return Err(error);
            }
            self.memory = Some(memory);
            let ready = self.expect_late().and_then(|()| self.begin());
            if ready.is_err() {
                self.memory = None;
            }
            return ready;
        }
        Ok(())
    }

    /// Renews the lease in the middle of long work.
    ///
    /// # Errors
    /// When it has run out: what is remembered is to be read again, and the work to be done again.
    fn keep_lease(&mut self) -> Result<(), StoreError> {
        match self.lease.as_mut().map(Lease::hold) {
            Some(Ok(true)) => Ok(()),
            Some(Err(error)) => Err(error),
            _ => {
                let text = "the lease of the ledger ran out while rollups were made, trying again";
                Err(remote(&self.connection.address(), text.to_owned()))
            }
        }
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
        let known = self.known_before(batches)?;
        self.recall(batches, &known)?;
        let mut changed = BTreeSet::new();
        let mut done = Vec::with_capacity(batches.len());
        for batch in batches {
            done.push(self.judge(*batch, &known, &mut changed)?);
        }
        self.write_rows(&changed)?;
        self.write_rest(batches)?;
        if let Some(memory) = &mut self.memory {
            memory.forget();
        }
        Ok(done)
    }

    /// Takes a batch into the memory, and decides which accounts count. `changed` gets those to be written.
    fn judge(
        &mut self,
        batch: Batch<'_>,
        known: &HashSet<Ids>,
        changed: &mut BTreeSet<i64>,
    ) -> Result<Appended, StoreError> {
        let Some(memory) = &mut self.memory else { return Ok(Appended::default()) };
        let mut done = Appended::default();
        let (mut new, mut unsettled, mut overdue) = (HashSet::new(), Vec::new(), Vec::new());
        for call in batch.calls {
            if end_of(call) < memory.calls_from {
                done.too_old += 1;
                continue;
            }
            if memory.holds(call) || known.contains(&memory.ids(call)) {
                done.duplicates += 1;
                continue;
            }
            let id = memory.add(call);
            new.insert(id);
            changed.insert(id);
            done.inserted += 1;
            if call.origin == Origin::Witness {
                done.count_change(true, false, true);
                if end_of(call) < memory.waited {
                    overdue.push(id);
                }
            }
            unsettled.extend(memory.known.arrive(id, call, &memory.rows)?);
        }
        for passage in batch.passages {
            unsettled.extend(memory.known.pass(passage, &memory.rows)?);
        }
        self.settle(unsettled, &new, changed, &mut done)?;
        self.end_waits(&overdue, changed)?;
        done.forgotten = self.memory.as_mut().map_or(0, |memory| memory.known.forgotten());
        Ok(done)
    }

    /// Judges these accounts with all that are related to them; `new` are those of the batch.
    fn settle(
        &mut self,
        unsettled: Vec<i64>,
        new: &HashSet<i64>,
        changed: &mut BTreeSet<i64>,
        done: &mut Appended,
    ) -> Result<(), StoreError> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let mut settled = HashSet::new();
        for id in unsettled {
            if settled.contains(&id) {
                continue;
            }
            let related = memory.known.related(id, &memory.rows)?;
            settled.extend(related.accounts.iter().map(|account| account.id));
            // Of one alone nothing new is known: it stays as it was.
            if related.accounts.len() < 2 {
                continue;
            }
            for (account, verdict) in related.accounts.iter().zip(memory.known.judge(&related)) {
                let Some((before, after)) = memory.rows.judge(account.id, verdict) else { continue };
                done.count_change(before, after, new.contains(&account.id));
                changed.insert(account.id);
            }
        }
        Ok(())
    }

    /// The accounts of the batches that the ledger has and that are not remembered.
    fn known_before(&self, batches: &[Batch<'_>]) -> Result<HashSet<Ids>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Identity {
            trace_id: [u8; 16],
            span_id: [u8; 8],
            service: String,
        }
        let mut known = HashSet::new();
        let Some(memory) = self.memory.as_ref().filter(|memory| !memory.whole) else { return Ok(known) };
        let calls = batches.iter().flat_map(|batch| batch.calls);
        let asked: Vec<&CallRecord> = calls.filter(|call| !memory.holds(call)).collect();
        for part in asked.chunks(ASKED) {
            let ends: Vec<String> = part.iter().map(|call| end_of(call).to_string()).collect();
            let traces: Vec<String> = part.iter().map(|call| bytes(&call.trace_id)).collect();
            let found: Vec<Identity> = self.connection.rows(&format!(
                "SELECT c.trace_id AS trace_id, c.span_id AS span_id, {OWN_SERVICE} AS service FROM {}.calls AS c \
                 WHERE c.end IN ({}) AND c.trace_id IN ({})",
                self.options.database,
                ends.join(","),
                traces.join(",")
            ))?;
            let group = |service: &str| self.options.groups.group(service);
            known.extend(
                found.into_iter().map(|found| (found.trace_id, found.span_id, group(&found.service))),
            );
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
            let Some(kept) = memory.rows.get(*id) else { continue };
            version += 1;
            let row = kept.row(version);
            if row.end < memory.closed {
                late.insert(down(row.end, MINUTE));
            }
            rows.push(row);
        }
        self.version = version;
        let oldest = rows.iter().map(|row| row.end).min();
        oldest.map_or(Ok(()), |oldest| self.before_change(oldest))?;
        let written = self.connection.insert(&format!("{}.calls", self.options.database), rows);
        // An insert that fails here may succeed there.
        if let Some(oldest) = oldest {
            self.after_change(oldest);
        }
        written?;
        if late.is_empty() {
            return Ok(());
        }
        self.remake(late)?;
        self.note_rolled(self.version, Vec::new())
    }

    /// Notes states, and the version up to which the rollups have what came. While rows may land late that stays where it is: a
    /// writer after this one expects what this one does.
    fn note_rolled(&mut self, version: u64, mut states: Vec<(&str, i64)>) -> Result<(), StoreError> {
        if let Some(memory) = self.memory.as_mut().filter(|_| self.late.is_none()) {
            memory.rolled = version;
            states.push(("rolled", i64::try_from(version).unwrap_or(i64::MAX)));
        }
        self.note(&states)
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
        done
    }
}

/// The trace and the span of an account, and the group of senders that it is from.
pub(super) type Ids = ([u8; 16], [u8; 8], u64);

/// The map of what is remembered of each call.
pub(super) type Identities = HashMap<Ids, i64>;
