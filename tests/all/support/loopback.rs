//! A server on a free loopback port that answers each connection with a script.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// One act of the server.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Writes bytes as they are.
    Write(Vec<u8>),
    /// Writes one chunk of a chunked body.
    Chunk(Vec<u8>),
    /// Waits for a signal of the test.
    Await(Arc<Notify>),
    /// Never answers, and keeps the connection open.
    Hang,
    /// Closes with a reset.
    Abort,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Loopback {
    pub(crate) address: SocketAddr,
    /// The requests as received, head and body.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl Loopback {
    /// Serves `acts` to every connection.
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        Self::start_each(vec![acts]).await
    }

    /// Serves the first script to the first connection and so on; the last to all that follow.
    pub(crate) async fn start_each(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut scripts = scripts.into_iter().peekable();
            let mut script = scripts.next().unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let acts = script.clone();
                if let Some(next) = scripts.next() {
                    script = next;
                }
                tokio::spawn(play(stream, acts, Arc::clone(&seen)));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn play(mut stream: TcpStream, acts: Vec<Act>, seen: Arc<Mutex<Vec<String>>>) {
    // A short act must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true).unwrap_or_default();
    let Some(request) = read_request(&mut stream).await else { return };
    seen.lock().unwrap().push(request);
    for act in acts {
        match act {
            Act::Write(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
            Act::Chunk(bytes) => {
                let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
                framed.extend_from_slice(&bytes);
                framed.extend_from_slice(b"\r\n");
                stream.write_all(&framed).await.unwrap_or_default();
            }
            Act::Await(notify) => notify.notified().await,
            Act::Hang => std::future::pending().await,
            Act::Abort => {
                stream.set_zero_linger().unwrap_or_default();
                return;
            }
        }
    }
    stream.shutdown().await.unwrap_or_default();
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&received).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.trim().parse::<usize>().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => received.extend_from_slice(&buffer[..read]),
        }
    }
}

/// A whole answer with a content length.
pub(crate) fn answer(status: &str, content_type: &str, body: &str) -> Vec<Act> {
    vec![Act::Write(
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )]
}

/// The head of a chunked event stream.
pub(crate) fn stream_head() -> Act {
    Act::Write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            .to_vec(),
    )
}

/// The last, empty chunk.
pub(crate) fn stream_end() -> Act {
    Act::Write(b"0\r\n\r\n".to_vec())
}
