//! Taking in calls of another ledger as that one had them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::super::connection::bytes;
use super::super::plan::HOUR;
use super::super::row::{CallRow, Decided, end_of};
use super::super::rows::{SENT_BY, WITH_KEY};
use super::rollup::OVER;
use super::{ASKED, ClickHouseAppender};
use crate::record::{CallRecord, Origin, SkipReason, SkippedHours, Timestamp};
use crate::store::export::{Gap, KeyCount, Process, Restored, Restorer, SkippedCount, StoredCall, Versions};
use crate::store::{Appended, Batch, StoreError};

/// The names of a process: its own, and its service's.
type Name = (String, String);

/// By scope and reason, or by credential and service: what is counted, and what of it was imported.
type Counts = BTreeMap<(String, String), (u64, u64)>;

#[derive(Debug, Row, Serialize, Deserialize)]
struct KeyRow {
    hour: i64,
    key: String,
    service: String,
    calls: u64,
    version: u64,
}

impl ClickHouseAppender {
    /// What fails leaves nothing remembered that is not in the tables.
    fn restoring<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = self.hold_and_note().and_then(|()| work(self));
        if done.is_err() {
            self.memory = None;
        }
        done
    }

    fn restore_all(&mut self, batch: &[Versions], settle: bool) -> Result<Restored, StoreError> {
        let own = |versions: &Versions| versions.newest.shared.own(versions.newest.call.clone());
        let accounts: Vec<CallRecord> = batch.iter().map(own).collect();
        let all = [Batch { calls: &accounts, ..Batch::default() }];
        let known = self.known_before(&all)?;
        // What earlier files have of it is compared with what is here.
        let older = batch.iter().zip(&accounts).filter(|(versions, _)| !versions.older.is_empty());
        let older: Vec<&CallRecord> = older.map(|(_, account)| account).collect();
        self.remember(&older)?;
        if settle {
            self.recall(&all, &known)?;
        }
        let Some(memory) = &mut self.memory else { return Ok(Restored::default()) };
        let (mut restored, mut changed, mut new) = (Restored::default(), BTreeSet::new(), HashSet::new());
        let mut unsettled = Vec::new();
        for (versions, account) in batch.iter().zip(&accounts) {
            let StoredCall { call, counted, shared } = &versions.newest;
            if end_of(call) < memory.calls_from {
                restored.too_old += 1;
            } else if let Some(id) = memory.id(account) {
                match memory.rows.advance(id, versions) {
                    true => {
                        restored.changed += 1;
                        changed.insert(id);
                    }
                    false => restored.known += 1,
                }
            } else if known.contains(&memory.ids(account)) {
                restored.known += 1;
            } else {
                let waits = call.origin == Origin::Witness && !counted && end_of(call) >= memory.waited;
                let decided = Decided { counted: *counted, waits, version: 0, sender: &account.service };
                let id = memory.restore(CallRow::of(call, shared, decided));
                changed.insert(id);
                new.insert(id);
                match counted {
                    true => restored.calls += 1,
                    false => restored.other_accounts += 1,
                }
                unsettled.extend(memory.known.arrive(id, account, &memory.rows)?);
            }
        }
        if settle {
            self.settle(unsettled, &new, &mut changed, &mut Appended::default())?;
        }
        self.write_rows(&changed)?;
        let numbered = accounts.iter().filter(|call| call.sequence.is_some());
        let names = numbered.clone().filter_map(|call| Some((call.instance.clone()?, call.service.clone())));
        self.change_instances(&names.collect(), |sequences| {
            numbered.for_each(|call| sequences.fill(call, Timestamp(end_of(call))));
        })?;
        if let Some(memory) = &mut self.memory {
            memory.forget();
        }
        Ok(restored)
    }

    /// Remembers accounts again that the tables have.
    fn remember(&mut self, calls: &[&CallRecord]) -> Result<(), StoreError> {
        for part in calls.chunks(ASKED) {
            let ends: Vec<String> = part.iter().map(|call| end_of(call).to_string()).collect();
            let traces: Vec<String> = part.iter().map(|call| bytes(&call.trace_id)).collect();
            let found: Vec<CallRow> = self.connection.rows(&format!(
                "SELECT c.* FROM {}.calls AS c FINAL WHERE c.end IN ({}) AND c.trace_id IN ({})",
                self.options.database,
                ends.join(","),
                traces.join(",")
            ))?;
            if let Some(memory) = &mut self.memory {
                for row in found {
                    memory.restore(row);
                }
            }
        }
        Ok(())
    }

    fn restore_processes_of(&mut self, processes: &[Process], gaps: &[Gap]) -> Result<(), StoreError> {
        let mut of: BTreeMap<Name, (Option<&Process>, Vec<&Gap>)> = BTreeMap::new();
        for process in processes {
            of.entry((process.instance.clone(), process.service.clone())).or_default().0 = Some(process);
        }
        for gap in gaps {
            of.entry((gap.instance.clone(), gap.service.clone())).or_default().1.push(gap);
        }
        let all: Vec<_> = of.into_iter().collect();
        for part in all.chunks(ASKED) {
            let names = part.iter().map(|(name, _)| name.clone()).collect();
            self.change_instances(&names, |sequences| {
                for (name, (process, gaps)) in part {
                    sequences.take_in(name, *process, gaps);
                }
            })?;
        }
        Ok(())
    }

    /// Adds what is missing: of spans that were skipped, and of calls by credential next to those of the calls here.
    fn restore_counts_of(
        &mut self,
        hour: i64,
        skipped: &[SkippedCount],
        keys: &[KeyCount],
    ) -> Result<(), StoreError> {
        let at = Timestamp(hour.saturating_mul(HOUR));
        if at.0.saturating_add(HOUR) <= self.memory.as_ref().map_or(i64::MIN, |memory| memory.calls_from) {
            return Ok(());
        }
        #[derive(Row, Deserialize)]
        struct Known {
            name: String,
            of: String,
            count: u64,
            listed: u64,
        }
        let (database, connection) = (self.options.database.clone(), self.connection.clone());
        let known = |sql: String| -> Result<Counts, StoreError> {
            let found: Vec<Known> = connection.rows(&sql)?;
            Ok(found.into_iter().map(|known| ((known.name, known.of), (known.count, known.listed))).collect())
        };
        if !skipped.is_empty() {
            let there = known(format!(
                "SELECT s.scope AS name, toString(s.reason) AS of, sum(s.spans) AS count, toUInt64(0) AS listed \
                 FROM {database}.skipped AS s FINAL WHERE s.hour = {hour} GROUP BY name, of"
            ))?;
            let mut more = SkippedHours::default();
            for SkippedCount { scope, reason, spans } in skipped {
                let (there, _) = there.get(&(scope.clone(), reason.clone())).copied().unwrap_or_default();
                let missing = u64::try_from(*spans).unwrap_or(0).saturating_sub(there);
                if let Some(reason) = SkipReason::parse(reason).filter(|_| missing > 0) {
                    more.add_many(at, scope, reason, missing);
                }
            }
            self.write_rest(&[Batch { skipped: Some(&more), ..Batch::default() }])?;
        }
        if keys.is_empty() {
            return Ok(());
        }
        let there = known(format!(
            "SELECT name, of, sum(calls) AS count, sum(listed) AS listed FROM (\
             SELECT assumeNotNull(c.key_fingerprint) AS name, {SENT_BY} AS of, count() AS calls, \
             toUInt64(0) AS listed FROM {database}.calls AS c FINAL WHERE c.end >= {} AND c.end < {} \
             AND {WITH_KEY} GROUP BY name, of \
             UNION ALL SELECT k.key, k.service, toUInt64(0), k.calls FROM {database}.keys AS k FINAL \
             WHERE k.hour = {hour}) GROUP BY name, of",
            at.0,
            at.0.saturating_add(HOUR)
        ))?;
        let version = self.next_version();
        let row = |KeyCount { key, service, calls }: &KeyCount| {
            let (counted, listed) = there.get(&(key.clone(), service.clone())).copied().unwrap_or_default();
            let calls = u64::try_from(*calls).unwrap_or(0).saturating_sub(counted);
            let (key, service) = (key.clone(), service.clone());
            (calls > listed).then_some(KeyRow { hour, key, service, calls, version })
        };
        let rows = keys.iter().filter_map(row).collect();
        self.connection.insert(&format!("{database}.keys"), rows)
    }
}

