//! The states of rules as rows of a report.

use crate::alert::{Alert, State};
use crate::evaluate::evaluator::RuleStatus;
use crate::rule::Labels;

use super::data::{self, RuleState};

/// The rules as a report shows them: one row for each alert, or one for the rule when it has none.
#[must_use]
pub(crate) fn report_states(statuses: &[RuleStatus]) -> Vec<RuleState> {
    let mut states = Vec::with_capacity(statuses.len());
    for status in statuses {
        let row = |state, value, labels: &Labels, detail: Option<&String>| RuleState {
            name: status.name.to_string(),
            state,
            severity: status.severity.to_string(),
            value,
            threshold: status.threshold,
            unit: status.name.rule().unit,
            advice: status.advice.to_owned(),
            detail: detail.cloned(),
            labels: labels.clone(),
            since: None,
        };
        if status.alerts.is_empty() {
            let state = match (&status.error, &status.no_data) {
                (Some(_), _) => data::RuleStatus::Error,
                (None, Some(_)) => data::RuleStatus::NoData,
                (None, None) => data::RuleStatus::Inactive,
            };
            let detail = status.error.as_ref().or(status.no_data.as_ref()).or(status.description.as_ref());
            states.push(row(state, status.value, &status.labels, detail));
        }
        for alert in &status.alerts {
            states.push(alert_state(alert));
        }
    }
    states
}

/// One alert, as it was last saved.
#[must_use]
pub(crate) fn alert_state(alert: &Alert) -> RuleState {
    RuleState {
        name: alert.rule.to_string(),
        state: match alert.state {
            State::Firing => data::RuleStatus::Firing,
            State::Pending => data::RuleStatus::Pending,
            State::Resolved => data::RuleStatus::Resolved,
            State::Inactive => data::RuleStatus::Inactive,
        },
        severity: alert.severity.to_string(),
        value: Some(alert.value),
        threshold: alert.threshold,
        unit: alert.rule.rule().unit,
        advice: alert.advice.clone(),
        detail: Some(match &alert.silenced {
            Some(silence) => format!("{} ({silence})", alert.description),
            None => alert.description.clone(),
        }),
        labels: alert.labels.clone(),
        since: Some(alert.firing_since.unwrap_or(alert.active_since)),
    }
}
