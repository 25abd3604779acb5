//! All accounts of the calls, of which the columns have those that count.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::convert::Infallible;
use std::ops::RangeInclusive;

use super::{Columns, end};
use crate::record::{CallRecord, Origin, Timestamp, Window};
use crate::store::identity::{Account, Accounts, Each, Groups, Known, RESPONSE_IDS, WITNESS_WAITS, verdicts};
use crate::store::{Appended, Batch, CallAccount, CallId};

/// Accounts and passages by which others of a call are recognised; see [`Known`].
const RECENT: usize = 65_536;

/// The accounts, and what leads to them.
#[derive(Debug)]
pub(super) struct Stored {
    rows: Rows,
    newest: i64,
    known: Known,
    /// Witnesses that are not counted yet, with the time in nanoseconds at which that ends.
    waiting: BTreeSet<(i64, i64)>,
}

/// The accounts by number.
#[derive(Debug, Default)]
struct Rows(HashMap<i64, Row>);

#[derive(Debug)]
struct Row {
    account: Account,
    /// The call as it counts.
    call: CallRecord,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            rows: Rows::default(),
            newest: 0,
            known: Known::new(RECENT, RESPONSE_IDS, Groups::default()),
            waiting: BTreeSet::new(),
        }
    }
}

impl Accounts for Rows {
    type Error = Infallible;

    fn account(&self, id: i64) -> Result<Option<Account>, Infallible> {
        Ok(self.0.get(&id).map(|row| row.account.clone()))
    }

    fn with_response(
        &self,
        rows: RangeInclusive<i64>,
        response_id: &str,
        limit: usize,
    ) -> Result<Vec<Account>, Infallible> {
        let within = self.0.iter().filter(|(id, _)| rows.contains(id)).map(|(_, row)| &row.account);
        let same = within.filter(|account| account.call.response_id.as_deref() == Some(response_id));
        Ok(same.take(limit).cloned().collect())
    }

    fn newest(&self, _: usize, each: &mut Each<'_, Infallible>) -> Result<(), Infallible> {
        self.0.iter().try_for_each(|(id, row)| each(*id, &row.account.call))
    }
}

impl Stored {
    fn add(&mut self, call: &CallRecord) -> i64 {
        self.newest += 1;
        let counted = call.origin != Origin::Witness;
        if !counted {
            self.waiting.insert((end(call).0.saturating_add(WITNESS_WAITS), self.newest));
        }
        let account = Account { id: self.newest, call: call.clone(), counted };
        self.rows.0.insert(self.newest, Row { account, call: call.clone() });
        self.newest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.0.is_empty()
    }

    /// The accounts as they were sent.
    pub(super) fn sent(&self) -> impl Iterator<Item = &CallRecord> {
        self.rows.0.values().map(|row| &row.account.call)
    }

    /// Drops accounts that ended before `before`.
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.rows.0.retain(|_, row| end(&row.account.call) >= before);
        self.waiting.retain(|(_, id)| self.rows.0.contains_key(id));
    }

    /// The accounts with an id that begins with `id`, newest first.
    pub(super) fn find(&self, window: Window, id: &CallId, limit: usize) -> Vec<CallAccount> {
        let within = |call: &CallRecord| (window.from..window.to).contains(&end(call)) && id.matches(call);
        let mut found: Vec<&Row> = self.rows.0.values().filter(|row| within(&row.call)).collect();
        found.sort_by_key(|row| std::cmp::Reverse((end(&row.call), row.account.id)));
        let account = |row: &Row| CallAccount {
            call: row.call.clone(),
            own: row.account.call.clone(),
            counted: row.account.counted,
        };
        found.into_iter().take(limit).map(account).collect()
    }

    fn of_the_same(&self, call: &CallRecord) -> Vec<Account> {
        let accounts = self.rows.0.values().map(|row| &row.account);
        let same = accounts.filter(|account| {
            account.call.trace_id == call.trace_id
                || call.response_id.is_some() && account.call.response_id == call.response_id
        });
        let mut found: Vec<Account> = same.cloned().collect();
        found.sort_by_key(|account| account.id);
        found
    }
}

