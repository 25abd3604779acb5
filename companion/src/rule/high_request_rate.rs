use super::config::{Key, Settings};
use super::{Evaluation, Rule, RuleName, Scope, Severity, Unit, count};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// More requests a minute, on average over the window, than allowed.
#[derive(Debug)]
pub(super) struct HighRequestRate;

impl Rule for HighRequestRate {
    fn name(&self) -> RuleName {
        RuleName::HighRequestRate
    }

    fn advice(&self) -> &'static str {
        "rate-limit by client address or user"
    }

    fn unit(&self) -> Unit {
        Unit::PerMinute
    }

    fn defaults(&self) -> Settings {
        Settings { severity: Severity::Warning, threshold: 100.0, ..Settings::base() }
    }

    fn keys(&self) -> &'static [Key] {
        &[Key::Threshold, Key::Models]
    }

    fn summary(&self, settings: &Settings) -> String {
        let limit = Unit::PerMinute.format(settings.threshold);
        format!("More than {limit} LLM requests per minute over {}", settings.window.words())
    }

    fn evaluate(
        &self,
        scope: &Scope,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Evaluation, StoreError> {
        let settings = &scope.settings;
        let calls = scope.totals(querier, now)?.calls;
        #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
        let rate = count(calls) * 60.0 / settings.window.0 as f64;
        let description = format!(
            "{} requests per minute over {}, threshold {}",
            Unit::PerMinute.format(rate),
            settings.window.words(),
            Unit::PerMinute.format(settings.threshold)
        );
        let sample = scope.sample(rate, rate > settings.threshold, description);
        Ok(if calls == 0 {
            Evaluation::empty(sample, scope.no_calls())
        } else {
            Evaluation::known(vec![sample])
        })
    }
}
