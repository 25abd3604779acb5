use super::budget::{Books, Forecast, Spent};
use super::config::Settings;
use super::{Absent, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// A share of a budget is spent: each of its steps once per period.
pub(super) const RULE: Rule = Rule {
    name: RuleName::BudgetSpent,
    advice: "look what spends the budget, and raise or enforce it",
    unit: Unit::Share,
    compare: Compare::AtLeast,
    absent: Absent::Over("the period of the budget is over"),
    by: None,
    defaults: Settings { keep_firing_for: Seconds(0), ..Settings::WARNING },
    fixed: None,
    before: Seconds(0),
    grain: Seconds::MINUTE,
    keys: &[],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "A share of a budget is spent".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let Some(spent) = Spent::of(scope, inputs)? else {
        return Ok(Evaluation::unknown("there is no budget".to_owned()));
    };
    let mut description = spent.words();
    if let Some(forecast) = Forecast::of(&spent, &Books::of(inputs))? {
        description.push_str(&format!(
            "; forecast {}, such forecasts were off by {}",
            Unit::Usd.format(forecast.usd),
            Unit::Share.format(forecast.error)
        ));
    }
    let samples = spent.budget.steps().iter().map(|step| Sample {
        labels: spent.labels(&[("spent", format!("{step}%"))]).into(),
        value: spent.share(),
        threshold: f64::from(*step) / 100.0,
        learned: false,
        verdict: Verdict::of(spent.budget.reaches(spent.cost(), *step)),
        description: description.clone(),
    });
    Ok(Evaluation::known(samples.collect()))
}
