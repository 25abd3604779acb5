//! Taking in calls of another ledger as that one had them.

use rusqlite::params;

use crate::record::CallRecord;
use crate::store::StoreError;
use crate::store::export::{Gap, KeyCount, Process, Restored, Restorer, SkippedCount, StoredCall, Versions};
use crate::store::identity::{Shared, Verdict};
use crate::store::sqlite::file::call_writer::CallWriter;
use crate::store::sqlite::file::dictionary::day_of;
use crate::store::sqlite::file::error::store_error;
use crate::store::sqlite::rollup::grain::minute_of;
use crate::store::sqlite::write::accounts::Rows;
use crate::store::sqlite::write::append::Inserted;
use crate::store::sqlite::write::rollups::{Rollups, Subjects};
use crate::store::sqlite::write::transaction::{SqliteAppender, Transaction};

impl Restorer for SqliteAppender {
    fn is_empty(&self) -> Result<bool, StoreError> {
        self.connection
            .query_row("SELECT NOT EXISTS (SELECT 1 FROM calls)", [], |row| row.get(0))
            .map_err(|error| store_error(&self.path, &error))
    }

    fn restore_processes(&mut self, processes: &[Process], gaps: &[Gap]) -> Result<(), StoreError> {
        self.watch.check()?;
        self.write(|transaction| transaction.restore_processes(processes, gaps))
    }

    fn restore(&mut self, batch: &[Versions], settle: bool) -> Result<Restored, StoreError> {
        self.watch.check()?;
        let restored = self.write(|transaction| transaction.restore(batch, settle))?;
        self.watch.check()?;
        Ok(restored)
    }

    fn restore_counts(
        &mut self,
        hour: i64,
        skipped: &[SkippedCount],
        keys: &[KeyCount],
    ) -> Result<(), StoreError> {
        self.write(|transaction| transaction.restore_counts(hour, skipped, keys))
    }

    fn restored(&mut self) -> Result<(), StoreError> {
        self.write(|transaction| transaction.know_numbered())
    }
}

impl Transaction<'_> {
    fn restore(&mut self, batch: &[Versions], settle: bool) -> rusqlite::Result<Restored> {
        let mut calls = CallWriter::new(self.sql)?;
        let mut rollups = Rollups::default();
        let mut restored = Restored::default();
        let (mut new, mut unsettled, mut own) = (Vec::new(), Vec::new(), Vec::new());
        for versions in batch {
            let StoredCall { call, counted, shared } = &versions.newest;
            let end = versions.newest.end().0;
            if minute_of(end) < self.shares.start(&call.service, &self.watermarks) {
                restored.too_old += 1;
                continue;
            }
            match self.insert(call, end, *counted, &mut calls)? {
                Inserted::New(id, numbers) => {
                    if *shared != Shared::default() {
                        let own_service = shared.own_service.as_deref();
                        let own_service = self.dictionary.maybe_text(self.sql, own_service, day_of(end))?;
                        let facts = Some(shared.facts).filter(|facts| *facts != 0);
                        calls.replace(id, call, &numbers, *counted, (facts, own_service))?;
                    }
                    if *counted {
                        restored.calls += 1;
                        let subjects = Subjects { series: numbers.series, user: numbers.user };
                        rollups.count(call, subjects, &self.watermarks);
                    } else {
                        restored.other_accounts += 1;
                    }
                    self.shares.added(&call.service);
                    let account = shared.own(call.clone());
                    unsettled.extend(self.arrive(id, &account)?);
                    new.push(id);
                    own.push(account);
                }
                Inserted::Known(id) if self.advance_to(id, versions, &mut calls, &mut rollups)? => {
                    restored.changed += 1;
                }
                Inserted::Known(_) => restored.known += 1,
                Inserted::NoPlace => restored.without_place += 1,
            }
        }
        if settle {
            let mut appended = crate::store::Appended::default();
            self.settle(&unsettled, &new, &mut calls, &mut rollups, &mut appended)?;
        }
        self.sequences.fill(self.sql, &own)?;
        rollups.write(self.sql, &self.watermarks, self.limits.listed_hashes)?;
        self.sequences.write(self.sql)?;
        self.remember_waiting()?;
        Ok(restored)
    }

    /// Makes a row that is what an earlier file has into what the newest file has; whether that was so. A row that the
    /// ledger has changed since stays as it is.
    fn advance_to(
        &mut self,
        id: i64,
        versions: &Versions,
        calls: &mut CallWriter<'_>,
        rollups: &mut Rollups,
    ) -> rusqlite::Result<bool> {
        if versions.older.is_empty() {
            return Ok(false);
        }
        let rows = Rows { sql: self.sql, names: self.names, calls_from: self.watermarks.calls_from };
        let Some(before) = rows.row(id)? else { return Ok(false) };
        let is = |version: &StoredCall, call: &CallRecord| {
            version.counted == before.counted && version.shared == before.shared && version.call == *call
        };
        if is(&versions.newest, &before.call)
            || !versions.older.iter().any(|version| is(version, &before.call))
        {
            return Ok(false);
        }
        let StoredCall { call, counted, shared } = versions.newest.clone();
        self.change(id, &before, &Verdict { counted, call, shared }, calls, rollups)?;
        Ok(true)
    }

    fn restore_counts(
        &mut self,
        hour: i64,
        skipped: &[SkippedCount],
        keys: &[KeyCount],
    ) -> rusqlite::Result<()> {
        // As with what is received: of hours whose calls are deleted nothing is added.
        if hour < self.watermarks.calls_from.div_euclid(60) {
            return Ok(());
        }
        let mut insert = self.sql.prepare_cached(
            "INSERT INTO skipped (hour, scope, reason, spans) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hour, scope, reason) DO UPDATE SET spans = max(spans, excluded.spans)",
        )?;
        for SkippedCount { scope, reason, spans } in skipped {
            insert.execute(params![hour, scope, reason, spans])?;
        }
        let mut insert = self.sql.prepare_cached(
            "INSERT INTO key_hour (hour, key, service, calls) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hour, key, service) DO UPDATE SET calls = max(calls, excluded.calls)",
        )?;
        for KeyCount { key, service, calls } in keys {
            insert.execute(params![hour, key, service, calls])?;
        }
        Ok(())
    }
}
