//! What plain tokens of a model cost, so that `genai-prices` need not find and add up the same again for each call.
//!
//! `genai-prices` stays the judge. The rates are taken from what it computes, are kept only where they give what it computes for
//! prompts of all lengths up to a limit, and count for the minute in which a call was computed by both, alike: prices change at
//! whole minutes. Whatever has more than plain tokens is computed by `genai-prices` alone.

use std::sync::{PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use genai_prices::UsageKey;

use super::finding::Resolution;
use super::piece::{LONG, Piece};
use super::usage::count_of;
use crate::billing::{Billing, is_standard};
use crate::cost::parts::Parts;
use crate::cost::{PriceQuery, factors};
use crate::usage::Modality;

/// Calls of a model that `genai-prices` computes before its rates are asked for, which takes about as long as so many calls.
/// Twice as many after each time that they did not last.
const PATIENCE: u32 = 8;

/// Lengths of prompts that are tried, in ascending order.
const LENGTHS: [u64; 4] = [1_000, 32_000, 100_000, LONG - 1];

/// Tokens that a price is given for.
const MILLION: f64 = 1e6;

/// Tokens of output that are asked for with each length.
const OUTPUT: u64 = 777;

/// Tokens with nothing about them that has a price of its own, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Plain {
    uncached: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    /// The kinds that count as other input, as [`Plain::kinds`] gives them.
    folded: u8,
}

/// The kinds of cached tokens, by their place in [`Plain::each`].
const READ: u8 = 1;
const WRITTEN: u8 = 1 << 1;

impl Plain {
    /// The tokens of a piece of a call, if they are plain.
    pub(super) fn of(
        query: &PriceQuery<'_>,
        billing: &Billing,
        resolution: &Resolution,
        piece: &Piece<'_>,
    ) -> Option<Self> {
        let (usage, tokens) = (piece.usage, &piece.tokens);
        let modalities = [usage.input_modality, usage.output_modality, usage.cache_read_modality];
        let plain = billing.is_empty()
            && tokens.cache_write_1h == 0
            && tokens.input() < LONG
            && query.tier().is_none_or(is_standard)
            && modalities.iter().all(|modality| *modality == Modality::default())
            && factors::search_context(resolution.provider, &resolution.model, None).is_none();
        let plain = plain && (usage.reasoning_tokens.unwrap_or(0) == 0 || !resolution.parts.reasoning);
        plain.then(|| {
            let whole = Self {
                uncached: tokens.uncached,
                cache_read: tokens.cache_read,
                cache_write: tokens.cache_write,
                output: tokens.output,
                folded: 0,
            };
            whole.told_apart(resolution.parts)
        })
    }

    /// What is cached is other input where it has no price of its own.
    fn told_apart(mut self, parts: Parts) -> Self {
        for (apart, count, kind) in [
            (parts.cache_read, &mut self.cache_read, READ),
            (parts.cache_write, &mut self.cache_write, WRITTEN),
        ] {
            if !apart && *count > 0 {
                self.uncached += std::mem::take(count);
                self.folded |= kind;
            }
        }
        self
    }

    const fn input(&self) -> u64 {
        self.uncached + self.cache_read + self.cache_write
    }

    const fn each(&self) -> [u64; 4] {
        [self.cache_read, self.cache_write, self.uncached, self.output]
    }

    /// A bit for each kind of which there are tokens. What counts as other input is a kind of its own: whether it has a price
    /// apart is known for today, and the call may be of another day.
    fn kinds(&self) -> u8 {
        let counted = self.each().into_iter().enumerate();
        counted.fold(self.folded, |kinds, (bit, count)| kinds | u8::from(count > 0) << bit)
    }

    /// The usage as the table counts it.
    fn usage(&self) -> genai_prices::Usage {
        let mut usage = genai_prices::Usage::from([
            (UsageKey::INPUT_TOKENS, count_of(self.input())),
            (UsageKey::OUTPUT_TOKENS, count_of(self.output)),
        ]);
        for (key, count) in
            [(UsageKey::CACHE_READ_TOKENS, self.cache_read), (UsageKey::CACHE_WRITE_TOKENS, self.cache_write)]
        {
            if count > 0 {
                usage.insert(key, count_of(count));
            }
        }
        usage
    }
}

/// US dollars per million tokens, in the order of [`Plain::each`], for prompts up to a length.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PerMillion {
    rates: [f64; 4],
    longest: u64,
}

impl PerMillion {
    /// Adds up as `genai-prices` does, in the same order, so that the result is the same to the last bit.
    fn usd(&self, plain: &Plain) -> f64 {
        let [read, written, uncached, output] = plain.each().map(count_of);
        let [of_read, of_written, of_uncached, of_output] = self.rates;
        let input =
            of_read * read / MILLION + of_written * written / MILLION + of_uncached * uncached / MILLION;
        input + of_output * output / MILLION
    }
}

