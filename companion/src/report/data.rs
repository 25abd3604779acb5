//! What a report holds, and the questions it asks of the ledger.

use std::collections::BTreeMap;

use crate::record::{SkipReason, SkippedSpans, TagKey, Timestamp, Window};
use crate::rule::budget::Standing;
use crate::store::{
    Dimension, Filter, Group, LatencySummary, Overview, OverviewQuestion, Querier, Repetition, SequenceGaps,
    Step, StoreError, Totals,
};
use crate::text::number::or_dash;
use crate::text::text_enum::text_enum;
use crate::text::unit::Unit;

/// Users in a report.
const TOP_USERS: usize = 20;
/// Kinds of error in a report.
const TOP_ERRORS: usize = 10;
/// Values of each tag in a report.
const TOP_TAGS: usize = 20;
/// Request hashes in a report.
const TOP_HASHES: usize = 10;
/// Models, providers and services in a report; a hostile sender may invent names without end.
const TOP_NAMES: usize = 100;
/// Gaps in a report.
const TOP_GAPS: usize = 100;
/// A number may be on its way for so long after a higher one came; the rule `SequenceGap` waits as long by default.
const UNDER_WAY_SECONDS: i64 = 120;
/// Names looked at to find the most expensive and the unpriced ones.
const SEEN_NAMES: usize = 1000;
/// Plots have at most this many steps: as many as a phone can tell apart.
const MOST_STEPS: i64 = 100;

text_enum! {
    /// The state of a rule.
    pub enum RuleStatus {
        /// Above its threshold for long enough.
        Firing = "firing",
        /// Above its threshold, not yet for long enough.
        Pending = "pending",
        /// Was firing and is no more.
        Resolved = "resolved",
        /// There was nothing to judge, which is not the same as healthy.
        NoData = "no_data",
        /// It could not be evaluated, so nothing is known.
        Error = "error",
        /// Below its threshold.
        Inactive = "inactive",
    }
}

/// The state of one rule for one set of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleState {
    /// The rule's name.
    pub name: String,
    /// Its state.
    pub state: RuleStatus,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// What was measured; `None` when there was nothing to measure.
    pub value: Option<f64>,
    /// What it is compared with.
    pub threshold: f64,
    /// What to do when it fires.
    pub advice: String,
    /// What the value counts.
    pub unit: Unit,
    /// One sentence with the numbers, or why nothing could be judged.
    pub detail: Option<String>,
    /// What the value is about, for example a user.
    pub labels: BTreeMap<String, String>,
    /// Since when it fires, or the threshold is exceeded.
    pub since: Option<Timestamp>,
}

/// Everything a report says. Lists have the most calls first unless they say otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The calls that ended within.
    pub window: Window,
    /// When the report was made.
    pub generated: Timestamp,
    /// Totals over all calls.
    pub totals: Totals,
    /// Latency of the whole call, and time to the first chunk.
    pub latency: LatencySummary,
    /// Seconds a step of `steps` covers.
    pub step_seconds: i64,
    /// The window in equal steps, oldest first.
    pub steps: Vec<Step>,
    /// At most 100.
    pub models: Vec<Group>,
    /// At most 10, the most expensive first.
    pub costliest: Vec<Group>,
    /// At most 100.
    pub providers: Vec<Group>,
    /// At most 100.
    pub services: Vec<Group>,
    /// At most 20.
    pub users: Vec<Group>,
    /// By each tag that calls have, at most 20 values of each; calls without the tag are left out.
    pub tags: Vec<(TagKey, Vec<Group>)>,
    /// By `error.type`, at most 10.
    pub errors: Vec<Group>,
    /// How the calls ended.
    pub outcomes: Vec<Group>,
    /// Models with calls that have usage and no price, the most such calls first, at most 100.
    pub unpriced: Vec<Group>,
    /// Providers with calls of a reported cost, which the price tables can be compared with: the largest difference
    /// first, at most 100.
    pub reported_by_provider: Vec<Group>,
    /// As above, by model.
    pub reported_by_model: Vec<Group>,
    /// Request hashes that came more than once, at most 10, and how often any did.
    pub repetition: Repetition,
    /// Calls that never came, by their sequence numbers: noticed within the window and 2 minutes ago or more. At
    /// most 100 gaps are named.
    pub missing: SequenceGaps,
    /// Spans about work with a model that are no calls, of the whole hours that the window touches: those that may be
    /// calls first, then the most spans, at most 100.
    pub skipped: Vec<Skipped>,
    /// The rules, firing ones first.
    pub rules: Vec<RuleState>,
    /// What is spent of budgets at the end of the window, or now if that is earlier.
    pub(crate) budgets: Vec<Standing>,
}

/// Spans of one scope that are no calls for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The instrumentation scope, `(none)` without one.
    pub scope: String,
    /// Why they are no calls.
    pub reason: SkipReason,
    /// How many.
    pub spans: u64,
}

impl RuleState {
    /// The value with its unit, or a dash where nothing was measured.
    pub(super) fn shown_value(&self) -> String {
        or_dash(self.value, |value| self.unit.format(value))
    }

    /// The threshold with its unit.
    pub(super) fn shown_threshold(&self) -> String {
        self.unit.format(self.threshold)
    }
}

impl Report {
    /// The same with the budgets.
    #[must_use]
    pub(crate) fn with_budgets(self, budgets: Vec<Standing>) -> Self {
        Self { budgets, ..self }
    }

    /// The rules that fire.
    pub fn firing(&self) -> impl Iterator<Item = &RuleState> {
        self.rules.iter().filter(|rule| rule.state == RuleStatus::Firing)
    }

