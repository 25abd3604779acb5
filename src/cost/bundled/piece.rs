//! The price of one pass, and whether it is all that is billed.

use genai_prices::{ErrorKind, PriceCalculation, PriceRequest, Usage, UsageKey};

use super::Bundled;
use super::finding::Resolution;
use super::rates::Plain;
use super::usage::{detailed, totals, with_usage};
use crate::billing::{Billing, Word, is_standard};
use crate::cost::factors::{self, Served};
use crate::cost::lookup::Place;
use crate::cost::tokens::Tokens;
use crate::cost::{PriceQuery, Priced};

/// Input tokens of a prompt that some sellers bill at a higher price.
pub(super) const LONG: u64 = 128_000;

/// The tokens of one pass.
pub(super) struct Piece<'a> {
    pub(super) usage: &'a crate::usage::Usage,
    pub(super) tokens: Tokens,
    /// The whole call, or its first pass: the call's fees are added here.
    pub(super) whole: bool,
}

impl Bundled {
    /// The price of one pass; with the call's fees, where it is the whole call or the first pass.
    pub(super) fn piece(
        &self,
        query: &PriceQuery<'_>,
        place: &Place<'_>,
        resolution: &Resolution,
        piece: &Piece<'_>,
    ) -> Option<Priced> {
        let tokens = &piece.tokens;
        let none = Billing::NONE;
        let billing = if piece.whole { query.billing } else { none };
        let plain = Plain::of(query, billing, resolution, piece);
        let sure = resolution.is_exact_at(place)
            && resolution.parts.are_those_of(piece.usage, tokens, resolution.provider)
            && !factors::may_be_a_holiday(resolution.provider, query.at)
            && !query.hides_price();
        let factor = || {
            Served {
                seller: resolution.provider,
                model: &resolution.model,
                host: query.server_address.unwrap_or_default(),
                speed: query.billing.get(Word::Speed),
                region: query.billing.get(Word::Region),
                multiple: place.multiple,
            }
            .factor()
        };
        let known = plain.and_then(|plain| resolution.rates.usd(&plain, query.at));
        if let Some(usd) = known.filter(|usd| *usd > 0.0) {
            let factor = factor();
            return Some(self.priced(usd * factor.by, sure && factor.exact, false));
        }
        let mut usage = detailed(piece.usage, billing, tokens);
        let mut consistent = true;
        let found = match self.calculator.calculate(&resolution.request(query, &usage)) {
            // Parts that contradict each other (more audio than input, say) are refused: the totals still price.
            Err(error) if error.kind() == ErrorKind::InvalidUsage => {
                consistent = false;
                usage = totals(tokens);
                self.calculator.calculate(&resolution.request(query, &usage)).ok()?
            }
            found => found.ok()?,
        };
        if let Some(plain) = plain.filter(|_| consistent) {
            resolution.rates.note(&plain, query.at, found.total_price, resolution.parts, |usage| {
                let computed = self.calculator.calculate(&resolution.request(query, usage)).ok()?;
                Some(computed.total_price)
            });
        }
        let request = resolution.request(query, &usage);
        let mut exact = sure
            && consistent
            && self.prices_sound(&request, &found)
            && self.prices_length(&request, &found, tokens);
        let standard = found.total_price + self.hour_of_cache(&request, &found, tokens, &mut exact);
        let fees = self.fees(&request, &found, billing, &mut exact);
        if standard == 0.0 && fees == 0.0 {
            let free = self.is_free(&request) && !query.hides_price();
            // Neither free nor without tokens: billed by the minute, the page or the picture.
            let billed_otherwise = !free && (tokens.input() > 0 || tokens.output > 0 || !billing.is_empty());
            return (!billed_otherwise).then(|| self.priced(0.0, exact, free));
        }
        let of_tier = self.of_tier(query, &request, standard, tokens, &mut exact);
        let factor = factor();
        exact &= factor.exact;
        Some(self.priced(of_tier * factor.by + fees, exact, false))
    }

    /// Whether the sound has a price of its own where it costs more than text: OpenAI's costs up to 40 times as much,
    /// and the table has some of its models with the price of text alone. Source: developers.openai.com, "Pricing",
    /// audio tokens, 2026-10.
    fn prices_sound(&self, request: &PriceRequest<'_>, found: &PriceCalculation) -> bool {
        let apart = |key: UsageKey| {
            if !request.usage.contains_key(&key) {
                return true;
            }
            let mut alike = request.usage.clone();
            alike.remove(key);
            let of_text = self.calculator.calculate(&with_usage(request, &alike));
            of_text.is_ok_and(|of_text| (of_text.total_price - found.total_price).abs() > f64::EPSILON)
        };
        let sounds =
            [UsageKey::INPUT_AUDIO_TOKENS, UsageKey::OUTPUT_AUDIO_TOKENS, UsageKey::CACHE_AUDIO_READ_TOKENS];
        !matches!(request.provider_id, Some("openai" | "azure")) || sounds.into_iter().all(apart)
    }

