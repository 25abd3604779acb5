//! One call explained: what was asked, how it ended, its times, its bill, what was recorded, and the calls of its trace.
//! One view for the command, the page, the terminal and agents; none of them asks the ledger itself.

mod bill;
mod estimate;
mod facts;
mod find;
pub(crate) mod row;
mod text;
mod timeline;
mod words;

#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};
use spanledger::PriceTable;

#[cfg(test)]
pub(crate) use self::bill::bill;
pub(crate) use self::bill::{BillView, LineView, money};
pub(crate) use self::facts::Fact;
pub(crate) use self::find::{Found, find};
pub(crate) use self::row::CallRow;
pub(crate) use self::text::{nanoseconds, price, to_text};
pub(crate) use self::timeline::Mark;
use crate::record::{Timestamp, Window};
use crate::store::{CallAccount, CallId, Querier, StoreError};

/// Calls of the same trace that are listed.
const MOST_OF_A_TRACE: usize = 100;
/// A trace is followed for so long before and after the call.
const TRACE_SECONDS: i64 = 86_400;

/// Everything known of one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Explained {
    /// Trace id and span id.
    pub(crate) id: String,
    /// The call in one line.
    pub(crate) call: CallRow,
    /// What happened, in sentences.
    pub(crate) summary: Vec<String>,
    /// When what happened, in order; the first mark is the request.
    pub(crate) timeline: Vec<Mark>,
    pub(crate) bill: BillView,
    /// What the ledger has of the call, and next to it what the sender wrote where that differs.
    pub(crate) recorded: Vec<Fact>,
    /// The calls of its trace and other accounts of the call itself, by their start; at most 100.
    pub(crate) trace: Vec<CallRow>,
}

impl Explained {
    /// Leaves out what is text of a response or may repeat text of a request.
    pub(crate) fn without_content(mut self) -> Self {
        self.summary.retain(|sentence| !sentence.starts_with(words::ERROR));
        self.recorded.retain(|fact| !facts::CONTENT.contains(&fact.name.as_str()));
        self
    }
}

/// Explains `account`.
///
/// # Errors
/// [`StoreError`] when the ledger cannot answer.
pub(crate) fn explain(
    querier: &dyn Querier,
    prices: &PriceTable,
    account: &CallAccount,
) -> Result<Explained, StoreError> {
    let call = &account.call;
    let end = Timestamp(call.start.0.saturating_add(call.duration_ns));
    let around =
        Window { from: call.start.plus_seconds(-TRACE_SECONDS), to: end.plus_seconds(TRACE_SECONDS) };
    let trace = crate::record::ids::hex(&call.trace_id);
    let mut related = querier.accounts(around, &CallId::new(&trace), MOST_OF_A_TRACE)?;
    if let Some(response) = &call.response_id {
        let same = querier.accounts(around, &CallId::new(response), MOST_OF_A_TRACE)?;
        let other = |account: &CallAccount| {
            account.call.response_id.as_ref() == Some(response) && account.call.trace_id != call.trace_id
        };
        related.extend(same.into_iter().filter(other));
    }
    related.sort_by_key(|account| (account.call.start, account.call.span_id));
    related.truncate(MOST_OF_A_TRACE);
    let row = |account: &CallAccount| CallRow::of(&account.call, account.counted);
    Ok(Explained {
        id: CallId::of(call),
        call: CallRow::of(call, account.counted),
        summary: words::summary(account),
        timeline: timeline::marks(call),
        bill: bill::bill(call, prices),
        recorded: facts::facts(account),
        trace: related.iter().map(row).collect(),
    })
}
