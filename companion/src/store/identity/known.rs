//! The bounded memory by which related accounts are found. It holds numbers of rows and salted hashes, since senders
//! choose ids; what it leads to is read from the store and compared. After a restart it is filled from the newest rows.
//!
//! An account is searched for over [`LINKS`] links of a trace. Where the search ends at a span that has not arrived, a
//! mark is left there; when that span arrives the search goes on from it.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroI64;
use std::ops::RangeInclusive;

use super::generations::{Few, Generations};
use super::groups::Groups;
use super::reach::Reach;
use super::relation::{SAME_TOKENS_GAP, TimeSpan, end, is_witness, kind, kind_of, response_id};
use super::responses::Responses;
use super::times::{Keys, Near, Times};
use super::{Account, Accounts, EARLIER_BYTES};
use crate::record::{CallRecord, Origin, Passage};

/// How many links above a call another account of it is recognised.
pub(super) const LINKS: u8 = 8;
/// Accounts below one span and in one trace; the newest are kept.
const BELOW: usize = 64;
const IN_TRACE: usize = 64;

/// What is remembered of the newest accounts: for certain of the newest `limit`, and of up to as many before them.
#[derive(Debug)]
pub(crate) struct Known {
    limit: usize,
    salt: RandomState,
    /// Accounts of different groups are never of one call.
    groups: Groups,
    /// The accounts, and the spans above them, whether they have arrived or not.
    spans: Generations<Span>,
    /// Spans that are no calls: the key of the parent; `None` where a search ends.
    passages: Generations<Option<u64>>,
    responses: Responses,
    /// The accounts of third parties by service and time.
    times: Times,
    /// The accounts by trace, only since a witness has come.
    traces: Option<Generations<Few<i64>>>,
    /// Accounts that arrived since [`Self::forgets_soon`] was true.
    arrived: usize,
    reach: Reach,
}

/// What is known of a span.
#[derive(Debug, Default)]
struct Span {
    /// The row of its account, when it is one that has arrived.
    row: Option<NonZeroI64>,
    /// The accounts below it.
    below: Few<Below>,
}

/// An account and how many links it is below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Below {
    row: i64,
    links: u8,
}

