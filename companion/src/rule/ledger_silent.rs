use super::config::{Key, Settings};
use super::{Evaluation, Rule, RuleName, Scope, Severity, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};
use crate::text::seconds::Seconds;

/// No call within the window although the time before it, the lookback, had some.
#[derive(Debug)]
pub(super) struct LedgerSilent;

impl Rule for LedgerSilent {
    fn name(&self) -> RuleName {
        RuleName::LedgerSilent
    }

    fn advice(&self) -> &'static str {
        "the application, the collector or the network is down"
    }

    fn unit(&self) -> Unit {
        Unit::Seconds
    }

    fn defaults(&self) -> Settings {
        Settings {
            severity: Severity::Warning,
            window: Seconds(900),
            lookback: Seconds::HOUR,
            keep_firing_for: Seconds(0),
            ..Settings::base()
        }
    }

    fn keys(&self) -> &'static [Key] {
        &[Key::Lookback, Key::Models]
    }

    fn threshold(&self, settings: &Settings) -> f64 {
        seconds(settings.window.0)
    }

    fn reach(&self, settings: &Settings) -> Seconds {
        Seconds(settings.window.0 + settings.lookback.0)
    }

    fn summary(&self, settings: &Settings) -> String {
        format!("No LLM call for {}", settings.window.words())
    }

    fn evaluate(
        &self,
        scope: &Scope,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Evaluation, StoreError> {
        let settings = &scope.settings;
        let Some(last) = querier.last_call(now, &scope.filter)? else {
            return Ok(Evaluation::unknown("the ledger has no call".to_owned()));
        };
        let silent = now.0.saturating_sub(last.0) / Timestamp::SECOND;
        if last < now.plus_seconds(-(settings.window.0 + settings.lookback.0)) {
            return Ok(Evaluation::unknown(format!(
                "no call for {}, and none in the {} before the last {}",
                Seconds(silent),
                settings.lookback.words(),
                settings.window.words()
            )));
        }
        // Both ends of the window belong to it: a call exactly that long ago ended before it.
        let exceeded = last < now.plus_seconds(-settings.window.0);
        let description = format!("no call for {}, threshold {}", Seconds(silent), settings.window.words());
        Ok(Evaluation::known(vec![scope.sample(seconds(silent), exceeded, description)]))
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit f64")]
const fn seconds(seconds: i64) -> f64 {
    seconds as f64
}
