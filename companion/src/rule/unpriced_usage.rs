use super::config::{Key, Settings};
use super::scope::Group;
use super::{Absent, By, Compare, Evaluation, Inputs, Labels, OTHER, Rule, RuleName, Sample, Scope, TOP, Unit, Verdict, count};
use crate::store::{Dimension, StoreError};
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;

/// The most models that are inspected; unpriced calls of further ones are reported together.
const MODELS: usize = 1000;

/// Calls of a model that no table prices, so that no cost counts them. One alert per model, or one for
/// all of them when there are more than ten.
pub(super) const RULE: Rule = Rule {
    name: RuleName::UnpricedUsage,
    advice: "add the price to prices.toml, or set private_hosts there if a gateway on a host of your own serves the model",
    unit: Unit::Calls,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings { keep_firing_for: Seconds(900), ..Settings::WARNING },
    fixed: Some(Settings { keep_firing_for: Seconds(900), ..Settings::WARNING }),
    before: Seconds(0),
    grain: Seconds(0),
    keys: &[Key::Threshold, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "LLM calls of a model without a price".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let mut samples = Vec::new();
    for group in scope.groups(inputs, scope.window(inputs.now))? {
        let unpriced = group.totals.unpriced;
        if count(unpriced) > settings.threshold {
            samples.extend(by_model(scope, inputs, &group)?);
            continue;
        }
        samples.push(Sample {
            labels: group.labels,
            value: count(unpriced),
            threshold: settings.threshold,
            learned: false,
            verdict: Verdict::Calm,
            description: inputs.sentences.of(Verdict::Calm, || {
                let within = settings.window.words();
                format!("{unpriced} {} without a price within {within}", plural(unpriced, "call"))
            }),
        });
    }
    Ok(scope.judged(samples))
}

/// One sample per model. When there are too many, one for all of them: which ten are the most frequent may change
/// with every evaluation.
fn by_model(scope: &Scope, inputs: &Inputs<'_>, group: &Group) -> Result<Vec<Sample>, StoreError> {
    let settings = &scope.settings;
    let within = settings.window.words();
    let (window, filter) = (scope.window(inputs.now), scope.filter_of(group.name.as_deref()));
    let mut models = inputs.querier.breakdown(window, &filter, Dimension::Model, MODELS)?;
    models.retain(|model| model.totals.unpriced > 0);
    models.sort_by(|a, b| b.totals.unpriced.cmp(&a.totals.unpriced).then_with(|| a.name.cmp(&b.name)));
    let sample = |model: &str, calls: u64, description: String| {
        let mut labels = Labels::clone(&group.labels);
        labels.insert("model".to_owned(), model.to_owned());
        let (value, threshold) = (count(calls), settings.threshold);
        Sample { labels: labels.into(), value, threshold, learned: false, verdict: Verdict::Exceeded, description }
    };
    let name = |model: &str| if model.is_empty() { "an unknown model".to_owned() } else { model.to_owned() };
    if models.len() <= TOP {
        let each = models.iter().map(|model| {
            let calls = model.totals.unpriced;
            sample(&model.name, calls, no_price(calls, &name(&model.name), &within))
        });
        return Ok(each.collect());
    }
    let most: Vec<String> = models
        .iter()
        .take(TOP)
        .map(|model| format!("{} ({})", name(&model.name), model.totals.unpriced))
        .collect();
    let all = format!("{} models", models.len());
    let calls = group.totals.unpriced;
    let text = format!("{}; the most of {}", no_price(calls, &all, &within), most.join(", "));
    Ok(vec![sample(OTHER, calls, text)])
}

fn no_price(calls: u64, model: &str, within: &str) -> String {
    match calls {
        1 => format!("1 call of {model} within {within} has no price, and no cost counts it"),
        _ => format!("{calls} calls of {model} within {within} have no price, and no cost counts them"),
    }
}
