use super::config::{Key, Settings};
use super::{Evaluation, Rule, RuleName, Scope, Severity, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Too large a share of the calls repeats the request of an earlier one. Calls without a request hash are not judged.
#[derive(Debug)]
pub(super) struct DuplicateRatio;

impl Rule for DuplicateRatio {
    fn name(&self) -> RuleName {
        RuleName::DuplicateRatio
    }

    fn advice(&self) -> &'static str {
        "look for a retry storm or a loop"
    }

    fn unit(&self) -> Unit {
        Unit::Share
    }

    fn defaults(&self) -> Settings {
        Settings { severity: Severity::Warning, threshold: 0.3, min_calls: 10, ..Settings::base() }
    }

    fn keys(&self) -> &'static [Key] {
        &[Key::Threshold, Key::MinCalls, Key::Models]
    }

    fn summary(&self, settings: &Settings) -> String {
        format!("More than {} of LLM calls repeat another", Unit::Share.format(settings.threshold))
    }

    fn evaluate(
        &self,
        scope: &Scope,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Evaluation, StoreError> {
        let found = querier.duplicates(scope.window(now), &scope.filter)?;
        Ok(scope.share(found.repeats, found.hashed, "calls with a request hash", "repeat an earlier one"))
    }
}
