//! What a call costs, and whether that figure can be trusted.

mod bill;
mod bundled;
mod error;
mod explain;
mod factors;
mod lookup;
mod parts;
mod table;
#[cfg(test)]
mod tests;
mod tokens;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

pub use self::bill::{Bill, BillLine};
use self::bundled::Bundled;
pub use self::error::PriceError;
use self::lookup::Place;
use self::table::Table;
use self::tokens::Tokens;
use crate::billing::{Billing, Count, Word, is_standard};
use crate::semconv::provider;
use crate::text_enum::text_enum;
use crate::usage::{Usage, UsageSource};

text_enum! {
    /// How far the cost of a call can be trusted.
    pub enum CostStatus of "spanledger.cost.status" {
        /// Final usage and a price of this very model, or the charge that the response reports; nothing that may cost
        /// something was left out.
        Exact = "exact",
        /// Partial or estimated usage; a price that is not this very model's at this very provider: an opted-in
        /// default, a price found by the model's name alone, a service tier the table does not know or the response
        /// does not name, tokens of sound at a price of text; or a member of the response that may cost something and
        /// is not known (`spanledger.usage.unparsed`).
        Estimated = "estimated",
        /// The table, or the provider's own meter, says that the call costs nothing.
        Free = "free",
        /// Tokens are known, the model's price is not.
        Unpriced = "unpriced",
        /// No tokens are known.
        NoUsage = "no_usage",
    }
}

/// The cost of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// How far `usd` can be trusted.
    pub status: CostStatus,
    /// US dollars; `None` when the call is unpriced or its usage is unknown.
    pub usd: Option<f64>,
    /// Which table and revision priced the call; `provider` for the charge that the response reports.
    pub source: Option<Arc<str>>,
    /// What the tables make of it, in US dollars, where the response reports a charge.
    pub computed: Option<f64>,
}

/// The source of a charge that the response reports.
const PROVIDER: &str = "provider";

impl Cost {
    /// A cost without a figure.
    const fn none(status: CostStatus) -> Self {
        Self { status, usd: None, source: None, computed: None }
    }

    /// Whether a charge is of another size than the computed figure: more than what resellers add or take off, and less than
    /// the hundred that a dollar has in cents.
    pub(crate) fn is_far_from(&self, usd: f64) -> bool {
        const FAR: f64 = 20.0;
        self.usd.is_some_and(|own| own > 0.0 && usd > 0.0 && (usd > own * FAR || own > usd * FAR))
    }

    /// The charge that the response reports, in front of the computed figure. `sure` says that it is the last word
    /// and that nothing in the response is unknown.
    pub(crate) fn replaced(self, usd: f64, sure: bool) -> Self {
        let status = match (sure, usd > 0.0) {
            (true, true) => CostStatus::Exact,
            (true, false) => CostStatus::Free,
            (false, _) => CostStatus::Estimated,
        };
        Self { status, usd: Some(usd), source: Some(PROVIDER.into()), computed: self.usd }
    }

    /// The computed figure, where the response reports a charge that does not say what the call costs.
    pub(crate) fn uncertain(self) -> Self {
        match self.status {
            CostStatus::Exact => Self { status: CostStatus::Estimated, ..self },
            _ => self,
        }
    }
}

/// What a price depends on.
#[derive(Debug, Clone)]
pub struct PriceQuery<'a> {
    /// `gen_ai.provider.name`.
    pub provider: &'a str,
    /// The host that was called.
    pub server_address: Option<&'a str>,
    /// The model that answered, if the response named one.
    pub response_model: Option<&'a str>,
    /// The model asked for.
    pub request_model: Option<&'a str>,
    /// The service tier that the response names: the one that is billed.
    pub service_tier: Option<&'a str>,
    /// The service tier asked for, which counts where the response names none. It may not have been granted, so that
    /// its price is an estimate.
    pub requested_service_tier: Option<&'a str>,
    /// The tokens to price.
    pub usage: &'a Usage,
    /// Where the tokens come from.
    pub usage_source: UsageSource,
    /// What decides the price next to the tokens; [`Billing::NONE`] where nothing does.
    pub billing: &'a Billing,
    /// When the call was made: prices have a history.
    pub at: SystemTime,
}

