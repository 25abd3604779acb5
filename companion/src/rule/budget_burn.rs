use super::budget::Spent;
use super::config::Settings;
use super::{Absent, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict};
use crate::record::{Timestamp, Window};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// How many times the budget's pace is too fast, within a long and a short window together: the long one shows that it
/// matters, the short one that it goes on.
const RATES: [(&str, f64, Seconds, Seconds); 2] =
    [("fast", 14.4, Seconds::HOUR, Seconds(300)), ("slow", 6.0, Seconds(21_600), Seconds(1_800))];

/// A budget is spent so fast that it will not last.
pub(super) const RULE: Rule = Rule {
    name: RuleName::BudgetBurn,
    advice: "look what spends the budget, and stop it if it is not meant",
    unit: Unit::Times,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: None,
    defaults: Settings { window: Seconds(21_600), ..Settings::CRITICAL },
    fixed: None,
    before: Seconds(0),
    grain: Seconds::MINUTE,
    keys: &[],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "A budget is spent too fast to last".to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "periods are at most a month")]
fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let Some(spent) = Spent::of(scope, inputs)? else {
        return Ok(Evaluation::unknown("there is no budget".to_owned()));
    };
    let length = (spent.period.to.0 - spent.period.from.0) as f64 / Timestamp::SECOND as f64;
    let pace = spent.budget.usd() / length;
    let mut samples = Vec::new();
    for (burn, factor, long, short) in RATES {
        let rate = |seconds: Seconds| {
            let cost = inputs.ledger.totals(Window::last(seconds.0, inputs.now), spent.budget.filter())?.cost;
            Ok::<f64, StoreError>(cost.as_usd() / seconds.0 as f64 / pace)
        };
        let (over_long, over_short) = (rate(long)?, rate(short)?);
        let value = over_long.min(over_short);
        let mut labels = spent.budget.labels().clone();
        labels.insert("burn".to_owned(), burn.to_owned());
        let description = format!(
            "spent at {} the pace of the budget within {} and at {} within {}, threshold {}; {}",
            Unit::Times.format(over_long),
            long.words(),
            Unit::Times.format(over_short),
            short.words(),
            Unit::Times.format(factor),
            spent.words()
        );
        let verdict = Verdict::of(value > factor);
        samples.push(Sample { labels: labels.into(), value, threshold: factor, learned: false, verdict, description });
    }
    Ok(Evaluation::known(samples))
}
