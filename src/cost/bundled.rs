//! The prices of the crate `genai-prices`, asked under the names and rules of this library.

mod lines;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use genai_prices::{Calculator, ErrorKind, PriceCalculation, PriceRequest, Usage, UsageKey};

use super::factors::{self, Served};
use super::lookup::{self, Form, Place};
use super::parts::Parts;
use super::{PriceQuery, Priced, Tokens, is_standard};
use crate::billing::{Billing, Count, Word};
use crate::private_host;
use crate::semconv::provider;

/// The crate's version, which is also the revision of its data. The dependency is pinned to it.
const SOURCE: &str = "genai-prices/0.2.1";

/// The id under which `genai-prices` reads `anthropic/claude-...` as a provider and its model, and finds the
/// provider of a bare model name by the name alone.
pub(super) const BY_MODEL_ALONE: &str = "litellm";

/// Resolutions kept, so that a call costs one lookup. Names come from outside; a full cache is emptied.
pub(super) const RESOLUTIONS: usize = 512;

/// Input tokens of a prompt that some sellers bill at a higher price.
const LONG: u64 = 128_000;

/// The bundled prices, decoded once per process.
pub(super) struct Bundled {
    calculator: &'static Calculator,
    /// Model ids in lower case by provider id.
    pub(super) names: HashMap<&'static str, HashSet<String>>,
    /// Model ids of all providers, in lower case.
    all_names: HashSet<String>,
    source: Arc<str>,
    resolutions: RwLock<HashMap<String, Option<Resolution>>>,
}

/// One list to look for one form of a name in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step<'m> {
    /// The table's id of the provider, or [`BY_MODEL_ALONE`].
    pub(super) list: &'static str,
    pub(super) form: Form<'m>,
}

/// The tokens of one pass.
struct Piece<'a> {
    usage: &'a crate::usage::Usage,
    tokens: Tokens,
    /// The whole call, or its first pass: the call's fees are added here.
    whole: bool,
}

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

/// Under which of the table's providers a model is found, and by which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolution {
    pub(super) provider: &'static str,
    /// The form of the name that was found.
    name: Arc<str>,
    /// The table's own name.
    pub(super) model: Arc<str>,
    /// Whether this is the provider that was called, and it has a price of its own for the model.
    exact: bool,
    /// Whether the name means this very model.
    same: bool,
    parts: Parts,
}

impl Resolution {
    /// Whether this is what the model costs at a place. A host whose multiple is configured costs what the list of the
    /// maker says, times that.
    pub(super) const fn is_exact_at(&self, place: &Place<'_>) -> bool {
        self.exact || (self.same && place.multiple.is_some())
    }

    fn request<'a>(&'a self, query: &PriceQuery<'_>, usage: &'a Usage) -> PriceRequest<'a> {
        PriceRequest::new(&self.name, usage).with_provider_id(self.provider).with_timestamp(query.at)
    }
}

