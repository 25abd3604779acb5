//! JSON to any URL, in the shape of Alertmanager's webhook, version 4: what reads that reads this.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::http::Endpoint;
use super::links::Links;
use super::secret::Secret;
use super::target::{Common, Kind, Route, Target, default_name, default_send_resolved};
use super::times::MuteTime;
use super::{Annotations, Notification, Notifier, Sending, labels};
use crate::alert::{Alert, Matcher};
use crate::record::ids::hex;
use crate::rule::{Labels, Severity};
use crate::text::hours::Hours;
use crate::text::time::rfc3339;

/// `[[notify.webhook]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names the target in metrics and logs. Defaults to `webhook`.
    #[serde(default = "default_name::<Webhook>")]
    pub name: String,
    /// Where to post. May hold a token, and is never shown.
    pub url: Option<Secret>,
    /// A file that holds the URL, instead of `url`.
    pub url_file: Option<PathBuf>,
    /// A bearer token. Defaults to none.
    pub token: Option<Secret>,
    /// A file that holds the token, instead of `token`.
    pub token_file: Option<PathBuf>,
    /// Whether the end of an alert is sent. Defaults to `true`.
    #[serde(default = "default_send_resolved")]
    pub send_resolved: bool,
    /// Alerts below this are not sent. Defaults to `info`: all are.
    #[serde(default)]
    pub min_severity: Severity,
    /// Only alerts that all of these match are sent. Defaults to all alerts.
    #[serde(default)]
    pub(crate) matchers: Vec<Matcher>,
    /// Sent only within these hours. Defaults to always.
    #[serde(default)]
    pub(crate) active: Vec<Hours>,
    /// Not sent within these hours. Defaults to never.
    #[serde(default)]
    pub(crate) mute: Vec<MuteTime>,
}

/// Posts one JSON object a message.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    endpoint: Endpoint,
    links: Links,
}

/// The object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    version: &'static str,
    group_key: String,
    truncated_alerts: u64,
    status: &'static str,
    receiver: String,
    group_labels: Labels,
    common_labels: Labels,
    common_annotations: Labels,
    #[serde(rename = "externalURL")]
    external_url: String,
    alerts: Vec<Item>,
}

/// One alert of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    status: &'static str,
    labels: Labels,
    annotations: Annotations,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

impl Kind for Webhook {
    const KEY: &'static str = "webhook";
    type Config = Config;

    fn build(config: &Config, notify: &Common<'_>) -> Result<Target, String> {
        let url = Secret::resolve("url", config.url.as_ref(), config.url_file.as_deref())?;
        let token = Secret::resolve("token", config.token.as_ref(), config.token_file.as_deref())?;
        let webhook = Self {
            name: config.name.clone(),
            endpoint: Endpoint::new(url, token)?,
            links: Links::of(notify.config),
        };
        let route = Route {
            send_resolved: config.send_resolved,
            min_severity: config.min_severity,
            matchers: &config.matchers,
            active: &config.active,
            mute: &config.mute,
        };
        notify.target(webhook, route)
    }
}

impl Webhook {
    fn message(&self, notification: &Notification) -> Message {
        let mut common: Option<Labels> = None;
        for alert in notification.alerts() {
            let labels = labels(alert);
            common = Some(match common {
                None => labels,
                Some(mut common) => {
                    common.retain(|name, value| labels.get(name) == Some(value));
                    common
                }
            });
        }
        Message {
            version: "4",
            group_key: notification.group_key.clone(),
            truncated_alerts: 0,
            status: notification.status(),
            receiver: self.name.clone(),
            group_labels: notification.group_labels.clone(),
            common_labels: common.unwrap_or_default(),
            common_annotations: Labels::new(),
            external_url: self.links.page.clone(),
            alerts: notification.alerts().map(|alert| self.item(alert)).collect(),
        }
    }

    fn item(&self, alert: &Alert) -> Item {
        Item {
            status: if alert.firing() { "firing" } else { "resolved" },
            labels: labels(alert),
            annotations: Annotations::of(alert, &self.links),
            starts_at: started(alert),
            // What Alertmanager writes for an end that is not known yet.
            ends_at: alert.resolved_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339),
            generator_url: self.links.page.clone(),
            fingerprint: fingerprint(alert),
        }
    }
}

impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, notification: &'a Notification) -> Sending<'a> {
        self.endpoint.post(self.message(notification))
    }
}

/// When the alert began to fire.
pub(super) fn started(alert: &Alert) -> String {
    rfc3339(alert.firing_since.unwrap_or(alert.active_since))
}

/// 16 hex digits that name the alert by its labels.
fn fingerprint(alert: &Alert) -> String {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    for (name, value) in labels(alert) {
        // Lengths keep ("a", "bc") and ("ab", "c") apart.
        hasher.update(format!("{}:{name}{}:{value}", name.len(), value.len()));
    }
    hex(&hasher.finalize()[..8])
}
