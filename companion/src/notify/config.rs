//! The `[notify]` table: common timing, and any number of targets of each kind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Notifier;
use super::alertmanager::Alertmanager;
use super::http::Endpoint;
use super::schedule::Grouping;
use super::secret::Secret;
use super::slack::Slack;
use super::smtp::{Security, Server, Smtp};
use super::webhook::Webhook;
use crate::rule::Severity;
use crate::text::seconds::Seconds;

/// A notifier, ready to run.
#[derive(Debug, Clone)]
pub struct Target {
    /// Sends.
    pub notifier: Arc<dyn Notifier>,
    /// When.
    pub grouping: Grouping,
}

/// The `[notify]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Alerts with the same values of these labels share a message. Defaults to `["alertname", "service"]`.
    pub group_by: Vec<String>,
    /// How long a new group waits for more alerts. Defaults to `10s`.
    pub group_wait: Seconds,
    /// How long a group waits before it tells what has changed. Defaults to `1m`.
    pub group_interval: Seconds,
    /// How long before an unchanged group is told again. Defaults to `4h`.
    pub repeat_interval: Seconds,
    /// Where people find the report page, by http or https; put into messages. Defaults to nothing.
    pub external_url: String,
    /// JSON to a URL.
    pub webhook: Vec<WebhookConfig>,
    /// Slack-compatible incoming webhooks.
    pub slack: Vec<SlackConfig>,
    /// Alertmanagers.
    pub alertmanager: Vec<AlertmanagerConfig>,
    /// Mail.
    pub email: Vec<EmailConfig>,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            group_by: vec!["alertname".to_owned(), "service".to_owned()],
            group_wait: Seconds(10),
            group_interval: Seconds::MINUTE,
            repeat_interval: Seconds(4 * 3600),
            external_url: String::new(),
            webhook: Vec::new(),
            slack: Vec::new(),
            alertmanager: Vec::new(),
            email: Vec::new(),
        }
    }
}

/// `[[notify.webhook]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Names the target in metrics and logs. Defaults to `webhook`.
    #[serde(default = "webhook_name")]
    pub name: String,
    /// Where to post. May hold a token, and is never shown.
    pub url: Option<Secret>,
    /// A file that holds the URL, instead of `url`.
    pub url_file: Option<PathBuf>,
    /// A bearer token. Defaults to none.
    pub token: Option<Secret>,
    /// A file that holds the token, instead of `token`.
    pub token_file: Option<PathBuf>,
    /// Whether the end of an alert is told. Defaults to `true`.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Alerts below this are not told. Defaults to `info`: all are.
    #[serde(default)]
    pub min_severity: Severity,
}

/// `[[notify.slack]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// Names the target in metrics and logs. Defaults to `slack`.
    #[serde(default = "slack_name")]
    pub name: String,
    /// The incoming webhook. It is a secret, and never shown.
    pub url: Option<Secret>,
    /// A file that holds the URL, instead of `url`.
    pub url_file: Option<PathBuf>,
    /// Whether the end of an alert is told. Defaults to `true`.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Alerts below this are not told. Defaults to `info`: all are.
    #[serde(default)]
    pub min_severity: Severity,
}

/// `[[notify.alertmanager]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerConfig {
    /// Names the target in metrics and logs. Defaults to `alertmanager`.
    #[serde(default = "alertmanager_name")]
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
    #[serde(default = "resend")]
    pub resend: Seconds,
    /// Alerts below this are not told. Defaults to `info`: all are.
    #[serde(default)]
    pub min_severity: Severity,
}

/// `[[notify.email]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// Names the target in metrics and logs. Defaults to `email`.
    #[serde(default = "email_name")]
    pub name: String,
    /// The mail server.
    pub host: String,
    /// Its port. Defaults to 587 with `starttls`, 465 with `tls`, 25 with `none`.
    pub port: Option<u16>,
    /// `starttls`, `tls` (from the first byte) or `none`. Defaults to `starttls`.
    #[serde(default)]
    pub security: Security,
    /// A PEM file with a certificate authority to trust besides the public ones. Defaults to none.
    pub ca_file: Option<PathBuf>,
    /// Logs in with this name. Defaults to no login.
    pub username: Option<String>,
    /// The password for it.
    pub password: Option<Secret>,
    /// A file that holds the password, instead of `password`.
    pub password_file: Option<PathBuf>,
    /// The sender, such as `Spanledger <ledger@example.com>`.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// Whether the end of an alert is told. Defaults to `true`.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Alerts below this are not told. Defaults to `info`: all are.
    #[serde(default)]
    pub min_severity: Severity,
}

fn yes() -> bool {
    true
}
fn webhook_name() -> String {
    "webhook".to_owned()
}
fn slack_name() -> String {
    "slack".to_owned()
}
fn alertmanager_name() -> String {
    "alertmanager".to_owned()
}
fn email_name() -> String {
    "email".to_owned()
}
fn resend() -> Seconds {
    Seconds(15)
}

