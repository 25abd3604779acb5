//! Who may read the metrics and the report page.

use std::net::IpAddr;
use std::sync::Arc;

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
    /// That it was meant for this listener, by an address, `localhost` or one of these names: a foreign page in a
    /// browser can let its own name point here and would read what is served, but cannot help sending that name as
    /// the host.
    Hosts(Arc<[String]>),
}

impl Door {
    /// The door of a listener that is also named by `hosts`.
    #[must_use]
    pub fn of(hosts: &[String], token: Option<Token>) -> Self {
        token.map_or_else(
            || Self::Hosts(hosts.iter().map(|host| host.to_ascii_lowercase()).collect()),
            Self::Token,
        )
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
        Door::Hosts(hosts) if !is_meant(&request, hosts) => {
            let reason = "the host of the request is neither localhost nor an address nor one of admin.hosts: use \
                          one of them, or set admin.token_file to serve all names\n";
            (StatusCode::MISDIRECTED_REQUEST, reason).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Whether the host is one that no foreign name server answers for, or one of `hosts`. Browsers always send one; what
/// sends none is no browser.
pub(crate) fn is_meant(request: &Request, hosts: &[String]) -> bool {
    let named = request.headers().get(header::HOST).map(|host| Authority::try_from(host.as_bytes()));
    let authority = match (request.uri().authority(), named) {
        (Some(authority), _) => authority.clone(),
        (None, Some(Ok(authority))) => authority,
        (None, Some(Err(_))) => return false,
        (None, None) => return true,
    };
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok()
        || hosts.contains(&host)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn host(host: &str) -> bool {
        let hosts = ["companion".to_owned()];
        is_meant(&Request::get("/").header(header::HOST, host).body(Body::empty()).unwrap(), &hosts)
    }

    #[test]
    fn takes_only_hosts_that_no_foreign_name_server_answers_for() {
        for local in ["localhost", "LOCALHOST:4319", "page.localhost:1", "127.0.0.1:4319", "[::1]:4319"] {
            assert!(host(local), "{local}");
        }
        assert!(host("companion:4319") && host("Companion.") && !host("companion.example"));
        for foreign in
            ["rebound.example:4319", "localhost.example", "127.0.0.1.example", "xlocalhost", "", "@"]
        {
            assert!(!host(foreign), "{foreign}");
        }
        assert!(is_meant(&Request::get("/").body(Body::empty()).unwrap(), &[]));
        let second = Request::get("http://rebound.example/").header(header::HOST, "localhost");
        assert!(!is_meant(&second.body(Body::empty()).unwrap(), &[]));
    }

    #[test]
    fn a_listener_without_a_token_looks_at_the_host() {
        let hosts = ["Companion".to_owned()];
        assert!(matches!(Door::of(&hosts, None), Door::Hosts(hosts) if *hosts == ["companion".to_owned()]));
        assert!(matches!(Door::of(&hosts, Token::new("secret")), Door::Token(_)));
    }
}
