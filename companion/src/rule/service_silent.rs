use super::config::{Expected, Key, Settings};
use super::ledger_silent::{Judged, judge, seconds};
use super::past::history::History;
use super::past::{DAY, LAG, REGULAR, slot_of};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict};
use crate::record::{Timestamp, Window};
use crate::store::StoreError;
use crate::store::sums::FIVE_MINUTES;
use crate::text::seconds::Seconds;

/// So long it takes until what is usual is known.
const YOUNG: i64 = 2 * DAY;

/// No call of one service for longer than its traffic and its silences of a week make likely. It informs: real services
/// stop without notice often. Where calls are declared to be expected always or in working hours, or a window is set, the
/// window is the limit, and the silence of such a service pages.
pub(super) const RULE: Rule = Rule {
    name: RuleName::ServiceSilent,
    advice: "look whether the service runs, and whether its spans arrive",
    unit: Unit::Seconds,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings {
        learn: true,
        factor: 1.5,
        floor: 80.0,
        window: Seconds(900),
        keep_firing_for: Seconds(0),
        ..Settings::INFO
    },
    fixed: None,
    before: Seconds(0),
    grain: Seconds::MINUTE,
    keys: &[Key::Learned, Key::Expected, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    if settings.learn {
        return "No LLM call of a service for longer than is usual".to_owned();
    }
    format!("No LLM call of a service for {}", settings.window.words())
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let past = inputs.pasts.of(&scope.filter, scope.by, inputs)?;
    let past = past.read();
    // What is too new for the past is in this window.
    let newest = Window { from: Timestamp((slot_of(inputs.now) - LAG) * FIVE_MINUTES), to: inputs.now };
    let calling = scope.groups(inputs, newest)?;
    let slot = slot_of(inputs.now);
    let mut samples = Vec::new();
    for (name, history) in past.histories() {
        let Some(last) = history.last() else { continue };
        let labels = match scope.by {
            Some(by) => scope.labels_of(by, name),
            None => scope.labels.clone().into(),
        };
        // To the five minutes where it is silent: an alert is not too early by that.
        let last = match calling.iter().any(|group| group.labels == labels) {
            true => inputs.now,
            false => Timestamp((last + 1) * FIVE_MINUTES),
        };
        let silent = (inputs.now.0.saturating_sub(last.0) / Timestamp::SECOND).max(0);
        let Judged { verdict, threshold, description } = match scope.settings.learn {
            // A service that is new, or comes and goes, may stop at any time.
            true if silent >= scope.settings.window.0 && !is_regular(history, slot) => continue,
            true => judge(scope, Some(history), last, silent, inputs.now),
            false => absolute(scope, last, inputs.now),
        };
        let description = match scope.by {
            Some(by) if !name.is_empty() => format!("{}: {description}", by.words(name)),
            _ => description,
        };
        samples.push(Sample {
            labels,
            value: seconds(silent),
            threshold,
            learned: false,
            verdict,
            description,
        });
    }
    if samples.is_empty() {
        return Ok(Evaluation::unknown("no service has a past".to_owned()));
    }
    Ok(Evaluation::known(samples))
}

/// Whether its silence means anything: by the week before its last call.
fn is_regular(history: &History, slot: i64) -> bool {
    let last = history.last().map_or(slot, |last| last + 1);
    history.age(slot) >= YOUNG && history.regularity(last) >= REGULAR
}

/// A window that was set is the limit, whatever the traffic was. In working hours a silence begins with them.
fn absolute(scope: &Scope, last: Timestamp, now: Timestamp) -> Judged {
    let window = scope.settings.window;
    let began = match scope.settings.expected {
        Expected::WorkingHours => scope.working_hours.began(now),
        Expected::Learned | Expected::Always => Some(last),
    };
    let since = began.map_or(last, |began| began.max(last));
    let silent = (now.0.saturating_sub(since.0) / Timestamp::SECOND).max(0);
    let for_long = format!("no call for {}", Seconds(silent).words());
    let (verdict, description) = match began {
        Some(_) => (Verdict::of(silent > window.0), format!("{for_long}, threshold {}", window.words())),
        // No alert begins, and one that fires ends with a call.
        None => (Verdict::FewExceeded, format!("{for_long}; none is expected outside {}", scope.working_hours)),
    };
    Judged { verdict, threshold: seconds(window.0), description }
}
