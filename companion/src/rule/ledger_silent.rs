use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Scope, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};
use crate::text::seconds::Seconds;

/// No call within the window although the time before it, the lookback, had some.
pub(super) const RULE: Rule = Rule {
    name: RuleName::LedgerSilent,
    advice: "the application, the collector or the network is down",
    unit: Unit::Seconds,
    compare: Compare::Above,
    defaults: Settings {
        window: Seconds(900),
        lookback: Seconds::HOUR,
        keep_firing_for: Seconds(0),
        ..Settings::WARNING
    },
    keys: &[Key::Lookback, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("No LLM call for {}", settings.window.words())
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
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
    let description = format!("no call for {}, threshold {}", Seconds(silent).words(), settings.window.words());
    Ok(Evaluation::known(vec![scope.sample(seconds(silent), exceeded, description)]))
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit f64")]
const fn seconds(seconds: i64) -> f64 {
    seconds as f64
}
