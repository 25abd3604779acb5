//! The rules and alerts as Prometheus lists its own.

use std::time::Duration;

use serde_json::{Value, json};

use super::samples::Sample;
use crate::alert::{Alert, State};
use crate::evaluate::evaluator::RuleStatus;
use crate::promql::{LABEL_OF_NAME, Labels};
use crate::record::Timestamp;
use crate::text::time::rfc3339;

/// All rules as one group.
pub(super) fn groups(rules: &[RuleStatus], interval: Duration, now: Timestamp) -> Value {
    let took: f64 = rules.iter().map(|rule| rule.took.as_secs_f64()).sum();
    json!({"groups": [{
        "name": "spanledger",
        "file": "companion",
        "interval": interval.as_secs_f64(),
        "limit": 0,
        "evaluationTime": took,
        "lastEvaluation": rfc3339(now),
        "rules": rules.iter().map(|rule| listed(rule, now)).collect::<Vec<_>>(),
    }]})
}

/// The series that Prometheus would have of an alert, for the same queries.
pub(in crate::admin) fn series(rules: &[RuleStatus]) -> Vec<Sample> {
    let alerts = rules.iter().flat_map(|rule| &rule.alerts).filter(|alert| alert.state != State::Resolved);
    let sample = |alert: &Alert| {
        let mut labels = alert_labels(alert);
        labels.insert(LABEL_OF_NAME.to_owned(), "ALERTS".to_owned());
        labels.insert("alertstate".to_owned(), if alert.firing() { "firing" } else { "pending" }.to_owned());
        labels.retain(|_, value| !value.is_empty());
        Sample { labels, value: "1".to_owned() }
    };
    alerts.map(sample).collect()
}

/// The alerts of a rule that are pending or fire.
pub(super) fn alerts(rule: &RuleStatus) -> Vec<Value> {
    rule.alerts.iter().filter(|alert| alert.state != State::Resolved).map(alert_of).collect()
}

fn listed(rule: &RuleStatus, now: Timestamp) -> Value {
    let state = match rule.state {
        State::Firing => "firing",
        State::Pending => "pending",
        State::Inactive | State::Resolved => "inactive",
    };
    // A rule without data is not healthy, and its reason is where Prometheus has its errors.
    let (health, error) = match (&rule.error, &rule.no_data) {
        (Some(error), _) => ("err", error.as_str()),
        (None, Some(reason)) => ("unknown", reason.as_str()),
        (None, None) => ("ok", ""),
    };
    let mut labels = rule.labels.clone();
    labels.insert("severity".to_owned(), rule.severity.to_string());
    let compare = rule.name.rule().compare.sign();
    json!({
        "type": "alerting",
        "name": rule.name.to_string(),
        // The rule is a query of the ledger, not of PromQL; this is where its value is found.
        "query": format!("spanledger_rule_value{{rule=\"{}\"}} {compare} {}", rule.name, rule.threshold),
        "duration": rule.hold.0,
        "keepFiringFor": rule.keep_firing_for.0,
        "labels": labels,
        "annotations": {"advice": rule.advice, "description": rule.description.clone().unwrap_or_default()},
        "state": state,
        "health": health,
        "lastError": error,
        "evaluationTime": rule.took.as_secs_f64(),
        "lastEvaluation": rfc3339(now),
        "alerts": alerts(rule),
    })
}

fn alert_of(alert: &Alert) -> Value {
    let mut annotations =
        json!({"summary": alert.summary, "description": alert.description, "advice": alert.advice});
    if let Some(silence) = &alert.silenced {
        annotations["silenced"] = silence.as_str().into();
    }
    json!({
        "labels": alert_labels(alert),
        "annotations": annotations,
        "state": if alert.firing() { "firing" } else { "pending" },
        "activeAt": rfc3339(alert.active_since),
        "value": alert.value.to_string(),
    })
}

fn alert_labels(alert: &Alert) -> Labels {
    let mut labels = alert.labels.clone();
    labels.insert("alertname".to_owned(), alert.rule.to_string());
    labels.insert("severity".to_owned(), alert.severity.to_string());
    labels
}