    /// Whether the price of a long prompt is in the table, and not that of short ones alone. xAI's Grok 4 costs more
    /// from 128,000 tokens on (docs.x.ai, "Models and pricing", 2026-10). Claude costs on other clouds what it costs at
    /// its maker, and the table has some lengths for the maker alone (aws.amazon.com/bedrock/pricing, 2026-11).
    fn prices_length(&self, request: &PriceRequest<'_>, found: &PriceCalculation, tokens: &Tokens) -> bool {
        if tokens.input() < LONG || !self.is_flat(request) {
            return true;
        }
        match (request.provider_id, found.model_id.find("claude-")) {
            (Some("x-ai"), _) => !found.model_id.starts_with("grok-4"),
            (Some("anthropic"), _) | (_, None) => true,
            (_, Some(at)) => {
                let nothing = Usage::new();
                self.is_flat(
                    &PriceRequest::new(&found.model_id[at..], &nothing).with_provider_id("anthropic"),
                )
            }
        }
    }

    /// Whether a token costs the same in prompts of all lengths.
    fn is_flat(&self, request: &PriceRequest<'_>) -> bool {
        let per_token = |input: f64| {
            let usage = Usage::from([(UsageKey::INPUT_TOKENS, input)]);
            self.calculator
                .calculate(&with_usage(request, &usage))
                .map_or(0.0, |calculated| calculated.total_price / input)
        };
        (per_token(1e3) - per_token(1e6)).abs() <= f64::EPSILON
    }

    /// What tokens cost in the tier that is billed.
    pub(super) fn of_tier(
        &self,
        query: &PriceQuery<'_>,
        request: &PriceRequest<'_>,
        standard: f64,
        tokens: &Tokens,
        exact: &mut bool,
    ) -> f64 {
        let Some(tier) = query.tier().filter(|tier| !is_standard(tier)) else { return standard };
        let tier = tier.to_ascii_lowercase();
        let context = if tier == "batch" { "processing" } else { "service_tier" };
        let in_tier = PriceRequest::with_price_context(request.clone(), context, tier.as_str());
        let of_tier = self.calculator.calculate(&in_tier).ok().map(|calculated| calculated.total_price);
        // A tier that changes nothing is one whose price the table does not have.
        if let Some(usd) = of_tier.filter(|usd| (usd - standard).abs() > f64::EPSILON * standard) {
            // Nor does it have the price of long prompts in the tier, where only the usual tier has one.
            *exact &= tokens.input() < LONG || self.is_flat(request) || !self.is_flat(&in_tier);
            return usd;
        }
        let factor = factors::tier(request.provider_id.unwrap_or_default(), &tier);
        // What is cached is not discounted everywhere.
        *exact &=
            factor.is_some_and(|factor| factor.exact) && tokens.cache_read == 0 && tokens.cache_write == 0;
        standard * factor.map_or(1.0, |factor| factor.by)
    }

    /// What cache writes of one hour cost more, where the table has one price for all.
    pub(super) fn hour_of_cache(
        &self,
        request: &PriceRequest<'_>,
        found: &PriceCalculation,
        tokens: &Tokens,
        exact: &mut bool,
    ) -> f64 {
        let priced = |usage: &Usage| {
            self.calculator
                .calculate(&with_usage(request, usage))
                .map_or(0.0, |calculated| calculated.total_price)
        };
        if tokens.cache_write_1h == 0 {
            return 0.0;
        }
        let mut alike = request.usage.clone();
        alike.remove(UsageKey::CACHE_WRITE_1H_TOKENS);
        if (priced(&alike) - found.total_price).abs() > f64::EPSILON * found.total_price {
            return 0.0;
        }
        let without =
            Tokens { cache_write: tokens.cache_write - tokens.cache_write_1h, cache_write_1h: 0, ..*tokens };
        let written = found.total_price - priced(&totals(&without));
        match factors::hour_of_cache(&found.model_id) {
            Some(by) if written > 0.0 => written * (by - 1.0),
            _ => {
                *exact = false;
                0.0
            }
        }
    }
}
