//! The state machine of alerts, as Prometheus has it: inactive, pending, firing, resolved.

mod matcher;
mod notification_log;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::record::Timestamp;
use crate::rule::config::Settings;
use crate::rule::{Absent, Labels, Rule, RuleName, Sample, Severity, Verdict};
use crate::text::seconds::Seconds;
use crate::text::text_enum::text_enum;

pub(crate) use self::matcher::Matcher;
pub(crate) use self::notification_log::NotificationLog;
pub(crate) use self::notification_log::NotifiedGroup;

/// At most this many alerts of one rule and scope are active at a time; further ones are counted and left.
pub(crate) const LIMIT: usize = 100;

/// A resolved alert is kept this long, so that every notifier gets to tell it (as Prometheus does).
pub(crate) const RESOLVED_FOR: Seconds = Seconds(900);

/// An alert goes on firing this long without any call that could show whether its cause is gone.
pub(crate) const HELD: Seconds = Seconds::DAY;

text_enum! {
    /// The state of an alert.
    pub enum State {
        /// The threshold is not exceeded. Only rules are inactive: there is no alert then.
        Inactive = "inactive",
        /// It has been firing and is over.
        Resolved = "resolved",
        /// The threshold is exceeded, but not yet for long enough.
        Pending = "pending",
        /// People are notified.
        Firing = "firing",
    }
}

impl State {
    /// As the metric `spanledger_rule_state` gives it: 0 inactive, 1 pending, 2 firing.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Inactive | Self::Resolved => 0,
            Self::Pending => 1,
            Self::Firing => 2,
        }
    }
}

/// One alert: a rule and the labels of the sample that exceeds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The rule.
    pub rule: RuleName,
    /// What tells it from other alerts of the rule.
    pub labels: Labels,
    /// From the rule's settings.
    pub severity: Severity,
    /// Pending, firing or resolved.
    pub state: State,
    /// The newest value that exceeded the threshold.
    pub value: f64,
    /// The largest value since it became active.
    pub peak: f64,
    /// What the value is compared with.
    pub threshold: f64,
    /// Since when the threshold is exceeded.
    pub active_since: Timestamp,
    /// Since when it fires.
    pub firing_since: Option<Timestamp>,
    /// Since when the threshold is not exceeded any more.
    pub calm_since: Option<Timestamp>,
    /// Since when there is too little to tell whether the threshold is exceeded.
    #[serde(default)]
    pub unclear_since: Option<Timestamp>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Which silence holds it back now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<String>,
    /// One line: what fires.
    pub summary: String,
    /// One sentence with the numbers.
    pub description: String,
    /// What to do.
    pub advice: String,
    /// Why it was over although no healthy value was seen.
    pub resolved_without_data: Option<String>,
}

impl Alert {
    /// The value of one of its labels, `alertname` and `severity` among them. One that is absent is empty.
    #[must_use]
    pub(crate) fn label(&self, name: &str) -> &str {
        match name {
            "alertname" => self.rule.as_str(),
            "severity" => self.severity.as_str(),
            name => self.labels.get(name).map_or("", String::as_str),
        }
    }

    /// Whether all of `matchers` match it.
    #[must_use]
    pub(crate) fn matches(&self, matchers: &[Matcher]) -> bool {
        matchers.iter().all(|matcher| matcher.matches(self.label(matcher.label())))
    }

    /// Firing now.
    #[must_use]
    pub fn firing(&self) -> bool {
        self.state == State::Firing
    }
}

/// What a rule finds at one time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Observation<'a> {
    /// Its samples, and why there is nothing to judge when that is so. Alerts whose sample is within the threshold come
    /// to rest: pending ones at once, firing ones after `keep_firing_for`. What an alert without a sample does, the
    /// rule decides: see [`Absent`]. An alert that ends without data gives the reason.
    Seen(&'a [Sample], Option<&'a str>),
    /// The ledger could not be asked: nothing is known, so nothing changes, for however long that lasts.
    Unknown,
}

/// The alerts of one rule and scope.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Alerts {
    alerts: BTreeMap<Labels, Alert>,
    dropped: u64,
}

impl Alerts {
    /// Alerts of an earlier run.
    pub(crate) fn restore(&mut self, alert: Alert) {
        self.alerts.insert(alert.labels.clone(), alert);
    }

    /// All that are not inactive, by their labels.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// Samples that became no alert because of [`LIMIT`].
    #[must_use]
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Moves every alert by what was observed at `now`. Says whether any changed its state.
    pub(crate) fn observe(
        &mut self,
        rule: &Rule,
        settings: &Settings,
        observation: Observation<'_>,
        now: Timestamp,
    ) -> bool {
        let Observation::Seen(samples, no_data) = observation else { return false };
        // So it is nearly always.
        if self.alerts.is_empty() && samples.iter().all(|sample| sample.verdict != Verdict::Exceeded) {
            return false;
        }
        self.not_after(now);
        let mut changed = false;
        let mut seen: HashMap<&Labels, Verdict> = HashMap::new();
        for sample in samples {
            let held = self.alerts.get(&*sample.labels).is_some_and(|alert| alert.holds(rule, sample, now));
            let verdict = if held { Verdict::Exceeded } else { sample.verdict };
            if verdict == Verdict::Exceeded {
                changed |= self.exceed(rule, settings, sample, now);
            }
            seen.insert(&*sample.labels, verdict);
        }
        for alert in self.alerts.values_mut() {
            match (seen.get(&alert.labels), rule.absent) {
                (Some(Verdict::Exceeded), _) => {
                    if alert.state == State::Pending && since(alert.active_since, now) >= settings.hold {
                        alert.state = State::Firing;
                        alert.firing_since = Some(now);
                        changed = true;
                    }
                    continue;
                }
                (Some(Verdict::FewExceeded), _) | (None, Absent::Unknown) => alert.wait(no_data, now),
                (Some(Verdict::Calm | Verdict::FewCalm), _) => alert.rest(settings, no_data, now),
                (None, Absent::Calm) => alert.rest(settings, no_data, now),
                (None, Absent::Over(reason)) => alert.rest(settings, Some(reason), now),
            }
            changed |= alert.resolved_at == Some(now);
        }
        let before = self.alerts.len();
        self.alerts.retain(|_, alert| match alert.state {
            State::Inactive => false,
            State::Resolved => alert.resolved_at.is_some_and(|at| since(at, now) < RESOLVED_FOR),
            State::Pending | State::Firing => true,
        });
        changed || before != self.alerts.len()
    }

