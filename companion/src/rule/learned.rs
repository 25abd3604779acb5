//! The limit of one group of calls, made from its own past where the rule learns.

use std::sync::Arc;

use super::past::cell::Cell;
use super::past::history::History;
use super::past::{DAY, Usual, slot_of};
use super::scope::{Inputs, Scope};
use super::{Evaluation, Labels, RuleName, Sample, Unit, Verdict};
use crate::record::Timestamp;
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// With what the value of one group is compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    pub(super) value: f64,
    /// What it was made from; nothing for one that was set, or of calls too new to have a past.
    pub(super) usual: Option<Usual>,
    now: Timestamp,
}

/// The length of a past of `age` cells that goes back `days` days at most, so that no sentence claims more than is known: `day`,
/// `7 days`, or `5 h 20 min`.
pub(super) fn span(age: i64, days: i64) -> String {
    match (age / DAY).min(days) {
        1 if days == 1 => "day".to_owned(),
        whole @ 2.. => format!("{whole} days"),
        _ => Seconds(age.max(0) * 300).words(),
    }
}

impl Limit {
    /// `limit 420; usual for 14:00 UTC: 80 to 130, the day before at most 140`.
    pub(super) fn words(&self, unit: Unit) -> String {
        let limit = unit.format(self.value);
        let Some(usual) = &self.usual else { return format!("threshold {limit}") };
        let mut words = format!("limit {limit}");
        if let Some((low, high)) = usual.like {
            let (low, high) = (unit.format(low), unit.format(high));
            words.push_str(&format!("; usual for {} UTC: {low} to {high}", time_of_day(self.now)));
        }
        if let Some(day) = usual.day {
            let and = if usual.like.is_some() { ", " } else { "; " };
            let span = span(usual.age, 1);
            words.push_str(&format!("{and}the {span} before at most {}", unit.format(day)));
        }
        if let Some(mean) = usual.mean {
            words.push_str(&format!("; {} on average the {} before", unit.format(mean), span(usual.age, 1)));
        }
        if let Some(week) = usual.week {
            let of = match usual.age >= 7 * DAY {
                true => "the week".to_owned(),
                false => format!("the {} before", span(usual.age, 7)),
            };
            words.push_str(&format!("; in the busiest hours of {of} {}", unit.format(week)));
        }
        words
    }
}

impl Limit {
    /// So many times as much while there are fewer cells of a past than `age`.
    pub(super) fn until(mut self, age: i64, times: f64) -> Self {
        if self.usual.is_some_and(|usual| usual.age < age) {
            self.value *= times;
        }
        self
    }

    /// The same in a unit of which so many are one of this.
    pub(super) fn times(&self, factor: f64) -> Self {
        let usual = self.usual.map(|usual| Usual {
            peak: usual.peak * factor,
            like: usual.like.map(|(low, high)| (low * factor, high * factor)),
            day: usual.day.map(|day| day * factor),
            week: usual.week.map(|week| week * factor),
            ..usual
        });
        Self { value: self.value * factor, usual, now: self.now }
    }
}

