use super::budget::{Books, Forecast, Spent};
use super::config::Settings;
use super::{Absent, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// A budget will not last by what is usual for the rest of its period. Only after half of a usual period's spend: before,
/// forecasts are off by half and more.
pub(super) const RULE: Rule = Rule {
    name: RuleName::BudgetForecast,
    advice: "look what spends more than in earlier periods",
    unit: Unit::Usd,
    compare: Compare::Above,
    absent: Absent::Over("the period of the budget is over"),
    by: None,
    defaults: Settings { hold: Seconds(1_800), ..Settings::INFO },
    fixed: None,
    before: Seconds(0),
    grain: Seconds(300),
    keys: &[],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "A budget will not last, by what is usual for the rest of its period".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let Some(spent) = Spent::of(scope, inputs)? else {
        return Ok(Evaluation::unknown("there is no budget".to_owned()));
    };
    let Some(forecast) = Forecast::of(&spent, &Books::of(inputs))? else {
        let reason = "too early in the period, or fewer than three earlier periods";
        return Ok(Evaluation::unknown(reason.to_owned()));
    };
    let description = format!(
        "forecast {} of {}, such forecasts were off by {}; {}",
        Unit::Usd.format(forecast.usd),
        Unit::Usd.format(spent.budget.usd()),
        Unit::Share.format(forecast.error),
        spent.words()
    );
    // Once it is spent, no forecast is needed.
    let exceeded = forecast.usd > spent.budget.usd() && !spent.budget.reaches(spent.cost(), 100);
    let sample = Sample {
        labels: spent.labels(&[]).into(),
        value: forecast.usd,
        threshold: spent.budget.usd(),
        learned: false,
        verdict: Verdict::of(exceeded),
        description,
    };
    Ok(Evaluation::known(vec![sample]))
}
