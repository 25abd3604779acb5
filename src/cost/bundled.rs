//! The prices of the crate `genai-prices`, asked under the names and rules of this library.

mod fees;
pub(super) mod finding;
mod lines;
mod piece;
mod rates;
mod usage;

use std::collections::{HashMap, HashSet};
use std::hash::RandomState;
use std::sync::{Arc, LazyLock, RwLock};

use genai_prices::{Calculator, PriceRequest, Usage, UsageKey};

use self::finding::{Asked, id_of};
use self::piece::Piece;
use self::usage::{count_of, with_usage};
use super::lookup::{self, Place};
use super::{PriceQuery, Priced, Tokens, factors};
use crate::billing::Count;
use crate::semconv::provider;

/// The crate's version, which is also the revision of its data. The dependency is pinned to it.
const SOURCE: &str = "genai-prices/0.2.1";

/// The bundled prices, decoded once per process.
pub(super) struct Bundled {
    calculator: &'static Calculator,
    /// Model ids in lower case by provider id.
    pub(super) names: HashMap<&'static str, HashSet<String>>,
    /// Model ids of all providers, in lower case.
    all_names: HashSet<String>,
    source: Arc<str>,
    /// By the hash of what was asked for.
    resolutions: RwLock<HashMap<u64, Asked>>,
    hasher: RandomState,
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
            Bundled {
                calculator,
                names,
                all_names,
                source: SOURCE.into(),
                resolutions: RwLock::default(),
                hasher: RandomState::new(),
            }
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
        let resolution = self.resolution(place, model);
        let passes = query.billing.passes();
        let by_passes = !passes.is_empty() && passes.iter().all(|pass| pass.model.is_some());
        let resolution = match resolution {
            Some(resolution) if passes.is_empty() => {
                let whole = Piece { usage: query.usage, tokens: *tokens, whole: true };
                return self.piece(query, place, &resolution, &whole);
            }
            // A system of models has no price but theirs.
            None if !by_passes => return self.unlisted(query, model, tokens),
            resolution => resolution,
        };
        // Passes have prices of their own: other models, and prompts of other lengths.
        let mut sum = self.priced(0.0, true, false);
        for (index, pass) in passes.iter().enumerate() {
            let other = pass.model.as_deref().map(|model| self.resolution(place, model));
            let resolution = other.as_ref().map_or(resolution.as_ref(), Option::as_ref);
            let tokens = Tokens::parts(&pass.usage, pass.cache_write_1h);
            let piece = Piece { usage: &pass.usage, tokens, whole: index == 0 };
            let priced = resolution.and_then(|resolution| self.piece(query, place, resolution, &piece));
            sum.exact &= priced.as_ref().is_some_and(|priced| priced.exact && tokens.consistent);
            sum.usd += priced.map_or(0.0, |priced| priced.usd);
        }
        (resolution.is_some() || sum.usd > 0.0).then_some(sum)
    }

    /// The price of a model that the table does not have, and that nothing but its uses is billed for.
    fn unlisted(&self, query: &PriceQuery<'_>, model: &str, tokens: &Tokens) -> Option<Priced> {
        let count = Count::RerankSearch;
        let uses = Some(query.billing.count(count)).filter(|uses| *uses > 0)?;
        let fee = factors::fee(model, count).filter(|_| query.provider == provider::COHERE)?;
        let alone = tokens.input() == 0 && tokens.output == 0;
        Some(self.priced(fee * count_of(uses), alone && query.tier().is_none(), false))
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
        self.resolution(place, model).map(|resolution| Arc::clone(&resolution.model))
    }
}
