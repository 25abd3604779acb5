//! What is spent of budgets, as metrics. At most as many series as the configuration has budgets.

use crate::metrics::text::{Kind, Text};
use crate::rule::budget::Standing;

/// The time of a period in the unit of Prometheus.
#[expect(clippy::cast_precision_loss, reason = "whole seconds since 1970")]
const fn seconds(at: crate::record::Timestamp) -> f64 {
    (at.0 / crate::record::Timestamp::SECOND) as f64
}

/// A family, what it means, and its value; what has none has no sample.
type Family = (&'static str, &'static str, fn(&Standing) -> Option<f64>);

const FAMILIES: [Family; 5] = [
    ("spanledger_budget_limit_usd", "What may be spent in the current period of the budget.", |one| {
        Some(one.limit.as_usd())
    }),
    ("spanledger_budget_spent_usd", "What is spent in the current period of the budget.", |one| {
        Some(one.spent.as_usd())
    }),
    (
        "spanledger_budget_forecast_usd",
        "What will be spent in the current period of the budget; only after half of the usual spend.",
        |one| one.forecast.map(|forecast| forecast.usd),
    ),
    (
        "spanledger_budget_period_start_timestamp_seconds",
        "When the current period of the budget began.",
        |one| Some(seconds(one.period.from)),
    ),
    (
        "spanledger_budget_period_end_timestamp_seconds",
        "When the current period of the budget ends.",
        |one| Some(seconds(one.period.to)),
    ),
];

pub(super) fn write(out: &mut Text, budgets: &[Standing]) {
    for (name, help, value) in FAMILIES {
        if budgets.is_empty() {
            return;
        }
        out.family(name, Kind::Gauge, help);
        for budget in budgets {
            if let Some(value) = value(budget) {
                out.sample(name, &[("budget", &budget.name)], value);
            }
        }
    }
}
