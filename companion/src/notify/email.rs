//! Mail over SMTP: STARTTLS, TLS from the start, or plain to a server on this machine; login; text and HTML.

mod connection;

use std::path::PathBuf;

use lettre::Message;
use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::response::Category;
use serde::{Deserialize, Serialize};

use self::connection::{Refused, Secured, Server};
use super::secret::Secret;
use super::target::{Common, Kind, Route, Target, default_name, default_send_resolved};
use super::times::MuteTime;
use super::{Notification, Notifier, SendError, Sending, template};
use crate::alert::Matcher;
use crate::rule::Severity;
use crate::text::hours::Hours;

/// How the connection is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Begins unencrypted and must switch to TLS before anything is sent (port 587).
    #[default]
    Starttls,
    /// TLS from the first byte (port 465).
    Tls,
    /// No TLS (port 25). Refused together with a password unless the server is on this machine.
    None,
}

impl Security {
    /// The usual port.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// `[[notify.email]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names the target in metrics and logs. Defaults to `email`.
    #[serde(default = "default_name::<Email>")]
    pub name: String,
    /// The mail server.
    pub host: String,
    /// Its port. Defaults to 587 with `starttls`, 465 with `tls`, 25 with `none`.
    pub port: Option<u16>,
    /// `starttls`, `tls` (from the first byte) or `none`. Defaults to `starttls`.
    #[serde(default)]
    pub security: Security,
    /// A PEM file with a certificate authority to trust in addition to the public ones. Defaults to none.
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

impl Config {
    fn port(&self) -> u16 {
        self.port.unwrap_or(self.security.port())
    }

    fn login(&self) -> Result<Option<Credentials>, String> {
        let password = Secret::resolve("password", self.password.as_ref(), self.password_file.as_deref())?;
        let (user, password) = match (self.username.clone(), password) {
            (Some(user), Some(password)) => (user, password),
            (None, None) => return Ok(None),
            (Some(_), None) => return Err("username: needs a password or password_file".to_owned()),
            (None, Some(_)) => return Err("password: needs a username".to_owned()),
        };
        let local = matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if self.security == Security::None && !local {
            return Err(format!("security = \"none\" would send the password to {} in the open", self.host));
        }
        Ok(Some(Credentials::new(user, password.expose().to_owned())))
    }

    fn secured(&self) -> Result<Secured, String> {
        let parameters = || -> Result<TlsParameters, String> {
            let mut builder = TlsParameters::builder(self.host.clone());
            if let Some(path) = &self.ca_file {
                let pem =
                    std::fs::read(path).map_err(|error| format!("ca_file {}: {error}", path.display()))?;
                let certificate = Certificate::from_pem(&pem)
                    .map_err(|error| format!("ca_file: no certificate: {error}"))?;
                builder = builder.add_root_certificate(certificate);
            }
            builder.build().map_err(|error| format!("ca_file: {error}"))
        };
        Ok(match self.security {
            Security::Starttls => Secured::Starttls(parameters()?),
            Security::Tls => {
                let name = self.host.clone().try_into().map_err(|error| format!("host: {error}"))?;
                Secured::Tls(connection::connector(self.ca_file.as_deref())?, name)
            }
            Security::None => Secured::Plain,
        })
    }
}

/// Mails a message to its recipients.
pub struct Email {
    name: String,
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
    external_url: String,
    address: String,
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The server holds the password.
        f.debug_struct("Email")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Kind for Email {
    const KEY: &'static str = "email";
    type Config = Config;

    fn build(config: &Config, notify: &Common<'_>) -> Result<Target, String> {
        let mailbox = |key: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|error| format!("{key}: {text:?} is no mail address: {error}"))
        };
        config.login()?;
        let from = mailbox("from", &config.from)?;
        let to = config.to.iter().map(|text| mailbox("to", text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err("to: at least one mail address is needed".to_owned());
        }
        let server = Server {
            host: config.host.clone(),
            port: config.port(),
            secured: config.secured()?,
            login: config.login()?,
        };
        let email = Self {
            name: config.name.clone(),
            server,
            from,
            to,
            external_url: notify.config.external_url.clone(),
            address: format!("{}:{}", config.host, config.port()),
        };
        let route = Route {
            send_resolved: config.send_resolved,
            min_severity: config.min_severity,
            matchers: &config.matchers,
            active: &config.active,
            mute: &config.mute,
        };
        notify.target(email, route)
    }
}

impl Email {
    fn message(&self, notification: &Notification) -> Result<Message, lettre::error::Error> {
        // Without a message id many a server takes a mail for spam, and none can follow it.
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(template::subject(notification))
            .message_id(None);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder.multipart(MultiPart::alternative_plain_html(
            template::text(notification, &self.external_url),
            template::html(notification, &self.external_url),
        ))
    }
}

impl Email {
    /// Sends to each recipient by itself, since one refused address ends a transaction for all. The mail counts as
    /// sent when anybody gets it: sent again, it would come twice to those.
    async fn send_one_by_one(&self, message: &Message) -> Result<(), Refused> {
        let (mail, mut taken, mut refused) = (message.formatted(), false, None);
        for to in &self.to {
            let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()]);
            // An envelope with a recipient is always one.
            let Ok(envelope) = envelope else { continue };
            match self.server.send(&envelope, &mail).await {
                Ok(()) => taken = true,
                Err(refusal) => {
                    let error = self.failed(&refusal, false);
                    tracing::warn!(notifier = self.name, recipient = %to.email, %error, "mail refused");
                    refused = Some(refusal);
                }
            }
        }
        refused.filter(|_| !taken).map_or(Ok(()), Err)
    }

    /// With the causes of `error`.
    fn failed(&self, error: &dyn std::error::Error, retry: bool) -> SendError {
        let mut reason = format!("{}: {error}", self.address);
        let mut source = error.source();
        while let Some(cause) = source {
            reason.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        SendError::new(&reason, retry)
    }
}

/// Whether the server refused what was to be mailed, not the connection or the login: the replies x5z of RFC 5321,
/// section 4.2.1.
fn is_about_mail(error: &Refused) -> bool {
    error.is_permanent() && error.status().is_some_and(|code| code.category == Category::MailSystem)
}

impl Notifier for Email {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, notification: &'a Notification) -> Sending<'a> {
        Box::pin(async move {
            let message = self.message(notification).map_err(|error| self.failed(&error, false))?;
            let mut sent = self.server.send(message.envelope(), &message.formatted()).await;
            if self.to.len() > 1 && sent.as_ref().is_err_and(is_about_mail) {
                sent = self.send_one_by_one(&message).await;
            }
            // 5xx is the server's last word: wrong password, unknown recipient.
            sent.map_err(|error| self.failed(&error, !error.is_permanent()))
        })
    }
}
