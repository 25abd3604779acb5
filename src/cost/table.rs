//! The user's own prices: a gateway's, contract rates, models that are in no other table. Read from TOML.

mod file;
mod lines;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::{PriceError, PriceQuery, Priced, Tokens};
use crate::billing::{Billing, Count, Word, is_standard};

/// Tokens a rate is given for.
const PER: f64 = 1e6;

/// A parsed `prices.toml`.
#[derive(Debug)]
pub(super) struct Table {
    /// The most specific first, so that the first match wins.
    entries: Vec<Entry>,
    /// Model names by deployment name in lower case.
    aliases: HashMap<String, String>,
    default: Option<Rates>,
    /// Whether models on private hosts are priced by their names.
    pub(super) private_hosts: bool,
    /// What hosts cost as multiples of the list price, by host in lower case.
    hosts: HashMap<String, f64>,
    source: Arc<str>,
}

/// The price of one model, or of all whose names begin alike.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    /// In lower case, without the star.
    model: String,
    prefix: bool,
    provider: Option<String>,
    host: Option<String>,
    /// Seconds since the Unix epoch, midnight UTC.
    from: Option<i64>,
    rates: Rates,
    /// By tier in lower case.
    tiers: HashMap<String, Rates>,
}

/// USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rates {
    input: f64,
    output: f64,
    cache_read: f64,
    cache_write: f64,
    /// Cache writes that live for an hour, where they have a price of their own.
    cache_write_1h: Option<f64>,
    /// US dollars for a thousand web searches.
    web_search: Option<f64>,
}

impl Table {
    /// Reads `text`; messages name `file`.
    pub(super) fn parse(text: &str, file: &str) -> Result<Self, PriceError> {
        let mut table = file::parse(text, file)?;
        table.entries.sort_by_key(|entry| std::cmp::Reverse(entry.specificity()));
        Ok(table)
    }

    /// The price of the model that answered, else of the model asked for, else of what their aliases mean.
    pub(super) fn price(&self, query: &PriceQuery<'_>, tokens: &Tokens) -> Option<Priced> {
        let entry = self.entry_of(query)?;
        let tier = query.tier().unwrap_or_default().to_lowercase();
        let of_tier = entry.tiers.get(&tier);
        // Sound costs a multiple of text everywhere, and this table has no rate of it.
        let sound = [query.usage.input_modality.audio, query.usage.output_modality.audio];
        let silent = sound.into_iter().flatten().all(|tokens| tokens == 0);
        let exact = silent && (of_tier.is_some() || is_standard(&tier));
        let rates = of_tier.unwrap_or(&entry.rates);
        let priced = self.priced(rates, tokens, exact);
        let (fees, known) = rates.fees(query.billing, tokens);
        Some(Priced { usd: priced.usd + fees, exact: priced.exact && (known || priced.free), ..priced })
    }

    /// The entry of the model that answered, else of the model asked for, else of what their aliases mean.
    fn entry_of(&self, query: &PriceQuery<'_>) -> Option<&Entry> {
        let named = [query.response_model, query.request_model].into_iter().flatten();
        let meant = named.clone().filter_map(|name| self.alias(name));
        named.chain(meant).find_map(|model| self.entry(model, query))
    }

    /// Whether an entry has a price for this very model, or for what its alias means.
    pub(super) fn has(&self, model: &str, query: &PriceQuery<'_>) -> bool {
        let meant = self.alias(model).unwrap_or(model);
        self.entry(model, query).or_else(|| self.entry(meant, query)).is_some()
    }

    pub(super) const fn has_default(&self) -> bool {
        self.default.is_some()
    }

    fn entry(&self, model: &str, query: &PriceQuery<'_>) -> Option<&Entry> {
        let model = model.to_lowercase();
        self.entries.iter().find(|entry| entry.applies(&model, query))
    }

    /// The price the table gives for unknown models.
    pub(super) fn default_price(&self, tokens: &Tokens) -> Option<Priced> {
        self.default.as_ref().map(|rates| Priced { free: false, ..self.priced(rates, tokens, false) })
    }

    /// The model that a deployment runs.
    pub(super) fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.get(&name.to_lowercase()).map(String::as_str)
    }

    /// What a host costs as a multiple of the list price.
    pub(super) fn multiple(&self, host: &str) -> Option<f64> {
        self.hosts.get(host).copied()
    }

    /// The source of a price of another table that a multiple of this one was taken of.
    pub(super) fn with(&self, source: &str) -> Arc<str> {
        format!("{source}+{}", self.source).into()
    }

    /// Whether an entry or an alias bears this very name.
    pub(super) fn names(&self, model: &str) -> bool {
        let model = model.to_lowercase();
        self.aliases.contains_key(&model)
            || self.entries.iter().any(|entry| !entry.prefix && entry.model == model)
    }

    fn priced(&self, rates: &Rates, tokens: &Tokens, exact: bool) -> Priced {
        Priced { usd: rates.of(tokens), exact, free: rates.are_zero(), source: Arc::clone(&self.source) }
    }
}

impl Entry {
    fn applies(&self, model: &str, query: &PriceQuery<'_>) -> bool {
        let named = if self.prefix { model.starts_with(&self.model) } else { model == self.model };
        let same = |wanted: &Option<String>, actual: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(actual))
        };
        named
            && same(&self.provider, query.provider)
            && same(&self.host, query.server_address.unwrap_or_default())
            && self.from.is_none_or(|from| from <= seconds(query.at))
    }

    /// A name before a prefix, a longer prefix before a shorter one, a host before a provider before neither,
    /// a later date before an earlier one.
    const fn specificity(&self) -> (bool, usize, bool, bool, Option<i64>) {
        (!self.prefix, self.model.len(), self.host.is_some(), self.provider.is_some(), self.from)
    }
}

impl Rates {
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
    fn of(&self, tokens: &Tokens) -> f64 {
        (tokens.uncached as f64 * self.input
            + tokens.cache_read as f64 * self.cache_read
            + (tokens.cache_write - tokens.cache_write_1h) as f64 * self.cache_write
            + tokens.cache_write_1h as f64 * self.cache_write_1h.unwrap_or(self.cache_write)
            + tokens.output as f64 * self.output)
            / PER
    }

    /// What is billed next to tokens, and whether the entry has a price for all of it.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn fees(&self, billing: &Billing, tokens: &Tokens) -> (f64, bool) {
        let searches = billing.count(Count::WebSearch);
        let fees = searches as f64 * self.web_search.unwrap_or(0.0) / 1e3;
        // Of everything else the table has no rates.
        let known = [Count::WebSearch, Count::CacheWrite1h, Count::Unparsed];
        let others = Count::ALL.iter().all(|count| known.contains(count) || billing.count(*count) == 0);
        let words = [Word::Payment, Word::Speed, Word::Region, Word::SearchContext];
        let plain = words.iter().all(|word| billing.get(*word).is_none()) && billing.passes().is_empty();
        let priced = (searches == 0 || self.web_search.is_some())
            && (tokens.cache_write_1h == 0 || self.cache_write_1h.is_some());
        (fees, others && plain && priced)
    }

    fn are_zero(&self) -> bool {
        [self.input, self.output, self.cache_read, self.cache_write].iter().all(|rate| *rate == 0.0)
    }
}

/// What tells one revision of a table from another: its name and the first 8 hex digits of its SHA-256.
fn source(text: &str) -> Arc<str> {
    let digest = Sha256::digest(text.as_bytes());
    format!("prices.toml/{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]).into()
}

/// Seconds since the Unix epoch; clocks set before it count as the epoch.
fn seconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
