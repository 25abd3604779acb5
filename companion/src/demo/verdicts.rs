//! Which rule caught which anomaly, and after how long.

use std::collections::BTreeSet;

use super::anomalies::{self, Anomaly};
use super::company::Clock;
use crate::evaluate::backtest::{Backtest, Firing};
use crate::record::{Timestamp, Window};
use crate::rule::RuleName;

/// How long after the end of an anomaly a rule may still fire for it: what is missing shows when calls are back.
const GRACE: i64 = 1_800;

/// What became of one anomaly.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) label: &'static str,
    pub(crate) what: &'static str,
    pub(crate) began: Timestamp,
    /// Each rule that fired for it, with the seconds until it did; the fastest first.
    pub(crate) caught: Vec<(RuleName, i64)>,
}

/// What became of the whole day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdicts {
    /// Those that have happened, in their order.
    pub(crate) anomalies: Vec<Verdict>,
    /// Rules that fired for none of them.
    pub(crate) others: Vec<RuleName>,
    /// Rules that did not fire.
    pub(crate) silent: Vec<RuleName>,
}

impl Verdicts {
    pub(super) fn of(found: &Backtest, clock: Clock, now: Timestamp) -> Self {
        let happened = || anomalies::ALL.iter().filter(|anomaly| anomaly.window(clock).from < now);
        let mut verdicts: Vec<Verdict> = happened()
            .map(|anomaly| Verdict {
                label: anomaly.label,
                what: anomaly.what,
                began: anomaly.window(clock).from,
                caught: Vec::new(),
            })
            .collect();
        let mut others = BTreeSet::new();
        for firing in &found.firings {
            // Of several that it may be about, the one that began last.
            let cause = happened().enumerate().filter(|(_, anomaly)| is_about(firing, anomaly, clock));
            let Some((index, anomaly)) = cause.max_by_key(|(_, anomaly)| anomaly.window(clock).from) else {
                others.insert(firing.rule);
                continue;
            };
            let caught = &mut verdicts[index].caught;
            if !caught.iter().any(|(rule, _)| *rule == firing.rule) {
                let seconds = (firing.start.0 - anomaly.window(clock).from.0) / Timestamp::SECOND;
                caught.push((firing.rule, seconds));
            }
        }
        verdicts.sort_by_key(|verdict| verdict.began);
        verdicts.iter_mut().for_each(|verdict| verdict.caught.sort_by_key(|(_, seconds)| *seconds));
        let fired: BTreeSet<RuleName> = found.firings.iter().map(|firing| firing.rule).collect();
        let silent = RuleName::ALL.into_iter().filter(|rule| !fired.contains(rule)).collect();
        Self { anomalies: verdicts, others: others.into_iter().collect(), silent }
    }
}

/// Whether a firing may be about an anomaly: at its time, and none of its labels names something else.
fn is_about(firing: &Firing, anomaly: &Anomaly, clock: Clock) -> bool {
    const NAMES: [&str; 7] = ["service", "user", "model", "key", "scope", "result", "budget"];
    let Window { from, to } = anomaly.window(clock);
    if firing.start < from || firing.start > to.plus_seconds(GRACE) {
        return false;
    }
    let mut labels = firing.labels.iter().filter(|(name, _)| NAMES.contains(&name.as_str())).peekable();
    if labels.peek().is_none() {
        return anomaly.is_everywhere();
    }
    labels.all(|(name, value)| match anomaly.value_of(name) {
        Some(own) => own == value,
        None => name == "service" && anomaly.is_everywhere(),
    })
}
