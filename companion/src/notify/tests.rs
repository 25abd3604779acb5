mod config;
mod digest;
mod hostile;
mod http;
mod peace;
mod programs;
mod schedule;
mod template;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::alert::State;
use crate::rule::tests::at;
use crate::rule::{RuleName, Severity};

/// An alert that fires since second 0.
pub(super) fn firing(rule: RuleName, labels: &[(&str, &str)]) -> Alert {
    let rule_of = rule.rule();
    let settings = rule_of.defaults;
    Alert {
        rule,
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        severity: settings.severity,
        state: State::Firing,
        value: 0.625,
        peak: 0.75,
        threshold: rule_of.threshold(&settings),
        active_since: at(-60),
        firing_since: Some(at(0)),
        calm_since: None,
        unclear_since: None,
        resolved_at: None,
        silenced: None,
        summary: rule_of.summary(&settings),
        description: "62.5 % of 16 calls of the last 5 min failed, threshold 50 %".to_owned(),
        advice: rule_of.advice.to_owned(),
        resolved_without_data: None,
    }
}

pub(super) fn resolved(rule: RuleName, labels: &[(&str, &str)], when: i64) -> Alert {
    Alert { state: State::Resolved, resolved_at: Some(at(when)), ..firing(rule, labels) }
}

pub(super) fn notification(firing: Vec<Alert>, resolved: Vec<Alert>) -> Notification {
    let group_labels = Labels::from([("alertname".to_owned(), "HighFailureRate".to_owned())]);
    Notification {
        group_key: "{alertname=\"HighFailureRate\"}".to_owned(),
        group_labels,
        firing,
        resolved,
        at: at(30),
    }
}

pub(super) fn names(alerts: &[Alert]) -> BTreeSet<(RuleName, String)> {
    alerts.iter().map(|alert| (alert.rule, format!("{:?}", alert.labels))).collect()
}