impl NotifyConfig {
    /// Builds every target and reads the files of its secrets. Nothing is connected to.
    ///
    /// # Errors
    /// The key and what is wrong with it; never a secret.
    pub fn targets(&self) -> Result<Vec<Target>, String> {
        for (key, length, least) in [
            ("group_wait", self.group_wait, 0),
            ("group_interval", self.group_interval, 1),
            ("repeat_interval", self.repeat_interval, 1),
        ] {
            if length < Seconds(least) || length > Seconds(30 * 86_400) {
                return Err(format!("notify.{key}: must be from {} to 30d", Seconds(least)));
            }
        }
        if !self.external_url.is_empty() && !is_web_address(&self.external_url) {
            let must = "must be an address that begins with http:// or https:// and holds no space";
            return Err(format!("notify.external_url: {must}"));
        }
        let mut targets = Vec::new();
        for (index, config) in self.webhook.iter().enumerate() {
            targets.push(self.webhook(config).map_err(at("webhook", index))?);
        }
        for (index, config) in self.slack.iter().enumerate() {
            targets.push(self.slack(config).map_err(at("slack", index))?);
        }
        for (index, config) in self.alertmanager.iter().enumerate() {
            targets.push(self.alertmanager(config).map_err(at("alertmanager", index))?);
        }
        for (index, config) in self.email.iter().enumerate() {
            targets.push(self.email(config).map_err(at("email", index))?);
        }
        let mut names = BTreeSet::new();
        for target in &targets {
            if !names.insert(target.notifier.name()) {
                return Err(format!(
                    "notify: two targets have the name {:?}: give each its own",
                    target.notifier.name()
                ));
            }
        }
        Ok(targets)
    }

    fn grouping(&self, send_resolved: bool, min_severity: Severity) -> Grouping {
        Grouping {
            group_by: self.group_by.clone(),
            group_wait: self.group_wait,
            group_interval: self.group_interval,
            repeat_interval: self.repeat_interval,
            send_resolved,
            min_severity,
        }
    }

    fn webhook(&self, config: &WebhookConfig) -> Result<Target, String> {
        let endpoint = endpoint(
            config.url.as_ref(),
            config.url_file.as_deref(),
            config.token.as_ref(),
            config.token_file.as_deref(),
        )?;
        let notifier = Webhook::new(config.name.clone(), endpoint, self.external_url.clone());
        Ok(Target {
            notifier: Arc::new(notifier),
            grouping: self.grouping(config.send_resolved, config.min_severity),
        })
    }

    fn slack(&self, config: &SlackConfig) -> Result<Target, String> {
        let endpoint = endpoint(config.url.as_ref(), config.url_file.as_deref(), None, None)?;
        let notifier = Slack::new(config.name.clone(), endpoint);
        Ok(Target {
            notifier: Arc::new(notifier),
            grouping: self.grouping(config.send_resolved, config.min_severity),
        })
    }

    fn alertmanager(&self, config: &AlertmanagerConfig) -> Result<Target, String> {
        if config.resend < Seconds(1) || config.resend > Seconds::HOUR {
            return Err("resend: must be from 1s to 1h".to_owned());
        }
        let endpoint = endpoint(
            config.url.as_ref(),
            config.url_file.as_deref(),
            config.token.as_ref(),
            config.token_file.as_deref(),
        )?;
        let notifier =
            Alertmanager::new(config.name.clone(), endpoint, self.external_url.clone(), config.resend);
        // One group that is told at every interval: the rest is Alertmanager's.
        let grouping = Grouping {
            group_by: Vec::new(),
            group_wait: Seconds(0),
            group_interval: config.resend,
            repeat_interval: config.resend,
            send_resolved: true,
            min_severity: config.min_severity,
        };
        Ok(Target { notifier: Arc::new(notifier), grouping })
    }

    fn email(&self, config: &EmailConfig) -> Result<Target, String> {
        let password =
            Secret::resolve("password", config.password.as_ref(), config.password_file.as_deref())?;
        let login = match (config.username.clone(), password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => return Err("username: needs a password or password_file".to_owned()),
            (None, Some(_)) => return Err("password: needs a username".to_owned()),
        };
        let ca = match &config.ca_file {
            None => None,
            Some(path) => {
                Some(std::fs::read(path).map_err(|error| format!("ca_file {}: {error}", path.display()))?)
            }
        };
        let server = Server {
            host: &config.host,
            port: config.port.unwrap_or(config.security.port()),
            security: config.security,
            ca,
            login,
        };
        let notifier =
            Smtp::new(config.name.clone(), server, &config.from, &config.to, self.external_url.clone())?;
        Ok(Target {
            notifier: Arc::new(notifier),
            grouping: self.grouping(config.send_resolved, config.min_severity),
        })
    }
}

/// Whether every reader takes `text` as a URI: Alertmanager refuses all alerts of a message for one that is none, and
/// is stricter than browsers about spaces and percent signs.
fn is_web_address(text: &str) -> bool {
    let hex = |rest: &str| rest.bytes().take_while(u8::is_ascii_hexdigit).count() >= 2;
    let lower = text.to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://"))
        && reqwest::Url::parse(text).is_ok()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && text.split('%').skip(1).all(hex)
}

fn at(kind: &'static str, index: usize) -> impl Fn(String) -> String {
    move |message| format!("notify.{kind}[{index}].{message}")
}

fn endpoint(
    url: Option<&Secret>,
    url_file: Option<&Path>,
    token: Option<&Secret>,
    token_file: Option<&Path>,
) -> Result<Endpoint, String> {
    let url = Secret::resolve("url", url, url_file)?.ok_or("url: give url or url_file")?;
    Endpoint::new(url, Secret::resolve("token", token, token_file)?)
}
