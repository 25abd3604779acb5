//! The bounded memory by which related accounts are found. It holds numbers of rows and hashes; what it leads to is read
//! from the store and compared. After a restart it is filled from the newest rows.

use std::num::NonZeroI64;
use std::ops::RangeInclusive;

use super::groups::Groups;
use super::hashes::Hashes;
use super::links::Links;
use super::reach::Reach;
use super::relation::{end, is_kept, is_witness};
use super::responses::Responses;
use super::times::Times;
use super::{Account, Accounts};
use crate::record::{CallRecord, Passage};
use crate::store::newest::{Few, Newest};

/// Accounts in one trace; the newest are kept.
const IN_TRACE: usize = 64;

/// What is remembered of the newest accounts: for certain of the newest `limit`, and of up to a quarter as many before them.
#[derive(Debug)]
pub(crate) struct Known {
    limit: usize,
    hashes: Hashes,
    links: Links,
    responses: Responses,
    /// The accounts of third parties by service and time.
    times: Times,
    /// The accounts by trace, only since a witness has come.
    traces: Option<Newest<Few<i64>>>,
    /// Accounts that arrived since [`Self::forgets_soon`] was true.
    arrived: usize,
    reach: Reach,
}

impl Known {
    /// With response ids in at most as many bytes.
    pub(crate) fn new(limit: usize, response_ids: usize, groups: Groups) -> Self {
        Self {
            limit,
            hashes: Hashes::new(groups),
            links: Links::new(limit),
            responses: Responses::new(limit, response_ids),
            times: Times::new(limit),
            traces: None,
            arrived: 0,
            reach: Reach::default(),
        }
    }

    /// Remembers what the newest rows of the store lead to.
    pub(crate) fn load<A: Accounts>(&mut self, accounts: &A) -> Result<(), A::Error> {
        accounts.newest(self.limit, &mut |id, call| self.arrive(id, call, accounts).map(drop))
    }

    /// The row that the account with these ids had, as far as is remembered. It may be another's by now, or gone.
    pub(crate) fn row(&self, call: &CallRecord) -> Option<i64> {
        self.links.row(self.hashes.account(call)).map(NonZeroI64::get)
    }

    /// Remembers the account in row `id`. Returns the rows to which others may be related now: the account itself, and
    /// those below it that it connects with what is above.
    pub(crate) fn arrive<A: Accounts>(
        &mut self,
        id: i64,
        call: &CallRecord,
        accounts: &A,
    ) -> Result<Vec<i64>, A::Error> {
        self.arrived += 1;
        self.reach.arrive(end(call), self.limit);
        let (mut related, mut connected) = self.links.arrive(id, call, &self.hashes, accounts)?;
        if let Some(key) = self.hashes.response(call) {
            related |= self.responses.add(key, id, is_kept(call));
        }
        if let Some((keys, near)) = self.hashes.near(id, call) {
            related |= self.times.add(keys, near);
        }
        related |= self.arrive_in_trace(id, call, accounts)?;
        if related {
            connected.push(id);
        }
        Ok(connected)
    }

    fn arrive_in_trace<A: Accounts>(
        &mut self,
        id: i64,
        call: &CallRecord,
        accounts: &A,
    ) -> Result<bool, A::Error> {
        if self.traces.is_none() && is_witness(call) {
            let mut traces = Newest::new(self.limit);
            accounts.newest(self.limit, &mut |id, call| {
                traces.add(self.hashes.trace(call), id, IN_TRACE);
                Ok(())
            })?;
            self.traces = Some(traces);
        }
        let key = self.hashes.trace(call);
        Ok(self.traces.as_mut().is_some_and(|traces| traces.add(key, id, IN_TRACE)))
    }

    /// Remembers a span that is no call. Returns the accounts below it to which others may be related through it.
    pub(crate) fn pass<A: Accounts>(
        &mut self,
        passage: &Passage,
        accounts: &A,
    ) -> Result<Vec<i64>, A::Error> {
        self.links.pass(passage, &self.hashes, accounts)
    }

    /// Accounts that may have been forgotten since this was asked although others of their calls may still come.
    pub(crate) fn forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.reach.forgotten).saturating_add(self.responses.forgotten())
    }

    /// What the response id of an account is known by.
    pub(crate) fn key_of_response(&self, operation: &str, service: &str, id: &str) -> u64 {
        self.hashes.response_of(operation, service, id)
    }

    /// Remembers the response id of an account before all others: the newest comes first.
    pub(crate) fn recall(&mut self, key: u64, id: i64) {
        self.responses.recall(key, id);
    }

    /// Whether so many accounts have arrived since this was true that what should be remembered must arrive again.
    pub(crate) const fn forgets_soon(&mut self) -> bool {
        let soon = self.arrived >= self.limit / 2;
        if soon {
            self.arrived = 0;
        }
        soon
    }

    /// The accounts of the same kind above `call` in its trace.
    pub(super) fn enclosing<A: Accounts>(
        &self,
        call: &CallRecord,
        accounts: &A,
    ) -> Result<Vec<Account>, A::Error> {
        self.links.enclosing(call, &self.hashes, accounts)
    }

    /// Rows that may be related to `call` in another way than as one of [`Self::enclosing`].
    pub(super) fn candidates(&self, call: &CallRecord) -> Vec<i64> {
        let mut rows: Vec<i64> = self.links.below(self.hashes.account(call)).collect();
        if let Some(key) = self.hashes.response(call) {
            rows.extend(self.responses.rows(key));
        }
        if let Some((keys, near)) = self.hashes.near(0, call) {
            rows.extend(self.times.nearest(keys, near));
        }
        if let Some(traces) = &self.traces {
            rows.extend(traces.values(self.hashes.trace(call)));
        }
        rows
    }

    /// Where accounts with the response id of `call` may be: rows, and ranges of rows.
    pub(crate) fn of_response(&self, call: &CallRecord) -> Vec<RangeInclusive<i64>> {
        let Some(key) = self.hashes.response(call) else { return Vec::new() };
        let rows = self.responses.rows(key).map(|row| row..=row);
        rows.chain(self.responses.ranges(key)).collect()
    }

    /// The ranges of rows in which earlier accounts with the same response id may be.
    pub(super) fn earlier(&self, call: &CallRecord) -> Vec<RangeInclusive<i64>> {
        self.hashes.response(call).map_or_else(Vec::new, |key| self.responses.ranges(key).collect())
    }

    /// Whether accounts of both services may be of one call.
    pub(crate) fn may_share(&self, a: &CallRecord, b: &CallRecord) -> bool {
        self.hashes.group(a) == self.hashes.group(b)
    }

    /// Whether different requests repeat the response id of `call`.
    pub(super) fn is_repeated(&self, call: &CallRecord) -> bool {
        self.hashes.response(call).is_some_and(|key| self.responses.is_repeated(key))
    }

    /// Notes that different requests repeat the response id of `call`.
    pub(super) fn repeat(&mut self, call: &CallRecord) {
        if let Some(key) = self.hashes.response(call) {
            self.responses.repeat(key);
        }
    }
}
