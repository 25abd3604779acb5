//! Checks at the start whether the endpoint can be reached, so that an empty ledger is not the first sign.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::worker_thread;

use reqwest::Url;

/// Long enough for a name lookup and a connection across the world.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tries to connect and tells, once, when it cannot.
pub(super) fn in_background(endpoint: String) -> io::Result<()> {
    let check = move || {
        if let Err(error) = reach(&endpoint, PATIENCE) {
            tracing::error!(
                endpoint = shown(&endpoint),
                %error,
                "the OTLP endpoint cannot be reached, so that spans wait in memory; \
                 start a collector there or set OTEL_EXPORTER_OTLP_ENDPOINT",
            );
        }
    };
    worker_thread::spawn("spanledger-check", check).map(drop)
}

/// Connects to the host and port of a URL.
fn reach(endpoint: &str, patience: Duration) -> io::Result<()> {
    let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidInput, reason.to_owned());
    let url = Url::parse(endpoint).map_err(|error| invalid(&error.to_string()))?;
    let host = url.host_str().ok_or_else(|| invalid("the URL has no host"))?;
    let port = url.port_or_known_default().ok_or_else(|| invalid("the URL has no port"))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host.trim_matches(['[', ']']), port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A URL without what may be secret in it.
fn shown(endpoint: &str) -> String {
    match Url::parse(endpoint) {
        Ok(url) => format!(
            "{}://{}:{}",
            url.scheme(),
            url.host_str().unwrap_or("?"),
            url.port_or_known_default().unwrap_or(0)
        ),
        Err(_) => "(not a URL)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn reaches_a_listener_and_says_why_it_reaches_nothing_else() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(reach(&format!("http://{address}/v1/traces"), PATIENCE).is_ok());
        drop(listener);
        let refused = reach(&format!("http://{address}"), PATIENCE).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(reach("localhost", PATIENCE).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn shows_no_credentials() {
        assert_eq!(shown("http://user:secret@collector:4318/path?token=secret"), "http://collector:4318");
        assert_eq!(shown("secret"), "(not a URL)");
    }
}
