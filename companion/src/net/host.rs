//! Whether a request was meant for this machine, by the host it names.

use std::net::IpAddr;

use axum::extract::Request;
use http::header;
use http::uri::Authority;

/// Whether the host is one that no public name server answers for, or one of `hosts`. Browsers always send one; what
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
    fn takes_only_hosts_that_no_public_name_server_answers_for() {
        for local in ["localhost", "LOCALHOST:4319", "page.localhost:1", "127.0.0.1:4319", "[::1]:4319"] {
            assert!(host(local), "{local}");
        }
        assert!(host("companion:4319") && host("Companion.") && !host("companion.example"));
        for other in ["rebound.example:4319", "localhost.example", "127.0.0.1.example", "xlocalhost", "", "@"]
        {
            assert!(!host(other), "{other}");
        }
        assert!(is_meant(&Request::get("/").body(Body::empty()).unwrap(), &[]));
        let second = Request::get("http://rebound.example/").header(header::HOST, "localhost");
        assert!(!is_meant(&second.body(Body::empty()).unwrap(), &[]));
    }
}
