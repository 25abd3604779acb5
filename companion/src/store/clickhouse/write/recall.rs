//! Accounts that are no longer remembered, asked for where one that arrives may be of their call: those with its response id.

use std::collections::{BTreeSet, HashSet};

use super::super::connection::{bytes, lists, literal};
use super::super::memory::ends_of;
use super::super::row::{CallRow, end_of};
use super::{ClickHouseAppender, Ids};
use crate::record::{CallRecord, Timestamp};
use crate::store::identity::{Account, is_kept, verdicts};
use crate::store::{Batch, StoreError};

/// Accounts of one response id, and of one witness, that are read.
const SAME: usize = 64;
/// Response ids, and witnesses, that one query asks for.
const ASKED: usize = 200;
/// How long before and after a pending response others of its call may end: a day, in nanoseconds.
const PENDING: i64 = 86_400 * Timestamp::SECOND;
/// How far from the end of a witness the account of its client may end.
const NEAR: i64 = 120 * Timestamp::SECOND;

impl ClickHouseAppender {
    /// Remembers again which accounts may be of one call with new ones of the batches.
    pub(super) fn recall(&mut self, batches: &[Batch<'_>], known: &HashSet<Ids>) -> Result<(), StoreError> {
        let Some(memory) = self.memory.as_ref().filter(|memory| !memory.is_whole()) else { return Ok(()) };
        let mut asked = BTreeSet::new();
        for call in batches.iter().flat_map(|batch| batch.calls) {
            let Some(id) = call.response_id.as_deref().filter(|id| !id.is_empty()) else { continue };
            if memory.holds(call) || known.contains(&memory.ids(call)) {
                continue;
            }
            let mut ask = |(from, to): (i64, i64)| {
                asked.insert(format!(
                    "(c.end >= {from} AND c.end < {to} AND c.response_id = {})",
                    literal(id)
                ));
            };
            if is_kept(call) {
                let end = end_of(call);
                ask((end.saturating_sub(PENDING), end.saturating_add(PENDING)));
            }
            for rows in memory.known.of_response(call) {
                if rows.start() != rows.end() || memory.rows.get(*rows.start()).is_none() {
                    ask(ends_of(&rows));
                }
            }
        }
        for list in lists(asked, " OR ", ASKED) {
            let found: Vec<CallRow> = self.connection.rows(&format!(
                "SELECT c.* FROM {}.calls AS c FINAL WHERE {list} ORDER BY c.end LIMIT {SAME} BY c.response_id",
                self.options.database
            ))?;
            let Some(memory) = &mut self.memory else { return Ok(()) };
            for row in found {
                let id = memory.restore(row);
                if let Some(call) = memory.rows.get(id).map(|kept| kept.account.call.clone()) {
                    memory.known.arrive(id, &call, &memory.rows)?;
                }
            }
        }
        Ok(())
    }

    /// Judges witnesses that have waited long enough: each counts when no other account of its call came, however long ago.
    /// `changed` gets all of them.
    pub(super) fn end_waits(&mut self, ids: &[i64], changed: &mut BTreeSet<i64>) -> Result<(), StoreError> {
        for part in ids.chunks(ASKED) {
            let others = self.accounts_near(part)?;
            let Some(memory) = &mut self.memory else { return Ok(()) };
            for id in part {
                let Some(witness) = memory.rows.get(*id).map(|kept| kept.account.clone()) else { continue };
                let near = |other: &&Account| {
                    is_near(&witness.call, &other.call)
                        && memory.may_share(&witness.call, &other.call)
                        && memory.ids(&witness.call) != memory.ids(&other.call)
                };
                // What is remembered is newer than what was read.
                let forgotten = others.iter().filter(|other| !memory.holds(&other.call));
                let end = end_of(&witness.call);
                let remembered = memory.rows.ending(end.saturating_sub(NEAR), end.saturating_add(NEAR));
                let same = remembered.chain(forgotten).filter(near).take(SAME).cloned();
                let accounts: Vec<Account> =
                    std::iter::once(Account { counted: true, ..witness.clone() }).chain(same).collect();
                let alone =
                    verdicts(&accounts, &BTreeSet::new()).first().is_some_and(|verdict| verdict.counted);
                memory.rows.end_wait(*id, alone);
                changed.insert(*id);
            }
        }
        Ok(())
    }

    /// What the table has of the traces and the response ids of these witnesses, within the time.
    fn accounts_near(&self, ids: &[i64]) -> Result<Vec<Account>, StoreError> {
        let Some(memory) = self.memory.as_ref().filter(|memory| !memory.whole) else { return Ok(Vec::new()) };
        let condition = |id: &i64| {
            let call = &memory.rows.get(*id)?.account.call;
            let end = end_of(call);
            let mut same = format!("c.trace_id = {}", bytes(&call.trace_id));
            if let Some(id) = call.response_id.as_deref().filter(|id| !id.is_empty()) {
                same.push_str(&format!(" OR c.response_id = {}", literal(id)));
            }
            let (from, to) = (end.saturating_sub(NEAR), end.saturating_add(NEAR));
            Some(format!("(c.end >= {from} AND c.end <= {to} AND ({same}))"))
        };
        let mut accounts = Vec::new();
        for list in lists(ids.iter().filter_map(condition), " OR ", ASKED) {
            let found: Vec<CallRow> = self.connection.rows(&format!(
                "SELECT c.* FROM {}.calls AS c FINAL WHERE {list} LIMIT {}",
                self.options.database,
                ASKED * SAME
            ))?;
            accounts.extend(found.into_iter().map(|row| {
                let counted = row.counted;
                let (call, shared) = row.into_call();
                Account { id: 0, call: shared.own(call), counted }
            }));
        }
        Ok(accounts)
    }
}

/// Whether both are of one trace or have one response id, and end at about the same time.
fn is_near(witness: &CallRecord, other: &CallRecord) -> bool {
    end_of(other).abs_diff(end_of(witness)) <= NEAR.unsigned_abs()
        && (other.trace_id == witness.trace_id
            || other.response_id.is_some() && other.response_id == witness.response_id)
}
