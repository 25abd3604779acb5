use super::config::{Key, Settings};
use super::{Evaluation, Rule, RuleName, Scope, Severity, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Too large a share of the calls is answered 429.
#[derive(Debug)]
pub(super) struct RateLimited;

impl Rule for RateLimited {
    fn name(&self) -> RuleName {
        RuleName::RateLimited
    }

    fn advice(&self) -> &'static str {
        "slow down, raise the limit"
    }

    fn unit(&self) -> Unit {
        Unit::Share
    }

    fn defaults(&self) -> Settings {
        Settings { severity: Severity::Warning, threshold: 0.1, min_calls: 10, ..Settings::base() }
    }

    fn keys(&self) -> &'static [Key] {
        &[Key::Threshold, Key::MinCalls, Key::Models]
    }

    fn summary(&self, settings: &Settings) -> String {
        format!("More than {} of LLM calls were answered 429", Unit::Share.format(settings.threshold))
    }

    fn evaluate(
        &self,
        scope: &Scope,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Evaluation, StoreError> {
        let totals = scope.totals(querier, now)?;
        Ok(scope.share(totals.rate_limited, totals.calls, "calls", "were answered 429"))
    }
}