/// Prices: the user's own table in front of the bundled one.
///
/// The own table is written in TOML; `prices.example.toml` in the repository shows every key.
///
/// ```
/// let prices = spanledger::PriceTable::from_toml(
///     r#"
///     [[price]]
///     model = "acme-large"
///     input = 2.0    # USD per million tokens
///     output = 8.0
///     "#,
/// )?;
/// assert!(prices.knows("acme", "acme-large"));
/// # Ok::<(), spanledger::PriceError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PriceTable {
    own: Option<Arc<Table>>,
    /// Whether models on private hosts are priced by their names.
    private_hosts: bool,
}

/// A price found, before the usage it was multiplied with is judged.
#[derive(Debug, Clone)]
struct Priced {
    usd: f64,
    /// Whether the rates are this model's at this provider and tier.
    exact: bool,
    /// Whether the table says that the model costs nothing.
    free: bool,
    source: Arc<str>,
}

impl Default for PriceTable {
    fn default() -> Self {
        Self::bundled()
    }
}

impl PriceTable {
    /// The prices that come with this version, from the `genai-prices` data. They are decoded once per process, when the first
    /// middleware is built or the first price is asked for: that takes tens of milliseconds, and several MB of memory
    /// that stay.
    #[must_use]
    pub const fn bundled() -> Self {
        Self { own: None, private_hosts: false }
    }

    /// Decodes the bundled prices, where this process has not yet.
    pub(crate) fn decode() {
        let _ = Bundled::get();
    }

    /// The prices of `text`, a table in TOML, in front of the bundled ones. Messages call it `prices.toml`.
    ///
    /// # Errors
    ///
    /// [`PriceError::Invalid`] names the line and the key at fault.
    pub fn from_toml(text: &str) -> Result<Self, PriceError> {
        Self::with_own(text, "prices.toml")
    }

