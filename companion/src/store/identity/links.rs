//! The accounts of a trace by their links. An account is searched for over [`LINKS`] of them. Where the search ends at a
//! span that has not arrived, a mark is left there; when that span arrives the search goes on from it.

use std::num::{NonZeroI64, NonZeroU8};

use super::hashes::{Hashes, in_group};
use super::relation::kind;
use super::{Account, Accounts};
use crate::record::{CallRecord, Passage};
use crate::store::newest::{Few, Held, Newest};

/// How many links above a call another account of it is recognised.
pub(super) const LINKS: u8 = 8;
/// Accounts below one span; the newest are kept.
const BELOW: usize = 64;

#[derive(Debug)]
pub(super) struct Links {
    /// The accounts, and the spans above them, whether they have arrived or not.
    spans: Newest<Span>,
    /// Spans that are no calls: the key of the parent; `None` where a search ends.
    passages: Newest<Option<u64>>,
}

/// What is known of a span.
#[derive(Debug, Default)]
struct Span {
    /// The row of its account, when it is one that has arrived.
    row: Option<NonZeroI64>,
    /// The accounts below it.
    below: Few<Below>,
}

impl Held for Span {
    fn held(&self) -> usize {
        self.below.held()
    }
}

/// An account and how many links it is below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Below {
    row: i64,
    links: NonZeroU8,
}

impl Links {
    pub(super) fn new(limit: usize) -> Self {
        // Of each account the account and its parent.
        Self { spans: Newest::new(2 * limit), passages: Newest::new(limit) }
    }

    /// The row of the account with this key.
    pub(super) fn row(&self, account: u64) -> Option<NonZeroI64> {
        self.spans.get(account)?.row
    }

    /// The rows below the account with this key.
    pub(super) fn below(&self, account: u64) -> impl Iterator<Item = i64> {
        let below = self.spans.get(account).map_or(&[][..], |span| span.below.as_slice());
        below.iter().map(|below| below.row)
    }

    /// Notes the account in row `id`. Returns whether others are above or below it, and the rows below it that it
    /// connects with what is above.
    pub(super) fn arrive<A: Accounts>(
        &mut self,
        id: i64,
        call: &CallRecord,
        hashes: &Hashes,
        accounts: &A,
    ) -> Result<(bool, Vec<i64>), A::Error> {
        let span = self.spans.get_or_new(hashes.account(call));
        span.row = NonZeroI64::new(id);
        let below = span.below.as_slice().to_vec();
        let related = self.climb(id, call, NonZeroU8::MIN, hashes, accounts)? || !below.is_empty();
        let mut connected = Vec::new();
        for below in below {
            if self.climb(below.row, call, below.links.saturating_add(1), hashes, accounts)? {
                connected.push(below.row);
            }
        }
        Ok((related, connected))
    }

    /// Notes a span that is no call. Returns the accounts below it to which others may be related through it.
    pub(super) fn pass<A: Accounts>(
        &mut self,
        passage: &Passage,
        hashes: &Hashes,
        accounts: &A,
    ) -> Result<Vec<i64>, A::Error> {
        let key = hashes.span(&passage.trace_id, &passage.span_id);
        let of_group = |group| self.spans.get(in_group(key, group));
        let is_call = hashes.groups().all().filter_map(of_group).any(|span| span.row.is_some());
        if is_call || self.passages.get(key).is_some() {
            return Ok(Vec::new());
        }
        let parent = passage.parent_span_id.filter(|_| !passage.boundary);
        let parent_key = parent.map(|parent| hashes.span(&passage.trace_id, &parent));
        *self.passages.get_or_new(key) = parent_key;
        let mut related = Vec::new();
        for group in hashes.groups().all() {
            let span = self.spans.get(in_group(key, group));
            let below = span.map_or(&[][..], |span| span.below.as_slice()).to_vec();
            for below in below {
                if let Some(parent) = parent_key
                    && self.climb_from(
                        below.row,
                        (parent, group),
                        below.links.saturating_add(1),
                        hashes,
                        accounts,
                    )?
                {
                    related.push(below.row);
                }
            }
        }
        Ok(related)
    }

    /// The accounts of the same kind above `call` in its trace.
    pub(super) fn enclosing<A: Accounts>(
        &self,
        call: &CallRecord,
        hashes: &Hashes,
        accounts: &A,
    ) -> Result<Vec<Account>, A::Error> {
        let mut found = Vec::new();
        let group = hashes.group(call);
        let mut next = hashes.parent(call);
        for _ in 0..LINKS {
            let Some(key) = next else { break };
            next = match self.passage(key) {
                Some(parent) => parent,
                None => {
                    let span = self.spans.get(in_group(key, group));
                    let Some(row) = span.and_then(|span| span.row) else { break };
                    let Some(account) = account(row, key, hashes, accounts)? else { break };
                    let parent = hashes.parent(&account.call);
                    if kind(&account.call) == kind(call) {
                        found.push(account);
                    }
                    parent
                }
            };
        }
        Ok(found)
    }

    /// Notes row `id` below each call above `call`, and leaves it as a mark at the first span that is not known.
    /// Returns whether there is a call above.
    fn climb<A: Accounts>(
        &mut self,
        id: i64,
        call: &CallRecord,
        links: NonZeroU8,
        hashes: &Hashes,
        accounts: &A,
    ) -> Result<bool, A::Error> {
        match hashes.parent(call) {
            Some(parent) => self.climb_from(id, (parent, hashes.group(call)), links, hashes, accounts),
            None => Ok(false),
        }
    }

    fn climb_from<A: Accounts>(
        &mut self,
        id: i64,
        (mut key, group): (u64, u64),
        mut links: NonZeroU8,
        hashes: &Hashes,
        accounts: &A,
    ) -> Result<bool, A::Error> {
        let mut found = false;
        while links.get() <= LINKS {
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
                    let Some(account) = account(row, key, hashes, accounts)? else { return Ok(found) };
                    found = true;
                    let Some(parent) = hashes.parent(&account.call) else { return Ok(found) };
                    parent
                }
            };
            links = links.saturating_add(1);
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
}

/// The account in `row`, unless the row is gone or another's by now.
fn account<A: Accounts>(
    row: NonZeroI64,
    key: u64,
    hashes: &Hashes,
    accounts: &A,
) -> Result<Option<Account>, A::Error> {
    let found = accounts.account(row.get())?;
    Ok(found.filter(|account| hashes.span(&account.call.trace_id, &account.call.span_id) == key))
}
