//! The shape of `prices.toml`, and the errors when it is wrong.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::value::{Date, Datetime};

use super::{Entry, Rates, Table, source};
use crate::cost::PriceError;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    price: Vec<Spanned<Price>>,
    #[serde(default)]
    aliases: BTreeMap<Spanned<String>, Spanned<String>>,
    default: Option<Spanned<RateKeys>>,
    #[serde(default)]
    private_hosts: bool,
    #[serde(default)]
    hosts: BTreeMap<Spanned<String>, Spanned<f64>>,
}

/// The largest multiple of a list price that is taken for one.
const MAX_MULTIPLE: f64 = 100.0;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    model: Spanned<String>,
    provider: Option<Spanned<String>>,
    host: Option<Spanned<String>>,
    from: Option<Spanned<Datetime>>,
    free: Option<Spanned<bool>>,
    input: Option<Spanned<f64>>,
    output: Option<Spanned<f64>>,
    cache_read: Option<Spanned<f64>>,
    cache_write: Option<Spanned<f64>>,
    cache_write_1h: Option<Spanned<f64>>,
    web_search: Option<Spanned<f64>>,
    #[serde(default)]
    tiers: BTreeMap<String, RateKeys>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateKeys {
    input: Option<Spanned<f64>>,
    output: Option<Spanned<f64>>,
    cache_read: Option<Spanned<f64>>,
    cache_write: Option<Spanned<f64>>,
    cache_write_1h: Option<Spanned<f64>>,
    web_search: Option<Spanned<f64>>,
}

/// A fault and where it is.
struct Fault {
    at: Range<usize>,
    key: &'static str,
    reason: String,
}

impl Fault {
    fn new(at: Range<usize>, key: &'static str, reason: impl Into<String>) -> Self {
        Self { at, key, reason: reason.into() }
    }
}

/// Reads `text` into a table whose entries are in the order of the file.
pub(super) fn parse(text: &str, file: &str) -> Result<Table, PriceError> {
    let line_of = |at: usize| 1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
    let read: File = toml::from_str(text).map_err(|error| PriceError::Invalid {
        file: file.to_owned(),
        line: line_of(error.span().map_or(0, |span| span.start)),
        key: "toml".to_owned(),
        reason: format!("{}; prices.example.toml shows every key", error.message().replace('\n', ", ")),
    })?;
    table(read, text, &line_of).map_err(|fault| PriceError::Invalid {
        file: file.to_owned(),
        line: line_of(fault.at.start),
        key: fault.key.to_owned(),
        reason: fault.reason,
    })
}

fn table(read: File, text: &str, line_of: &dyn Fn(usize) -> usize) -> Result<Table, Fault> {
    let mut entries: Vec<Entry> = Vec::with_capacity(read.price.len());
    let mut places: Vec<usize> = Vec::with_capacity(read.price.len());
    for price in read.price {
        let span = price.span();
        let entry = entry(price.into_inner(), span.clone())?;
        let same = |other: &Entry| {
            (&other.model, other.prefix, &other.provider, &other.host, other.from)
                == (&entry.model, entry.prefix, &entry.provider, &entry.host, entry.from)
        };
        if let Some(index) = entries.iter().position(same) {
            let line = line_of(places[index]);
            let reason =
                format!("the same model, provider, host and date are already at line {line}; remove one");
            return Err(Fault::new(span, "price", reason));
        }
        entries.push(entry);
        places.push(span.start);
    }
    let mut aliases = std::collections::HashMap::with_capacity(read.aliases.len());
    for (name, model) in read.aliases {
        let name = lower("aliases", &name)?;
        aliases.insert(name, filled("aliases", &model)?.to_owned());
    }
    let mut hosts = std::collections::HashMap::with_capacity(read.hosts.len());
    for (host, multiple) in read.hosts {
        let name = lower("hosts", &host)?;
        if !(*multiple.get_ref() > 0.0 && *multiple.get_ref() <= MAX_MULTIPLE) {
            let reason = format!("a multiple of the list price is above 0 and at most {MAX_MULTIPLE}");
            return Err(Fault::new(multiple.span(), "hosts", reason));
        }
        hosts.insert(name, *multiple.get_ref());
    }
    let default = match read.default {
        Some(keys) => Some(full_rates(keys.get_ref(), keys.span(), "default")?),
        None => None,
    };
    Ok(Table { entries, aliases, default, private_hosts: read.private_hosts, hosts, source: source(text) })
}

