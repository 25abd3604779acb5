use super::config::{Key, Settings};
use super::{Absent, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict};
use crate::record::Timestamp;
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// No call within the window although the time before it, the lookback, had some.
pub(super) const RULE: Rule = Rule {
    name: RuleName::LedgerSilent,
    advice: "the application, the collector or the network is down",
    unit: Unit::Seconds,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: None,
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

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let now = inputs.now;
    let Some(last) = inputs.querier.last_call(now, &scope.filter)? else {
        return Ok(Evaluation::unknown("the ledger has no call".to_owned()));
    };
    let silent = now.0.saturating_sub(last.0) / Timestamp::SECOND;
    let sample = |verdict| Sample {
        labels: scope.labels.clone(),
        value: seconds(silent),
        threshold: seconds(settings.window.0),
        verdict,
        description: format!("no call for {}, threshold {}", Seconds(silent).words(), settings.window.words()),
    };
    // Both ends of the window belong to it: a call exactly that long ago ended before it.
    let exceeded = last < now.plus_seconds(-settings.window.0);
    if last < now.plus_seconds(-(settings.window.0 + settings.lookback.0)) {
        // Whether calls are expected is known no more, but an alert that fires ends with a call.
        let reason = format!(
            "no call for {}, and none in the {} before the last {}",
            Seconds(silent),
            settings.lookback.words(),
            settings.window.words()
        );
        return Ok(Evaluation { samples: vec![sample(Verdict::FewExceeded)], no_data: Some(reason) });
    }
    Ok(Evaluation::known(vec![sample(Verdict::of(exceeded))]))
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit f64")]
const fn seconds(seconds: i64) -> f64 {
    seconds as f64
}
