use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::net::listener::Listener;

const RESPONSE: usize = 16 << 20;

/// A listener whose responses have [`RESPONSE`] bytes, more than what a system buffers.
async fn listener(outgoing: &Outgoing) -> std::net::SocketAddr {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, 64).await.unwrap();
    let address = listener.address().unwrap();
    let router = Router::new()
        .route("/", get(async || vec![b'x'; RESPONSE]))
        .layer(from_fn_with_state(outgoing.clone(), hold));
    tokio::spawn(listener.serve(router, CancellationToken::new()));
    address
}

async fn ask(address: std::net::SocketAddr) -> TcpStream {
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    peer
}

/// Asks and waits until the response begins.
async fn ask_and_read_nothing(address: std::net::SocketAddr) -> TcpStream {
    let peer = ask(address).await;
    peer.peek(&mut [0]).await.unwrap();
    peer
}

fn held(outgoing: &Outgoing) -> (usize, usize) {
    let held = outgoing.lock();
    (held.bytes, held.responses.len())
}

#[tokio::test]
async fn readers_that_read_nothing_hold_no_more_than_the_room_and_shut_nobody_out() {
    let outgoing = Outgoing::with_room(3 * RESPONSE);
    let address = listener(&outgoing).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(ask_and_read_nothing(address).await);
        let (bytes, responses) = held(&outgoing);
        assert!(bytes <= 3 * RESPONSE && responses <= 3, "{bytes} bytes of {responses} responses");
    }
    let mut response = Vec::new();
    ask(address).await.read_to_end(&mut response).await.unwrap();
    assert!(response.len() > RESPONSE, "{} bytes", response.len());
    // The first of those that read nothing have lost their connections, the last have not.
    let mut read = Vec::new();
    let _cut = silent[0].read_to_end(&mut read).await;
    assert!(read.len() < RESPONSE, "{} bytes", read.len());
    read.clear();
    silent[7].read_to_end(&mut read).await.unwrap();
    assert!(read.len() > RESPONSE, "{} bytes", read.len());
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_not_read_in_time_is_given_up() {
    let outgoing = Outgoing::default();
    let address = listener(&outgoing).await;
    let _silent = ask_and_read_nothing(address).await;
    while held(&outgoing) != (0, 0) {
        // On the paused clock it passes when nothing else is left to wait for.
        tokio::time::sleep(GRACE).await;
    }
}

#[tokio::test]
async fn a_response_larger_than_all_of_the_room_is_refused_in_words() {
    let outgoing = Outgoing::with_room(RESPONSE - 1);
    let mut response = String::new();
    ask(listener(&outgoing).await).await.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 422 ") && response.contains("ask for less"), "{response}");
    assert_eq!(held(&outgoing), (0, 0));
}
