//! Alertmanager API v2. Alertmanager groups, de-duplicates and repeats by itself; it wants to hear all alerts again
//! and again, each with the time until which it may take the silence as "still firing".

use serde::Serialize;

use super::http::Endpoint;
use super::webhook::started;
use super::{Annotations, Notification, Notifier, Sending, labels};
use crate::rule::Labels;
use crate::text::seconds::Seconds;
use crate::text::time::rfc3339;

/// Posts the alerts to `/api/v2/alerts`.
#[derive(Debug)]
pub struct Alertmanager {
    name: String,
    endpoint: Endpoint,
    external_url: String,
    /// A firing alert ends by itself when we fall silent for four intervals, as Prometheus has it.
    valid_for: Seconds,
}

/// One alert as the API takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PostableAlert {
    labels: Labels,
    annotations: Annotations,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    generator_url: String,
}

impl Alertmanager {
    pub(crate) fn new(name: String, endpoint: Endpoint, external_url: String, resend: Seconds) -> Self {
        let endpoint = endpoint.join("/api/v2/alerts");
        Self { name, endpoint, external_url, valid_for: Seconds(resend.0 * 4) }
    }
}

impl Notifier for Alertmanager {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, notification: &'a Notification) -> Sending<'a> {
        let alerts = notification.alerts().map(|alert| PostableAlert {
            // An empty value means "no such label" there, and would make two alerts one.
            labels: labels(alert).into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            annotations: Annotations::of(alert),
            starts_at: started(alert),
            ends_at: rfc3339(
                alert.resolved_at.unwrap_or_else(|| notification.at.plus_seconds(self.valid_for.0)),
            ),
            generator_url: self.external_url.clone(),
        });
        self.endpoint.post(alerts.collect::<Vec<_>>())
    }
}
