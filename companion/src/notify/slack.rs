//! Slack-compatible incoming webhooks (Slack, Mattermost, Rocket.Chat).

use serde::Serialize;

use super::http::Endpoint;
use super::{Notification, Notifier, Sending, template};

/// Posts one message with an attachment an alert.
#[derive(Debug)]
pub struct Slack {
    name: String,
    endpoint: Endpoint,
}

/// So many alerts are shown, since Slack refuses more than 50 blocks and nobody reads them.
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

impl Slack {
    pub(crate) const fn new(name: String, endpoint: Endpoint) -> Self {
        Self { name, endpoint }
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
