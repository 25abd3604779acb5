//! Posting JSON to a target, without telling anybody its URL.

use std::time::Duration;

use serde::Serialize;

use super::secret::Secret;
use super::{SendError, Sending};

/// A target has this long to take a message.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// So much of a refusal is told.
const REFUSAL: usize = 200;

/// A URL that takes JSON.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    client: reqwest::Client,
    url: Secret,
    token: Option<Secret>,
    /// Scheme, host and port: what may be told of the URL.
    host: String,
    /// What may not: tokens stand in the path, the query or the password.
    secrets: Vec<Secret>,
}

impl Endpoint {
    /// Checks the URL. Redirects are refused, since they would hand the message and its token to somebody else.
    pub(crate) fn new(url: Secret, token: Option<Secret>) -> Result<Self, String> {
        let parsed = reqwest::Url::parse(url.expose()).map_err(|error| format!("url: {error}"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err("url: must begin with http:// or https://".to_owned());
        }
        let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = format!("{}://{}{port}", parsed.scheme(), parsed.host_str().unwrap_or_default());
        let mut builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("spanledger/", env!("CARGO_PKG_VERSION")));
        if matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            // No proxy reaches this machine.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| format!("url: {}", error.without_url()))?;
        let path = Some(parsed.path()).filter(|path| path.len() > 1);
        let parts = [path, parsed.query(), parsed.password(), token.as_ref().map(Secret::expose)];
        let mut secrets = vec![url.clone()];
        secrets.extend(parts.into_iter().flatten().map(|part| Secret::new(part.to_owned())));
        Ok(Self { client, url, token, host, secrets })
    }

    /// The same endpoint with `path` after its own.
    pub(crate) fn join(mut self, path: &str) -> Self {
        self.url = Secret::new(format!("{}{path}", self.url.expose().trim_end_matches('/')));
        self
    }

    pub(crate) fn post<'a>(&'a self, body: impl Serialize + Send + 'a) -> Sending<'a> {
        Box::pin(async move {
            let mut request = self.client.post(self.url.expose()).json(&body);
            if let Some(token) = &self.token {
                request = request.bearer_auth(token.expose());
            }
            let response = request
                .send()
                .await
                .map_err(|error| SendError::passing(format!("{}: {}", self.host, reason(error))))?;
            let status = response.status();
            if status.is_success() {
                return Ok(());
            }
            let retry = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            let message = format!("{} answered {status}{}", self.host, self.refusal(response).await);
            Err(SendError { message, retry })
        })
    }

    /// The first words of a refusal: they say what is wrong with the message.
    async fn refusal(&self, mut response: reqwest::Response) -> String {
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            text.extend_from_slice(&chunk);
            if text.len() >= REFUSAL {
                break;
            }
        }
        text.truncate(REFUSAL);
        let text: String =
            String::from_utf8_lossy(&text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        // A target may repeat the URL or the token it was called with.
        let text = self.secrets.iter().fold(text, |text, secret| text.replace(secret.expose(), "***"));
        if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) }
    }
}

/// The innermost cause, which names no URL, unlike the error around it.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
