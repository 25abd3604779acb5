//! Who may read the metrics and the report page.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderValue, StatusCode, header};

use crate::receiver::auth::Token;

/// What a request must show.
#[derive(Debug, Clone)]
pub enum Door {
    /// The token.
    Token(Token),
    /// That it was meant for this machine: a foreign page in a local browser can let its own name point to loopback
    /// and would read what is served there, but cannot help sending that name as the host.
    Local,
    /// Nothing.
    Open,
}

impl Door {
    /// The door of a listener at `address`.
    #[must_use]
    pub fn of(address: SocketAddr, token: Option<Token>) -> Self {
        match token {
            Some(token) => Self::Token(token),
            None if address.ip().to_canonical().is_loopback() => Self::Local,
            None => Self::Open,
        }
    }
}

/// Lets `request` through, or answers it.
pub(super) async fn keep(State(door): State<Door>, request: Request, next: Next) -> Response {
    match &door {
        Door::Token(token) if !token.admits(request.headers()) => {
            // `Basic` makes a browser ask; the token is the password.
            let challenge = HeaderValue::from_static("Basic realm=\"spanledger\"");
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], "a valid token is required\n")
                .into_response()
        }
        Door::Local if !is_local(&request) => {
            let reason = "the host of the request is neither localhost nor an address: use one of them, or set \
                          admin.token_file to serve other names\n";
            (StatusCode::MISDIRECTED_REQUEST, reason).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Whether the host is one that no foreign name server answers for. Browsers always send one; what sends none is
/// no browser.
pub(crate) fn is_local(request: &Request) -> bool {
    let named = request.headers().get(header::HOST).map(|host| Authority::try_from(host.as_bytes()));
    let authority = match (request.uri().authority(), named) {
        (Some(authority), _) => authority.clone(),
        (None, Some(Ok(authority))) => authority,
        (None, Some(Err(_))) => return false,
        (None, None) => return true,
    };
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.ends_with(".localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn host(host: &str) -> bool {
        is_local(&Request::get("/").header(header::HOST, host).body(Body::empty()).unwrap())
    }

    #[test]
    fn takes_only_hosts_that_no_foreign_name_server_answers_for() {
        for local in ["localhost", "LOCALHOST:4319", "page.localhost:1", "127.0.0.1:4319", "[::1]:4319"] {
            assert!(host(local), "{local}");
        }
        for foreign in
            ["rebound.example:4319", "localhost.example", "127.0.0.1.example", "xlocalhost", "", "@"]
        {
            assert!(!host(foreign), "{foreign}");
        }
        assert!(is_local(&Request::get("/").body(Body::empty()).unwrap()));
        let second = Request::get("http://rebound.example/").header(header::HOST, "localhost");
        assert!(!is_local(&second.body(Body::empty()).unwrap()));
    }

    #[test]
    fn a_listener_on_loopback_without_a_token_serves_this_machine_only() {
        let address = |text: &str| text.parse().unwrap();
        assert!(matches!(Door::of(address("127.0.0.1:0"), None), Door::Local));
        assert!(matches!(Door::of(address("[::ffff:127.0.0.1]:0"), None), Door::Local));
        assert!(matches!(Door::of(address("0.0.0.0:0"), None), Door::Open));
        assert!(matches!(Door::of(address("127.0.0.1:0"), Token::new("secret")), Door::Token(_)));
    }
}
