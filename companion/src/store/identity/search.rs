//! Collects all accounts that may be related to one.

use std::collections::{BTreeSet, HashMap};

use super::known::Known;
use super::read::Once;
use super::relation::{kind, response_id, unlinked, witnessed};
use super::{Account, Accounts};
use crate::record::CallRecord;

/// Accounts that are judged together; of more, the nearest to the one that arrived.
const TOGETHER: usize = 64;
/// Rows that are read to collect them.
const READ: usize = 160;
/// Rows of one range of earlier rows with one response id.
const EARLIER: usize = 8;

/// Related accounts, and the pairs (outer, inner) that a trace connects, by place.
#[derive(Debug)]
pub(crate) struct Related {
    pub(crate) accounts: Vec<Account>,
    pub(crate) links: BTreeSet<(usize, usize)>,
}

impl Known {
    /// The account in row `id` with all that are related to it, directly or through others, in an order that does not
    /// depend on their arrival.
    pub(crate) fn related<A: Accounts>(&self, id: i64, accounts: &A) -> Result<Related, A::Error> {
        let accounts = &Once::new(accounts, READ);
        let mut found: Vec<Account> = accounts.account(id)?.into_iter().collect();
        let mut places: HashMap<i64, usize> = found.iter().map(|account| (account.id, 0)).collect();
        let mut enclosing = Vec::new();
        let mut next = 0;
        while let Some(account) = found.get(next) {
            let call = account.call.clone();
            for outer in self.enclosing(&call, accounts)? {
                enclosing.push((outer.id, account_id(&found, next)));
                add(outer, &mut found, &mut places);
            }
            for row in self.candidates(&call) {
                if places.contains_key(&row) || found.len() >= TOGETHER {
                    continue;
                }
                if let Some(other) = accounts.account(row)?
                    && may_be_related(&call, &other.call)
                {
                    add(other, &mut found, &mut places);
                }
            }
            for rows in self.earlier(&call) {
                let id = response_id(&call).unwrap_or_default();
                for other in accounts.with_response(rows, id, EARLIER)? {
                    if self.may_share(&call, &other.call) && may_be_related(&call, &other.call) {
                        add(other, &mut found, &mut places);
                    }
                }
            }
            next += 1;
        }

        found.sort_by_key(|account| (account.call.trace_id, account.call.span_id));
        let places: HashMap<i64, usize> =
            found.iter().enumerate().map(|(place, account)| (account.id, place)).collect();
        let links = enclosing
            .iter()
            .filter_map(|(outer, inner)| Some((*places.get(outer)?, *places.get(inner)?)))
            .filter(|(outer, inner)| outer != inner)
            .collect();
        Ok(Related { accounts: found, links })
    }
}

fn account_id(found: &[Account], place: usize) -> i64 {
    found.get(place).map_or(0, |account| account.id)
}

fn add(account: Account, found: &mut Vec<Account>, places: &mut HashMap<i64, usize>) {
    if found.len() < TOGETHER && !places.contains_key(&account.id) {
        places.insert(account.id, found.len());
        found.push(account);
    }
}

/// Whether `other`, to which a hash led from `call`, is below it, has its response id, or is of its time.
fn may_be_related(call: &CallRecord, other: &CallRecord) -> bool {
    let same_id = response_id(call).is_some() && response_id(call) == response_id(other);
    let same_trace = call.trace_id == other.trace_id;
    kind(call) == kind(other)
        && (same_id
            || same_trace
                && (other.parent_span_id.is_some() || witnessed(call, other) || witnessed(other, call))
            || unlinked(call, other).is_some())
}
