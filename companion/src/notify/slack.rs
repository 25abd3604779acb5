//! Slack-compatible incoming webhooks (Slack, Mattermost, Rocket.Chat).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::http::Endpoint;
use super::secret::Secret;
use super::target::{Common, Kind, Route, Target, default_name, default_send_resolved};
use super::times::MuteTime;
use super::{Notification, Notifier, Sending, template};
use crate::alert::Matcher;
use crate::rule::Severity;
use crate::text::hours::Hours;

/// `[[notify.slack]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names the target in metrics and logs. Defaults to `slack`.
    #[serde(default = "default_name::<Slack>")]
    pub name: String,
    /// The incoming webhook. It is a secret, and never shown.
    pub url: Option<Secret>,
    /// A file that holds the URL, instead of `url`.
    pub url_file: Option<PathBuf>,
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

/// Posts one message with an attachment an alert.
#[derive(Debug)]
pub struct Slack {
    name: String,
    endpoint: Endpoint,
}

/// The most alerts per message: Slack refuses more than 50 blocks.
const SHOWN: usize = 20;

#[derive(Debug, Serialize)]
struct Message {
    text: String,
    attachments: Vec<Attachment>,
}

#[derive(Debug, Serialize)]
struct Attachment {
    color: &'static str,
    title: String,
    text: String,
    fallback: String,
    /// Plain text throughout: a model name must not become a link or a mention.
    mrkdwn_in: [&'static str; 0],
}

impl Kind for Slack {
    const KEY: &'static str = "slack";
    type Config = Config;

    fn build(config: &Config, notify: &Common<'_>) -> Result<Target, String> {
        let url = Secret::resolve("url", config.url.as_ref(), config.url_file.as_deref())?;
        let slack = Self { name: config.name.clone(), endpoint: Endpoint::new(url, None)? };
        let route = Route {
            send_resolved: config.send_resolved,
            min_severity: config.min_severity,
            matchers: &config.matchers,
            active: &config.active,
            mute: &config.mute,
        };
        notify.target(slack, route)
    }
}

impl Notifier for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, notification: &'a Notification) -> Sending<'a> {
        let attachments = notification.alerts().take(SHOWN).map(|alert| {
            let title = escape(&template::title(alert));
            Attachment {
                color: if alert.firing() { "danger" } else { "good" },
                text: escape(&template::body(alert)),
                fallback: title.clone(),
                title,
                mrkdwn_in: [],
            }
        });
        let mut text = escape(&template::subject(notification));
        let hidden = notification.alerts().count().saturating_sub(SHOWN);
        if hidden > 0 {
            text.push_str(&format!(" ({hidden} more not shown)"));
        }
        self.endpoint.post(Message { text, attachments: attachments.collect() })
    }
}

/// The three characters that are control characters in Slack's texts.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
