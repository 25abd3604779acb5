//! The one writer: accounts, which of them count, the numbers of processes, and what was skipped.
//!
//! A batch is inserted as one block of rows, so that it is there whole or not at all. What the writer remembers leads to
//! the newest accounts only; older ones are asked for. When an insert fails, what is remembered is forgotten and read
//! again, so that it never differs from the tables.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::connection::{Connection, bytes, literal};
use super::lease::Lease;
use super::memory::{Kept, Memory};
use super::plan::{HOUR, MINUTE, down, ranges_of, within};
use super::row::{CallRow, end_of};
use super::sums::{MEASURES, from_calls, from_rollup, sums};
use super::{Options, schema};
use crate::record::{CallRecord, Origin, SkippedHours, Timestamp};
use crate::store::identity::verdicts;
use crate::store::{Appended, Appender, Batch, Maintained, StoreError};

/// How long a minute stays open: calls that come later make its rollups again.
const GRACE: i64 = 120;
/// Ranges of minutes that are made again by one statement.
const RANGES: usize = 100;
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

#[derive(Debug, Row, Serialize)]
struct StateRow {
    name: String,
    value: i64,
    version: u64,
}

#[derive(Debug, Row, Serialize)]
struct TextRow {
    name: String,
    text: String,
    version: u64,
}

#[derive(Debug, Row, Serialize)]
struct InstanceRow {
    instance: String,
    service: String,
    last_seen: i64,
    remarkable: bool,
    state: String,
    version: u64,
}

#[derive(Debug, Row, Serialize)]
struct SkippedRow {
    hour: i64,
    scope: String,
    reason: String,
    spans: u64,
    version: u64,
}

#[derive(Debug, Row, Serialize)]
struct PassageRow {
    version: u64,
    trace_id: [u8; 16],
    span_id: [u8; 8],
    parent_span_id: Option<[u8; 8]>,
    boundary: bool,
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

