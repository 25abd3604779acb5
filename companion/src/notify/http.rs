//! Posting JSON to a target, without telling anybody its URL.

use std::time::Duration;

use serde::Serialize;

use super::secret::Secret;
use super::{SendError, Sending};

/// A target has this long to take a message.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// The most of a refusal that is logged.
const REFUSAL: usize = 200;

/// A URL that takes JSON.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    client: reqwest::Client,
    url: Secret,
    token: Option<Secret>,
    /// Scheme, host and port: the part of the URL that may be logged.
    host: String,
    /// The parts that may not, longest first: tokens can be in the path, the query, the user name or the password.
    secrets: Vec<Secret>,
}

impl Endpoint {
    /// Checks the URL. Redirects are refused, since they would hand the message and its token to somebody else.
    pub(crate) fn new(url: Option<Secret>, token: Option<Secret>) -> Result<Self, String> {
        let url = url.ok_or("url: give url or url_file")?;
        let parsed = reqwest::Url::parse(url.expose()).map_err(|error| {
            format!("url: {error}; give the whole address, such as https://example.com/hook")
        })?;
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
        if parsed.scheme() == "http" {
            // Without TLS no certificate is judged, and an image without root certificates is enough.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| {
            let advice = "install the package ca-certificates or set SSL_CERT_FILE";
            format!("url: no client for HTTPS: {}; {advice}", reason(error))
        })?;
        let secrets = secrets(&url, &parsed, token.as_ref());
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
            Err(SendError::new(&message, retry))
        })
    }

    /// The first words of a refusal: they say what is wrong with the message.
    async fn refusal(&self, mut response: reqwest::Response) -> String {
        // A secret that begins within the logged part must be seen whole to be recognised.
        let longest = self.secrets.first().map_or(0, |secret| secret.expose().len());
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            text.extend_from_slice(&chunk);
            if text.len() >= REFUSAL + longest {
                break;
            }
        }
        text.truncate(REFUSAL + longest);
        let text = self.masked(&String::from_utf8_lossy(&text));
        if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) }
    }

    /// What `text` says within the first [`REFUSAL`] bytes, on one line. A target may repeat the URL or the token it
    /// was called with.
    fn masked(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while text.len() - rest.len() < REFUSAL {
            if let Some(after) = self.secrets.iter().find_map(|secret| rest.strip_prefix(secret.expose())) {
                out.push_str("***");
                rest = after;
                continue;
            }
            let mut characters = rest.chars();
            let Some(character) = characters.next() else { break };
            out.push(if character.is_control() { ' ' } else { character });
            rest = characters.as_str();
        }
        out
    }
}

/// A word of a path may be a token from this length on; shorter ones are names, and hiding them would spoil the text.
const PATH_TOKEN: usize = 16;
/// The same for a value of a query.
const QUERY_TOKEN: usize = 4;

/// What a target could repeat of a request and may not be logged, longest first.
fn secrets(url: &Secret, parsed: &reqwest::Url, token: Option<&Secret>) -> Vec<Secret> {
    let mut secrets = vec![url.expose().to_owned(), parsed.username().to_owned()];
    secrets.extend(Some(parsed.path()).filter(|path| path.len() > 1).map(str::to_owned));
    secrets.extend([parsed.query(), parsed.password()].into_iter().flatten().map(str::to_owned));
    secrets.extend(token.map(|token| token.expose().to_owned()));
    let words = parsed.path_segments().into_iter().flatten();
    secrets.extend(words.filter(|word| word.len() >= PATH_TOKEN).map(str::to_owned));
    let values = parsed.query_pairs().map(|(_, value)| value.into_owned());
    secrets.extend(values.filter(|value| value.len() >= QUERY_TOKEN));
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.into_iter().map(Secret::new).collect()
}

/// The innermost cause, which names no URL, unlike the error around it.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return format!("no response within {} s", TIMEOUT.as_secs());
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