impl std::fmt::Debug for Bundled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundled").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Bundled {
    pub(super) fn get() -> &'static Self {
        static BUNDLED: LazyLock<Bundled> = LazyLock::new(|| {
            let calculator = Calculator::bundled();
            let names: HashMap<_, HashSet<String>> = calculator
                .providers()
                .map(|provider| {
                    (provider.id(), provider.models().map(|model| model.id().to_lowercase()).collect())
                })
                .collect();
            let all_names = names.values().flatten().cloned().collect();
            Bundled { calculator, names, all_names, source: SOURCE.into(), resolutions: RwLock::default() }
        });
        &BUNDLED
    }

    /// Whether this very name is in the table: of the provider, where the table has it, else of any provider.
    pub(super) fn names(&self, provider: &str, model: &str) -> bool {
        let model = model.to_lowercase();
        match self.names.get(id_of(provider)) {
            Some(models) => models.contains(&model),
            None => self.all_names.contains(&model),
        }
    }

    /// The price of `model`, if the table has one for what is billed.
    pub(super) fn price(
        &self,
        place: &Place<'_>,
        query: &PriceQuery<'_>,
        model: &str,
        tokens: &Tokens,
    ) -> Option<Priced> {
        if lookup::is_free_variant(query.provider, model) {
            return Some(self.priced(0.0, true, true));
        }
        let Some(resolution) = self.resolution(place, model) else {
            return self.unlisted(query, model, tokens);
        };
        let passes = query.billing.passes();
        if passes.is_empty() {
            let whole = Piece { usage: query.usage, tokens: *tokens, whole: true };
            return self.piece(query, place, &resolution, &whole);
        }
        // Passes have prices of their own: other models, and prompts of other lengths.
        let mut sum = self.priced(0.0, true, false);
        for (index, pass) in passes.iter().enumerate() {
            let other = pass.model.as_deref().map(|model| self.resolution(place, model));
            let resolution = other.as_ref().map_or(Some(&resolution), Option::as_ref);
            let tokens = Tokens::parts(&pass.usage, pass.cache_write_1h);
            let piece = Piece { usage: &pass.usage, tokens, whole: index == 0 };
            let priced = resolution.and_then(|resolution| self.piece(query, place, resolution, &piece));
            sum.exact &= priced.as_ref().is_some_and(|priced| priced.exact && tokens.consistent);
            sum.usd += priced.map_or(0.0, |priced| priced.usd);
        }
        Some(sum)
    }

    /// The price of a model that the table does not have, and that nothing but its uses is billed for.
    fn unlisted(&self, query: &PriceQuery<'_>, model: &str, tokens: &Tokens) -> Option<Priced> {
        let count = Count::RerankSearch;
        let uses = Some(query.billing.count(count)).filter(|uses| *uses > 0)?;
        let fee = factors::fee(model, count).filter(|_| query.provider == provider::COHERE)?;
        let alone = tokens.input() == 0 && tokens.output == 0;
        Some(self.priced(fee * count_of(uses), alone && query.tier().is_none(), false))
    }

    /// The price of one pass; with the call's fees, where it is the whole call or the first pass.
    fn piece(
        &self,
        query: &PriceQuery<'_>,
        place: &Place<'_>,
        resolution: &Resolution,
        piece: &Piece<'_>,
    ) -> Option<Priced> {
        let tokens = &piece.tokens;
        let none = Billing::NONE;
        let billing = if piece.whole { query.billing } else { none };
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
        let request = resolution.request(query, &usage);
        let mut exact = resolution.is_exact_at(place)
            && consistent
            && resolution.parts.are_those_of(piece.usage, tokens, resolution.provider)
            && self.prices_sound(&request, &found)
            && self.prices_length(&request, &found, tokens)
            && !factors::may_be_a_holiday(resolution.provider, query.at)
            && !query.hides_price();
        let standard = found.total_price + self.hour_of_cache(&request, &found, tokens, &mut exact);
        let fees = self.fees(&request, &found, billing, &mut exact);
        if standard == 0.0 && fees == 0.0 {
            let free = self.is_free(&request) && !query.hides_price();
            // Neither free nor without tokens: billed by the minute, the page or the picture.
            let billed_otherwise = !free && (tokens.input() > 0 || tokens.output > 0 || !billing.is_empty());
            return (!billed_otherwise).then(|| self.priced(0.0, exact, free));
        }
        let of_tier = self.of_tier(query, &request, standard, tokens, &mut exact);
        let factor = Served {
            seller: resolution.provider,
            model: &found.model_id,
            host: query.server_address.unwrap_or_default(),
            speed: query.billing.get(Word::Speed),
            region: query.billing.get(Word::Region),
            multiple: place.multiple,
        }
        .factor();
        exact &= factor.exact;
        Some(self.priced(of_tier * factor.by + fees, exact, false))
    }

    /// Whether the sound has a price of its own where it costs more than text: OpenAI's costs up to 40 times as much,
    /// and the table has some of its models with the price of text alone. Source: developers.openai.com, "Pricing",
    /// audio tokens, 2026-10.
    fn prices_sound(&self, request: &PriceRequest<'_>, found: &PriceCalculation) -> bool {
        let apart = |key: UsageKey| {
            let mut alike = request.usage.clone();
            alike.remove(key).is_none_or(|_| {
                let of_text = self.calculator.calculate(&with_usage(request, &alike));
                of_text.is_ok_and(|of_text| (of_text.total_price - found.total_price).abs() > f64::EPSILON)
            })
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
    fn of_tier(
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
    fn hour_of_cache(
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

    /// What is billed next to tokens, each by the table's price, else by ours.
    fn fees(
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
    fn each_fee(
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

    fn priced(&self, usd: f64, exact: bool, free: bool) -> Priced {
        Priced { usd, exact, free, source: Arc::clone(&self.source) }
    }

    /// Whether every price of the model is zero, and not only that of the tokens at hand.
    fn is_free(&self, request: &PriceRequest<'_>) -> bool {
        static EVERYTHING: LazyLock<Usage> = LazyLock::new(|| {
            Usage::from([
                (UsageKey::INPUT_TOKENS, 1e6),
                (UsageKey::OUTPUT_TOKENS, 1e6),
                (UsageKey::AUDIO_SECONDS, 3600.0),
                (UsageKey::INPUT_AUDIO_SECONDS, 3600.0),
                (UsageKey::INPUT_CHARACTERS, 1e6),
                (UsageKey::INPUT_TEXT_MESSAGES, 1e3),
                (UsageKey::INPUT_DOCUMENT_PAGES, 1e3),
            ])
        });
        let everything = with_usage(request, &EVERYTHING);
        self.calculator.calculate(&everything).is_ok_and(|calculated| calculated.total_price == 0.0)
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.resolutions.read().unwrap().len()
    }

    /// The name in the table of the model that `model` is priced as.
    pub(super) fn name_of(&self, place: &Place<'_>, model: &str) -> Option<Arc<str>> {
        self.resolution(place, model).map(|resolution| resolution.model)
    }

    /// Finds the provider to price `model` under, and remembers it.
    fn resolution(&self, place: &Place<'_>, model: &str) -> Option<Resolution> {
        let private = if place.private_hosts { "" } else { "-" };
        let key = [place.provider, place.host, place.route.unwrap_or_default(), private, model].join("\0");
        if let Some(known) = self.resolutions.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let found = self.steps(place, model).iter().find_map(|step| self.take(step));
        let mut resolutions = self.resolutions.write().unwrap_or_else(PoisonError::into_inner);
        if resolutions.len() >= RESOLUTIONS {
            resolutions.clear();
        }
        resolutions.insert(key, found.clone());
        found
    }

    /// Where a model is looked for, in order: behind a router, with the provider by its name, else by the host; else,
    /// for gateways the table does not know, with the maker of a model of that name.
    pub(super) fn steps<'m>(&self, place: &Place<'m>, model: &'m str) -> Vec<Step<'m>> {
        let mut steps = Vec::new();
        if let Some((name, route)) = lookup::routed(place, model) {
            let list = self.names.get_key_value(["huggingface_", route].concat().as_str());
            let form = Form { name, same: true, step: "behind the router" };
            steps.extend(list.map(|(list, _)| Step { list, form }));
        }
        let forms = lookup::forms(model);
        let all = |list: &'static str| forms.iter().map(move |form| Step { list, form: form.clone() });
        let called = self.names.get_key_value(id_of(place.provider)).map(|(id, _)| *id);
        steps.extend(called.into_iter().flat_map(all));
        let url = format!("https://{}", place.host);
        let by_host = self.calculator.find_provider(None, Some(&url)).ok().flatten().map(|found| found.id());
        let Some(by_host) = by_host else {
            if !runs_here(place) {
                steps.extend(all(BY_MODEL_ALONE));
            }
            return steps;
        };
        if called != Some(by_host) {
            steps.extend(all(by_host));
        }
        steps
    }

    /// What a step finds. Some providers' prices are completed by others': Azure's by OpenAI's, say.
    pub(super) fn take(&self, step: &Step<'_>) -> Option<Resolution> {
        let found = self.find(step.list, step.form.name)?;
        let own =
            self.names.get(step.list).is_some_and(|models| models.contains(&found.model_id.to_lowercase()));
        Some(Resolution {
            provider: step.list,
            name: step.form.name.into(),
            model: found.model_id.into(),
            exact: own && step.form.same,
            same: step.form.same,
            parts: Parts::of(self.calculator, step.list, step.form.name),
        })
    }

    fn find(&self, id: &str, model: &str) -> Option<PriceCalculation> {
        let nothing = Usage::new();
        self.calculator.calculate(&PriceRequest::new(model, &nothing).with_provider_id(id)).ok()
    }
}

/// The table's id of a provider the conventions name; other providers mostly go by the same name in both.
fn id_of(name: &str) -> &str {
    match name {
        provider::AWS_BEDROCK => "aws",
        provider::AZURE_AI_INFERENCE | provider::AZURE_AI_OPENAI => "azure",
        provider::GCP_GEMINI | provider::GCP_VERTEX_AI => "google",
        provider::MISTRAL_AI => "mistral",
        provider::MOONSHOT_AI => "moonshotai",
        provider::X_AI => "x-ai",
        other => other,
    }
}

fn with_usage<'a>(request: &PriceRequest<'a>, usage: &'a Usage) -> PriceRequest<'a> {
    let mut request = request.clone();
    request.usage = usage;
    request
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
const fn count_of(count: u64) -> f64 {
    count as f64
}

/// Totals include their parts in this table as well.
fn totals(tokens: &Tokens) -> Usage {
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
fn detailed(known: &crate::usage::Usage, billing: &Billing, tokens: &Tokens) -> Usage {
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

/// Whether a model runs on one's own machines: it bears the name of what others sell, and not their price.
pub(super) fn runs_here(place: &Place<'_>) -> bool {
    let private = !place.host.is_empty() && private_host::is_private(place.host);
    place.provider == provider::OLLAMA || (private && !place.private_hosts)
}
