//! What a call costs, and whether that figure can be trusted.

use std::sync::Arc;
use std::time::SystemTime;

use crate::usage::{Usage, UsageSource};

/// How far the cost of a call can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CostStatus {
    /// Final usage and a price of this very model.
    Exact,
    /// Partial or estimated usage, or an opted-in default price.
    Estimated,
    /// The table says that the model costs nothing.
    Free,
    /// Tokens are known, the model's price is not.
    Unpriced,
    /// No tokens are known.
    NoUsage,
}

impl CostStatus {
    /// Every status, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Exact, Self::Estimated, Self::Free, Self::Unpriced, Self::NoUsage];

    /// The value of `spanledger.cost.status`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Estimated => "estimated",
            Self::Free => "free",
            Self::Unpriced => "unpriced",
            Self::NoUsage => "no_usage",
        }
    }

    /// The status whose attribute value is `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// The cost of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// How far `usd` can be trusted.
    pub status: CostStatus,
    /// US dollars; `None` when the call is unpriced or its usage is unknown.
    pub usd: Option<f64>,
    /// Which table and revision priced the call.
    pub source: Option<Arc<str>>,
}

/// What a price depends on.
#[derive(Debug, Clone)]
pub struct PriceQuery<'a> {
    /// `gen_ai.provider.name`.
    pub provider: &'a str,
    /// The host that was called.
    pub server_address: Option<&'a str>,
    /// The model that answered, if the answer named one.
    pub response_model: Option<&'a str>,
    /// The model asked for.
    pub request_model: Option<&'a str>,
    /// The service tier of the answer, else of the request.
    pub service_tier: Option<&'a str>,
    /// The tokens to price.
    pub usage: &'a Usage,
    /// Where the tokens come from.
    pub usage_source: UsageSource,
    /// When the call was made: prices have a history.
    pub at: SystemTime,
}

/// Prices: the user's own table in front of the bundled one.
#[derive(Debug, Clone, Default)]
pub struct PriceTable {}

impl PriceTable {
    /// The prices that come with this version, from the `genai-prices` data.
    #[must_use]
    pub fn bundled() -> Self {
        Self::default()
    }

    /// Prices one call. An unknown model is [`CostStatus::Unpriced`], never zero.
    #[must_use]
    pub fn price(&self, query: &PriceQuery<'_>) -> Cost {
        let status = if query.usage.is_empty() { CostStatus::NoUsage } else { CostStatus::Unpriced };
        Cost { status, usd: None, source: None }
    }

    /// Whether a table names this model.
    #[must_use]
    pub fn knows(&self, _provider: &str, _model: &str) -> bool {
        false
    }
}
