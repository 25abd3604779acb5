//! Where the links of messages lead.

use super::target::NotifyConfig;
use crate::alert::Alert;

/// The addresses of the configuration. An empty one gives no link.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    /// The report page.
    pub(crate) page: String,
    runbook: String,
    dashboard: String,
}

impl Links {
    /// The links of a configuration. The runbook is served by the report page where no other address is given.
    pub(crate) fn of(config: &NotifyConfig) -> Self {
        let page = config.external_url.clone();
        let runbook = match (config.runbook_url.as_str(), page.trim_end_matches('/')) {
            ("", "") => String::new(),
            ("", page) => format!("{page}/runbook"),
            (given, _) => given.to_owned(),
        };
        Self { page, runbook, dashboard: config.dashboard_url.clone() }
    }

    /// The section of the runbook about `alert`.
    pub(crate) fn runbook(&self, alert: &Alert) -> Option<String> {
        let section = alert.rule.as_str().to_lowercase();
        (!self.runbook.is_empty()).then(|| format!("{}#{section}", self.runbook))
    }

    /// The dashboard, with what `alert` is about chosen.
    pub(crate) fn dashboard(&self, alert: &Alert) -> Option<String> {
        let mut url = reqwest::Url::parse(&self.dashboard).ok()?;
        for name in ["service", "environment"] {
            if let Some(value) = alert.labels.get(name).filter(|value| !value.is_empty()) {
                url.query_pairs_mut().append_pair(&format!("var-{name}"), value);
            }
        }
        Some(url.into())
    }
}