    /// Why "none is firing" would say too much: rules that failed, or that all have nothing to judge.
    pub(super) fn unjudged(&self) -> Option<(RuleStatus, String)> {
        let all = self.rules.len();
        let in_state = |state| self.rules.iter().filter(|rule| rule.state == state).count();
        match (in_state(RuleStatus::Error), in_state(RuleStatus::NoData)) {
            (0, without) if without < all || all == 0 => None,
            (0, without) => Some((RuleStatus::NoData, format!("{without} of {all} rules have no data"))),
            (failed, _) => Some((RuleStatus::Error, format!("{failed} of {all} rules failed"))),
        }
    }
}

/// Asks the ledger for everything about `window`. `rules` are as they stand; `now` is when the report is made.
///
/// # Errors
/// [`StoreError`] of the first question that fails.
pub fn build(
    querier: &dyn Querier,
    window: Window,
    rules: &[RuleState],
    now: Timestamp,
) -> Result<Report, StoreError> {
    let step_seconds = step_seconds(window);
    let tag_keys = querier.tag_keys()?;
    let mut by = vec![
        (Dimension::Model, SEEN_NAMES),
        (Dimension::Provider, TOP_NAMES),
        (Dimension::Service, TOP_NAMES),
        (Dimension::User, TOP_USERS),
        (Dimension::Error, TOP_ERRORS),
        (Dimension::Outcome, TOP_NAMES),
    ];
    by.extend(tag_keys.iter().map(|key| (Dimension::Tag(*key), TOP_TAGS)));
    let asked = OverviewQuestion { window, step_seconds, by: &by, repeated: TOP_HASHES };
    let Overview { totals, latency, steps, groups, repetition } = querier.overview(&asked)?;
    let mut groups = groups.into_iter();
    let mut next = || groups.next().unwrap_or_default();
    let (mut models, providers, services) = (next(), next(), next());
    let (users, errors, outcomes) = (next(), next(), next());
    let tags = tag_keys.into_iter().map(|key| (key, next())).filter(|(_, groups)| !groups.is_empty());
    let tags = tags.collect();

    let mut costliest: Vec<Group> = models.iter().filter(|group| group.totals.cost.0 > 0).cloned().collect();
    costliest.sort_by(|a, b| b.totals.cost.cmp(&a.totals.cost).then_with(|| a.name.cmp(&b.name)));
    costliest.truncate(10);
    let mut unpriced: Vec<Group> = models.iter().filter(|group| group.totals.unpriced > 0).cloned().collect();
    unpriced.sort_by(|a, b| b.totals.unpriced.cmp(&a.totals.unpriced).then_with(|| a.name.cmp(&b.name)));
    unpriced.truncate(TOP_NAMES);
    let (reported_by_provider, reported_by_model) = (reported(&providers), reported(&models));
    models.truncate(TOP_NAMES);

    let settled = Window { to: window.to.min(now.plus_seconds(-UNDER_WAY_SECONDS)), ..window };
    let missing = querier.sequence_gaps(settled, now, &Filter::default(), TOP_GAPS)?;

    let skipped = skipped(&querier.skipped(window)?);

    let mut rules = rules.to_vec();
    rules.sort_by(|a, b| (a.state, severity_rank(a), &a.name).cmp(&(b.state, severity_rank(b), &b.name)));

    Ok(Report {
        window,
        generated: now,
        totals,
        latency,
        step_seconds,
        steps,
        models,
        costliest,
        providers,
        services,
        users,
        tags,
        errors,
        outcomes,
        unpriced,
        reported_by_provider,
        reported_by_model,
        repetition,
        missing,
        skipped,
        rules,
        budgets: Vec::new(),
    })
}

/// The groups with calls of a reported cost, the largest difference from the computed one first.
fn reported(groups: &[Group]) -> Vec<Group> {
    let difference = |group: &Group| group.totals.reported_cost.0.abs_diff(group.totals.computed_cost.0);
    let mut reported: Vec<Group> = groups.iter().filter(|group| group.totals.reported > 0).cloned().collect();
    reported.sort_by(|a, b| difference(b).cmp(&difference(a)).then_with(|| a.name.cmp(&b.name)));
    reported.truncate(TOP_NAMES);
    reported
}

fn skipped(spans: &SkippedSpans) -> Vec<Skipped> {
    let mut skipped: Vec<_> = spans
        .iter()
        .map(|(scope, reason, spans)| Skipped { scope: scope.to_owned(), reason, spans })
        .collect();
    skipped.sort_by_key(|skipped| (!skipped.reason.may_miss_calls(), std::cmp::Reverse(skipped.spans)));
    skipped.truncate(TOP_NAMES);
    skipped
}

fn severity_rank(rule: &RuleState) -> usize {
    ["critical", "warning", "info"].iter().position(|known| *known == rule.severity).unwrap_or(3)
}

/// The smallest step people count in that cuts `window` into at most [`MOST_STEPS`] steps.
fn step_seconds(window: Window) -> i64 {
    const STEPS: [i64; 13] = [1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
    let seconds = window.to.0.saturating_sub(window.from.0) / Timestamp::SECOND + 1;
    STEPS.into_iter().find(|step| seconds / step <= MOST_STEPS).unwrap_or_else(|| {
        let days = seconds / 86_400 / MOST_STEPS + 1;
        days * 86_400
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_ones_people_count_in_and_never_too_many() {
        for (seconds, step) in [(3600, 60), (86_400, 900), (604_800, 7200), (30 * 86_400, 43_200), (60, 1)] {
            assert_eq!(step_seconds(Window::last(seconds, Timestamp(i64::MAX / 2))), step, "{seconds}");
        }
        let century = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
        let step = step_seconds(century);
        assert_eq!(step % 86_400, 0);
        assert!(i64::MAX / Timestamp::SECOND / step <= MOST_STEPS);
    }
}