fn entry(price: Price, span: Range<usize>) -> Result<Entry, Fault> {
    let name = lower("model", &price.model)?;
    let (model, prefix) = match name.strip_suffix('*') {
        Some(stem) => (stem.to_owned(), true),
        None => (name, false),
    };
    if model.contains('*') {
        return Err(Fault::new(price.model.span(), "model", "a star is allowed only at the end of a name"));
    }
    let from = price.from.as_ref().map(midnight).transpose()?;
    let provider = price.provider.as_ref().map(|name| lower("provider", name)).transpose()?;
    let host = price.host.as_ref().map(|name| lower("host", name)).transpose()?;
    let keys = RateKeys {
        input: price.input,
        output: price.output,
        cache_read: price.cache_read,
        cache_write: price.cache_write,
        cache_write_1h: price.cache_write_1h,
        web_search: price.web_search,
    };
    let free = price.free.as_ref().is_some_and(|free| *free.get_ref());
    let rates = if free {
        if let Some((key, rate)) = keys.given().next() {
            return Err(Fault::new(rate.span(), key, "the entry is free; remove the price or `free = true`"));
        }
        if !price.tiers.is_empty() {
            return Err(Fault::new(span, "tiers", "the entry is free; remove the tiers or `free = true`"));
        }
        Rates {
            input: 0.0,
            output: 0.0,
            cache_read: 0.0,
            cache_write: 0.0,
            cache_write_1h: None,
            web_search: None,
        }
    } else {
        full_rates(&keys, span, "price")?
    };
    let tiers = price
        .tiers
        .iter()
        .map(|(tier, of_tier)| Ok((tier.to_lowercase(), tier_rates(of_tier, &keys, &rates)?)))
        .collect::<Result<_, Fault>>()?;
    Ok(Entry { model, prefix, provider, host, from, rates, tiers })
}

impl RateKeys {
    fn given(&self) -> impl Iterator<Item = (&'static str, &Spanned<f64>)> {
        [
            ("input", &self.input),
            ("output", &self.output),
            ("cache_read", &self.cache_read),
            ("cache_write", &self.cache_write),
            ("cache_write_1h", &self.cache_write_1h),
            ("web_search", &self.web_search),
        ]
        .into_iter()
        .filter_map(|(key, rate)| Some((key, rate.as_ref()?)))
    }

    fn check(&self) -> Result<(), Fault> {
        match self.given().find(|(_, rate)| !(rate.get_ref().is_finite() && *rate.get_ref() >= 0.0)) {
            Some((key, rate)) => {
                let reason =
                    format!("{} is no price; give USD per million tokens, 0 or more", rate.get_ref());
                Err(Fault::new(rate.span(), key, reason))
            }
            None => Ok(()),
        }
    }
}

/// Rates that stand alone: both directions are given, and cached input costs what other input does unless it
/// has a price.
fn full_rates(keys: &RateKeys, span: Range<usize>, part: &'static str) -> Result<Rates, Fault> {
    keys.check()?;
    let (Some(input), Some(output)) = (&keys.input, &keys.output) else {
        let missing = if keys.input.is_none() { "input" } else { "output" };
        let reason = format!("`{missing}` is missing; give USD per million tokens (0 if they cost nothing)");
        return Err(Fault::new(span, part, reason));
    };
    let or_input = |rate: &Option<Spanned<f64>>| *rate.as_ref().unwrap_or(input).get_ref();
    Ok(Rates {
        input: *input.get_ref(),
        output: *output.get_ref(),
        cache_read: or_input(&keys.cache_read),
        cache_write: or_input(&keys.cache_write),
        cache_write_1h: keys.cache_write_1h.as_ref().map(|rate| *rate.get_ref()),
        web_search: keys.web_search.as_ref().map(|rate| *rate.get_ref()),
    })
}

/// The rates of a tier: what it leaves out is as without it.
fn tier_rates(of_tier: &RateKeys, keys: &RateKeys, rates: &Rates) -> Result<Rates, Fault> {
    of_tier.check()?;
    let input = of_tier.input.as_ref().map_or(rates.input, |rate| *rate.get_ref());
    let either = |of_tier: &Option<Spanned<f64>>, without: &Option<Spanned<f64>>| {
        of_tier.as_ref().or(without.as_ref()).map_or(input, |rate| *rate.get_ref())
    };
    Ok(Rates {
        input,
        output: of_tier.output.as_ref().map_or(rates.output, |rate| *rate.get_ref()),
        cache_read: either(&of_tier.cache_read, &keys.cache_read),
        cache_write: either(&of_tier.cache_write, &keys.cache_write),
        cache_write_1h: of_tier
            .cache_write_1h
            .as_ref()
            .map_or(rates.cache_write_1h, |rate| Some(*rate.get_ref())),
        web_search: of_tier.web_search.as_ref().map_or(rates.web_search, |rate| Some(*rate.get_ref())),
    })
}

fn filled<'a>(key: &'static str, name: &'a Spanned<String>) -> Result<&'a str, Fault> {
    match name.get_ref().trim() {
        "" => Err(Fault::new(name.span(), key, "the name is empty; give one or remove the key")),
        name => Ok(name),
    }
}

fn lower(key: &'static str, name: &Spanned<String>) -> Result<String, Fault> {
    filled(key, name).map(str::to_lowercase)
}

/// Midnight UTC of a date, in seconds since the Unix epoch.
fn midnight(from: &Spanned<Datetime>) -> Result<i64, Fault> {
    const SECONDS_A_DAY: i64 = 86_400;
    match from.get_ref() {
        Datetime { date: Some(date), time: None, offset: None } => Ok(days(*date) * SECONDS_A_DAY),
        _ => Err(Fault::new(from.span(), "from", "a date alone is wanted, such as 2026-01-31")),
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, counting years from March so that a leap day ends one.
fn days(date: Date) -> i64 {
    const DAYS_BEFORE_1970: i64 = 719_468;
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - DAYS_BEFORE_1970
}
