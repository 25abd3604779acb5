//! The parts of a price of the user's own table, as lines of a bill.

use super::{PriceQuery, Rates, Table, Tokens};
use crate::billing::Count;
use crate::cost::bill::{BillLine, TOKENS};

impl Table {
    /// The lines of what [`Table::price`] gives.
    pub(in crate::cost) fn lines(&self, query: &PriceQuery<'_>, tokens: &Tokens) -> Option<Vec<BillLine>> {
        let entry = self.entry_of(query)?;
        let tier = query.tier().unwrap_or_default().to_lowercase();
        let rates = entry.tiers.get(&tier).unwrap_or(&entry.rates);
        let mut lines = rates.lines(tokens);
        let searches = query.billing.count(Count::WebSearch);
        lines.push(line("web searches", searches, 1, rates.web_search.unwrap_or(0.0) / 1e3));
        Some(lines)
    }

    /// The lines of what [`Table::default_price`] gives.
    pub(in crate::cost) fn default_lines(&self, tokens: &Tokens) -> Option<Vec<BillLine>> {
        self.default.as_ref().map(|rates| rates.lines(tokens))
    }
}

impl Rates {
    fn lines(&self, tokens: &Tokens) -> Vec<BillLine> {
        let of_5_minutes = tokens.cache_write - tokens.cache_write_1h;
        let of_1_hour = self.cache_write_1h.unwrap_or(self.cache_write);
        vec![
            line("input", tokens.uncached, TOKENS, self.input),
            line("cache read", tokens.cache_read, TOKENS, self.cache_read),
            line("cache write", of_5_minutes, TOKENS, self.cache_write),
            line("cache write, 1 h", tokens.cache_write_1h, TOKENS, of_1_hour),
            line("output", tokens.output, TOKENS, self.output),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn line(item: &'static str, quantity: u64, per: u64, price: f64) -> BillLine {
    BillLine { item, pass: None, quantity, per, price, usd: quantity as f64 * price / per as f64 }
}
