//! The values of the rules over the last day, in memory: what a reader compares a firing with. Bounded, and empty after a
//! start.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::evaluator::RuleStatus;
use crate::record::Timestamp;
use crate::rule::{Labels, RuleName};

/// One point per minute for a day.
const POINTS: usize = 1440;
/// Rules and scopes that are followed; 24 bytes per point, so that all of them together are below 10 MB.
const SERIES: usize = 256;
const MINUTE: i64 = 60 * Timestamp::SECOND;

/// A value with the threshold that it was compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) at: Timestamp,
    pub(crate) value: f32,
    pub(crate) threshold: f32,
}

/// A rule, and `service` or `model` where it has settings of its own for one.
type Key = (String, Labels);

/// Values by rule.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<BTreeMap<Key, VecDeque<Point>>>);

impl History {
    /// Notes the values of an evaluation at `now`; the highest of each minute is kept.
    pub(crate) fn record(&self, statuses: &[RuleStatus], now: Timestamp) {
        let values = statuses.iter().filter_map(|status| {
            status.value.map(|value| (status.name, &status.labels, value, status.threshold))
        });
        self.note(values, now);
    }

    /// The same for values of rules and scopes with their thresholds.
    #[expect(clippy::cast_possible_truncation, reason = "values are drawn")]
    pub(crate) fn note<'a>(
        &self,
        values: impl Iterator<Item = (RuleName, &'a Labels, f64, f64)>,
        now: Timestamp,
    ) {
        let at = Timestamp(now.0.div_euclid(MINUTE) * MINUTE);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, labels, value, threshold) in values.filter(|(_, _, value, _)| value.is_finite()) {
            let key = (name.to_string(), labels.clone());
            if all.len() >= SERIES && !all.contains_key(&key) {
                continue;
            }
            let points = all.entry(key).or_default();
            let point = Point { at, value: value as f32, threshold: threshold as f32 };
            match points.back_mut() {
                Some(last) if last.at == at && last.value >= point.value => {}
                Some(last) if last.at == at => *last = point,
                _ => points.push_back(point),
            }
            while points.len() > POINTS {
                points.pop_front();
            }
        }
    }

    /// The points of the rule and scope that a metric's labels name.
    pub(crate) fn of_metric(&self, labels: &Labels) -> Vec<Point> {
        let rule = labels.get("rule").map_or("", String::as_str);
        let scope: Labels = labels
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "rule" | "severity") && !name.starts_with("__"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(rule.to_owned(), scope)).map_or_else(Vec::new, |points| points.iter().copied().collect())
    }

    /// The points of a rule over all calls, or of the scope with these labels, oldest first.
    pub(crate) fn of(&self, rule: &str, labels: &Labels) -> Vec<Point> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |(name, scope): &&Key| {
            name == rule && scope.iter().all(|(name, value)| labels.get(name) == Some(value))
        };
        // The scope with the most labels in common.
        let key = all.keys().filter(own).max_by_key(|(_, scope)| scope.len());
        key.and_then(|key| all.get(key)).map_or_else(Vec::new, |points| points.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::alert::State;
    use crate::rule::Severity;
    use crate::text::seconds::Seconds;

    fn status(name: RuleName, service: Option<&str>, value: Option<f64>) -> RuleStatus {
        let label = |service: &str| ("service".to_owned(), service.to_owned());
        RuleStatus {
            name,
            labels: service.into_iter().map(label).collect(),
            state: State::Inactive,
            severity: Severity::Warning,
            value,
            threshold: 10.0,
            hold: Seconds(0),
            keep_firing_for: Seconds(0),
            advice: "",
            description: None,
            since: None,
            no_data: None,
            error: None,
            took: Duration::ZERO,
            alerts: Vec::new(),
            dropped: 0,
        }
    }

    #[test]
    fn keeps_the_highest_value_of_each_minute_of_a_day() {
        let history = History::default();
        let rate = RuleName::HighRequestRate;
        for (seconds, value) in
            [(0, Some(3.0)), (15, Some(7.0)), (30, Some(5.0)), (75, None), (120, Some(1.0))]
        {
            history.record(&[status(rate, None, value)], Timestamp(0).plus_seconds(seconds));
        }
        let values = |labels: &Labels| {
            history
                .of(rate.as_str(), labels)
                .iter()
                .map(|point| (point.at.0 / MINUTE, point.value))
                .collect::<Vec<_>>()
        };
        assert_eq!(values(&Labels::new()), [(0, 7.0), (2, 1.0)]);
        let shop: Labels = [("service".to_owned(), "shop".to_owned())].into();
        assert_eq!(values(&shop), [(0, 7.0), (2, 1.0)], "no settings of its own");
        history.record(&[status(rate, Some("shop"), Some(9.0))], Timestamp(0).plus_seconds(180));
        assert_eq!(values(&shop), [(3, 9.0)]);
        for minute in 0..2_000 {
            history.record(&[status(rate, None, Some(1.0))], Timestamp(0).plus_seconds(600 + minute * 60));
        }
        assert_eq!(values(&Labels::new()).len(), POINTS);
        assert!(history.of("NoSuchRule", &shop).is_empty());
    }

    #[test]
    fn follows_a_bounded_number_of_scopes() {
        let history = History::default();
        for service in 0..500 {
            let status = status(RuleName::CostOverrun, Some(&service.to_string()), Some(1.0));
            history.record(&[status], Timestamp(0));
        }
        assert_eq!(history.0.lock().unwrap().len(), SERIES);
    }
}
