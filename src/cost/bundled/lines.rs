//! The parts of a bundled price, as lines of a bill.
//!
//! The table gives the price of a whole usage and no rates. A rate is found by asking for all of the input, or all of the
//! output, as if it were of one kind: prices that depend on the length of the prompt stay those of this call.

use genai_prices::{ErrorKind, PriceRequest, Usage, UsageKey};

use super::Bundled;
use super::finding::Resolution;
use super::piece::Piece;
use super::usage::{count_of, detailed, totals, with_usage};
use crate::billing::{Billing, Count, Word, is_standard};
use crate::cost::PriceQuery;
use crate::cost::bill::{BillLine, TOKENS};
use crate::cost::factors::{self, Served};
use crate::cost::lookup::{self, Place};
use crate::cost::tokens::Tokens;

/// Tokens of one kind: how many there are, and under which keys the table counts them.
struct Kind {
    item: &'static str,
    count: u64,
    keys: Vec<UsageKey>,
}

/// A price in the tier that is billed.
struct InTier<'a> {
    request: PriceRequest<'a>,
    /// What multiplies the price of tokens: a tier without prices of its own, speed, region, host.
    by: f64,
    /// Whether the tier has prices of its own.
    own: bool,
}

impl Bundled {
    /// The lines of what [`Bundled::price`] gives, in the same order.
    pub(in crate::cost) fn lines(
        &self,
        place: &Place<'_>,
        query: &PriceQuery<'_>,
        model: &str,
        tokens: &Tokens,
    ) -> Option<Vec<BillLine>> {
        if lookup::is_free_variant(query.provider, model) {
            return Some(Vec::new());
        }
        let Some(resolution) = self.resolution(place, model) else {
            let priced = self.unlisted(query, model, tokens)?;
            let (item, quantity) = (item_of(Count::RerankSearch), query.billing.count(Count::RerankSearch));
            let price = priced.usd / count_of(quantity);
            return Some(vec![BillLine { item, pass: None, quantity, per: 1, price, usd: priced.usd }]);
        };
        let mut lines = Vec::new();
        let passes = query.billing.passes();
        if passes.is_empty() {
            let whole = Piece { usage: query.usage, tokens: *tokens, whole: true };
            self.piece_lines((query, place), &resolution, &whole, &mut lines);
        }
        for (index, pass) in passes.iter().enumerate() {
            let other = pass.model.as_deref().map(|model| self.resolution(place, model));
            let Some(resolution) = other.as_ref().map_or(Some(&resolution), Option::as_ref) else { continue };
            let tokens = Tokens::parts(&pass.usage, pass.cache_write_1h);
            let piece = Piece { usage: &pass.usage, tokens, whole: index == 0 };
            let before = lines.len();
            self.piece_lines((query, place), resolution, &piece, &mut lines);
            let name = match &pass.model {
                Some(model) => format!("{} by {model}", pass.kind),
                None => pass.kind.clone(),
            };
            lines[before..].iter_mut().for_each(|line| line.pass = Some(name.clone()));
        }
        Some(lines)
    }

    fn piece_lines(
        &self,
        (query, place): (&PriceQuery<'_>, &Place<'_>),
        resolution: &Resolution,
        piece: &Piece<'_>,
        lines: &mut Vec<BillLine>,
    ) {
        let tokens = &piece.tokens;
        let billing = if piece.whole { query.billing } else { Billing::NONE };
        let mut usage = detailed(piece.usage, billing, tokens);
        let mut by_modality = true;
        let found = match self.calculator.calculate(&resolution.request(query, &usage)) {
            Err(error) if error.kind() == ErrorKind::InvalidUsage => {
                by_modality = false;
                usage = totals(tokens);
                self.calculator.calculate(&resolution.request(query, &usage))
            }
            found => found,
        };
        let Ok(found) = found else { return };
        let request = resolution.request(query, &usage);
        let mut ignored = true;
        let hour = self.hour_of_cache(&request, &found, tokens, &mut ignored);
        let standard = found.total_price + hour;
        let mut in_tier = self.in_tier(query, &request, standard);
        in_tier.by *= Served {
            seller: resolution.provider,
            model: &found.model_id,
            host: query.server_address.unwrap_or_default(),
            speed: query.billing.get(Word::Speed),
            region: query.billing.get(Word::Region),
            multiple: place.multiple,
        }
        .factor()
        .by;
        let hour = if in_tier.own { 0.0 } else { hour };
        self.token_lines(&in_tier, piece, billing, by_modality, hour, lines);
        self.each_fee(&request, &found, billing, &mut ignored, &mut |count, quantity, usd| {
            let item = count.map_or("context of the searches", item_of);
            lines.push(BillLine { item, pass: None, quantity, per: 1, price: usd / count_of(quantity), usd });
        });
    }

