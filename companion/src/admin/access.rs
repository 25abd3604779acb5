//! Who may read the metrics and the report page.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::net::host::is_meant;
use crate::net::token::{Token, WrongTokens};

/// What a request must show.
#[derive(Debug, Clone)]
pub(crate) enum AccessPolicy {
    /// The token, and who counts wrong ones.
    Token(Token, WrongTokens),
    /// That it was meant for this listener, by an address, `localhost` or one of these names: an untrusted page in a
    /// browser can let its own name point here and would read what is served, but cannot help sending that name as
    /// the host.
    Hosts(Arc<[String]>),
}

impl AccessPolicy {
    /// Whether a request must show a token.
    #[must_use]
    pub(crate) const fn has_token(&self) -> bool {
        matches!(self, Self::Token(..))
    }

    /// The policy of a listener that is also named by `hosts`.
    #[must_use]
    pub(crate) fn of(hosts: &[String], token: Option<Token>, wrong: WrongTokens) -> Self {
        match token {
            Some(token) => Self::Token(token, wrong),
            None => Self::Hosts(hosts.iter().map(|host| host.to_ascii_lowercase()).collect()),
        }
    }
}

/// Passes `request` on, or refuses it.
pub(super) async fn enforce(State(policy): State<AccessPolicy>, request: Request, next: Next) -> Response {
    match &policy {
        AccessPolicy::Token(token, wrong) if !token.admits(request.headers()) => {
            wrong.answer_late(request.headers()).await;
            // `Basic` makes a browser ask; the token is the password.
            let challenge = HeaderValue::from_static("Basic realm=\"spanledger\"");
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], "a valid token is required\n")
                .into_response()
        }
        AccessPolicy::Hosts(hosts) if !is_meant(&request, hosts) => {
            let reason = "the host of the request is neither localhost nor an address nor one of admin.hosts: use \
                          one of them, or set admin.token_file to serve all names\n";
            (StatusCode::MISDIRECTED_REQUEST, reason).into_response()
        }
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_without_a_token_looks_at_the_host() {
        let hosts = ["Companion".to_owned()];
        assert!(
            matches!(AccessPolicy::of(&hosts, None, WrongTokens::default()), AccessPolicy::Hosts(hosts) if *hosts == ["companion".to_owned()])
        );
        let guarded = AccessPolicy::of(&hosts, Token::new("secret"), WrongTokens::default());
        assert!(matches!(guarded, AccessPolicy::Token(..)));
    }
}