    /// The prices of a file in front of the bundled ones.
    ///
    /// # Errors
    ///
    /// [`PriceError::Read`] when the file cannot be read, [`PriceError::Invalid`] when it cannot be understood.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, PriceError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| PriceError::Read { path: path.to_owned(), source })?;
        Self::with_own(&text, &path.display().to_string())
    }

    fn with_own(text: &str, file: &str) -> Result<Self, PriceError> {
        let own = Table::parse(text, file)?;
        Ok(Self { private_hosts: own.private_hosts, own: Some(Arc::new(own)) })
    }

    /// Whether a model on a private host that no table names is priced as what others sell under its name, as an
    /// estimate: loopback, private and link-local addresses, `*.local`, `*.internal` and names without a dot. Model
    /// servers on them cost nothing per token, gateways do. Defaults to `private_hosts` of the own table, and without
    /// it to false: such calls are unpriced.
    #[must_use]
    pub const fn private_hosts(mut self, priced: bool) -> Self {
        self.private_hosts = priced;
        self
    }

    /// Prices one call. An unknown model is [`CostStatus::Unpriced`], never zero.
    ///
    /// The own table is asked before the bundled one, and in each the model that answered before the model
    /// asked for. Where neither knows the model, the own table's default price applies, if it has one.
    #[must_use]
    pub fn price(&self, query: &PriceQuery<'_>) -> Cost {
        let Some(tokens) = Tokens::of(query.usage, query.billing) else {
            return Cost::none(CostStatus::NoUsage);
        };
        let own = self.own.as_deref();
        let priced = own
            .and_then(|own| own.price(query, &tokens))
            .or_else(|| self.bundled_price(query, &tokens))
            .or_else(|| own.and_then(|own| own.default_price(&tokens)));
        let Some(priced) = priced else {
            return Cost::none(CostStatus::Unpriced);
        };
        let whole = query.billing.count(Count::Unparsed) == 0;
        let final_usage = query.usage_source == UsageSource::Provider && tokens.consistent;
        let sure = whole && priced.exact && final_usage && query.tier_is_sure();
        let status = match (priced.free && whole, sure) {
            (true, _) => CostStatus::Free,
            (false, true) => CostStatus::Exact,
            (false, false) => CostStatus::Estimated,
        };
        Cost { status, usd: Some(priced.usd), source: Some(priced.source), computed: None }
    }

    /// Whether a table names this model, letter case aside. A price for a prefix of model names, or a rule that
    /// matches more than the name itself, does not count: senders of names must not decide what is known.
    #[must_use]
    pub fn knows(&self, provider: &str, model: &str) -> bool {
        self.own.as_ref().is_some_and(|own| own.names(model)) || Bundled::get().names(provider, model)
    }

    /// The name in a table of the model whose price `model` has: one of few, however many names are priced by it.
    pub(crate) fn name_of(&self, provider: &str, host: &str, model: &str) -> Option<Arc<str>> {
        let meant = self.own.as_ref().and_then(|own| own.alias(model)).unwrap_or(model);
        Bundled::get().name_of(&self.place(provider, host), meant)
    }

    /// Where a model is looked for.
    fn place<'q>(&self, provider: &'q str, host: &'q str) -> Place<'q> {
        let multiple = self.own.as_ref().and_then(|own| own.multiple(host));
        let private_hosts = self.private_hosts || multiple.is_some();
        Place { provider, host, private_hosts, route: None, multiple }
    }

    fn place_of<'q>(&self, query: &PriceQuery<'q>) -> Place<'q> {
        let place = self.place(query.provider, query.server_address.unwrap_or_default());
        let asked = || lookup::asked_route(query.provider, query.request_model?);
        Place { route: query.billing.get(Word::Route).or_else(asked), ..place }
    }

    /// The bundled price of the model that answered, else of the model asked for. Naming another model than the
    /// one that answered makes the price an estimate.
    fn bundled_price(&self, query: &PriceQuery<'_>, tokens: &Tokens) -> Option<Priced> {
        let place = self.place_of(query);
        let of = |model: Option<&str>| {
            let model = model?;
            let meant = self.own.as_ref().and_then(|own| own.alias(model)).unwrap_or(model);
            Bundled::get().price(&place, query, meant, tokens)
        };
        let priced = of(query.answered()).or_else(|| {
            let asked = of(query.request_model)?;
            Some(Priced { exact: asked.exact && query.answered().is_none(), ..asked })
        })?;
        // Both tables decided this one.
        let own = self.own.as_deref().filter(|_| place.multiple.is_some());
        let source = own.map_or_else(|| Arc::clone(&priced.source), |own| own.with(&priced.source));
        Some(Priced { source, ..priced })
    }
}

impl PriceQuery<'_> {
    /// The model that answered, as the price names it. On Bedrock a profile decides the price, and only the request
    /// names it: the response has the maker's name.
    fn answered(&self) -> Option<&str> {
        let profile = self.request_model.is_some_and(|model| model.contains('.'));
        let bedrock = self.provider == provider::AWS_BEDROCK && profile;
        self.response_model.filter(|model| !bedrock || model.contains('.'))
    }

    /// Whether other means than tokens pay, or the request names what has a bill of its own or hides which model and region
    /// it is: capacity that the caller rents, a model the caller imported, a profile the caller made.
    fn hides_price(&self) -> bool {
        if self.billing.get(Word::Payment).is_some() {
            return true;
        }
        let Some(model) = self.request_model else { return false };
        // Prompts, routers (which have a fee), endpoints, imported and provisioned models have ARNs of other kinds.
        let listed = [":foundation-model/", ":inference-profile/"];
        let arn = model.starts_with("arn:") && !listed.iter().any(|kind| model.contains(kind));
        // Fireworks.
        let account = model.starts_with("accounts/") && !model.starts_with("accounts/fireworks/");
        arn || account || model.contains("/deployments/")
    }

    /// The tier to price.
    fn tier(&self) -> Option<&str> {
        self.service_tier.or(self.requested_service_tier)
    }

    /// Whether the tier to price is the one that was billed: providers may refuse a special one and bill the usual.
    fn tier_is_sure(&self) -> bool {
        // OpenAI's `auto` says that the tier is still to be chosen. Source: developers.openai.com, `service_tier`, 2026-11.
        let named = self.service_tier.is_some_and(|tier| !tier.eq_ignore_ascii_case("auto"));
        named || self.service_tier.is_none() && self.requested_service_tier.is_none_or(is_standard)
    }
}
