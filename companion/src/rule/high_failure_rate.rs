use super::config::{Key, Settings};
use super::{Evaluation, Rule, RuleName, Scope, Severity, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Too large a share of the calls fails, on the way or at the provider. What the caller dropped or cancelled is no failure.
#[derive(Debug)]
pub(super) struct HighFailureRate;

impl Rule for HighFailureRate {
    fn name(&self) -> RuleName {
        RuleName::HighFailureRate
    }

    fn advice(&self) -> &'static str {
        "check the key and the endpoint"
    }

    fn unit(&self) -> Unit {
        Unit::Share
    }

    fn defaults(&self) -> Settings {
        Settings { severity: Severity::Critical, threshold: 0.5, min_calls: 11, ..Settings::base() }
    }

    fn keys(&self) -> &'static [Key] {
        &[Key::Threshold, Key::MinCalls, Key::Models]
    }

    fn summary(&self, settings: &Settings) -> String {
        format!("More than {} of LLM calls fail", Unit::Share.format(settings.threshold))
    }

    fn evaluate(
        &self,
        scope: &Scope,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Evaluation, StoreError> {
        let totals = scope.totals(querier, now)?;
        Ok(scope.share(totals.failed, totals.calls, "calls", "failed"))
    }
}
