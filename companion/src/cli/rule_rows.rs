//! The state of a rule as a row, as `check` and `rules` print it.

use serde::Serialize;

use crate::alert::State;
use crate::evaluate::evaluator::RuleStatus;
use crate::rule::{Labels, RuleName, Severity};
use crate::text::number::or_dash;
use crate::text::terminal::harmless;
use crate::text::time::to_the_second;

/// One rule over all calls, or over those of the service or model in `labels`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RuleRow {
    pub(crate) name: RuleName,
    pub(crate) labels: Labels,
    /// `inactive`, `pending`, `firing`, `no_data` or `error`.
    pub(crate) state: &'static str,
    pub(crate) severity: Severity,
    pub(crate) value: Option<f64>,
    pub(crate) threshold: f64,
    pub(crate) advice: &'static str,
    pub(crate) description: Option<String>,
    /// Since when it is pending or firing, RFC 3339 to the second.
    pub(crate) since: Option<String>,
    pub(crate) no_data: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) alerts: Vec<AlertRow>,
}

/// One alert that is pending or firing.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AlertRow {
    pub(crate) labels: Labels,
    pub(crate) state: &'static str,
    pub(crate) value: f64,
    pub(crate) description: String,
}

pub(crate) fn rule_rows(statuses: &[RuleStatus]) -> Vec<RuleRow> {
    statuses.iter().map(RuleRow::of).collect()
}

impl RuleRow {
    fn of(status: &RuleStatus) -> Self {
        let active = |state| matches!(state, State::Pending | State::Firing);
        Self {
            name: status.name,
            labels: status.labels.clone(),
            state: match (active(status.state), &status.error, &status.no_data) {
                (true, ..) => status.state.as_str(),
                (false, Some(_), _) => "error",
                (false, None, Some(_)) => "no_data",
                (false, None, None) => status.state.as_str(),
            },
            severity: status.severity,
            value: status.value,
            threshold: status.threshold,
            advice: status.advice,
            description: status.description.clone(),
            since: status.since.map(to_the_second),
            no_data: status.no_data.clone(),
            error: status.error.clone(),
            alerts: status
                .alerts
                .iter()
                .filter(|alert| active(alert.state))
                .map(|alert| AlertRow {
                    labels: alert.labels.clone(),
                    state: alert.state.as_str(),
                    value: alert.value,
                    description: alert.description.clone(),
                })
                .collect(),
        }
    }

    pub(crate) fn firing(&self) -> bool {
        self.state == State::Firing.as_str()
    }

    /// The name, with the service or model where it is about one.
    pub(crate) fn title(&self) -> String {
        title(self.name, &self.labels)
    }

    pub(crate) fn value_text(&self) -> String {
        or_dash(self.value, |value| self.name.rule().unit.format(value))
    }

    pub(crate) fn threshold_text(&self) -> String {
        self.name.rule().unit.format(self.threshold)
    }

    /// Why there is no value, else the sentence with the numbers.
    pub(crate) fn detail(&self) -> String {
        let detail = self.error.as_ref().or(self.no_data.as_ref()).or(self.description.as_ref());
        harmless(detail.map_or("", String::as_str))
    }
}

fn title(name: RuleName, labels: &Labels) -> String {
    if labels.is_empty() { name.to_string() } else { format!("{name} ({})", listed(labels)) }
}

/// `name=value` of each, harmless.
pub(crate) fn listed(labels: &Labels) -> String {
    let labels: Vec<String> =
        labels.iter().map(|(label, value)| format!("{label}={}", harmless(value))).collect();
    labels.join(", ")
}
