//! The parts of tokens that have prices of their own. A part that is counted and has no price may cost what
//! the rest does, or less; a part that has a price and is not counted may be in the rest. Either is an estimate.

use genai_prices::{Calculator, PriceRequest, Usage, UsageKey};

use super::Tokens;
use crate::usage::{self, Modality};

/// Tokens that a price is asked for.
const ASKED: f64 = 1000.0;

/// The parts that the table has a price apart for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) cache_read: bool,
    pub(super) cache_write: bool,
    input_audio: bool,
    input_image: bool,
    output_audio: bool,
    output_image: bool,
    pub(super) reasoning: bool,
}

impl Parts {
    /// The parts by which the price of a model depends in the list of a seller.
    pub(super) fn of(calculator: &Calculator, seller: &str, model: &str) -> Self {
        let price = |usage: &Usage| {
            let request = PriceRequest::new(model, usage).with_provider_id(seller);
            calculator.calculate(&request).map_or(0.0, |calculated| calculated.total_price)
        };
        let apart = |whole: UsageKey, part: UsageKey| {
            let mut usage = Usage::from([(whole, ASKED)]);
            let alike = price(&usage);
            usage.insert(part, ASKED);
            (price(&usage) - alike).abs() > f64::EPSILON
        };
        Self {
            cache_read: apart(UsageKey::INPUT_TOKENS, UsageKey::CACHE_READ_TOKENS),
            cache_write: apart(UsageKey::INPUT_TOKENS, UsageKey::CACHE_WRITE_TOKENS),
            input_audio: apart(UsageKey::INPUT_TOKENS, UsageKey::INPUT_AUDIO_TOKENS),
            input_image: apart(UsageKey::INPUT_TOKENS, UsageKey::INPUT_IMAGE_TOKENS),
            output_audio: apart(UsageKey::OUTPUT_TOKENS, UsageKey::OUTPUT_AUDIO_TOKENS),
            output_image: apart(UsageKey::OUTPUT_TOKENS, UsageKey::OUTPUT_IMAGE_TOKENS),
            reasoning: apart(UsageKey::OUTPUT_TOKENS, UsageKey::OUTPUT_REASONING_TOKENS),
        }
    }

    /// Whether the counts and the prices are of the same parts.
    pub(super) fn are_those_of(self, usage: &usage::Usage, tokens: &Tokens, seller: &str) -> bool {
        // Cerebras bills what is cached as other input. Source: inference-docs.cerebras.ai, "Prompt caching", 2026-11.
        let read = tokens.cache_read == 0 || self.cache_read || seller == "cerebras";
        let written = tokens.cache_write == 0 || self.cache_write;
        let input_is_told_apart = usage.input_modality != Modality::default() || tokens.input() == 0;
        let output_is_told_apart = usage.output_modality != Modality::default() || tokens.output == 0;
        // Google counts sound apart wherever its own format is spoken, and leaves the counts of text out at times.
        let heard = input_is_told_apart || !self.input_audio || seller == "google";
        let seen = input_is_told_apart || !self.input_image;
        let made = output_is_told_apart || !(self.output_audio || self.output_image);
        read && written && heard && seen && made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(seller: &str, model: &str) -> Parts {
        Parts::of(Calculator::bundled(), seller, model)
    }

    #[test]
    fn knows_the_parts_that_have_a_price() {
        assert!(parts("anthropic", "claude-opus-5").cache_read);
        assert!(parts("anthropic", "claude-opus-5").cache_write);
        assert!(!parts("openai", "gpt-4-turbo").cache_read);
        assert!(parts("openai", "gpt-audio").input_audio && parts("openai", "gpt-audio").output_audio);
        assert!(parts("openai", "gpt-image-1.5").input_image);
        assert!(parts("google", "gemini-2.5-flash-image").output_image);
        assert!(!parts("google", "gemini-2.5-pro").output_image);
    }

    #[test]
    fn a_part_without_a_price_and_a_price_without_a_part_are_no_certain_bill() {
        let is_sure = |seller: &str, model: &str, usage: &usage::Usage| {
            parts(seller, model).are_those_of(usage, &Tokens::parts(usage, 0), seller)
        };
        let plain =
            usage::Usage { input_tokens: Some(10), output_tokens: Some(5), ..usage::Usage::default() };
        let cached = usage::Usage { cache_read_tokens: Some(4), ..plain.clone() };
        let written = usage::Usage { cache_write_tokens: Some(4), ..plain.clone() };
        assert!(is_sure("openai", "gpt-4-turbo", &plain));
        assert!(!is_sure("openai", "gpt-4-turbo", &cached));
        assert!(is_sure("openai", "gpt-4o", &cached));
        assert!(!is_sure("openai", "gpt-4o", &written));
        assert!(is_sure("cerebras", "gpt-oss-120b", &cached));
        assert!(!is_sure("openai", "gpt-audio", &plain));
        let silent = Modality { audio: Some(0), ..Modality::default() };
        let told = usage::Usage { input_modality: silent, output_modality: silent, ..plain };
        assert!(is_sure("openai", "gpt-audio", &told));
    }
}