/// The value of what cannot fail.
fn certain<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

impl Columns {
    pub(super) fn append(&mut self, batch: Batch<'_>) -> Appended {
        let mut done = Appended::default();
        let mut changed = BTreeSet::new();
        let (mut new, mut unsettled) = (HashSet::new(), Vec::new());
        for call in batch.calls {
            if !self.known.insert((call.trace_id, call.span_id)) {
                done.duplicates += 1;
                continue;
            }
            self.sequences.see(call, end(call));
            let id = self.accounts.add(call);
            new.insert(id);
            done.inserted += 1;
            if call.origin == Origin::Witness {
                done.count_change(true, false, true);
            } else {
                changed.insert(id);
            }
            unsettled.extend(certain(self.accounts.known.arrive(id, call, &self.accounts.rows)));
        }
        for passage in batch.passages {
            unsettled.extend(certain(self.accounts.known.pass(passage, &self.accounts.rows)));
        }
        self.settle(unsettled, &new, &mut changed, &mut done);
        self.apply(&changed);
        done
    }

    /// Judges these accounts with all that are related to them.
    fn settle(
        &mut self,
        unsettled: Vec<i64>,
        new: &HashSet<i64>,
        changed: &mut BTreeSet<i64>,
        done: &mut Appended,
    ) {
        let mut settled = HashSet::new();
        for id in unsettled {
            if settled.contains(&id) {
                continue;
            }
            let related = certain(self.accounts.known.related(id, &self.accounts.rows));
            settled.extend(related.accounts.iter().map(|account| account.id));
            // Of one alone nothing new is known: it stays as it was.
            if related.accounts.len() < 2 {
                continue;
            }
            for (account, verdict) in related.accounts.iter().zip(self.accounts.known.judge(&related)) {
                let Some(row) = self.accounts.rows.0.get_mut(&account.id) else { continue };
                if row.account.counted == verdict.counted && row.call == verdict.call {
                    continue;
                }
                done.count_change(row.account.counted, verdict.counted, new.contains(&account.id));
                row.account.counted = verdict.counted;
                row.call = verdict.call;
                changed.insert(account.id);
            }
        }
    }

    /// Brings the columns up to date with these accounts.
    fn apply(&mut self, changed: &BTreeSet<i64>) {
        let rows = changed.iter().filter_map(|id| self.accounts.rows.0.get(id));
        let calls: Vec<(CallRecord, bool)> =
            rows.map(|row| (row.call.clone(), row.account.counted)).collect();
        let present: HashSet<_> = calls.iter().map(|(call, _)| (call.trace_id, call.span_id)).collect();
        let before = self.records.len();
        self.records.retain(|call| !present.contains(&(call.trace_id, call.span_id)));
        let mut sorted = self.records.len() == before;
        for (call, _) in calls.into_iter().filter(|(_, counted)| *counted) {
            sorted &= self.ends.last().is_none_or(|last| *last <= end(&call).0);
            if sorted {
                self.push(call.into());
            } else {
                self.records.push(call.into());
            }
        }
        if !sorted {
            self.rebuild();
        }
    }

    /// Counts witnesses that have waited long enough at `now` for the account of a client.
    pub(super) fn end_waiting(&mut self, now: Timestamp) {
        let mut changed = BTreeSet::new();
        while let Some((until, id)) =
            self.accounts.waiting.first().copied().filter(|(until, _)| *until <= now.0)
        {
            self.accounts.waiting.remove(&(until, id));
            let Some(row) = self.accounts.rows.0.get_mut(&id) else { continue };
            row.account.counted = true;
            let call = row.account.call.clone();
            let same = self.accounts.of_the_same(&call);
            let alone = verdicts(&same, &BTreeSet::new());
            let counted =
                same.iter().zip(alone).any(|(account, verdict)| account.id == id && verdict.counted);
            if let Some(row) = self.accounts.rows.0.get_mut(&id) {
                row.account.counted = counted;
            }
            changed.insert(id);
        }
        if !changed.is_empty() {
            self.apply(&changed);
        }
    }
}