    /// Ends all alerts of a rule that is evaluated no more, with the reason. Says whether any changed.
    pub(crate) fn end(&mut self, reason: &str, now: Timestamp) -> bool {
        let before = self.alerts.clone();
        self.not_after(now);
        for alert in self.alerts.values_mut() {
            match alert.state {
                State::Pending => alert.state = State::Inactive,
                State::Firing => alert.resolve(Some(reason), now),
                State::Inactive | State::Resolved => {}
            }
        }
        self.alerts.retain(|_, alert| alert.resolved_at.is_some_and(|at| since(at, now) < RESOLVED_FOR));
        self.alerts != before
    }

    /// A clock that was set back must not hold up an alert until it is where it was.
    fn not_after(&mut self, now: Timestamp) {
        for alert in self.alerts.values_mut() {
            alert.active_since = alert.active_since.min(now);
            let Alert { firing_since, calm_since, unclear_since, resolved_at, .. } = alert;
            for time in [firing_since, calm_since, unclear_since, resolved_at] {
                *time = time.map(|time| time.min(now));
            }
        }
    }

    fn exceed(&mut self, rule: &Rule, settings: &Settings, sample: &Sample, now: Timestamp) -> bool {
        let active = self.alerts.get_mut(&*sample.labels).filter(|alert| alert.state != State::Resolved);
        if let Some(alert) = active {
            alert.value = sample.value;
            alert.peak = alert.peak.max(sample.value);
            alert.calm_since = None;
            alert.unclear_since = None;
            alert.severity = settings.severity;
            // Of one that is held by its own limit, the sentence is about another.
            if sample.verdict == Verdict::Exceeded {
                alert.description.clone_from(&sample.description);
                if !(sample.learned && alert.state == State::Firing) {
                    alert.threshold = sample.threshold;
                } else if !sample.description.is_empty() {
                    alert.explain_limit(rule, sample.threshold);
                }
            }
            return false;
        }
        let active = self.alerts.values().filter(|alert| alert.state != State::Resolved).count();
        if active >= LIMIT {
            self.dropped += 1;
            return false;
        }
        let alert = Alert {
            rule: rule.name,
            labels: Labels::clone(&sample.labels),
            severity: settings.severity,
            state: State::Pending,
            value: sample.value,
            peak: sample.value,
            threshold: sample.threshold,
            active_since: now,
            firing_since: None,
            calm_since: None,
            unclear_since: None,
            resolved_at: None,
            silenced: None,
            summary: rule.summary(settings),
            description: sample.description.clone(),
            advice: rule.advice.to_owned(),
            resolved_without_data: None,
        };
        self.alerts.insert(alert.labels.clone(), alert);
        true
    }
}

impl Alert {
    /// Whether it goes on by the limit with which it began to fire: what goes on for long becomes usual, and must not end
    /// the alert by that. It holds for a day.
    fn holds(&self, rule: &Rule, sample: &Sample, now: Timestamp) -> bool {
        sample.learned
            && self.state == State::Firing
            && self.firing_since.is_some_and(|from| since(from, now) < HELD)
            && rule.compare.exceeds(sample.value, self.threshold)
    }

    /// Its sentence has the limit of now, and it shows the one with which it began to fire.
    fn explain_limit(&mut self, rule: &Rule, now: f64) {
        let began = rule.unit.format(self.threshold);
        if began != rule.unit.format(now) {
            self.description.push_str(&format!("; the limit was {began} when this alert began to fire"));
        }
    }

    /// Nothing shows that it is over: it goes on firing, but not forever.
    fn wait(&mut self, no_data: Option<&str>, now: Timestamp) {
        match self.state {
            State::Pending => self.state = State::Inactive,
            State::Firing => {
                self.calm_since = None;
                let unclear = *self.unclear_since.get_or_insert(now);
                if since(unclear, now) >= HELD {
                    self.resolve(Some(no_data.unwrap_or("too few calls to judge")), now);
                }
            }
            State::Inactive | State::Resolved => {}
        }
    }

    fn rest(&mut self, settings: &Settings, no_data: Option<&str>, now: Timestamp) {
        self.unclear_since = None;
        match self.state {
            State::Pending => self.state = State::Inactive,
            State::Firing => {
                let calm = *self.calm_since.get_or_insert(now);
                if since(calm, now) >= settings.keep_firing_for {
                    self.resolve(no_data, now);
                }
            }
            State::Inactive | State::Resolved => {}
        }
    }

    fn resolve(&mut self, without_data: Option<&str>, now: Timestamp) {
        self.state = State::Resolved;
        self.resolved_at = Some(now);
        self.resolved_without_data = without_data.map(str::to_owned);
    }
}

/// The whole seconds between; never below zero.
fn since(then: Timestamp, now: Timestamp) -> Seconds {
    Seconds(now.0.saturating_sub(then.0).max(0) / Timestamp::SECOND)
}
