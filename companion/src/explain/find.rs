//! Which call an id means.

use spanledger::PriceTable;

use super::row::CallRow;
use super::{Explained, explain};
use crate::record::{Timestamp, Window};
use crate::store::{CallAccount, CallId, Querier, StoreError};

/// Candidates that are listed for an id that means several calls.
const CANDIDATES: usize = 20;

/// How far back is looked for a whole id, in seconds, before the whole ledger is read: most questions are about what has
/// just happened.
const FIRST: [i64; 3] = [3600, 86_400, 31 * 86_400];

/// What an id led to.
#[derive(Debug)]
pub(crate) enum Found {
    One(Box<Explained>),
    /// The newest of the calls it may mean, and whether there are more.
    Several(Vec<CallRow>, bool),
    Nothing,
}

/// Finds and explains the call that `id` means.
///
/// # Errors
/// [`StoreError`] when the ledger cannot answer.
pub(crate) fn find(
    querier: &dyn Querier,
    prices: &PriceTable,
    id: &str,
    now: Timestamp,
) -> Result<Found, StoreError> {
    let id = CallId::new(id);
    let accounts = search(querier, &id, now)?;
    match accounts.as_slice() {
        [] => Ok(Found::Nothing),
        [one] => Ok(Found::One(Box::new(explain(querier, prices, one)?))),
        several => {
            let rows = several.iter().take(CANDIDATES);
            let rows = rows.map(|account| CallRow::of(&account.call, account.counted)).collect();
            Ok(Found::Several(rows, several.len() > CANDIDATES))
        }
    }
}

/// The accounts that `id` may mean, newest first: of a whole id, those that have it; the accounts that count, where any
/// does.
fn search(querier: &dyn Querier, id: &CallId, now: Timestamp) -> Result<Vec<CallAccount>, StoreError> {
    let windows = FIRST.iter().map(|seconds| now.plus_seconds(-seconds)).chain([Timestamp(i64::MIN)]);
    let mut found = Vec::new();
    for from in windows {
        // Clocks of senders may be ahead.
        found = querier.accounts(Window { from, to: Timestamp(i64::MAX) }, id, CANDIDATES + 1)?;
        if found.iter().any(|account| id.is_whole(&account.call)) {
            found.retain(|account| id.is_whole(&account.call));
            break;
        }
    }
    if found.iter().any(|account| account.counted) {
        found.retain(|account| account.counted);
    }
    Ok(found)
}
