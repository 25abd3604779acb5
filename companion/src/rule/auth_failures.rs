use super::config::{Key, Settings};
use super::{Evaluation, Rule, RuleName, Scope, Severity, Unit, count};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};
use crate::text::terminal::plural;

/// Answers 401 or 403, as many as the threshold or more.
#[derive(Debug)]
pub(super) struct AuthFailures;

impl Rule for AuthFailures {
    fn name(&self) -> RuleName {
        RuleName::AuthFailures
    }

    fn advice(&self) -> &'static str {
        "a key is wrong, revoked or stolen"
    }

    fn unit(&self) -> Unit {
        Unit::Calls
    }

    fn defaults(&self) -> Settings {
        Settings { severity: Severity::Critical, threshold: 5.0, ..Settings::base() }
    }

    fn keys(&self) -> &'static [Key] {
        &[Key::Threshold, Key::Models]
    }

    fn inclusive(&self) -> bool {
        true
    }

    fn summary(&self, settings: &Settings) -> String {
        let limit = Unit::Calls.format(settings.threshold);
        format!("{limit} or more LLM calls were answered 401 or 403")
    }

    fn evaluate(
        &self,
        scope: &Scope,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Evaluation, StoreError> {
        let settings = &scope.settings;
        let totals = scope.totals(querier, now)?;
        let refused = count(totals.unauthorized);
        let description = format!(
            "{} {} within {} {} answered 401 or 403, threshold {}",
            totals.unauthorized,
            plural(totals.unauthorized, "call"),
            settings.window.words(),
            if totals.unauthorized == 1 { "was" } else { "were" },
            Unit::Calls.format(settings.threshold)
        );
        let sample = scope.sample(refused, refused >= settings.threshold, description);
        Ok(if totals.calls == 0 {
            Evaluation::empty(sample, scope.no_calls())
        } else {
            Evaluation::known(vec![sample])
        })
    }
}