    /// As `of_tier` decides it.
    fn in_tier<'a>(
        &self,
        query: &'a PriceQuery<'_>,
        request: &PriceRequest<'a>,
        standard: f64,
    ) -> InTier<'a> {
        let plain = |by| InTier { request: request.clone(), by, own: false };
        let Some(tier) = query.tier().filter(|tier| !is_standard(tier)) else { return plain(1.0) };
        let lower = tier.to_ascii_lowercase();
        // The table's own tiers are written in lower case.
        let known = ["batch", "flex", "priority", "scale"].into_iter().find(|known| *known == lower);
        let context = if lower == "batch" { "processing" } else { "service_tier" };
        let request = PriceRequest::with_price_context(request.clone(), context, known.unwrap_or(tier));
        let of_tier = self.calculator.calculate(&request).ok().map(|calculated| calculated.total_price);
        if of_tier.is_some_and(|usd| (usd - standard).abs() > f64::EPSILON * standard) {
            return InTier { request, by: 1.0, own: true };
        }
        let factor = factors::tier(request.provider_id.unwrap_or_default(), &lower);
        plain(factor.map_or(1.0, |factor| factor.by))
    }

    fn token_lines(
        &self,
        in_tier: &InTier<'_>,
        piece: &Piece<'_>,
        billing: &Billing,
        by_modality: bool,
        hour: f64,
        lines: &mut Vec<BillLine>,
    ) {
        let priced = |usage: &Usage| {
            self.calculator
                .calculate(&with_usage(&in_tier.request, usage))
                .map_or(0.0, |calculated| calculated.total_price * in_tier.by)
        };
        let mut push = |item, quantity, usd: f64, per: u64| {
            let price = usd / count_of(quantity) * count_of(per);
            lines.push(BillLine { item, pass: None, quantity, per, price, usd });
        };
        let request = priced(&Usage::new());
        if request > 0.0 {
            push("request", 1, request, 1);
        }
        let tokens = &piece.tokens;
        let (input, output) = (tokens.input(), tokens.output);
        let all_of = |total: UsageKey, count: u64, keys: &[UsageKey]| {
            let mut usage = Usage::from([(UsageKey::INPUT_TOKENS, count_of(input))]);
            usage.insert(total, count_of(count));
            for key in keys {
                usage.insert(key.clone(), count_of(count));
            }
            usage
        };
        for kind in input_kinds(piece, billing, by_modality) {
            if kind.count > 0 {
                let all = priced(&all_of(UsageKey::INPUT_TOKENS, input, &kind.keys)) - request;
                let mut usd = all / count_of(input) * count_of(kind.count);
                if kind.keys.contains(&UsageKey::CACHE_WRITE_1H_TOKENS) {
                    usd += hour * in_tier.by;
                }
                push(kind.item, kind.count, usd, TOKENS);
            }
        }
        let without = priced(&all_of(UsageKey::INPUT_TOKENS, input, &[]));
        for kind in output_kinds(piece, billing, by_modality) {
            if kind.count > 0 {
                let all = priced(&all_of(UsageKey::OUTPUT_TOKENS, output, &kind.keys)) - without;
                push(kind.item, kind.count, all / count_of(output) * count_of(kind.count), TOKENS);
            }
        }
    }
}

