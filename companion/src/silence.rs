//! Silences: which alerts are not sent for some time, who decided that, and why.

pub(crate) mod file;
mod matcher;

use serde::{Deserialize, Serialize};

pub(crate) use self::matcher::Matcher;

use crate::alert::Alert;
use crate::record::Timestamp;
use crate::text::time::rfc3339;

/// A silence: alerts that all of its matchers match are not sent between its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Silence {
    /// Numbers are never given twice.
    pub(crate) id: u64,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) created: Timestamp,
    pub(crate) by: String,
    pub(crate) comment: String,
    /// When it was ended early, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expired: Option<(Timestamp, String)>,
}

impl Silence {
    /// When it ends.
    pub(crate) fn end(&self) -> Timestamp {
        self.expired.as_ref().map_or(self.until, |(at, _)| self.until.min(*at))
    }

    /// Whether it is in force at `now`.
    pub(crate) fn is_active(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.end()
    }

    /// `active`, `pending` or `expired`, as Alertmanager has it.
    pub(crate) fn state(&self, now: Timestamp) -> &'static str {
        match now {
            now if now >= self.end() => "expired",
            now if now < self.from => "pending",
            _ => "active",
        }
    }

    fn matches(&self, alert: &Alert) -> bool {
        self.matchers.iter().all(|matcher| match matcher.label() {
            "alertname" => matcher.matches(alert.rule.as_str()),
            "severity" => matcher.matches(alert.severity.as_str()),
            // A label that is absent is empty.
            label => matcher.matches(alert.labels.get(label).map_or("", String::as_str)),
        })
    }

    fn words(&self) -> String {
        format!("silence {} by {} until {}: {}", self.id, self.by, rfc3339(self.end()), self.comment)
    }
}

/// Notes on each alert which silence holds it back at `now`.
pub(crate) fn mark<'a>(silences: &[Silence], alerts: impl Iterator<Item = &'a mut Alert>, now: Timestamp) {
    for alert in alerts {
        let found = silences.iter().find(|silence| silence.is_active(now) && silence.matches(alert));
        alert.silenced = found.map(Silence::words);
    }
}

#[cfg(test)]
mod tests;