/// `14:05`, of the five minutes in which `at` is.
fn time_of_day(at: Timestamp) -> String {
    let minutes = slot_of(at).rem_euclid(DAY) * 5;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
#[test]
fn no_length_of_a_past_is_more_than_what_there_is_of_it() {
    let cases =
        [(0, 1, "0 s"), (4, 1, "20 min"), (DAY - 1, 1, "23 h 55 min"), (DAY, 1, "day"), (9 * DAY, 1, "day")];
    for (age, days, words) in cases.into_iter().chain([
        (DAY, 2, "24 h"),
        (2 * DAY - 1, 7, "47 h 55 min"),
        (2 * DAY, 7, "2 days"),
        (7 * DAY - 1, 7, "6 days"),
        (30 * DAY, 7, "7 days"),
    ]) {
        assert_eq!(span(age, days), words);
    }
}

/// Calls without which half an hour of the past says nothing of a mean.
pub(super) const FEW: f64 = 10.0;

/// A mean over so many calls or more.
pub(super) fn mean(sum: f32, calls: f64, few: f64) -> Option<f64> {
    (calls >= few.max(1.0)).then(|| f64::from(sum) / calls)
}

/// As many cells as a window needs.
pub(super) fn cells(window: Seconds) -> i64 {
    ((window.0 + 299) / 300).max(1)
}

impl Scope {
    /// What is usual for a group that has been seen for `age` cells; nothing for a younger one, and where the rule does not
    /// learn.
    pub(super) fn usual(
        &self,
        inputs: &Inputs<'_>,
        rule: RuleName,
        name: Option<&str>,
        age: i64,
        make: impl FnOnce(&History, i64) -> Usual,
    ) -> Result<Option<Usual>, StoreError> {
        if !self.settings.learn {
            return Ok(None);
        }
        let past = inputs.pasts.of(&self.filter, self.by, inputs)?;
        let slot = slot_of(inputs.now);
        let past = past.read();
        Ok(past.usual(rule, name, |history| make(history, slot)).filter(|usual| usual.age >= age))
    }

    /// The threshold of the settings, or `factor` times what is usual, at least `floor`.
    pub(super) fn limit(&self, usual: Option<Usual>, now: Timestamp) -> Limit {
        let settings = &self.settings;
        let value = match &usual {
            Some(usual) => (settings.factor * usual.peak).max(settings.floor),
            None => settings.threshold,
        };
        Limit { value, usual, now }
    }

    /// The limit for a share of calls: `factor` times the share of the day before.
    pub(super) fn share_limit(
        &self,
        inputs: &Inputs<'_>,
        rule: RuleName,
        name: Option<&str>,
        part: fn(&Cell) -> f32,
        whole: fn(&Cell) -> f32,
    ) -> Result<Limit, StoreError> {
        let usual = self.usual(inputs, rule, name, super::past::HOUR, |history, slot| {
            let day = history.sum(slot - DAY..slot - super::past::LAG);
            let share = f64::from(part(&day)) / f64::from(whole(&day)).max(1.0);
            Usual { mean: Some(share), ..Usual::of(share, history.age(slot)) }
        })?;
        Ok(self.limit(usual, inputs.now))
    }

    /// A sample for each value against its limit. One of too few calls is not judged, and nothing younger than `age`.
    pub(super) fn compared(&self, found: Vec<Measured>, unit: Unit, age: &str) -> Evaluation {
        let samples = found.into_iter().map(|Measured { labels, value, limit, enough, what, day }| {
            let exceeded = value > limit.value;
            let age = limit.usual.map_or(DAY, |usual| usual.age);
            let day = day.map_or_else(String::new, |day| format!("; the {} before {day}", span(age, 1)));
            Sample {
                labels,
                value,
                threshold: limit.value,
                learned: limit.usual.is_some(),
                verdict: if enough { Verdict::of(exceeded) } else { Verdict::of_few(exceeded) },
                description: format!("{what}, limit {}{day}", unit.format(limit.value)),
            }
        });
        self.known_or_young(samples.collect(), age)
    }

    /// The samples; without any there is nothing to compare with yet.
    fn known_or_young(&self, samples: Vec<Sample>, age: &str) -> Evaluation {
        if samples.is_empty() {
            let within = self.settings.window.words();
            return Evaluation::unknown(format!("no call within {within} of a service that is {age} old"));
        }
        Evaluation::known(samples)
    }
}

/// A value of one group with what it is compared with.
pub(super) struct Measured {
    pub(super) labels: Arc<Labels>,
    pub(super) value: f64,
    pub(super) limit: Limit,
    /// Whether there were enough calls.
    pub(super) enough: bool,
    /// What was measured.
    pub(super) what: String,
    /// The same of the day before.
    pub(super) day: Option<String>,
}
