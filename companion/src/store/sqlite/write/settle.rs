//! Decides which of related accounts count, and corrects the rows and the rollups that said otherwise.

use std::collections::HashSet;

use crate::record::{CallRecord, Passage};
use crate::store::Appended;
use crate::store::identity::Verdict;
use crate::store::sqlite::file::call_id::end_of;
use crate::store::sqlite::file::call_writer::CallWriter;
use crate::store::sqlite::file::dictionary::day_of;
use crate::store::sqlite::file::row::{AccountRow, Hash, Numbers};
use crate::store::sqlite::rollup::grain::minute_of;
use crate::store::sqlite::write::accounts::Rows;
use crate::store::sqlite::write::rollups::{Rollups, Subjects};
use crate::store::sqlite::write::transaction::Transaction;

impl Transaction<'_> {
    /// Remembers the account in row `id`; returns the accounts to which others may be related now.
    pub(super) fn arrive(&mut self, id: i64, call: &CallRecord) -> rusqlite::Result<Vec<i64>> {
        let rows = Rows { sql: self.sql, names: self.names, calls_from: self.watermarks.calls_from };
        self.note_waiting(id, call)?;
        self.known.arrive(id, call, &rows)
    }

    /// Remembers spans that are no calls; returns the accounts to which others may be related through them.
    pub(super) fn pass(&mut self, passages: &[Passage]) -> rusqlite::Result<Vec<i64>> {
        let rows = Rows { sql: self.sql, names: self.names, calls_from: self.watermarks.calls_from };
        let mut related = Vec::new();
        for passage in passages {
            related.extend(self.known.pass(passage, &rows)?);
        }
        Ok(related)
    }

    /// Judges accounts that passages have connected.
    pub(super) fn settle_alone(&mut self, related: &[i64]) -> rusqlite::Result<Appended> {
        let mut appended = Appended::default();
        let mut calls = CallWriter::new(self.sql)?;
        let mut rollups = Rollups::default();
        self.settle(related, &[], &mut calls, &mut rollups, &mut appended)?;
        rollups.write(self.sql, &self.watermarks, self.limits.listed_hashes)?;
        Ok(appended)
    }

    /// Judges the accounts in these rows with all that are related to them. `new` are the rows that the batch wrote.
    pub(super) fn settle(
        &mut self,
        unsettled: &[i64],
        new: &[i64],
        calls: &mut CallWriter<'_>,
        rollups: &mut Rollups,
        appended: &mut Appended,
    ) -> rusqlite::Result<()> {
        if unsettled.is_empty() {
            return Ok(());
        }
        let new: HashSet<i64> = new.iter().copied().collect();
        let mut settled = HashSet::new();
        for id in unsettled {
            if settled.contains(id) {
                continue;
            }
            let rows = Rows { sql: self.sql, names: self.names, calls_from: self.watermarks.calls_from };
            let related = self.known.related(*id, &rows)?;
            settled.extend(related.accounts.iter().map(|account| account.id));
            if related.accounts.len() < 2 {
                continue;
            }
            for (account, verdict) in related.accounts.iter().zip(self.known.judge(&related)) {
                let Some(before) = rows.row(account.id)? else { continue };
                if before.counted == verdict.counted && before.call == verdict.call {
                    continue;
                }
                appended.count_change(before.counted, verdict.counted, new.contains(&account.id));
                self.change(account.id, &before, &verdict, calls, rollups)?;
            }
        }
        Ok(())
    }

    /// Makes row `id` what the verdict is.
    pub(super) fn change(
        &mut self,
        id: i64,
        before: &AccountRow,
        verdict: &Verdict,
        calls: &mut CallWriter<'_>,
        rollups: &mut Rollups,
    ) -> rusqlite::Result<()> {
        let end = end_of(before.call.start.0, before.call.duration_ns);
        let day = day_of(end);
        self.note_change(end);
        if before.counted {
            let subjects = Subjects { series: before.series, user: before.user };
            rollups.remove(&before.call, subjects, &self.watermarks);
            if let Some(hash) =
                before.call.request_hash.as_deref().filter(|_| minute_of(end) < self.watermarks.closed)
            {
                self.recent_hashes.forget(&Hash::of(hash), end);
            }
        }
        let numbers = Numbers::of(&verdict.call, day, self.dictionary, self.sql)?;
        let own_service = self.dictionary.maybe_text(self.sql, verdict.shared.own_service.as_deref(), day)?;
        let facts = Some(verdict.shared.facts).filter(|facts| *facts != 0);
        calls.replace(id, &verdict.call, &numbers, verdict.counted, (facts, own_service))?;
        if verdict.counted {
            let subjects = Subjects { series: numbers.series, user: numbers.user };
            rollups.count(&verdict.call, subjects, &self.watermarks);
        } else {
            self.sql.prepare_cached("DELETE FROM waiting WHERE id = ?1")?.execute([id])?;
        }
        Ok(())
    }
}
