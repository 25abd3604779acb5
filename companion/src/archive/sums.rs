//! Totals of a file, by which it is compared with the ledger and with what other programs read of it.

use serde::{Deserialize, Serialize};

use crate::store::export::StoredCall;

/// Totals over the counted rows of a file; they saturate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sums {
    /// Counted rows.
    pub(crate) calls: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cache_read_tokens: u64,
    pub(crate) cache_write_tokens: u64,
    pub(crate) reasoning_tokens: u64,
    pub(crate) cost_nano_usd: i64,
    /// Counted rows with usage and without a cost.
    pub(crate) unpriced: u64,
}

impl Sums {
    pub(super) fn add(&mut self, row: &StoredCall) {
        if !row.counted {
            return;
        }
        let call = &row.call;
        self.calls += 1;
        for (sum, tokens) in [
            (&mut self.input_tokens, call.input_tokens),
            (&mut self.output_tokens, call.output_tokens),
            (&mut self.cache_read_tokens, call.cache_read_tokens),
            (&mut self.cache_write_tokens, call.cache_write_tokens),
            (&mut self.reasoning_tokens, call.reasoning_tokens),
        ] {
            *sum = sum.saturating_add(tokens.unwrap_or(0));
        }
        self.cost_nano_usd = self.cost_nano_usd.saturating_add(call.cost.map_or(0, |cost| cost.0));
        let with_usage = call.input_tokens.is_some() || call.output_tokens.is_some();
        self.unpriced += u64::from(with_usage && call.cost.is_none());
    }
}
