use super::config::{Key, Settings};
use super::{Compare, Evaluation, OTHER, Rule, RuleName, Sample, Scope, TOP, Unit, count};
use crate::text::terminal::plural;
use crate::record::Timestamp;
use crate::text::seconds::Seconds;
use crate::store::{Dimension, Querier, StoreError};

/// The most models that are inspected; unpriced calls of further ones are reported together.
const MODELS: usize = 1000;

/// Calls of a model that no table prices, so that no cost counts them. One alert per model, the ten with the most
/// calls.
pub(super) const RULE: Rule = Rule {
    name: RuleName::UnpricedUsage,
    advice: "add the price to prices.toml",
    unit: Unit::Calls,
    compare: Compare::Above,
    defaults: Settings { keep_firing_for: Seconds(900), ..Settings::WARNING },
    keys: &[Key::Threshold, Key::Models],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "LLM calls of a model without a price".to_owned()
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let within = settings.window.words();
    let totals = scope.totals(querier, now)?;
    let unpriced = totals.unpriced;
    if count(unpriced) <= settings.threshold {
        let sample = scope.sample(
            count(unpriced),
            false,
            format!("{unpriced} {} without a price within {within}", plural(unpriced, "call")),
        );
        return Ok(if totals.calls == 0 {
            Evaluation::empty(sample, scope.no_calls())
        } else {
            Evaluation::known(vec![sample])
        });
    }
    let mut models = querier.breakdown(scope.window(now), &scope.filter, Dimension::Model, MODELS)?;
    models.retain(|model| model.totals.unpriced > 0);
    models.sort_by(|a, b| b.totals.unpriced.cmp(&a.totals.unpriced).then_with(|| a.name.cmp(&b.name)));
    models.truncate(TOP);
    let mut named: Vec<(&str, u64)> =
        models.iter().map(|model| (model.name.as_str(), model.totals.unpriced)).collect();
    let listed: u64 = named.iter().map(|(_, calls)| calls).sum();
    if listed < unpriced {
        named.push((OTHER, unpriced - listed));
    }
    let samples = named
        .into_iter()
        .map(|(model, calls)| Sample {
            labels: scope.labels_with("model", model),
            ..scope.sample(
                count(calls),
                true,
                no_price(calls, if model.is_empty() { "an unknown model" } else { model }, &within),
            )
        })
        .collect();
    Ok(Evaluation::known(samples))
}

fn no_price(calls: u64, model: &str, within: &str) -> String {
    match calls {
        1 => format!("1 call of {model} within {within} has no price, and no cost counts it"),
        _ => format!("{calls} calls of {model} within {within} have no price, and no cost counts them"),
    }
}
