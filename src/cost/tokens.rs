//! The disjoint parts of a call's tokens. Totals include their subsets everywhere else; prices are for parts,
//! so that a cached token is never paid twice.

use crate::billing::{Billing, Count};
use crate::usage::Usage;

/// A call's tokens, each counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tokens {
    /// Input that the cache had no part in.
    pub(super) uncached: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write: u64,
    /// The part of `cache_write` that lives for an hour.
    pub(super) cache_write_1h: u64,
    /// Reasoning included.
    pub(super) output: u64,
    /// Whether the parts add up to the totals, none is larger than its total, and the input is known.
    pub(super) consistent: bool,
}

impl Tokens {
    /// The parts of `usage`, or `None` when neither a total nor anything else that is billed is known. Subsets larger
    /// than their total are cut to it.
    pub(super) fn of(usage: &Usage, billing: &Billing) -> Option<Self> {
        if !usage.is_empty() {
            return Some(Self::parts(usage, billing.count(Count::CacheWrite1h)));
        }
        // Speech by the second and pages have no tokens.
        let measured = Count::ALL.iter().any(|count| *count != Count::Unparsed && billing.count(*count) > 0);
        measured.then(|| Self { consistent: true, ..Self::parts(usage, 0) })
    }

    /// The parts of one pass.
    pub(super) fn parts(usage: &Usage, written_1h: u64) -> Self {
        let (read, written) = (usage.cache_read_tokens.unwrap_or(0), usage.cache_write_tokens.unwrap_or(0));
        let input = usage.input_tokens.unwrap_or(0);
        let cache_read = read.min(input);
        let cache_write = written.min(input - cache_read);
        let cache_write_1h = written_1h.min(cache_write);
        let output = usage.output_tokens.unwrap_or(0);
        Self {
            uncached: input - cache_read - cache_write,
            cache_read,
            cache_write,
            cache_write_1h,
            output,
            consistent: usage.input_tokens.is_some()
                && cache_read == read
                && cache_write == written
                && cache_write_1h == written_1h
                && usage.reasoning_tokens.unwrap_or(0) <= output,
        }
    }

    /// All input, cached or not.
    pub(super) const fn input(&self) -> u64 {
        self.uncached + self.cache_read + self.cache_write
    }
}
