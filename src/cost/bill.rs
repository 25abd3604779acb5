//! A price line by line, for people.

use super::{Bundled, Cost, PriceQuery, PriceTable};
use crate::cost::tokens::Tokens;

/// How many tokens a price of tokens is for.
pub(super) const TOKENS: u64 = 1_000_000;

/// Below this difference, in US dollars, lines and total are the same: a hundredth of a nano-dollar.
const SAME: f64 = 1e-11;

/// A price and the lines that it is the total of.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Bill {
    /// What [`PriceTable::price`] gives.
    pub cost: Cost,
    /// What costs something, or is known to cost nothing. Empty where there is no price, and for a model that is free by
    /// its name. The lines add up to the cost; what no other line explains is a line `other`.
    pub lines: Vec<BillLine>,
}

/// One line of a [`Bill`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BillLine {
    /// What is billed, such as `input`, `cache read` or `web searches`. Tokens are in one line each.
    pub item: &'static str,
    /// The pass of a model that is billed, where one response needed several.
    pub pass: Option<String>,
    /// How many of it.
    pub quantity: u64,
    /// How many of it the price is for: 1,000,000 for tokens, 1 for everything else.
    pub per: u64,
    /// US dollars for so many, with what multiplies them for the tier, the speed and the region.
    pub price: f64,
    /// US dollars: `quantity` times `price`, divided by `per`.
    pub usd: f64,
}

impl PriceTable {
    /// The price of one call, line by line. Asks the tables in the order of [`PriceTable::price`].
    #[must_use]
    pub fn bill(&self, query: &PriceQuery<'_>) -> Bill {
        let cost = self.price(query);
        let (Some(usd), Some(tokens)) = (cost.usd, Tokens::of(query.usage, query.billing)) else {
            return Bill { cost, lines: Vec::new() };
        };
        let own = self.own.as_deref();
        let lines = own
            .and_then(|own| own.lines(query, &tokens))
            .or_else(|| self.bundled_lines(query, &tokens))
            .or_else(|| own.and_then(|own| own.default_lines(&tokens)));
        let mut lines = lines.unwrap_or_default();
        lines.retain(|line| line.quantity > 0);
        let left = usd - lines.iter().map(|line| line.usd).sum::<f64>();
        if left.abs() > SAME {
            lines.push(BillLine { item: "other", pass: None, quantity: 1, per: 1, price: left, usd: left });
        }
        Bill { cost, lines }
    }

    fn bundled_lines(&self, query: &PriceQuery<'_>, tokens: &Tokens) -> Option<Vec<BillLine>> {
        let place = self.place_of(query);
        let of = |model: Option<&str>| {
            let model = model?;
            let meant = self.own.as_ref().and_then(|own| own.alias(model)).unwrap_or(model);
            // A model that the table knows and has no price for is looked for under its other name.
            Bundled::get().price(&place, query, meant, tokens)?;
            Bundled::get().lines(&place, query, meant, tokens)
        };
        of(query.answered()).or_else(|| of(query.request_model))
    }
}
