//! Mail over SMTP: STARTTLS, TLS from the start, or plain to a server on this machine; login; text and HTML.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::response::Category;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::{Notification, Notifier, SendError, Sending, template};

/// How the connection is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Begins in the open and must change to TLS before anything is said (port 587).
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

/// The mail server and how to reach it.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) security: Security,
    /// PEM; trusted besides the public authorities.
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) login: Option<(String, Secret)>,
}

/// Mails a message to its recipients.
pub struct Smtp {
    name: String,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    external_url: String,
    server: String,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The transport holds the password.
        f.debug_struct("Smtp").field("name", &self.name).field("server", &self.server).finish_non_exhaustive()
    }
}

/// The server has this long for each step.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Smtp {
    pub(crate) fn new(
        name: String,
        server: Server<'_>,
        from: &str,
        to: &[String],
        external_url: String,
    ) -> Result<Self, String> {
        let Server { host, port, security, ca, login } = server;
        let local = matches!(host, "localhost" | "127.0.0.1" | "::1");
        if security == Security::None && login.is_some() && !local {
            return Err(format!("security = \"none\" would send the password to {host} in the open"));
        }
        let mailbox = |key: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|error| format!("{key}: {text:?} is no mail address: {error}"))
        };
        let from = mailbox("from", from)?;
        let to = to.iter().map(|text| mailbox("to", text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err("to: at least one mail address is needed".to_owned());
        }
        let parameters = || -> Result<TlsParameters, String> {
            let mut builder = TlsParameters::builder(host.to_owned());
            if let Some(pem) = &ca {
                let certificate = Certificate::from_pem(pem)
                    .map_err(|error| format!("ca_file: no certificate: {error}"))?;
                builder = builder.add_root_certificate(certificate);
            }
            builder.build().map_err(|error| format!("ca_file: {error}"))
        };
        let tls = match security {
            Security::Starttls => Tls::Required(parameters()?),
            Security::Tls => Tls::Wrapper(parameters()?),
            Security::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = login {
            builder = builder.credentials(Credentials::new(user, password.expose().to_owned()));
        }
        Ok(Self {
            name,
            transport: builder.build(),
            from,
            to,
            external_url,
            server: format!("{host}:{port}"),
        })
    }

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

impl Smtp {
    /// Sends to each recipient by itself, since one refused address ends a transaction for all. The mail counts as
    /// sent when anybody gets it: sent again, it would come twice to those.
    async fn send_one_by_one(&self, message: &Message) -> Result<(), smtp::Error> {
        let (mail, mut taken, mut refused) = (message.formatted(), false, None);
        for to in &self.to {
            let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()]);
            // An envelope with a recipient is always one.
            let Ok(envelope) = envelope else { continue };
            match self.transport.send_raw(&envelope, &mail).await {
                Ok(_) => taken = true,
                Err(error) => {
                    tracing::warn!(notifier = self.name, recipient = %to.email, %error, "mail refused");
                    refused = Some(error);
                }
            }
        }
        refused.filter(|_| !taken).map_or(Ok(()), Err)
    }
}

/// Whether the server refused what was to be mailed, not the connection or the login: the replies x5z of RFC 5321,
/// section 4.2.1.
fn is_about_mail(error: &smtp::Error) -> bool {
    error.is_permanent() && error.status().is_some_and(|code| code.category == Category::MailSystem)
}

impl Notifier for Smtp {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, notification: &'a Notification) -> Sending<'a> {
        Box::pin(async move {
            let failed = |error: &dyn std::error::Error, retry| {
                let mut message = format!("{}: {error}", self.server);
                let mut source = error.source();
                while let Some(cause) = source {
                    message.push_str(&format!(": {cause}"));
                    source = cause.source();
                }
                SendError { message, retry }
            };
            let message = self.message(notification).map_err(|error| failed(&error, false))?;
            let mut sent = self.transport.send_raw(message.envelope(), &message.formatted()).await.map(drop);
            if self.to.len() > 1 && sent.as_ref().is_err_and(is_about_mail) {
                sent = self.send_one_by_one(&message).await;
            }
            // 5xx is the server's last word: wrong password, unknown recipient.
            sent.map_err(|error| failed(&error, !error.is_permanent()))
        })
    }
}