/// The rates of one model.
#[derive(Debug, Default)]
pub(in crate::cost) struct Rates(RwLock<State>);

#[derive(Debug)]
struct State {
    patience: u32,
    /// Calls computed since there were no rates.
    computed: u32,
    known: Option<PerMillion>,
    /// The minute in which `kinds` were computed by both.
    minute: u64,
    kinds: u8,
}

impl Default for State {
    fn default() -> Self {
        Self { patience: PATIENCE, computed: 0, known: None, minute: 0, kinds: 0 }
    }
}

impl Rates {
    /// What plain tokens cost, if that is known for the minute of the call.
    pub(super) fn usd(&self, plain: &Plain, at: SystemTime) -> Option<f64> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = state.known.as_ref()?;
        let sure =
            state.minute == minute(at) && plain.kinds() & !state.kinds == 0 && plain.input() <= known.longest;
        sure.then(|| known.usd(plain))
    }

    /// Notes what `genai-prices` has computed for plain tokens.
    pub(super) fn note(
        &self,
        plain: &Plain,
        at: SystemTime,
        usd: f64,
        parts: Parts,
        compute: impl Fn(&genai_prices::Usage) -> Option<f64>,
    ) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &state.known {
            if plain.input() > known.longest {
                return;
            }
            if known.usd(plain).to_bits() != usd.to_bits() {
                // The price has changed.
                *state = State { patience: state.patience.saturating_mul(2), ..State::default() };
                return;
            }
            if state.minute != minute(at) {
                (state.minute, state.kinds) = (minute(at), 0);
            }
            state.kinds |= plain.kinds();
            return;
        }
        state.computed = state.computed.saturating_add(1);
        // Once: where there are no plain rates there are none later.
        if state.computed == state.patience {
            drop(state);
            let known = ask(parts, &compute);
            self.0.write().unwrap_or_else(PoisonError::into_inner).known = known;
        }
    }
}

/// The rates that give what is computed, for prompts as long as they do. `None` where short ones cost something else as well.
fn ask(parts: Parts, compute: &dyn Fn(&genai_prices::Usage) -> Option<f64>) -> Option<PerMillion> {
    let computed = |plain: &Plain| compute(&plain.usage());
    // A token costs a millionth of the rate, which is written with few digits.
    let rate = |plain: Plain| format!("{:.11e}", computed(&plain)? * MILLION).parse::<f64>().ok();
    let none = Plain::default();
    if computed(&none)? != 0.0 {
        return None;
    }
    let of_part = |apart: bool, plain: Plain| if apart { rate(plain) } else { Some(0.0) };
    let rates = [
        of_part(parts.cache_read, Plain { cache_read: 1, ..none })?,
        of_part(parts.cache_write, Plain { cache_write: 1, ..none })?,
        rate(Plain { uncached: 1, ..none })?,
        rate(Plain { output: 1, ..none })?,
    ];
    let known = |longest: u64| PerMillion { rates, longest };
    let same = |length: &u64| {
        let (cache_read, cache_write) = (length / 4, length / 8);
        let uncached = length - cache_read - cache_write;
        let plain = Plain { uncached, cache_read, cache_write, output: OUTPUT, folded: 0 }.told_apart(parts);
        computed(&plain).is_some_and(|usd| usd.to_bits() == known(*length).usd(&plain).to_bits())
    };
    // Where a price depends on the length, long prompts have another one than short ones.
    LENGTHS.into_iter().take_while(same).last().map(known)
}

