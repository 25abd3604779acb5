//! Alertmanager API v2. Alertmanager groups, de-duplicates and repeats by itself; it wants to hear all alerts again
//! and again, each with the time until which it may take the silence as "still firing".

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::DigestTime;
use super::http::Endpoint;
use super::links::Links;
use super::schedule::Grouping;
use super::secret::Secret;
use super::target::{Common, Kind, Target, default_name};
use super::times::Times;
use super::webhook::started;
use super::{Annotations, Notification, Notifier, Sending, labels};
use crate::alert::Matcher;
use crate::rule::{Labels, Severity};
use crate::text::seconds::Seconds;
use crate::text::time::rfc3339;

/// `[[notify.alertmanager]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names the target in metrics and logs. Defaults to `alertmanager`.
    #[serde(default = "default_name::<Alertmanager>")]
    pub name: String,
    /// Its address without `/api/v2`, such as `http://127.0.0.1:9093`. May hold a password, and is never shown.
    pub url: Option<Secret>,
    /// A file that holds the URL, instead of `url`.
    pub url_file: Option<PathBuf>,
    /// A bearer token. Defaults to none.
    pub token: Option<Secret>,
    /// A file that holds the token, instead of `token`.
    pub token_file: Option<PathBuf>,
    /// How often all alerts are sent again; grouping and repeating are Alertmanager's. Defaults to `15s`.
    #[serde(default = "default_resend")]
    pub resend: Seconds,
    /// Alerts below this are not sent. Defaults to `info`: all are.
    #[serde(default)]
    pub min_severity: Severity,
    /// Only alerts that all of these match are sent; mute times are Alertmanager's own. Defaults to all alerts.
    #[serde(default)]
    pub(crate) matchers: Vec<Matcher>,
}

const fn default_resend() -> Seconds {
    Seconds(15)
}

/// The least time that an alert counts as firing without a word from us.
const VALID_FOR: Seconds = Seconds(300);

/// Posts the alerts to `/api/v2/alerts`.
#[derive(Debug)]
pub struct Alertmanager {
    name: String,
    endpoint: Endpoint,
    links: Links,
    /// A firing alert ends by itself when we fall silent for this long. A new version of the companion starts sooner, so
    /// that no message reads "resolved" for what goes on.
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

impl Kind for Alertmanager {
    const KEY: &'static str = "alertmanager";
    type Config = Config;

    fn build(config: &Config, notify: &Common<'_>) -> Result<Target, String> {
        if config.resend < Seconds(1) || config.resend > Seconds::HOUR {
            return Err("resend: must be from 1s to 1h".to_owned());
        }
        let url = Secret::resolve("url", config.url.as_ref(), config.url_file.as_deref())?;
        let token = Secret::resolve("token", config.token.as_ref(), config.token_file.as_deref())?;
        let alertmanager = Self {
            name: config.name.clone(),
            endpoint: Endpoint::new(url, token)?.join("/api/v2/alerts"),
            links: Links::of(notify.config),
            valid_for: Seconds((config.resend.0 * 4).max(VALID_FOR.0)),
        };
        // One group that is sent at every interval: the rest is Alertmanager's.
        let grouping = Grouping {
            group_by: Vec::new(),
            group_wait: Seconds(0),
            group_interval: config.resend,
            repeat_interval: config.resend,
            send_resolved: true,
            min_severity: config.min_severity,
            matchers: config.matchers.clone(),
            times: Times::default(),
            // It groups and routes by itself.
            digest: DigestTime::off(),
        };
        Ok(Target { notifier: Arc::new(alertmanager), grouping })
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
            annotations: Annotations::of(alert, &self.links),
            starts_at: started(alert),
            ends_at: rfc3339(
                alert.resolved_at.unwrap_or_else(|| notification.at.plus_seconds(self.valid_for.0)),
            ),
            generator_url: self.links.page.clone(),
        });
        self.endpoint.post(alerts.collect::<Vec<_>>())
    }
}
