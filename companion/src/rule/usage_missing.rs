use super::config::{Key, Settings};
use super::{Evaluation, Rule, RuleName, Scope, Severity, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Successful calls whose usage nobody reported, so that neither tokens nor dollars count them.
#[derive(Debug)]
pub(super) struct UsageMissing;

impl Rule for UsageMissing {
    fn name(&self) -> RuleName {
        RuleName::UsageMissing
    }

    fn advice(&self) -> &'static str {
        "ask for usage in streams"
    }

    fn unit(&self) -> Unit {
        Unit::Share
    }

    fn defaults(&self) -> Settings {
        Settings { severity: Severity::Warning, threshold: 0.01, min_calls: 20, ..Settings::base() }
    }

    fn keys(&self) -> &'static [Key] {
        &[Key::Threshold, Key::MinCalls, Key::Models]
    }

    fn summary(&self, settings: &Settings) -> String {
        let limit = Unit::Share.format(settings.threshold);
        format!("More than {limit} of successful LLM calls report no usage")
    }

    fn evaluate(
        &self,
        scope: &Scope,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Evaluation, StoreError> {
        let totals = scope.totals(querier, now)?;
        Ok(scope.share(
            totals.succeeded_without_usage,
            totals.succeeded,
            "successful calls",
            "brought no token usage",
        ))
    }
}
