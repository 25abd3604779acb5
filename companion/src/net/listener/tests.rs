use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::server::ResolvesServerCertUsingSni;

use super::*;

/// Far beyond every timer of a connection; on the paused clock it passes at once when nothing else is left to wait for.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

async fn listener(tls: Option<TlsAcceptor>, connections: usize) -> (Listener, SocketAddr) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), tls, connections).await.unwrap();
    let address = listener.address().unwrap();
    (listener, address)
}

/// An acceptor without a certificate: enough for a peer that never says hello.
fn tls() -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test(start_paused = true)]
async fn gives_the_place_of_a_peer_that_never_shows_its_version_to_the_next() {
    // The second is a start that both versions of HTTP have in common.
    for start in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
        let (listener, address) = listener(None, 1).await;
        let router = Router::new().route("/", get(async || "served"));
        tokio::spawn(listener.serve(router, CancellationToken::new()));
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(start.as_bytes()).await.unwrap();
        let mut next = TcpStream::connect(address).await.unwrap();
        next.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let read = timeout(NEVER, next.read_to_string(&mut answer)).await;
        assert!(read.is_ok() && answer.ends_with("served"), "after {start:?}: {answer:?}");
        drop(silent);
    }
}

#[tokio::test(start_paused = true)]
async fn keeps_a_peer_whose_version_is_known_while_its_request_is_answered() {
    let (listener, address) = listener(None, 1).await;
    let slow = async || {
        tokio::time::sleep(SLOWEST_PEER * 2).await;
        "served"
    };
    tokio::spawn(listener.serve(Router::new().route("/", get(slow)), CancellationToken::new()));
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("served"), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn stops_without_waiting_for_a_handshake() {
    let (listener, address) = listener(Some(tls()), 2).await;
    let connections = listener.connections.clone();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listener.serve(Router::new(), stop.clone()));
    let silent = TcpStream::connect(address).await.unwrap();
    while connections.number() == 0 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    stop.cancel();
    timeout(NEVER, serving).await.unwrap().unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn silent_peers_shut_no_other_out() {
    let (listener, address) = listener(None, 8).await;
    let router = Router::new().route("/", get(async || "served"));
    tokio::spawn(listener.serve(router, CancellationToken::new()));
    let begun = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let mut next = TcpStream::connect(address).await.unwrap();
    next.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    next.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("served"), "{answer:?}");
    assert_eq!(begun.elapsed(), Duration::ZERO, "nothing had to time out");
}