impl Known {
    pub(crate) fn new(limit: usize, groups: Groups) -> Self {
        Self {
            limit,
            salt: RandomState::new(),
            groups,
            // Of each account the account and its parent.
            spans: Generations::new(2 * limit),
            passages: Generations::new(limit),
            responses: Responses::new(limit, EARLIER_BYTES),
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
        let span = self.spans.get(self.account_key(call))?;
        span.row.map(NonZeroI64::get)
    }

    /// Remembers the account in row `id`. Returns the rows to which others may be related now: the account itself, and
    /// those below it that it connects with what is above.
    pub(crate) fn arrive<A: Accounts>(
        &mut self,
        id: i64,
        call: &CallRecord,
        accounts: &A,
    ) -> Result<Vec<i64>, A::Error> {
        let key = self.account_key(call);
        self.arrived += 1;
        self.reach.arrive(end(call), self.limit);
        let span = self.spans.get_or_new(key);
        span.row = NonZeroI64::new(id);
        let below = span.below.as_slice().to_vec();
        let mut related = self.climb(id, call, 1, accounts)? || !below.is_empty();
        let mut connected = Vec::new();
        for below in below {
            if self.climb(below.row, call, below.links + 1, accounts)? {
                connected.push(below.row);
            }
        }

        if let Some(key) = self.response_key(call) {
            related |= self.responses.add(key, id, end(call));
        }
        if let Some((keys, near)) = self.near(id, call) {
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
            let mut traces = Generations::new(self.limit);
            accounts.newest(self.limit, &mut |id, call| {
                traces.add(self.trace_key(call), id, IN_TRACE);
                Ok(())
            })?;
            self.traces = Some(traces);
        }
        let key = self.trace_key(call);
        Ok(self.traces.as_mut().is_some_and(|traces| traces.add(key, id, IN_TRACE)))
    }

    /// Accounts that may have been forgotten since this was asked although others of their calls may still come.
    pub(crate) fn forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.reach.forgotten).saturating_add(self.responses.forgotten())
    }

    /// What the response id of an account is known by.
    pub(crate) fn key_of_response(&self, operation: &str, service: &str, id: &str) -> u64 {
        in_group(self.salt.hash_one((kind_of(operation), id)), self.groups.group(service))
    }

    /// Remembers the response id of an account that is older than the newest, and ended at `end`.
    pub(crate) fn recall(&mut self, key: u64, id: i64, end: i64) {
        self.responses.add(key, id, end);
    }

    /// Whether so many accounts have arrived since this was true that what should be remembered must arrive again.
    pub(crate) const fn forgets_soon(&mut self) -> bool {
        let soon = self.arrived >= self.limit / 2;
        if soon {
            self.arrived = 0;
        }
        soon
    }

    /// Remembers a span that is no call. Returns the accounts below it to which others may be related through it.
    pub(crate) fn pass<A: Accounts>(
        &mut self,
        passage: &Passage,
        accounts: &A,
    ) -> Result<Vec<i64>, A::Error> {
        let key = self.span_key(&passage.trace_id, &passage.span_id);
        let of_group = |group| self.spans.get(in_group(key, group));
        let is_call = self.groups.all().filter_map(of_group).any(|span| span.row.is_some());
        if is_call || self.passages.get(key).is_some() {
            return Ok(Vec::new());
        }
        let parent = passage.parent_span_id.filter(|_| !passage.boundary);
        let parent_key = parent.map(|parent| self.span_key(&passage.trace_id, &parent));
        *self.passages.get_or_new(key) = parent_key;
        let mut related = Vec::new();
        for group in self.groups.all() {
            let span = self.spans.get(in_group(key, group));
            let below = span.map_or(&[][..], |span| span.below.as_slice()).to_vec();
            for below in below {
                if let Some(parent) = parent_key
                    && self.climb_from(below.row, (parent, group), below.links + 1, accounts)?
                {
                    related.push(below.row);
                }
            }
        }
        Ok(related)
    }

    /// Notes row `id` below each call above `call`, and leaves it as a mark at the first span that is not known.
    /// Returns whether there is a call above.
    fn climb<A: Accounts>(
        &mut self,
        id: i64,
        call: &CallRecord,
        links: u8,
        accounts: &A,
    ) -> Result<bool, A::Error> {
        match call.parent_span_id {
            Some(parent) => {
                let group = self.groups.group(&call.service);
                self.climb_from(id, (self.span_key(&call.trace_id, &parent), group), links, accounts)
            }
            None => Ok(false),
        }
    }

    fn climb_from<A: Accounts>(
        &mut self,
        id: i64,
        (mut key, group): (u64, u64),
        mut links: u8,
        accounts: &A,
    ) -> Result<bool, A::Error> {
        let mut found = false;
        while links <= LINKS {
            key = match self.passage(key) {
                Some(Some(parent)) => parent,
                Some(None) => return Ok(found),
                None => {
                    let span = self.spans.get_or_new(in_group(key, group));
                    let others = span.below.add(Below { row: id, links }, BELOW);
                    let row = span.row;
                    if others {
                        self.spans.grew();
                    }
                    let Some(row) = row else { return Ok(found) };
                    let Some(account) = self.account(row, key, accounts)? else { return Ok(found) };
                    found = true;
                    let Some(parent) = self.parent_key(&account.call) else { return Ok(found) };
                    parent
                }
            };
            links += 1;
        }
        Ok(found)
    }

    /// What is above a span that is no call; `None` when it is not known to be one.
    fn passage(&self, key: u64) -> Option<Option<u64>> {
        if self.passages.is_empty() {
            return None;
        }
        self.passages.get(key).copied()
    }

    /// The account in `row`, unless the row is gone or another's by now.
    fn account<A: Accounts>(
        &self,
        row: NonZeroI64,
        key: u64,
        accounts: &A,
    ) -> Result<Option<Account>, A::Error> {
        let found = accounts.account(row.get())?;
        Ok(found.filter(|account| self.span_key(&account.call.trace_id, &account.call.span_id) == key))
    }

    /// The accounts of the same kind above `call` in its trace.
    pub(super) fn enclosing<A: Accounts>(
        &self,
        call: &CallRecord,
        accounts: &A,
    ) -> Result<Vec<Account>, A::Error> {
        let mut found = Vec::new();
        let group = self.groups.group(&call.service);
        let mut next = self.parent_key(call);
        for _ in 0..LINKS {
            let Some(key) = next else { break };
            next = match self.passage(key) {
                Some(parent) => parent,
                None => {
                    let span = self.spans.get(in_group(key, group));
                    let Some(row) = span.and_then(|span| span.row) else { break };
                    let Some(account) = self.account(row, key, accounts)? else { break };
                    let parent = self.parent_key(&account.call);
                    if kind(&account.call) == kind(call) {
                        found.push(account);
                    }
                    parent
                }
            };
        }
        Ok(found)
    }

    /// Rows that may be related to `call` in another way than as one of [`Self::enclosing`].
    pub(super) fn candidates(&self, call: &CallRecord) -> Vec<i64> {
        let span = self.spans.get(self.account_key(call));
        let below = span.map_or(&[][..], |span| span.below.as_slice());
        let mut rows: Vec<i64> = below.iter().map(|below| below.row).collect();
        if let Some(key) = self.response_key(call) {
            rows.extend(self.responses.rows(key));
        }
        if let Some((keys, near)) = self.near(0, call) {
            rows.extend(self.times.nearest(keys, near));
        }
        if let Some(traces) = &self.traces {
            rows.extend(traces.values(self.trace_key(call)));
        }
        rows
    }

    fn span_key(&self, trace_id: &[u8; 16], span_id: &[u8; 8]) -> u64 {
        self.salt.hash_one((u128::from_le_bytes(*trace_id), u64::from_le_bytes(*span_id)))
    }

    /// The key in `spans` of what a call is an account of.
    fn account_key(&self, call: &CallRecord) -> u64 {
        in_group(self.span_key(&call.trace_id, &call.span_id), self.groups.group(&call.service))
    }

    fn trace_key(&self, call: &CallRecord) -> u64 {
        in_group(self.salt.hash_one(call.trace_id), self.groups.group(&call.service))
    }

    fn parent_key(&self, call: &CallRecord) -> Option<u64> {
        Some(self.span_key(&call.trace_id, &call.parent_span_id?))
    }

    /// The ranges of rows in which earlier accounts with the same response id may be.
    pub(super) fn earlier(&self, call: &CallRecord) -> Vec<RangeInclusive<i64>> {
        self.response_key(call).map_or_else(Vec::new, |key| self.responses.ranges(key).collect())
    }

    /// Whether accounts of both services may be of one call.
    pub(super) fn may_share(&self, a: &CallRecord, b: &CallRecord) -> bool {
        self.groups.group(&a.service) == self.groups.group(&b.service)
    }

    /// Whether different requests repeat the response id of `call`.
    pub(super) fn is_repeated(&self, call: &CallRecord) -> bool {
        self.response_key(call).is_some_and(|key| self.responses.is_repeated(key))
    }

    /// Notes that different requests repeat the response id of `call`.
    pub(super) fn repeat(&mut self, call: &CallRecord) {
        if let Some(key) = self.response_key(call) {
            self.responses.repeat(key);
        }
    }

    fn response_key(&self, call: &CallRecord) -> Option<u64> {
        response_id(call).map(|id| self.key_of_response(&call.operation, &call.service, id))
    }

    /// An account that is compared by time, and the keys of the time in which it ended and of those next to it.
    fn near(&self, row: i64, call: &CallRecord) -> Option<(Keys, Near)> {
        if call.origin != Origin::ThirdParty || call.scope.is_empty() {
            return None;
        }
        let time = end(call).div_euclid(SAME_TOKENS_GAP);
        let keys = [time, time.saturating_sub(1), time.saturating_add(1)]
            .map(|time| self.salt.hash_one((kind(call), call.service.as_str(), time)));
        Some((keys, Near { row, time: TimeSpan::of(call), scope: self.salt.hash_one(call.scope.as_str()) }))
    }
}

/// The key that a span or a trace has among accounts of one group.
const fn in_group(key: u64, group: u64) -> u64 {
    // A large odd number: small ones would change low bits alone, which may be those of another key.
    key ^ group.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
