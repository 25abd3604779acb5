use super::config::{Key, Settings};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit, first_seen};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// A user that no call of the last eight days had is called, and often.
pub(super) const RULE: Rule = Rule {
    name: RuleName::FirstSeenUser,
    advice: "look whether the user is known",
    unit: Unit::Calls,
    compare: Compare::AtLeast,
    absent: Absent::Calm,
    by: Some(By::User),
    defaults: Settings {
        learn: true,
        floor: 200.0,
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
    "Many LLM calls of a user that was not seen before".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    first_seen::evaluate(scope, inputs, "user")
}
