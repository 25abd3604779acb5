//! The prices of the crate `genai-prices`, asked under the names and rules of this library.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use genai_prices::{Calculator, ErrorKind, PriceCalculation, PriceRequest, Usage, UsageKey};

use super::{PriceQuery, Priced, Tokens, is_standard};
use crate::semconv::provider;

/// The crate's version, which is also the revision of its data. The dependency is pinned to it.
const SOURCE: &str = "genai-prices/0.2.1";

/// The id under which `genai-prices` reads `anthropic/claude-...` as a provider and its model, and finds the
/// provider of a bare model name by the name alone.
const BY_MODEL_ALONE: &str = "litellm";

/// Resolutions kept, so that a call costs one look-up. Names come from outside; a full cache starts anew.
pub(super) const RESOLUTIONS: usize = 512;

/// The bundled prices, decoded once a process.
pub(super) struct Bundled {
    calculator: &'static Calculator,
    /// Model ids in lower case by provider id.
    names: HashMap<&'static str, HashSet<String>>,
    /// Model ids of all providers, in lower case.
    all_names: HashSet<String>,
    source: Arc<str>,
    resolutions: RwLock<HashMap<String, Option<Resolution>>>,
}

/// Under which of the table's providers a model is found, and by which name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Resolution {
    provider: &'static str,
    model: Arc<str>,
    /// Whether this is the provider that was called, and it has a price of its own for the model.
    exact: bool,
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

    /// The price of `model`, if the table has one for tokens.
    pub(super) fn price(&self, query: &PriceQuery<'_>, model: &str, tokens: &Tokens) -> Option<Priced> {
        let host = query.server_address.unwrap_or_default();
        let resolution = self.resolution(query.provider, host, model)?;
        let detailed = detailed(query, tokens);
        let of_totals;
        let request = PriceRequest::new(model, &detailed)
            .with_provider_id(resolution.provider)
            .with_timestamp(query.at);
        let (request, standard, consistent) = match self.calculator.calculate(&request) {
            Ok(standard) => (request, standard.total_price, true),
            // Parts that contradict each other (more audio than input, say) are refused: the totals still price.
            Err(error) if error.kind() == ErrorKind::InvalidUsage => {
                of_totals = totals(tokens);
                let request = with_usage(&request, &of_totals);
                let standard = self.calculator.calculate(&request).ok()?;
                (request, standard.total_price, false)
            }
            Err(_) => return None,
        };
        let exact = resolution.exact && consistent;
        if standard == 0.0 {
            let free = self.is_free(&request);
            // Neither free nor without tokens: billed by the minute, the page or the picture.
            let billed_otherwise = !free && (tokens.input() > 0 || tokens.output > 0);
            return (!billed_otherwise).then(|| self.priced(0.0, exact, free));
        }
        match query.tier().filter(|tier| !is_standard(tier)) {
            None => Some(self.priced(standard, exact, false)),
            Some(tier) => {
                let of_tier = self.of_tier(request, &tier.to_ascii_lowercase());
                // A tier that changes nothing is one whose price the table does not have.
                let known = of_tier.filter(|of_tier| (of_tier - standard).abs() > f64::EPSILON * standard);
                Some(self.priced(known.unwrap_or(standard), exact && known.is_some(), false))
            }
        }
    }

    fn of_tier(&self, request: PriceRequest<'_>, tier: &str) -> Option<f64> {
        let context = if tier == "batch" { "processing" } else { "service_tier" };
        let request = PriceRequest::with_price_context(request, context, tier);
        self.calculator.calculate(&request).ok().map(|calculated| calculated.total_price)
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
    pub(super) fn name_of(&self, provider: &str, host: &str, model: &str) -> Option<Arc<str>> {
        self.resolution(provider, host, model).map(|resolution| resolution.model)
    }

    /// Finds the provider to price `model` under, and remembers it.
    fn resolution(&self, provider: &str, host: &str, model: &str) -> Option<Resolution> {
        let key = [provider, host, model].join("\0");
        if let Some(known) = self.resolutions.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let found = self.resolve(provider, host, model);
        let mut resolutions = self.resolutions.write().unwrap_or_else(PoisonError::into_inner);
        if resolutions.len() >= RESOLUTIONS {
            resolutions.clear();
        }
        resolutions.insert(key, found.clone());
        found
    }

    /// The provider by its name; else by the host; else, for gateways the table does not know, whoever makes a
    /// model of that name.
    fn resolve(&self, provider: &str, host: &str, model: &str) -> Option<Resolution> {
        let called = self.names.get_key_value(id_of(provider)).map(|(id, _)| *id);
        if let Some(found) = called.and_then(|id| self.of_provider(id, model)) {
            return Some(found);
        }
        let url = format!("https://{host}");
        if let Ok(Some(by_host)) = self.calculator.find_provider(None, Some(&url)) {
            return self.of_provider(by_host.id(), model);
        }
        // What runs on one's own machine bears the names of what others sell.
        let by_name = if provider == provider::OLLAMA { None } else { self.find(BY_MODEL_ALONE, model) };
        let model = by_name?.model_id.into();
        Some(Resolution { provider: BY_MODEL_ALONE, model, exact: false })
    }

    /// The model at one provider. Some providers' prices are completed by others': Azure's by OpenAI's, say.
    fn of_provider(&self, id: &'static str, model: &str) -> Option<Resolution> {
        let found = self.find(id, model)?;
        let own = self.names.get(id).is_some_and(|models| models.contains(&found.model_id.to_lowercase()));
        Some(Resolution { provider: id, model: found.model_id.into(), exact: own })
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

/// Totals include their parts in this table as well.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
fn totals(tokens: &Tokens) -> Usage {
    let mut usage = Usage::from([
        (UsageKey::INPUT_TOKENS, tokens.input() as f64),
        (UsageKey::OUTPUT_TOKENS, tokens.output as f64),
    ]);
    for (key, count) in
        [(UsageKey::CACHE_READ_TOKENS, tokens.cache_read), (UsageKey::CACHE_WRITE_TOKENS, tokens.cache_write)]
    {
        if count > 0 {
            usage.insert(key, count as f64);
        }
    }
    usage
}

/// [`totals`] and the parts that some models have prices of their own for.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
fn detailed(query: &PriceQuery<'_>, tokens: &Tokens) -> Usage {
    let mut usage = totals(tokens);
    let known = query.usage;
    for (key, count) in [
        (UsageKey::OUTPUT_REASONING_TOKENS, known.reasoning_tokens),
        (UsageKey::INPUT_AUDIO_TOKENS, known.input_modality.audio),
        (UsageKey::INPUT_IMAGE_TOKENS, known.input_modality.image),
        (UsageKey::OUTPUT_AUDIO_TOKENS, known.output_modality.audio),
        (UsageKey::OUTPUT_IMAGE_TOKENS, known.output_modality.image),
        (UsageKey::CACHE_AUDIO_READ_TOKENS, known.cache_read_modality.audio),
        (UsageKey::CACHE_IMAGE_READ_TOKENS, known.cache_read_modality.image),
    ] {
        if let Some(count) = count.filter(|count| *count > 0) {
            usage.insert(key, count as f64);
        }
    }
    usage
}