impl Restorer for ClickHouseAppender {
    fn is_empty(&self) -> Result<bool, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            calls: u64,
        }
        // Known without reading a row.
        let found: Option<Found> =
            self.connection.row(&format!("SELECT count() AS calls FROM {}.calls", self.options.database))?;
        Ok(found.is_none_or(|found| found.calls == 0))
    }

    fn restore_processes(&mut self, processes: &[Process], gaps: &[Gap]) -> Result<(), StoreError> {
        self.restoring(|appender| appender.restore_processes_of(processes, gaps))
    }

    fn restore(&mut self, batch: &[Versions], settle: bool) -> Result<Restored, StoreError> {
        self.restoring(|appender| appender.restore_all(batch, settle))
    }

    fn restore_counts(
        &mut self,
        hour: i64,
        skipped: &[SkippedCount],
        keys: &[KeyCount],
    ) -> Result<(), StoreError> {
        self.restoring(|appender| appender.restore_counts_of(hour, skipped, keys))
    }

    /// Makes the rollups of what was taken in.
    fn restored(&mut self) -> Result<(), StoreError> {
        #[derive(Row, Deserialize)]
        struct Newest {
            end: i64,
        }
        self.restoring(|appender| {
            appender.take_late()?;
            let newest: Option<Newest> = appender.connection.row(&format!(
                "SELECT max(end) AS end FROM {}.calls HAVING count() > 0",
                appender.options.database
            ))?;
            newest.map_or(Ok(()), |newest| appender.close_all(newest.end.saturating_add(OVER)))
        })
    }
}
