//! Settings of a rule, or of one service or model, as configured.

use serde::{Deserialize, Serialize};

use super::{Expected, Key, Settings, Threshold};
use crate::rule::{Rule, Severity, Unit};
use crate::text::seconds::Seconds;

/// Windows, waits and look-backs are at most 30 days.
const LONGEST: Seconds = Seconds(30 * 86_400);

/// Settings as configured: what is absent keeps its default, or for a service or model the rule's setting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// See [`Settings::enabled`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// See [`Settings::severity`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// See [`Settings::threshold`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// See [`Settings::factor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// See [`Settings::floor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// See [`Settings::window`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Seconds>,
    /// See [`Settings::min_calls`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_calls: Option<u64>,
    /// See [`Settings::min_events`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_events: Option<u64>,
    /// See [`Settings::lookback`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookback: Option<Seconds>,
    /// See [`Settings::expected`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<Expected>,
    /// See [`Settings::hold`].
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<Seconds>,
    /// See [`Settings::keep_firing_for`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_firing_for: Option<Seconds>,
}

impl Overrides {
    pub(super) fn over(&self, rule: &Rule, base: &Settings) -> Settings {
        let (threshold, learn) = match self.threshold {
            Some(Threshold::Fixed(threshold)) => (threshold, false),
            Some(Threshold::Learned) => (base.threshold, true),
            // Of a rule without a threshold the window is the absolute limit.
            None if self.window.is_some() && !rule.reads(Key::Threshold) => (base.threshold, false),
            None => {
                (base.threshold, self.expected.map_or(base.learn, |expected| expected == Expected::Learned))
            }
        };
        // Who declares when calls are expected wants to know at once that there are none.
        let declared = self.expected.is_some_and(|expected| expected != Expected::Learned);
        let severity = if declared { base.severity.max(Severity::Warning) } else { base.severity };
        Settings {
            enabled: self.enabled.unwrap_or(base.enabled),
            severity: self.severity.unwrap_or(severity),
            threshold,
            learn,
            factor: self.factor.unwrap_or(base.factor),
            floor: self.floor.unwrap_or(base.floor),
            window: self.window.unwrap_or(base.window),
            min_calls: self.min_calls.unwrap_or(base.min_calls),
            min_events: self.min_events.unwrap_or(base.min_events),
            lookback: self.lookback.unwrap_or(base.lookback),
            expected: self.expected.unwrap_or(base.expected),
            hold: self.hold.unwrap_or(base.hold),
            keep_firing_for: self.keep_firing_for.unwrap_or(base.keep_firing_for),
        }
    }

    pub(super) fn check(&self, rule: &Rule) -> Result<(), String> {
        let unknown = |key: Key, given: bool, name: &str| {
            if given && !rule.reads(key) {
                return Err(format!("{} has no setting `{name}`; it has {}", rule.name, settings_of(rule)));
            }
            Ok(())
        };
        // A rule may only learn, or never.
        match self.threshold {
            Some(Threshold::Fixed(_)) => unknown(Key::Threshold, true, "threshold")?,
            Some(Threshold::Learned) => unknown(Key::Learned, true, "threshold = \"learned\"")?,
            None => {}
        }
        unknown(Key::Learned, self.factor.is_some(), "factor")?;
        unknown(Key::Learned, self.floor.is_some(), "floor")?;
        unknown(Key::MinCalls, self.min_calls.is_some(), "min_calls")?;
        unknown(Key::MinEvents, self.min_events.is_some(), "min_events")?;
        unknown(Key::Lookback, self.lookback.is_some(), "lookback")?;
        unknown(Key::Expected, self.expected.is_some(), "expected")?;
        for (name, value) in [("factor", self.factor), ("floor", self.floor)] {
            if value.is_some_and(|value| !value.is_finite() || value < 0.0) {
                return Err(format!("{name}: must be a number from 0 up"));
            }
        }
        if let Some(Threshold::Fixed(threshold)) = self.threshold {
            if !threshold.is_finite() || threshold < 0.0 {
                return Err(format!("threshold = {threshold}: a threshold is a number from 0 up"));
            }
            if rule.unit == Unit::Share && threshold > 1.0 {
                return Err(format!("threshold = {threshold}: {} takes a share between 0 and 1", rule.name));
            }
        }
        let lengths = [
            ("window", self.window, 1),
            ("lookback", self.lookback, 1),
            ("for", self.hold, 0),
            ("keep_firing_for", self.keep_firing_for, 0),
        ];
        for (name, length, least) in lengths {
            if length.is_some_and(|length| length < Seconds(least) || length > LONGEST) {
                return Err(format!("{name}: must be from {} to {LONGEST}", Seconds(least)));
            }
        }
        Ok(())
    }
}

/// The settings that a rule has, for a message about another.
fn settings_of(rule: &Rule) -> String {
    let own = [
        (Key::Threshold, "threshold"),
        (Key::Learned, "factor, floor"),
        (Key::MinCalls, "min_calls"),
        (Key::MinEvents, "min_events"),
        (Key::Lookback, "lookback"),
        (Key::Expected, "expected"),
        (Key::By, "by"),
    ];
    let own = own.into_iter().filter(|(key, _)| rule.reads(*key)).map(|(_, name)| name);
    let all: Vec<&str> = own.chain(["enabled", "severity", "window", "for", "keep_firing_for"]).collect();
    all.join(", ")
}
