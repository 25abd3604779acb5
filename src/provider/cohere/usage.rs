//! Token counts as Cohere writes them: `usage` in API v2, `meta` in v1.

use serde::Deserialize;

use crate::provider::read::lenient::{Count, Object};
use crate::usage::Usage;

/// The counts of one answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Meta {
    billed_units: Object<Counts>,
    tokens: Object<Counts>,
    cached_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    input_tokens: Count,
    output_tokens: Count,
    /// Embeddings of images.
    image_tokens: Count,
}

impl Meta {
    /// The billed counts, as the conventions ask, else the used ones.
    pub(super) fn usage(&self) -> Usage {
        let billed = self.billed_units.0.as_deref();
        let used = self.tokens.0.as_deref();
        let count = |of: fn(&Counts) -> Option<u64>| billed.and_then(of).or_else(|| used.and_then(of));
        let mut usage = Usage {
            input_tokens: count(|counts| counts.input_tokens.0),
            output_tokens: count(|counts| counts.output_tokens.0),
            cache_read_tokens: self.cached_tokens.0,
            ..Usage::default()
        };
        usage.input_modality.image = count(|counts| counts.image_tokens.0);
        usage
    }
}
