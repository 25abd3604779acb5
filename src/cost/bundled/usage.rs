//! A call's usage as the table counts it.

use genai_prices::{PriceRequest, Usage, UsageKey};

use crate::billing::{Billing, Count};
use crate::cost::tokens::Tokens;

pub(super) fn with_usage<'a>(request: &PriceRequest<'a>, usage: &'a Usage) -> PriceRequest<'a> {
    let mut request = request.clone();
    request.usage = usage;
    request
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) const fn count_of(count: u64) -> f64 {
    count as f64
}

/// Totals include their parts in this table as well.
pub(super) fn totals(tokens: &Tokens) -> Usage {
    let mut usage = Usage::from([
        (UsageKey::INPUT_TOKENS, count_of(tokens.input())),
        (UsageKey::OUTPUT_TOKENS, count_of(tokens.output)),
    ]);
    for (key, count) in [
        (UsageKey::CACHE_READ_TOKENS, tokens.cache_read),
        (UsageKey::CACHE_WRITE_TOKENS, tokens.cache_write),
        (UsageKey::CACHE_WRITE_1H_TOKENS, tokens.cache_write_1h),
    ] {
        if count > 0 {
            usage.insert(key, count_of(count));
        }
    }
    usage
}

/// [`totals`] and the parts that some models have prices of their own for.
pub(super) fn detailed(known: &crate::usage::Usage, billing: &Billing, tokens: &Tokens) -> Usage {
    let mut usage = totals(tokens);
    for (key, count) in [
        (UsageKey::OUTPUT_REASONING_TOKENS, known.reasoning_tokens),
        (UsageKey::INPUT_AUDIO_TOKENS, known.input_modality.audio),
        (UsageKey::INPUT_IMAGE_TOKENS, known.input_modality.image),
        (UsageKey::INPUT_VIDEO_TOKENS, Some(billing.count(Count::InputVideo))),
        (UsageKey::OUTPUT_AUDIO_TOKENS, known.output_modality.audio),
        (UsageKey::OUTPUT_IMAGE_TOKENS, known.output_modality.image),
        (UsageKey::OUTPUT_VIDEO_TOKENS, Some(billing.count(Count::OutputVideo))),
        (UsageKey::CACHE_AUDIO_READ_TOKENS, known.cache_read_modality.audio),
        (UsageKey::CACHE_IMAGE_READ_TOKENS, known.cache_read_modality.image),
    ] {
        if let Some(count) = count.filter(|count| *count > 0) {
            usage.insert(key, count_of(count));
        }
    }
    usage
}
