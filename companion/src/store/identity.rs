//! One call is one row, whatever the order, the batches and the traces in which its spans arrive.
//!
//! Several spans may be **accounts** of one call: a framework's and its client library's, an application's and a
//! gateway's, a pending response and the request that fetched it. Every account is a row of the store as it was sent;
//! exactly one row of a call is counted. When an account arrives, all that may be related to it are collected
//! (`search`, from the bounded memory `known`), pairs are compared (`relation`), and it is decided which rows count
//! (`verdict`) and what the counted row takes over from the others (`shared`). The decision depends on the set of
//! accounts alone, never on their order: an account that arrives later changes what was counted before.
//!
//! A provider's or gateway's own span is a [witness](crate::record::Origin::Witness). It is never counted next to a
//! client's account, and counts by itself when no client's account has come for [`WITNESS_WAITS`].

mod earlier;
mod groups;
mod hashes;
mod judge;
mod known;
mod lines;
mod links;
mod reach;
mod read;
mod relation;
mod responses;
mod search;
mod shared;
#[cfg(test)]
mod tests;
mod times;
mod verdict;

use std::ops::RangeInclusive;

use crate::record::{CallRecord, Timestamp};

pub use groups::Groups;
pub(crate) use known::Known;
pub(crate) use relation::{RESPONSE_WINDOW, is_kept};
pub(crate) use shared::Shared;
pub(crate) use verdict::{Verdict, verdicts};

/// Bytes in which response ids are remembered, unless others are configured: those of ten minutes at 2,300 calls per second.
pub(crate) const RESPONSE_IDS: usize = 8 << 20;

/// How long a witness waits for the account of a client, from the end of its span: two hours, in nanoseconds.
pub(crate) const WITNESS_WAITS: i64 = 2 * 3_600 * Timestamp::SECOND;

/// One span's account of a call, as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The row's number in its store.
    pub(crate) id: i64,
    pub(crate) call: CallRecord,
    /// Whether the row is counted now.
    pub(crate) counted: bool,
}

/// The rows of a store, by number.
pub(crate) trait Accounts {
    type Error;

    /// The account in row `id`, if there is one.
    fn account(&self, id: i64) -> Result<Option<Account>, Self::Error>;

    /// Accounts in these rows with this response id, at most `limit`.
    fn with_response(
        &self,
        rows: RangeInclusive<i64>,
        response_id: &str,
        limit: usize,
    ) -> Result<Vec<Account>, Self::Error>;

    /// Calls `each` with the newest rows, the oldest of them first, at most `limit`.
    fn newest(&self, limit: usize, each: &mut Each<'_, Self::Error>) -> Result<(), Self::Error>;
}

/// What takes the number of a row and its account.
pub(crate) type Each<'a, E> = dyn FnMut(i64, &CallRecord) -> Result<(), E> + 'a;
