//! The last hours of the companion's own series, for queries of a past time. The ledger's counts are not among them: the
//! ledger itself has their past. Nor are the values of the rules and their thresholds: `evaluate::history` has them, for the
//! pages as well.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::prometheus_api::samples::Sample;
use super::rules::{THRESHOLD, VALUE};
use crate::evaluate::history::History;
use crate::promql::{LABEL_OF_NAME, Labels, Points, Series};
use crate::record::Timestamp;

/// How often the series are remembered.
pub(crate) const EVERY_SECONDS: i64 = 60;
/// Six hours of them.
const KEPT: usize = 360;
/// Series that are remembered: with their samples some 12 MB.
const SERIES: usize = 2_000;

/// What the companion's series were.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<HashMap<Labels, VecDeque<(Timestamp, f64)>>>);

impl Recent {
    /// Remembers samples of a time.
    pub(super) fn remember(&self, now: Timestamp, samples: Vec<Sample>) {
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now.plus_seconds(-EVERY_SECONDS * i64::try_from(KEPT).unwrap_or(0));
        series.retain(|_, samples| {
            while samples.len() >= KEPT || samples.front().is_some_and(|(at, _)| *at < oldest) {
                samples.pop_front();
            }
            !samples.is_empty()
        });
        for sample in samples.into_iter().filter(|sample| !is_of_rules(&sample.labels)) {
            let Some(value) = sample.number() else { continue };
            let room = series.len() < SERIES;
            match series.get_mut(&sample.labels) {
                Some(known) => known.push_back((now, value)),
                None if room => {
                    series.insert(sample.labels, VecDeque::from([(now, value)]));
                }
                None => {}
            }
        }
    }

    /// What is remembered here and of the rules, with samples of now.
    pub(super) fn series(&self, now: Timestamp, samples: Vec<Sample>, rules: &History) -> Vec<Series> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut series: HashMap<Labels, Vec<(Timestamp, f64)>> = remembered
            .iter()
            .map(|(labels, samples)| (labels.clone(), samples.iter().copied().collect()))
            .collect();
        drop(remembered);
        // Every rule has a threshold, also where it has no value now.
        for labels in samples.iter().map(|sample| &sample.labels).filter(|labels| named(labels) == THRESHOLD)
        {
            for point in rules.of_metric(labels) {
                for (name, value) in [(VALUE, point.value), (THRESHOLD, point.threshold)] {
                    let mut labels = labels.clone();
                    labels.insert(LABEL_OF_NAME.to_owned(), name.to_owned());
                    series.entry(labels).or_default().push((point.at, f64::from(value)));
                }
            }
        }
        for sample in samples {
            let Some(value) = sample.number() else { continue };
            series.entry(sample.labels).or_default().push((now, value));
        }
        series.into_iter().map(|(labels, samples)| Series { labels, points: Points::Seen(samples) }).collect()
    }
}

fn named(labels: &Labels) -> &str {
    labels.get(LABEL_OF_NAME).map_or("", String::as_str)
}

fn is_of_rules(labels: &Labels) -> bool {
    matches!(named(labels), VALUE | THRESHOLD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::prometheus_api::samples;

    #[test]
    fn remembers_six_hours_of_a_bounded_number_of_series() {
        let recent = Recent::default();
        let at = |minute: i64| Timestamp(minute * 60 * Timestamp::SECOND);
        for minute in 0..500 {
            recent.remember(at(minute), samples::of(&format!("a {minute}\n")));
        }
        let many: String = (0..3_000).map(|number| format!("b{{n=\"{number}\"}} 1\n")).collect();
        recent.remember(at(500), samples::of(&many));
        let series = recent.series(at(501), samples::of("a 501\n"), &History::default());
        assert_eq!(series.len(), SERIES);
        let first = series.iter().find(|series| series.labels["__name__"] == "a").unwrap();
        let Points::Seen(found) = &first.points else { panic!("not seen") };
        assert_eq!((found[0], found.len()), ((at(141), 141.0), 360));
        assert_eq!(found.last(), Some(&(at(501), 501.0)));
        // What is no longer written is forgotten.
        recent.remember(at(2_000), samples::of("c 1\n"));
        assert_eq!(recent.series(at(2_000), Vec::new(), &History::default()).len(), 1);
    }

    #[test]
    fn values_of_rules_are_those_of_the_pages_and_are_kept_once() {
        let rules = History::default();
        let own = crate::rule::Labels::from([("service".to_owned(), "shop".to_owned())]);
        let at = |minute: i64| Timestamp(minute * 60 * Timestamp::SECOND);
        for minute in [1, 2] {
            let value = (crate::rule::RuleName::CostOverrun, &own, 3.0 * minute as f64, 100.0);
            rules.note(std::iter::once(value), at(minute));
        }
        let exposition =
            "spanledger_rule_threshold{rule=\"CostOverrun\",severity=\"critical\",service=\"shop\"} 50\n";
        let recent = Recent::default();
        recent.remember(at(2), samples::of(exposition));
        assert!(recent.0.lock().unwrap().is_empty(), "it is kept elsewhere");
        let series = recent.series(at(3), samples::of(exposition), &rules);
        let points = |name: &str| {
            let found = series.iter().find(|series| series.labels["__name__"] == name).unwrap();
            let Points::Seen(points) = &found.points else { panic!("not seen") };
            points.clone()
        };
        assert_eq!(points(THRESHOLD), [(at(1), 100.0), (at(2), 100.0), (at(3), 50.0)]);
        // No value now, and those of before all the same.
        assert_eq!(points(VALUE), [(at(1), 3.0), (at(2), 6.0)]);
    }
}
