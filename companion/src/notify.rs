//! Sends notifications about alerts. Each notifier has its own task, its own log of what it sent, and its own
//! retries: a dead target delays neither another nor the rules.

pub(crate) mod alertmanager;
pub(crate) mod digest;
pub(crate) mod email;
pub(crate) mod http;
mod links;
pub(crate) mod schedule;
pub(crate) mod secret;
pub(crate) mod slack;
pub(crate) mod target;
pub(crate) mod task;
pub(crate) mod template;
#[cfg(test)]
mod tests;
pub(crate) mod times;
pub(crate) mod webhook;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::Serialize;

use self::links::Links;
use crate::alert::Alert;
use crate::record::Timestamp;
use crate::rule::Labels;
use crate::text::terminal::{fit, harmless};

/// One target. Implementations send once: timing, retries and memory are the caller's.
pub trait Notifier: fmt::Debug + Send + Sync {
    /// Its name in configuration, metrics and logs.
    fn name(&self) -> &str;

    /// Sends one notification. May be dropped before it ends.
    fn send<'a>(&'a self, notification: &'a Notification) -> Sending<'a>;
}

/// A notification on its way.
pub(crate) type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), SendError>> + Send + 'a>>;

/// Why a notification was not taken. The text holds no secret: no URL beyond its host, no password, no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// What the target or the network said.
    pub message: String,
    /// Whether the same notification may be taken later: false for a refusal, such as a wrong password.
    pub retry: bool,
}

/// Columns of a reason: a mail server may answer with many lines.
const REASON: usize = 600;

impl SendError {
    /// The reason is bounded and made harmless: a part of it is what somebody else's server said.
    pub(crate) fn new(reason: &str, retry: bool) -> Self {
        Self { message: fit(&harmless(reason), REASON), retry }
    }

    pub(crate) fn passing(reason: impl AsRef<str>) -> Self {
        Self::new(reason.as_ref(), true)
    }
}

/// One message: the alerts of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Names the group within its notifier.
    pub group_key: String,
    /// What the alerts of the group have in common by configuration.
    pub group_labels: Labels,
    /// Alerts that fire.
    pub firing: Vec<Alert>,
    /// Alerts that were notified as firing and are resolved.
    pub resolved: Vec<Alert>,
    /// When the notification was made.
    pub at: Timestamp,
}

impl Notification {
    /// Whether it is the daily message of what informs.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.group_key == digest::DIGEST
    }

    /// `firing` as long as any of its alerts does.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        if self.firing.is_empty() { "resolved" } else { "firing" }
    }

    /// All alerts, firing ones first.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.firing.iter().chain(&self.resolved)
    }
}

/// The labels of an alert as receivers see them: its own, `alertname` and `severity`.
#[must_use]
pub(crate) fn labels(alert: &Alert) -> Labels {
    let mut labels = alert.labels.clone();
    labels.insert("alertname".to_owned(), alert.rule.to_string());
    labels.insert("severity".to_owned(), alert.severity.to_string());
    labels
}

/// The annotations of an alert as receivers see them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Annotations {
    /// One line: what fires.
    pub summary: String,
    /// One sentence with the numbers.
    pub description: String,
    /// What to do.
    pub advice: String,
    /// The newest value that exceeded the threshold, in the rule's unit.
    pub value: String,
    /// The threshold, in the rule's unit.
    pub threshold: String,
    /// The runbook's section about the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook_url: Option<String>,
    /// The dashboard of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// Why it is over although no healthy value was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_without_data: Option<String>,
}

impl Annotations {
    /// Of one alert.
    #[must_use]
    pub(crate) fn of(alert: &Alert, links: &Links) -> Self {
        Self {
            summary: alert.summary.clone(),
            description: alert.description.clone(),
            advice: alert.advice.clone(),
            value: alert.value.to_string(),
            threshold: alert.threshold.to_string(),
            runbook_url: links.runbook(alert),
            dashboard_url: links.dashboard(alert),
            resolved_without_data: alert.resolved_without_data.clone(),
        }
    }
}