/// Minutes since the Unix epoch.
fn minute(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use genai_prices::Calculator;

    use super::*;
    use crate::cost::PriceTable;
    use crate::cost::bundled::Bundled;
    use crate::usage::{Usage, UsageSource};

    fn compute(seller: &str, model: &str, at: SystemTime, usage: &genai_prices::Usage) -> Option<f64> {
        let request =
            genai_prices::PriceRequest::new(model, usage).with_provider_id(seller).with_timestamp(at);
        Calculator::bundled().calculate(&request).ok().map(|computed| computed.total_price)
    }

    /// 2026-11-23, a Monday.
    fn monday(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_392_000 + seconds)
    }

    #[test]
    fn rates_give_what_is_computed_to_the_last_bit() {
        let (mut models, mut known) = (0, 0);
        let names =
            Bundled::get().names.iter().flat_map(|(seller, models)| models.iter().map(|m| (*seller, m)));
        for (seller, model) in names.step_by(16) {
            let computed = |usage: &genai_prices::Usage| compute(seller, model, monday(0), usage);
            if computed(&Plain { uncached: 1, output: 1, ..Plain::default() }.usage())
                .is_none_or(|usd| usd == 0.0)
            {
                continue;
            }
            models += 1;
            let parts = Parts::of(Calculator::bundled(), seller, model);
            let Some(rates) = ask(parts, &computed) else { continue };
            known += 1;
            for (read, written, uncached, output) in [
                (0, 0, 1, 1),
                (1024, 0, 176, 100),
                (7, 13, 29, 31),
                (1, 19_997, 9_973, 123_457),
                (12_345, 1, 0, 0),
            ] {
                let whole = Plain { cache_read: read, cache_write: written, uncached, output, folded: 0 };
                let (plain, usage) = (whole.told_apart(parts), whole.usage());
                assert!(plain.input() <= rates.longest.max(31_000));
                let (ours, theirs) = (rates.usd(&plain), computed(&usage).unwrap());
                assert!((ours - theirs).abs() <= f64::EPSILON * theirs, "{seller} {model}: {ours} {theirs}");
            }
        }
        assert!(known * 10 > models * 9, "the rates of {known} of {models} models are known");
    }

    #[test]
    fn a_price_that_changes_is_followed_from_its_minute_on() {
        let usage = Usage { input_tokens: Some(1200), output_tokens: Some(100), ..Usage::default() };
        let mut prices = Vec::new();
        for seconds in [5 * 3600 + 3599, 6 * 3600, 6 * 3600 + 60, 10 * 3600 - 1, 10 * 3600] {
            let at = monday(seconds);
            let query = PriceQuery {
                provider: "deepseek",
                server_address: Some("api.deepseek.com"),
                response_model: Some("deepseek-flash"),
                request_model: None,
                service_tier: None,
                requested_service_tier: None,
                usage: &usage,
                usage_source: UsageSource::Provider,
                billing: Billing::NONE,
                at,
            };
            let plain = Plain { uncached: 1200, output: 100, ..Plain::default() };
            let computed = compute("deepseek", "deepseek-flash", at, &plain.usage()).unwrap();
            for _ in 0..5 * PATIENCE {
                assert_eq!(PriceTable::bundled().price(&query).usd, Some(computed), "{seconds}");
            }
            let resolution = {
                let table = PriceTable::bundled();
                let place = table.place_of(&query);
                Bundled::get().resolution(&place, "deepseek-flash").unwrap()
            };
            assert_eq!(resolution.rates.usd(&plain, at), Some(computed), "{seconds}");
            assert_eq!(resolution.rates.usd(&plain, at + Duration::from_secs(60)), None, "another minute");
            assert_eq!(resolution.rates.usd(&Plain { cache_read: 1, ..plain }, at), None, "another kind");
            prices.push(computed);
        }
        assert!(prices[0] < prices[1] && prices[3] > prices[4], "{prices:?}");
    }

    /// Its price list had a price of cached tokens then, and has none today.
    #[test]
    fn what_a_call_costs_does_not_depend_on_the_calls_before_it() {
        let at = UNIX_EPOCH + Duration::from_secs(1_741_564_800);
        let plain = Usage { input_tokens: Some(31_115), output_tokens: Some(211_411), ..Usage::default() };
        let cached = Usage { cache_read_tokens: Some(30_720), ..plain.clone() };
        let price = |usage: &Usage| {
            let query = PriceQuery {
                provider: "quicksilverpro",
                server_address: None,
                response_model: Some("gpt-oss-120b"),
                request_model: None,
                service_tier: None,
                requested_service_tier: None,
                usage,
                usage_source: UsageSource::Provider,
                billing: Billing::NONE,
                at,
            };
            PriceTable::bundled().price(&query).usd.unwrap()
        };
        let first = price(&cached);
        assert!(first < price(&plain));
        for _ in 0..5 * PATIENCE {
            price(&plain);
        }
        assert_eq!(price(&cached).to_bits(), first.to_bits());
    }

    #[test]
    fn long_prompts_of_another_price_are_computed() {
        let at = monday(0);
        let rates = Rates::default();
        let parts = Parts::of(Calculator::bundled(), "openai", "gpt-5.6-sol");
        let computed = |usage: &genai_prices::Usage| compute("openai", "gpt-5.6-sol", at, usage);
        let short = Plain { uncached: 10, output: 1, ..Plain::default() };
        for _ in 0..=PATIENCE {
            rates.note(&short, at, computed(&short.usage()).unwrap(), parts, computed);
        }
        assert_eq!(rates.usd(&short, at), computed(&short.usage()));
        // A model whose price changes at a length below the longest that is tried.
        let tiered = |usage: &genai_prices::Usage| {
            let input = usage.get("input_tokens").unwrap_or(0.0);
            let rate = if input > 50_000.0 { 2.0 } else { 1.0 };
            let apart = ["cache_read_tokens", "cache_write_tokens"].map(|key| usage.get(key).unwrap_or(0.0));
            let cached: f64 = apart.iter().sum();
            let price = |count: f64| rate * count / 1e6;
            Some(
                price(apart[0])
                    + price(apart[1])
                    + price(input - cached)
                    + price(usage.get("output_tokens")?),
            )
        };
        assert_eq!(ask(parts, &tiered).map(|known| known.longest), Some(32_000));
    }
}
