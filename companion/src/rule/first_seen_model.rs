use super::config::{Key, Settings};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit, first_seen};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// A model that no call of the last eight days had is called, and often.
pub(super) const RULE: Rule = Rule {
    name: RuleName::FirstSeenModel,
    advice: "look who chose the model, and what it costs",
    unit: Unit::Calls,
    compare: Compare::AtLeast,
    absent: Absent::Calm,
    by: Some(By::Model),
    defaults: Settings {
        learn: true,
        floor: 50.0,
        window: Seconds(7200),
        keep_firing_for: Seconds(0),
        ..Settings::INFO
    },
    fixed: None,
    before: Seconds(0),
    grain: Seconds(300),
    keys: &[Key::Learned],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "Many LLM calls of a model that was not seen before".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    first_seen::evaluate(scope, inputs, "model")
}
