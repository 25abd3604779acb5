//! Token counts of one call, and the one rule by which they merge.

use crate::text_enum::text_enum;

/// Bytes of English text or JSON per token, on the average of the large models' tokenizers.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens as OpenTelemetry counts them: totals include their subsets. `None` means that the provider did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input_tokens: Option<u64>,
    /// All output tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// Input tokens read from the provider's cache; a subset of `input_tokens`.
    pub cache_read_tokens: Option<u64>,
    /// Input tokens written to the provider's cache; a subset of `input_tokens`.
    pub cache_write_tokens: Option<u64>,
    /// Output tokens spent on reasoning; a subset of `output_tokens`.
    pub reasoning_tokens: Option<u64>,
    /// Input tokens by modality, where the provider breaks them down.
    pub input_modality: Modality,
    /// Output tokens by modality, where the provider breaks them down.
    pub output_modality: Modality,
    /// Cache-read tokens by modality, where the provider breaks them down.
    pub cache_read_modality: Modality,
}

/// Token counts of one kind by modality; subsets of their total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Modality {
    /// Text tokens.
    pub text: Option<u64>,
    /// Image tokens.
    pub image: Option<u64>,
    /// Audio tokens.
    pub audio: Option<u64>,
}

text_enum! {
    /// Where the token counts of a call come from.
    pub enum UsageSource of "spanledger.usage.source" {
        /// The provider's final numbers.
        Provider = "provider",
        /// The provider's numbers of a stream that ended early.
        Partial = "partial",
        /// Counted from bytes, because the provider gave none and the application opted in.
        Estimated = "estimated",
        /// No number is known.
        None = "none",
    }
}

impl Usage {
    /// Whether no total is known. Subsets alone do not price a call.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.input_tokens.is_none() && self.output_tokens.is_none()
    }

    /// Overlays each field that `newer` knows: within one response the last value that is not null wins, and values
    /// are never added, since providers repeat cumulative counts. A count does not fall to zero: a zero after a
    /// positive value says nothing.
    pub fn merge(&mut self, newer: Self) {
        fn each(old: &mut Modality, new: Modality) {
            last(&mut old.text, new.text);
            last(&mut old.image, new.image);
            last(&mut old.audio, new.audio);
        }
        last(&mut self.input_tokens, newer.input_tokens);
        last(&mut self.output_tokens, newer.output_tokens);
        last(&mut self.cache_read_tokens, newer.cache_read_tokens);
        last(&mut self.cache_write_tokens, newer.cache_write_tokens);
        last(&mut self.reasoning_tokens, newer.reasoning_tokens);
        each(&mut self.input_modality, newer.input_modality);
        each(&mut self.output_modality, newer.output_modality);
        each(&mut self.cache_read_modality, newer.cache_read_modality);
    }

    /// Fills in counts by the bytes of request and output. Whether anything changed.
    pub(crate) fn estimate(&mut self, request_bytes: u64, output_bytes: u64) -> bool {
        let known = (self.input_tokens, self.output_tokens);
        self.input_tokens.get_or_insert(request_bytes.div_ceil(BYTES_PER_TOKEN));
        // The running count of a stream that was cut is often the first: Anthropic's begins at 1.
        self.output_tokens = self.output_tokens.max(Some(output_bytes.div_ceil(BYTES_PER_TOKEN)));
        known != (self.input_tokens, self.output_tokens)
    }

    /// Adds the totals of another pass of the model.
    pub(crate) fn add(&mut self, other: &Self) {
        let each = |own: &mut Option<u64>, other: Option<u64>| {
            if let Some(other) = other {
                *own = Some(own.unwrap_or(0).saturating_add(other));
            }
        };
        each(&mut self.input_tokens, other.input_tokens);
        each(&mut self.output_tokens, other.output_tokens);
        each(&mut self.cache_read_tokens, other.cache_read_tokens);
        each(&mut self.cache_write_tokens, other.cache_write_tokens);
    }

    /// Overlays counts of a provider whose input count leaves the cached tokens out (Anthropic, Bedrock): the total
    /// is computed from the last known of the three. Cache counts that come first without a new input count are
    /// parts of the input that was counted before (Alibaba Cloud, Moonshot), which can be a guess that is too small. `false`
    /// where the counts leave open which of them holds the cached tokens.
    pub(crate) fn merge_uncached(
        &mut self,
        uncached: Option<u64>,
        cache_read: Option<u64>,
        cache_write: Option<u64>,
    ) -> bool {
        let cached = |usage: &Self| {
            usage.cache_read_tokens.unwrap_or(0).saturating_add(usage.cache_write_tokens.unwrap_or(0))
        };
        let (total, cached_before) = (self.input_tokens, cached(self));
        let known = total.map(|total| total.saturating_sub(cached_before));
        last(&mut self.cache_read_tokens, cache_read);
        last(&mut self.cache_write_tokens, cache_write);
        let cached = cached(self);
        let newer = uncached.filter(|uncached| *uncached > 0 || known.is_none_or(|known| known == 0));
        match (newer, total) {
            (None, Some(total)) if cached_before == 0 => {
                self.input_tokens = Some(total.max(cached));
                uncached.is_some() || cached <= total
            }
            // All input again, now that it is known what of it was cached.
            (Some(newer), Some(total)) if newer == total && (1..=total).contains(&cached) => false,
            _ => {
                self.input_tokens = newer.or(known).map(|uncached| uncached.saturating_add(cached));
                true
            }
        }
    }
}

/// Overlays a count that is known, unless it is a zero after a count.
fn last(old: &mut Option<u64>, new: Option<u64>) {
    if new.is_some_and(|new| new > 0) || old.is_none() {
        *old = new;
    }
}

#[cfg(test)]
mod tests;
