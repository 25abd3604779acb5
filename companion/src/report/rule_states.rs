//! The states of rules as rows of a report.

use crate::alert::State;
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
            let state = match alert.state {
                State::Firing => data::RuleStatus::Firing,
                State::Pending => data::RuleStatus::Pending,
                State::Resolved => data::RuleStatus::Resolved,
                State::Inactive => data::RuleStatus::Inactive,
            };
            states.push(row(state, Some(alert.value), &alert.labels, Some(&alert.description)));
        }
    }
    states
}
