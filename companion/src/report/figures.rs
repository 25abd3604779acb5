//! What can be concluded from totals, and in which words. Absent is not zero.

use crate::record::{NanoUsd, SkipReason, Timestamp};
use crate::rule::budget::{Forecast, Standing};
use crate::store::{Duplicates, Repetition, SequenceGaps, SkippedCalls, Totals};
use crate::text::number::{count, counted, or_dash, percent, share};
use crate::text::seconds::in_words;
use crate::text::time::format;
use crate::text::unit::Unit;

use super::data::{Report, Skipped};

/// What the calls cost; `None` when there were calls and nothing is known of their cost.
pub(crate) fn known_cost(totals: &Totals) -> Option<NanoUsd> {
    let nothing_known = totals.cost.0 == 0
        && totals.calls > 0
        && (totals.unpriced > 0 || totals.input_tokens == 0 && totals.output_tokens == 0);
    (!nothing_known).then_some(totals.cost)
}

/// By how much the reported costs are above what the price tables give for the same calls, as a share of the latter;
/// `None` where nothing can be compared.
#[expect(clippy::cast_precision_loss, reason = "a share for display")]
pub(crate) fn drift(totals: &Totals) -> Option<f64> {
    let (reported, computed) = (totals.reported_cost.0 as f64, totals.computed_cost.0 as f64);
    (totals.reported > 0 && computed > 0.0).then(|| (reported - computed) / computed)
}

/// The drift with its sign, in words of a table.
pub(crate) fn shown_drift(totals: &Totals) -> String {
    or_dash(drift(totals), |drift| if drift > 0.0 { format!("+{}", percent(drift)) } else { percent(drift) })
}

/// How many calls repeat an earlier one, in words.
pub(crate) fn repetition(report: &Report) -> String {
    let Repetition { window, duplicates: Duplicates { hashed, repeats }, exact, .. } = &report.repetition;
    let (hashed, repeats) = (*hashed, *repeats);
    let ratio = or_dash(share(repeats, hashed), percent);
    let least = if *exact { "" } else { "at least " };
    let (calls, verb) = (counted(hashed, "call"), if repeats == 1 { "repeats" } else { "repeat" });
    let all =
        format!("{least}{} of {calls} with a request hash {verb} an earlier one ({ratio})", count(repeats));
    if *window == report.window {
        return all;
    }
    let length = window.to.0.saturating_sub(window.from.0) / Timestamp::SECOND;
    format!("within the newest {}: {all}", in_words(length))
}

/// How many calls are missing by their sequence numbers, in words.
pub(crate) fn missing(report: &Report) -> String {
    let SequenceGaps { gaps, numbers, .. } = report.missing;
    if gaps == 0 && report.totals.calls == 0 {
        return "none seen: no call came either".to_owned();
    }
    if gaps == 0 {
        return "none: no sequence number is missing".to_owned();
    }
    let verb = if numbers == 1 { "is" } else { "are" };
    format!("{} {verb} missing, in {}", counted(numbers, "call"), counted(gaps, "gap"))
}

/// How many of the missing calls a journal has dropped, and when those were made, in words; nothing when there are none.
pub(crate) fn lost(report: &Report) -> Option<String> {
    let SequenceGaps { lost, lost_between, .. } = report.missing;
    let lost = (lost > 0).then(|| counted(lost, "call"))?;
    let time = |at| format(at, "%Y-%m-%d %H:%M:%S");
    let between = lost_between
        .map(|(from, to)| format!(" between {} and {} UTC", time(from), time(to)))
        .unwrap_or_default();
    Some(format!("lost: {lost}{between}, which a journal has dropped at its cap"))
}

/// What is missing without a number, in words; nothing where all was written down.
pub(crate) fn unproved(report: &Report) -> Option<String> {
    let SkippedCalls { processes, calls } = report.missing.skipped;
    (processes > 0).then(|| {
        let processes = match processes {
            1 => "1 process".to_owned(),
            many => format!("{} processes", count(many)),
        };
        format!(
            "not proved: {processes} died after at least {} that could not be written down; those that no receiver took are \
             missing, without a number",
            counted(calls, "call")
        )
    })
}

/// How many gaps there are beyond the first `shown`, in words; nothing when there are none.
pub(crate) fn more_gaps(report: &Report, shown: usize) -> Option<String> {
    let more = report.missing.gaps.saturating_sub(report.missing.newest.len().min(shown) as u64);
    (more > 0).then(|| format!("and {}", counted(more, "older gap")))
}

/// What the spans are that are no calls, and the requests that were not recognised, in words.
pub(crate) fn skipped(report: &Report) -> String {
    let total = |of: fn(&&Skipped) -> bool| report.skipped.iter().filter(of).map(|s| s.spans).sum::<u64>();
    let requests = total(|skipped| skipped.reason == SkipReason::Unrecognised);
    let may_be_calls =
        total(|skipped| skipped.reason.may_miss_calls() && skipped.reason != SkipReason::Unrecognised);
    let all = total(|skipped| skipped.reason != SkipReason::Unrecognised);
    let spans = match may_be_calls {
        0 => format!("{} about work with a model, and each known to be no call", counted(all, "span")),
        _ => format!(
            "{} about work with a model, of which {} may be calls",
            counted(all, "span"),
            count(may_be_calls)
        ),
    };
    let unrecognised = format!("{} to known providers that no format takes", counted(requests, "request"));
    match (all, requests) {
        (_, 0) => spans,
        (0, _) => unrecognised,
        _ => format!("{spans}; {unrecognised}"),
    }
}

/// A sum of tokens; `None` when there were calls and none of them reported any.
pub(crate) fn known_tokens(totals: &Totals, sum: u64) -> Option<u64> {
    (sum > 0 || totals.calls == 0).then_some(sum)
}

/// Succeeded calls as a share of all; `None` without calls.
pub(crate) fn success_rate(totals: &Totals) -> Option<f64> {
    share(totals.succeeded, totals.calls)
}

/// The mean duration in seconds; `None` without calls.
#[expect(clippy::cast_precision_loss, reason = "a mean for display")]
pub(crate) fn mean_seconds(totals: &Totals) -> Option<f64> {
    (totals.calls > 0).then(|| totals.duration_ns as f64 / totals.calls as f64 / 1e9)
}

/// Whose calls a budget is for; nothing for all.
pub(super) fn budget_whose(budget: &Standing) -> String {
    let labels: Vec<String> = budget.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    labels.join(", ")
}

/// `$120 (off by 8 %)`, or a dash where a forecast would be worth nothing.
pub(super) fn budget_forecast(budget: &Standing) -> String {
    let words = |forecast: &Forecast| {
        format!("{} (off by {})", Unit::Usd.format(forecast.usd), Unit::Share.format(forecast.error))
    };
    or_dash(budget.forecast.as_ref(), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_known_is_not_zero() {
        let none = Totals::default();
        assert_eq!(known_cost(&none), Some(NanoUsd(0)));
        assert_eq!(success_rate(&none), None);
        assert_eq!(mean_seconds(&none), None);
        assert_eq!(known_tokens(&none, 0), Some(0));

        let unpriced = Totals { calls: 3, unpriced: 1, input_tokens: 10, ..none };
        assert_eq!(known_cost(&unpriced), None);
        let without_usage = Totals { calls: 3, ..none };
        assert_eq!((known_cost(&without_usage), known_tokens(&without_usage, 0)), (None, None));
        let free = Totals { calls: 3, input_tokens: 10, ..none };
        assert_eq!(known_cost(&free), Some(NanoUsd(0)));
    }
}
