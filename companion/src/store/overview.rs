//! What a report asks of a ledger, as one question: a store that reads the window once answers all of it.

use crate::record::{Timestamp, Window};
use crate::store::{
    Dimension, Duplicates, Filter, Group, LatencySummary, Querier, Repeated, Step, StoreError, Totals,
};

/// Steps of one series; a month of minutes is 43,200.
const STEPS: i128 = 50_000;
const MINUTE_NS: i64 = 60 * Timestamp::SECOND;

/// What an [`Overview`] shall hold.
#[derive(Debug, Clone, Copy)]
pub struct OverviewQuestion<'a> {
    /// The calls that ended within.
    pub window: Window,
    /// As [`Querier::series`] takes it.
    pub step_seconds: i64,
    /// By what to break the totals down, each with the most groups wanted.
    pub by: &'a [(Dimension, usize)],
    /// The most repeated request hashes wanted.
    pub repeated: usize,
}

/// Everything about the calls of a window, all of one snapshot of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// [`Querier::totals`].
    pub totals: Totals,
    /// [`Querier::latency`].
    pub latency: LatencySummary,
    /// [`Querier::series`].
    pub steps: Vec<Step>,
    /// [`Querier::breakdown`] by each dimension of the question, in its order.
    pub groups: Vec<Vec<Group>>,
    /// Request hashes that came more than once.
    pub repetition: Repetition,
}

/// Repeated requests of a window.
///
/// Where `exact` is false no figure is too high: `repeated[..].calls`, their `cost` and `duplicates.repeats` are
/// lower bounds. Each store says what it may miss.
#[derive(Debug, Clone, PartialEq)]
pub struct Repetition {
    /// Where repetition was looked for; may begin later than the window of the question.
    pub window: Window,
    /// Hashes found more than once, the most calls first (ties by hash).
    pub repeated: Vec<Repeated>,
    /// `hashed` is exact.
    pub duplicates: Duplicates,
    /// Whether every call was compared with every other.
    pub exact: bool,
}

/// The overview, assembled from the small questions.
pub(super) fn one_by_one<Q: Querier + ?Sized>(
    querier: &Q,
    question: &OverviewQuestion<'_>,
) -> Result<Overview, StoreError> {
    let (window, all) = (question.window, Filter::default());
    let groups = question.by.iter().map(|(by, limit)| querier.breakdown(window, &all, *by, *limit));
    Ok(Overview {
        totals: querier.totals(window, &all)?,
        latency: querier.latency(window, &all)?,
        steps: querier.series(window, &all, question.step_seconds)?,
        groups: groups.collect::<Result<_, _>>()?,
        repetition: Repetition {
            window,
            repeated: querier.repeated(window, &all, 1, question.repeated)?,
            duplicates: querier.duplicates(window, &all)?,
            exact: true,
        },
    })
}

/// The steps of a series as [`Querier::series`] describes them.
///
/// # Errors
/// A text that says what is wrong when the step is not positive or the series too long.
pub(super) fn steps(window: Window, step_seconds: i64) -> Result<Vec<Window>, String> {
    let length = i128::from(window.to.0) - i128::from(window.from.0);
    if step_seconds <= 0 || length > i128::from(step_seconds) * i128::from(Timestamp::SECOND) * STEPS {
        return Err(format!("a series takes a positive step and at most {STEPS} of them"));
    }
    let mut steps = Vec::new();
    let mut from = window.from;
    while from < window.to {
        let mut to = from.plus_seconds(step_seconds);
        if step_seconds % 60 == 0 {
            to = Timestamp(to.0.div_euclid(MINUTE_NS).saturating_mul(MINUTE_NS));
        }
        // At the end of time nothing is left to add.
        let to = if to <= from { window.to } else { to.min(window.to) };
        steps.push(Window { from, to });
        from = to;
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(window: Window, step: i64) -> Vec<i64> {
        steps(window, step).unwrap().iter().map(|step| step.from.0 / Timestamp::SECOND).collect()
    }

    #[test]
    fn steps_of_whole_minutes_begin_on_whole_minutes_after_the_first() {
        let at = |seconds: i64| Timestamp(seconds * Timestamp::SECOND);
        assert_eq!(seconds(Window { from: at(60), to: at(400) }, 120), [60, 180, 300]);
        assert_eq!(seconds(Window { from: at(97), to: at(400) }, 120), [97, 180, 300]);
        assert_eq!(seconds(Window { from: at(97), to: at(190) }, 30), [97, 127, 157, 187]);
        assert!(seconds(Window { from: at(9), to: at(9) }, 30).is_empty());
    }

    #[test]
    fn steps_end_at_the_end_of_time() {
        let window = Window { from: Timestamp(i64::MAX - 10), to: Timestamp(i64::MAX) };
        assert_eq!(steps(window, 60).unwrap(), [window]);
    }
}
