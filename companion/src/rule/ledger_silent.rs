use super::config::{Key, Settings};
use super::learned::span;
use super::past::history::History;
use super::past::{DAY, slot_of, widening};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict};
use crate::record::Timestamp;
use crate::store::StoreError;
use crate::store::sums::FIVE_MINUTES;
use crate::text::seconds::Seconds;

/// So many silences a week are no habit: the limit is a tenth above the next.
const RANK: usize = 2;
/// Before, every silence so far counts, and it takes longer.
const YOUNG: i64 = 2 * DAY;

/// No call for longer than the calls of the hour before, of this time of day and of the silences of a week make likely.
pub(super) const RULE: Rule = Rule {
    name: RuleName::LedgerSilent,
    advice: "the application, the collector or the network is down",
    unit: Unit::Seconds,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: None,
    defaults: Settings {
        learn: true,
        factor: 1.1,
        floor: 40.0,
        window: Seconds(900),
        lookback: Seconds::HOUR,
        keep_firing_for: Seconds(0),
        ..Settings::WARNING
    },
    fixed: Some(Settings {
        window: Seconds(900),
        lookback: Seconds::HOUR,
        keep_firing_for: Seconds(0),
        ..Settings::WARNING
    }),
    before: Seconds(0),
    grain: Seconds(0),
    keys: &[Key::Learned, Key::Lookback, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    if settings.learn {
        return "No LLM call for longer than is usual".to_owned();
    }
    format!("No LLM call for {}", settings.window.words())
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    if scope.settings.learn {
        return learned(scope, inputs);
    }
    let settings = &scope.settings;
    let now = inputs.now;
    let Some(last) = inputs.querier.last_call(now, &scope.filter)? else {
        return Ok(Evaluation::unknown("the ledger has no call".to_owned()));
    };
    let silent = now.0.saturating_sub(last.0) / Timestamp::SECOND;
    let sample = |verdict| Sample {
        labels: scope.labels.clone().into(),
        value: seconds(silent),
        threshold: seconds(settings.window.0),
        learned: false,
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

fn learned(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    // The past by service has that of all calls in it, and other rules need it as well.
    let past = inputs.pasts.of(&scope.filter, Some(By::Service), inputs)?;
    let past = past.read();
    let history = Some(past.all()).filter(|history| !history.is_empty());
    let known = history.and_then(History::last).map(|slot| Timestamp((slot + 1) * FIVE_MINUTES));
    let newest = inputs.querier.last_call(inputs.now, &scope.filter)?;
    let Some(last) = newest.max(known) else {
        return Ok(Evaluation::unknown("the ledger has no call".to_owned()));
    };
    let silent = (inputs.now.0.saturating_sub(last.0) / Timestamp::SECOND).max(0);
    let judged = judge(scope, history, last, silent, inputs.now);
    let Judged { verdict, threshold, description } = judged;
    let labels = scope.labels.clone().into();
    Ok(Evaluation::known(vec![Sample {
        labels,
        value: seconds(silent),
        threshold,
        learned: false,
        verdict,
        description,
    }]))
}

/// What a silence means.
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// How long a silence is usual now.
    pub(super) threshold: f64,
    pub(super) description: String,
}

/// Compares the silence since `last`, of so many seconds, with what was expected in it.
pub(super) fn judge(
    scope: &Scope,
    history: Option<&History>,
    last: Timestamp,
    silent: i64,
    now: Timestamp,
) -> Judged {
    let settings = &scope.settings;
    let slot = slot_of(now);
    let young = history.is_none_or(|history| history.age(slot) < YOUNG);
    let shortest = settings.window.0 * if young { 2 } else { 1 };
    let for_long = format!("no call for {}", Seconds(silent).words());
    if silent < shortest {
        let description = format!("{for_long}, threshold {}", Seconds(shortest).words());
        return Judged { verdict: Verdict::Calm, threshold: seconds(shortest), description };
    }
    let expected = history.and_then(|history| history.expected(slot_of(last), seconds(silent) / 300.0));
    let (Some(history), Some(expected)) = (history, expected) else {
        // No alert begins, and one that fires ends with a call.
        let description = format!("{for_long}; the hour before had too few to expect any");
        return Judged { verdict: Verdict::FewExceeded, threshold: seconds(shortest), description };
    };
    let longest = history.silence(if young { 1 } else { RANK });
    // In less than a week no day was like this one.
    let limit = (settings.factor * longest).max(settings.floor) * widening(history.age(slot));
    let mut description = format!(
        "{for_long}; {} were expected, limit {}",
        counted(expected),
        Unit::Calls.format(limit)
    );
    if longest > 0.0 {
        let (span, longest) = (span(history.age(slot), 7), Unit::Calls.format(longest));
        description.push_str(&format!("; in silences of the last {span} up to {longest}"));
    }
    // Calls are expected evenly, so that the limit is reached after this long.
    let threshold = (seconds(silent) * limit / expected.max(f64::MIN_POSITIVE)).max(seconds(shortest)).min(1e9);
    let verdict = if expected >= limit { Verdict::Exceeded } else { Verdict::FewExceeded };
    Judged { verdict, threshold, description }
}

fn counted(calls: f64) -> String {
    let number = Unit::Calls.format(calls.round());
    if number == "1" { "1 call".to_owned() } else { format!("{number} calls") }
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit f64")]
pub(super) const fn seconds(seconds: i64) -> f64 {
    seconds as f64
}