    /// A text that is kept with the ledger, for the companion that takes over.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            text: String,
        }
        let (database, name) = (&self.options.database, literal(name));
        let found: Option<Found> =
            self.connection.row(&format!("SELECT text FROM {database}.texts FINAL WHERE name = {name}"))?;
        Ok(found.map(|found| found.text))
    }

    /// What keeps such a text, from any thread.
    pub(crate) fn text_keeper(
        &self,
        name: &'static str,
    ) -> impl Fn(&str) -> Result<(), StoreError> + Send + Sync + 'static {
        let (connection, table) = (self.connection.clone(), format!("{}.texts", self.options.database));
        // One process keeps a text at a time, and its terms rise.
        let version = AtomicU64::new(self.version);
        move |text| {
            let version = version.fetch_add(1, Ordering::Relaxed) + 1;
            let row = TextRow { name: name.to_owned(), text: text.to_owned(), version };
            connection.insert(&table, vec![row])
        }
    }

    /// Holds the lease and remembers; notes when another companion has the lease.
    fn hold_and_note(&mut self) -> Result<(), StoreError> {
        let ready = self.hold_and_remember();
        if let Err(StoreError::Busy { .. }) = ready {
            tracing::warn!("another companion writes the ledger now: this one ends, to be started to answer");
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

    fn note(&mut self, states: &[(&str, i64)]) -> Result<(), StoreError> {
        let version = self.next_version();
        let row = |(name, value): &(&str, i64)| StateRow { name: (*name).to_owned(), value: *value, version };
        let table = format!("{}.state", self.options.database);
        self.connection.insert(&table, states.iter().map(row).collect())
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
            for (account, verdict) in related.accounts.iter().zip(verdicts(&related.accounts, &related.links))
            {
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

    /// Writes what batches bring next to their calls. All of it may be written twice, but for the counts of what was
    /// skipped.
    fn write_rest(&mut self, batches: &[Batch<'_>]) -> Result<(), StoreError> {
        let version = self.next_version();
        let database = self.options.database.clone();
        self.write_instances(batches, version)?;
        let passages = batches.iter().flat_map(|batch| batch.passages).map(|passage| PassageRow {
            version,
            trace_id: passage.trace_id,
            span_id: passage.span_id,
            parent_span_id: passage.parent_span_id,
            boundary: passage.boundary,
        });
        self.connection.insert(&format!("{database}.passages"), passages.collect())?;
        let mut skipped = SkippedHours::default();
        batches.iter().filter_map(|batch| batch.skipped).for_each(|of| skipped.absorb(of));
        let mut rows = Vec::new();
        for (hour, spans) in skipped.iter() {
            rows.extend(spans.iter().map(|(scope, reason, spans)| SkippedRow {
                hour,
                scope: scope.to_owned(),
                reason: reason.as_str().to_owned(),
                spans,
                version,
            }));
        }
        self.connection.insert(&format!("{database}.skipped"), rows)
    }

    fn write_instances(&mut self, batches: &[Batch<'_>], version: u64) -> Result<(), StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            state: String,
        }
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let calls = || batches.iter().flat_map(|batch| batch.calls);
        let reports = || batches.iter().flat_map(|batch| batch.processes);
        let of_calls = calls()
            .filter(|call| call.sequence.is_some())
            .filter_map(|call| Some((call.instance.clone()?, call.service.clone())));
        let of_reports = reports().map(|report| (report.instance.clone(), report.service.clone()));
        let names: BTreeSet<(String, String)> = of_calls.chain(of_reports).collect();
        let missing: Vec<_> = names.iter().filter(|name| !memory.sequences.has(name)).collect();
        for part in missing.chunks(ASKED) {
            let list: Vec<String> = part
                .iter()
                .map(|(instance, service)| format!("({}, {})", literal(instance), literal(service)))
                .collect();
            let found: Vec<Found> = self.connection.rows(&format!(
                "SELECT state FROM {}.instances FINAL WHERE (instance, service) IN ({})",
                self.options.database,
                list.join(", ")
            ))?;
            found.iter().for_each(|found| memory.sequences.restore(&found.state));
        }
        calls().for_each(|call| memory.sequences.see(call, Timestamp(end_of(call))));
        reports().for_each(|report| memory.sequences.note(report));
        let rows = names.iter().filter_map(|name| {
            let (state, last_seen, remarkable) = memory.sequences.state(name)?;
            let (instance, service) = name.clone();
            Some(InstanceRow { instance, service, last_seen: last_seen.0, remarkable, state, version })
        });
        let rows = rows.collect();
        memory.sequences.bound();
        self.connection.insert(&format!("{}.instances", self.options.database), rows)
    }

    /// Makes the rollups of these minutes, and of their hours, again.
    fn remake(&mut self, minutes: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
        let Some(closed) = self.memory.as_ref().map(|memory| memory.closed) else { return Ok(()) };
        let minutes = ranges_of(minutes, RANGES);
        let minutes = minutes.into_iter().map(|(from, to)| (from, to.min(closed)));
        let minutes: Vec<_> = minutes.filter(|(from, to)| from < to).collect();
        if minutes.is_empty() {
            return Ok(());
        }
        let hours = minutes.iter().map(|(from, to)| {
            let (from, to) = (down(*from, HOUR), down(to.saturating_add(HOUR - 1), HOUR));
            (from, to.min(down(closed, HOUR)))
        });
        let hours: Vec<_> = hours.filter(|(from, to)| from < to).collect();
        let version = self.next_version();
        self.make_minutes(&within("c.end", &minutes), &within("c.at", &minutes), version)?;
        self.make_hours(&hours, version)
    }

    /// Makes rollups of minutes from the counted calls. Groups that have none any more get zeros.
    fn make_minutes(&self, ends: &str, ats: &str, version: u64) -> Result<(), StoreError> {
        let database = &self.options.database;
        for kind in [0, 1] {
            let user = if kind == 1 { " AND isNotNull(c.user)" } else { "" };
            let calls = from_calls(database, &format!("{ends}{user}"), true);
            let before =
                from_rollup(database, "minutes", &format!("c.kind = {kind} AND {ats}"), true, "nothing");
            self.insert_sums("minutes", &format!("{calls} UNION ALL {before}"), MINUTE, kind, version)?;
        }
        Ok(())
    }

    fn make_hours(&self, hours: &[(i64, i64)], version: u64) -> Result<(), StoreError> {
        for kind in [0, 1] {
            if !hours.is_empty() {
                let condition = format!("c.kind = {kind} AND {}", within("c.at", hours));
                let minutes = from_rollup(&self.options.database, "minutes", &condition, true, "");
                self.insert_sums("hours", &minutes, HOUR, kind, version)?;
            }
        }
        Ok(())
    }

    /// Adds a source up by `unit` and series, or by user where `kind` is 1.
    fn insert_sums(
        &self,
        table: &str,
        source: &str,
        unit: i64,
        kind: u8,
        version: u64,
    ) -> Result<(), StoreError> {
        let names = ["service", "provider", "model", "outcome", "cost_status", "error"];
        let (keys, tags, user) = match kind {
            0 => (names.map(|name| format!("k_{name} AS {name}")), "k_tags AS tags", "'' AS user"),
            _ => (
                names.map(|name| format!("'' AS {name}")),
                "CAST([], 'Array(String)') AS tags",
                "ifNull(k_user, '') AS user",
            ),
        };
        let measures: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
        self.connection.execute(&format!(
            "INSERT INTO {database}.{table} (at, kind, {}, tags, user, {}, durations, duration_counts, \
             first_chunk_durations, first_chunk_counts, version) \
             SELECT toInt64(k_at - positiveModulo(k_at, {unit})) AS at, {kind} AS kind, {}, {tags}, {user}, {}, \
             tupleElement(sumMap(m_durations, m_duration_counts) AS d, 1), tupleElement(d, 2), \
             tupleElement(sumMap(m_first_durations, m_first_counts) AS f, 1), tupleElement(f, 2), \
             toUInt64({version}) FROM ({source}) GROUP BY at, kind, {}, tags, user",
            names.join(", "),
            measures.join(", "),
            keys.join(", "),
            sums(),
            names.join(", "),
            database = self.options.database,
        ))
    }

    /// Makes the rollups of the minutes and hours that are over at `now`.
    fn close(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let (from, to) = (memory.closed, down(now.plus_seconds(-GRACE).0, MINUTE));
        if to <= from {
            return Ok(());
        }
        #[derive(Row, Deserialize)]
        struct Hour {
            hour: i64,
        }
        let database = &self.options.database;
        let open: Vec<Hour> = self.connection.rows(&format!(
            "SELECT DISTINCT toInt64(end - positiveModulo(end, {HOUR})) AS hour FROM {database}.calls \
             WHERE end >= {from} AND end < {to} ORDER BY hour"
        ))?;
        // The hour that was begun before may end now, without a call since.
        let begun = down(from, HOUR);
        let mut hours: BTreeSet<i64> = open.iter().map(|open| open.hour).collect();
        let version = self.next_version();
        for hour in &hours {
            let range = [((*hour).max(from), hour.saturating_add(HOUR).min(to))];
            self.make_minutes(&within("c.end", &range), &within("c.at", &range), version)?;
        }
        if begun > i64::MIN {
            hours.insert(begun);
        }
        let over = down(to, HOUR);
        let over: Vec<_> = hours
            .into_iter()
            .filter(|hour| *hour < over)
            .map(|hour| (hour, hour.saturating_add(HOUR)))
            .collect();
        for part in over.chunks(RANGES) {
            self.make_hours(part, version)?;
        }
        if let Some(memory) = &mut self.memory {
            memory.closed = to;
            memory.rolled = version;
        }
        self.note(&[("closed", to), ("rolled", i64::try_from(version).unwrap_or(i64::MAX))])
    }

    /// Counts witnesses that have waited long enough for the account of a client.
    fn end_waiting(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let mut changed = BTreeSet::new();
        for id in memory.due(now) {
            if memory.rows.end_wait(id) {
                changed.insert(id);
            }
        }
        self.write_rows(&changed)
    }

    /// Deletes days of calls that are past their age.
    fn delete_old(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        const DAY: i64 = 86_400 * Timestamp::SECOND;
        #[derive(Row, Deserialize)]
        struct Day {
            partition: String,
            calls: u64,
            last: i64,
        }
        let database = self.options.database.clone();
        let Some(keep) = self.options.keep_calls else { return Ok(0) };
        let before = down(now.0.saturating_sub(i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX)), DAY);
        let Some(memory) = &mut self.memory else { return Ok(0) };
        // Only what the rollups have.
        let before = before.min(down(memory.closed, DAY));
        if before <= memory.calls_from {
            return Ok(0);
        }
        let days: Vec<Day> = self.connection.rows(&format!(
            "SELECT _partition_id AS partition, count() AS calls, max(end) AS last FROM {database}.calls \
             WHERE end < {before} GROUP BY partition ORDER BY last"
        ))?;
        memory.calls_from = before;
        self.note(&[("calls_from", before)])?;
        let mut deleted = 0;
        for day in days.iter().filter(|day| day.last < before) {
            self.connection.execute(&format!(
                "ALTER TABLE {database}.calls DROP PARTITION ID {}",
                literal(&day.partition)
            ))?;
            deleted += day.calls;
        }
        if let Some(keep) = self.options.keep_sums {
            let before = now.0.saturating_sub(i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX));
            for table in ["minutes", "hours"] {
                self.connection.execute(&format!("DELETE FROM {database}.{table} WHERE at < {before}"))?;
            }
        }
        Ok(deleted)
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
        let done = self.end_waiting(now).and_then(|()| self.close(now)).and_then(|()| self.delete_old(now));
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