/// The input in disjoint kinds, as the table decomposes it.
fn input_kinds(piece: &Piece<'_>, billing: &Billing, by_modality: bool) -> Vec<Kind> {
    let (tokens, usage) = (&piece.tokens, piece.usage);
    let of = |count: Option<u64>| count.filter(|_| by_modality).unwrap_or(0);
    let (read_audio, read_image) = (of(usage.cache_read_modality.audio), of(usage.cache_read_modality.image));
    let audio = of(usage.input_modality.audio).saturating_sub(read_audio);
    let image = of(usage.input_modality.image).saturating_sub(read_image);
    let video = of(Some(billing.count(Count::InputVideo)));
    let kind = |item, count, keys: &[UsageKey]| Kind { item, count, keys: keys.to_vec() };
    if audio + image + video > tokens.uncached || read_audio + read_image > tokens.cache_read {
        // A model without prices of modalities: the table does not look at them either.
        return input_kinds(piece, billing, false);
    }
    let (read, written) = (UsageKey::CACHE_READ_TOKENS, UsageKey::CACHE_WRITE_TOKENS);
    let (of_audio, of_image) = (UsageKey::INPUT_AUDIO_TOKENS, UsageKey::INPUT_IMAGE_TOKENS);
    let read_audio_keys = [read.clone(), of_audio.clone(), UsageKey::CACHE_AUDIO_READ_TOKENS];
    let read_image_keys = [read.clone(), of_image.clone(), UsageKey::CACHE_IMAGE_READ_TOKENS];
    vec![
        kind("input", tokens.uncached.saturating_sub(audio + image + video), &[]),
        kind("audio input", audio, &[of_audio]),
        kind("image input", image, &[of_image]),
        kind("video input", video, &[UsageKey::INPUT_VIDEO_TOKENS]),
        kind("cache read", tokens.cache_read.saturating_sub(read_audio + read_image), &[read]),
        kind("audio cache read", read_audio, &read_audio_keys),
        kind("image cache read", read_image, &read_image_keys),
        kind("cache write", tokens.cache_write - tokens.cache_write_1h, std::slice::from_ref(&written)),
        kind("cache write, 1 h", tokens.cache_write_1h, &[written, UsageKey::CACHE_WRITE_1H_TOKENS]),
    ]
}

/// The output in disjoint kinds.
fn output_kinds(piece: &Piece<'_>, billing: &Billing, by_modality: bool) -> Vec<Kind> {
    let usage = piece.usage;
    let of = |count: Option<u64>| count.filter(|_| by_modality).unwrap_or(0);
    let (reasoning, audio) = (of(usage.reasoning_tokens), of(usage.output_modality.audio));
    let (image, video) = (of(usage.output_modality.image), of(Some(billing.count(Count::OutputVideo))));
    if reasoning + audio + image + video > piece.tokens.output {
        return output_kinds(piece, billing, false);
    }
    let kind = |item, count, keys: &[UsageKey]| Kind { item, count, keys: keys.to_vec() };
    vec![
        kind("output", piece.tokens.output.saturating_sub(reasoning + audio + image + video), &[]),
        kind("reasoning", reasoning, &[UsageKey::OUTPUT_REASONING_TOKENS]),
        kind("audio output", audio, &[UsageKey::OUTPUT_AUDIO_TOKENS]),
        kind("image output", image, &[UsageKey::OUTPUT_IMAGE_TOKENS]),
        kind("video output", video, &[UsageKey::OUTPUT_VIDEO_TOKENS]),
    ]
}

/// What a fee is for.
const fn item_of(count: Count) -> &'static str {
    match count {
        Count::WebSearch => "web searches",
        Count::FileSearch => "file searches",
        Count::SocialSearch => "searches of social media",
        Count::CodeExecution => "code executions",
        Count::RerankSearch => "rerank searches",
        Count::Citation => "citation tokens",
        Count::InputAudioSeconds => "seconds of audio input",
        Count::OutputAudioSeconds => "seconds of audio output",
        Count::InputCharacters => "characters of input",
        Count::InputPages => "pages of input",
        _ => "other use",
    }
}
