//! What is billed next to tokens, by the use.

use genai_prices::{PriceCalculation, PriceRequest, UsageKey};

use super::Bundled;
use super::usage::{count_of, with_usage};
use crate::billing::{Billing, Count, Word};
use crate::cost::factors;

/// What is billed by the use, and the table's name of it.
const FEES: [(Count, UsageKey); 10] = [
    (Count::WebSearch, UsageKey::WEB_SEARCHES),
    (Count::FileSearch, UsageKey::STORAGE_SEARCHES),
    (Count::SocialSearch, UsageKey::SOCIAL_SEARCHES),
    (Count::CodeExecution, UsageKey::CODE_EXECUTIONS),
    (Count::RerankSearch, UsageKey::RERANK_SEARCHES),
    (Count::Citation, UsageKey::OUTPUT_CITATION_TOKENS),
    (Count::InputAudioSeconds, UsageKey::INPUT_AUDIO_SECONDS),
    (Count::OutputAudioSeconds, UsageKey::OUTPUT_AUDIO_SECONDS),
    (Count::InputCharacters, UsageKey::INPUT_CHARACTERS),
    (Count::InputPages, UsageKey::INPUT_DOCUMENT_PAGES),
];

impl Bundled {
    /// What is billed next to tokens, each by the table's price, else by ours.
    pub(super) fn fees(
        &self,
        request: &PriceRequest<'_>,
        found: &PriceCalculation,
        billing: &Billing,
        exact: &mut bool,
    ) -> f64 {
        let mut sum = 0.0;
        self.each_fee(request, found, billing, exact, &mut |_, _, usd| sum += usd);
        sum
    }

    /// Hands each fee to `each`: what is billed (`None` for the context of searches), how many of it, and US dollars.
    pub(super) fn each_fee(
        &self,
        request: &PriceRequest<'_>,
        found: &PriceCalculation,
        billing: &Billing,
        exact: &mut bool,
        each: &mut dyn FnMut(Option<Count>, u64, f64),
    ) {
        for (count, key) in FEES {
            let used = billing.count(count);
            if used == 0 {
                continue;
            }
            let mut usage = request.usage.clone();
            if count == Count::InputAudioSeconds || count == Count::OutputAudioSeconds {
                // The whole of both directions, by which most models are billed.
                usage.insert(UsageKey::AUDIO_SECONDS, count_of(used));
            }
            usage.insert(key, count_of(used));
            let with = self.calculator.calculate(&with_usage(request, &usage));
            let of_table = with.map_or(0.0, |with| with.total_price - found.total_price);
            // The table has some models under the names of others, whose searches cost less.
            let own = factors::fee(request.model, count).or_else(|| factors::fee(&found.model_id, count));
            if of_table > 0.0 && !factors::searches_itself(request.model) {
                each(Some(count), used, of_table);
            } else if let Some(fee) = own {
                each(Some(count), used, fee * count_of(used));
            } else {
                *exact = false;
            }
            // Google gives some of its searches away, and does not report which.
            *exact &= !(count == Count::WebSearch && request.provider_id == Some("google"));
        }
        // The table has no price per image or per second of video, so that tokens may not be all that is billed. OpenAI
        // bills its images by tokens alone.
        let images = if matches!(request.provider_id, Some("openai" | "azure")) {
            0
        } else {
            billing.count(Count::OutputImages)
        };
        *exact &= images == 0 && billing.count(Count::OutputVideoSeconds) == 0;
        let seller = request.provider_id.unwrap_or_default();
        if let Some(context) =
            factors::search_context(seller, &found.model_id, billing.get(Word::SearchContext))
        {
            each(None, 1, context.by);
            *exact &= context.exact;
        }
    }
}
