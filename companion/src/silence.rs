//! What holds alerts back: silences, with who decided them and why; maintenance windows; and a ledger that is silent.

pub(crate) mod draft;
pub(crate) mod file;
pub(crate) mod keeper;
pub(crate) mod maintenance;

use serde::{Deserialize, Serialize};

use self::maintenance::MaintenanceConfig;
use crate::alert::{Alert, Matcher};
use crate::record::Timestamp;
use crate::rule::{Labels, RuleName};
use crate::text::text_enum::text_enum;
use crate::text::time::rfc3339;

text_enum! {
    /// By which way a silence was made.
    #[derive(Default)]
    pub(crate) enum Via {
        /// `spanledger silence`
        #[default]
        CommandLine = "command line",
        /// The page.
        Page = "page",
        /// A program's `POST`.
        Post = "post",
    }
}

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
    #[serde(default)]
    pub(crate) via: Via,
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

    fn words(&self) -> String {
        format!("silence {} by {} until {}: {}", self.id, self.by, rfc3339(self.end()), self.comment)
    }

    /// As programs read it: `silence list --json` and `/silences.json`.
    pub(crate) fn to_json(&self, now: Timestamp) -> serde_json::Value {
        serde_json::json!({
            "id": self.id,
            "state": self.state(now),
            "matchers": self.matchers,
            "from": rfc3339(self.from),
            "until": rfc3339(self.end()),
            "created": rfc3339(self.created),
            "by": self.by,
            "comment": self.comment,
            "via": self.via,
            "expired_by": self.expired.as_ref().map(|(_, by)| by),
        })
    }
}

/// What holds alerts back now.
#[derive(Debug, Default)]
pub(crate) struct Peace {
    pub(crate) silences: Vec<Silence>,
    pub(crate) maintenance: Vec<MaintenanceConfig>,
}

impl Peace {
    /// Notes on each alert what holds it back at `now`, where `all` are the alerts that are not inactive.
    pub(crate) fn mark<'a>(
        &self,
        all: &[Alert],
        alerts: impl Iterator<Item = &'a mut Alert>,
        now: Timestamp,
    ) {
        let silent = |alert: &&Alert| alert.rule == RuleName::LedgerSilent && alert.firing();
        let silent: Vec<&Labels> = all.iter().filter(silent).map(|alert| &alert.labels).collect();
        for alert in alerts {
            let silence = self.silences.iter().find(|one| one.is_active(now) && alert.matches(&one.matchers));
            let maintenance = || self.maintenance.iter().find_map(|one| one.holds(alert, now));
            alert.silenced =
                silence.map(Silence::words).or_else(maintenance).or_else(|| inhibited(alert, &silent));
        }
    }
}

/// Whether an alert is judged by calls of which none arrive, by the alerts of silent ledgers: all calls, or those of a
/// service or model. What was sent as firing before is not repeated meanwhile.
fn inhibited(alert: &Alert, silent: &[&Labels]) -> Option<String> {
    let about = |labels: &&&Labels| labels.iter().all(|(name, value)| alert.labels.get(name) == Some(value));
    let found = alert.rule.depends_on_calls() && silent.iter().any(|labels| about(&labels));
    found.then(|| "LedgerSilent fires: the calls by which this is judged are missing".to_owned())
}

#[cfg(test)]
mod tests;
