//! Appending calls: each account is written once, and of the accounts of a call one is added to the rollups.

use crate::record::{CallRecord, Origin, SkipReason, SkippedHours, Timestamp};
use crate::store::identity::Accounts;
use crate::store::sqlite::file::call_id::{end_of, places};
use crate::store::sqlite::file::call_writer::CallWriter;
use crate::store::sqlite::file::dictionary::day_of;
use crate::store::sqlite::file::row::Numbers;
use crate::store::sqlite::rollup::grain::minute_of;
use crate::store::sqlite::write::accounts::Rows;
use crate::store::sqlite::write::keys::Keys;
use crate::store::sqlite::write::rollups::{Rollups, Subjects};
use crate::store::sqlite::write::transaction::Transaction;
use crate::store::{Appended, Batch};

impl Transaction<'_> {
    pub(super) fn append<'b>(
        &mut self,
        batches: impl IntoIterator<Item = Batch<'b>>,
    ) -> rusqlite::Result<Vec<Appended>> {
        let mut calls = CallWriter::new(self.sql)?;
        let mut rollups = Rollups::default();
        let mut appended = Vec::new();
        self.save_passages(self.unsaved)?;
        for batch in batches {
            self.save_passages(batch.passages)?;
            appended.push(self.append_batch(batch, &mut calls, &mut rollups)?);
        }
        rollups.write(self.sql, &self.watermarks, self.limits.listed_hashes)?;
        self.sequences.write(self.sql)?;
        self.remember_waiting()?;
        Ok(appended)
    }

    fn append_batch(
        &mut self,
        batch: Batch<'_>,
        calls: &mut CallWriter<'_>,
        rollups: &mut Rollups,
    ) -> rusqlite::Result<Appended> {
        let mut order: Vec<_> =
            batch.calls.iter().map(|call| (end_of(call.start.0, call.duration_ns), call)).collect();
        // Rows in the order of their ids fill pages; batches come in the order of the senders.
        order.sort_by_key(|(end, _)| *end);
        let mut appended = Appended::default();
        let mut left_out = SkippedHours::default();
        let mut keys = Keys::default();
        let (mut new, mut unsettled) = (Vec::with_capacity(batch.calls.len()), Vec::new());
        for (end, call) in order {
            if minute_of(end) < self.shares.start(&call.service, &self.watermarks) {
                appended.too_old += 1;
                left_out.add(self.now.unwrap_or(Timestamp(end)), &call.scope, SkipReason::TooOld);
                continue;
            }
            let (id, numbers) = match self.insert(call, end, call.origin != Origin::Witness, calls)? {
                Inserted::New(id, numbers) => (id, numbers),
                Inserted::Known(_) => {
                    appended.duplicates += 1;
                    continue;
                }
                Inserted::NoPlace => {
                    appended.without_place += 1;
                    left_out.add(self.now.unwrap_or(Timestamp(end)), &call.scope, SkipReason::Refused);
                    continue;
                }
            };
            if call.origin == Origin::Witness {
                appended.other_accounts += 1;
            } else {
                appended.inserted += 1;
                keys.add(call, end);
                let subjects = Subjects { series: numbers.series, user: numbers.user };
                rollups.count(call, subjects, &self.watermarks);
            }
            self.shares.added(&call.service);
            unsettled.extend(self.arrive(id, call)?);
            new.push(id);
        }
        unsettled.extend(self.pass(batch.passages)?);
        self.settle(&unsettled, &new, calls, rollups, &mut appended)?;
        appended.forgotten = self.known.forgotten();
        self.note_keys(&keys)?;
        self.sequences.note(self.sql, batch.calls)?;
        self.sequences.note_processes(self.sql, batch.processes)?;
        appended.others = self.dictionary.take_others();
        batch.skipped.into_iter().chain([&left_out]).try_for_each(|skipped| self.note_skipped(skipped))?;
        Ok(appended)
    }

    /// Writes the call unless it is known.
    pub(super) fn insert(
        &mut self,
        call: &CallRecord,
        end: i64,
        counted: bool,
        calls: &mut CallWriter<'_>,
    ) -> rusqlite::Result<Inserted> {
        if let Some(id) = self.known.row(call)
            && self.is_known_as(id, call, calls)?
        {
            return Ok(Inserted::Known(id));
        }
        let salt = self.dictionary.salt;
        if let Some(before) = salt.before(end) {
            for place in places(end, before.of_call(&call.trace_id, &call.span_id)).take(PROBED) {
                if self.is_known_as(place.id, call, calls)? {
                    return Ok(Inserted::Known(place.id));
                }
            }
        }
        let numbers = Numbers::of(call, day_of(end), self.dictionary, self.sql)?;
        for place in places(end, salt.of_call(&call.trace_id, &call.span_id)) {
            if calls.insert(place, call, &numbers, counted)? {
                self.note_change(end);
                self.watermarks.spill_us = self.watermarks.spill_us.max(place.spill_us);
                return Ok(Inserted::New(place.id, numbers));
            }
            if self.is_known_as(place.id, call, calls)? {
                return Ok(Inserted::Known(place.id));
            }
        }
        Ok(Inserted::NoPlace)
    }

    /// Whether the row is this call's. One with its ids from a sender that may not write for its service is not.
    fn is_known_as(&self, id: i64, call: &CallRecord, calls: &mut CallWriter<'_>) -> rusqlite::Result<bool> {
        if !calls.holds(id, call)? {
            return Ok(false);
        }
        if self.groups.are_one() {
            return Ok(true);
        }
        let rows = Rows { sql: self.sql, names: self.names, calls_from: self.watermarks.calls_from };
        let group = |call: &CallRecord| self.groups.group(&call.service);
        Ok(rows.account(id)?.is_none_or(|account| group(&account.call) == group(call)))
    }
}

/// Places without a salt that are looked at.
const PROBED: usize = 128;

/// What became of a call.
pub(super) enum Inserted {
    New(i64, Numbers),
    Known(i64),
    /// Millions of calls end at this time. Retrying would not help, and would hold up what the sender has after it.
    NoPlace,
}
