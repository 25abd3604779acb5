//! The client sees what it would see without us.

use std::time::Duration;

use crate::support::loopback::{Act, Loopback, answer, stream_end, stream_head};
use crate::support::observed::Observed;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

const PATH: &str = "/v1/chat/completions";
const ANSWER: &str = r#"{"id":"chatcmpl-1","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":1}}"#;

/// The bare client and the observed one.
fn clients() -> [ClientWithMiddleware; 2] {
    let client =
        || reqwest::Client::builder().no_proxy().read_timeout(Duration::from_millis(100)).build().unwrap();
    [ClientBuilder::new(client()).build(), Observed::default().client_of(client())]
}

async fn send(
    client: &ClientWithMiddleware,
    server: &Loopback,
) -> reqwest_middleware::Result<reqwest::Response> {
    client.post(server.url(PATH)).body(r#"{"model":"gpt-4o","messages":[],"stream":true}"#).send().await
}

/// Everything a response shows before its body.
async fn head(response: &reqwest::Response) -> String {
    format!(
        "{:?} {:?} {:?} {} {:?} {} {:?}",
        response.status(),
        response.version(),
        response.headers(),
        response.url(),
        response.remote_addr(),
        response.extensions().len(),
        response.content_length(),
    )
}

#[tokio::test]
async fn keeps_the_whole_head_and_the_bytes() {
    let redirect = |to: &str| {
        vec![Act::Write(
            format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .into_bytes(),
        )]
    };
    let stream = vec![stream_head(), Act::Chunk(b"data: {}\r\n\r\n: x\r\n".to_vec()), stream_end()];
    for scripts in [
        vec![answer("200 OK", "application/json", ANSWER)],
        vec![answer("429 Too Many Requests", "application/json", r#"{"error":{"code":"x"}}"#)],
        vec![stream],
        vec![redirect("/v1/moved?x=1#part"), answer("200 OK", "application/json", ANSWER)],
    ] {
        let twice = scripts.iter().chain(&scripts).cloned().collect();
        let server = Loopback::start_each(twice).await;
        let mut seen = Vec::new();
        for client in clients() {
            let response = send(&client, &server).await.unwrap();
            let head = head(&response).await;
            seen.push((head, response.bytes().await.unwrap()));
        }
        assert_eq!(seen[0], seen[1]);
        let requests = server.requests.lock().unwrap();
        assert_eq!(requests[0], requests[requests.len() / 2], "the request is the same too");
    }
}

#[tokio::test]
async fn keeps_the_kind_text_and_root_of_body_errors() {
    let kinds = |error: &reqwest::Error| {
        let mut root: &dyn std::error::Error = error;
        while let Some(source) = root.source() {
            root = source;
        }
        let flags = (error.is_timeout(), error.is_body(), error.is_decode(), error.is_connect());
        (flags, error.to_string(), error.url().map(ToString::to_string), root.to_string())
    };
    for end in [Act::Hang, Act::Abort, Act::Write(b"zz\r\n".to_vec())] {
        let script = vec![stream_head(), Act::Chunk(b"data: {}\n\n".to_vec()), end];
        let server = Loopback::start(script).await;
        let mut seen = Vec::new();
        for client in clients() {
            let error = send(&client, &server).await.unwrap().bytes().await.unwrap_err();
            seen.push(kinds(&error));
        }
        assert_eq!(seen[0], seen[1]);
    }
}

#[tokio::test]
async fn keeps_the_kind_of_errors_before_the_headers() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut seen = Vec::new();
    for client in clients() {
        let error = client.post(format!("http://{address}{PATH}")).body("{}").send().await.unwrap_err();
        seen.push((error.is_connect(), error.is_timeout(), error.to_string()));
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].0);
}

#[tokio::test]
async fn leaves_requests_that_are_no_inference_alone() {
    let server = Loopback::start(answer("200 OK", "application/json", "{}")).await;
    let observed = Observed::default();
    let client = observed.client();
    client.get(server.url(PATH)).send().await.unwrap().bytes().await.unwrap();
    client.post(server.url("/v1/files")).body("{}").send().await.unwrap().bytes().await.unwrap();
    client.post(server.url("/v1/moderations")).body("{}").send().await.unwrap().bytes().await.unwrap();
    assert!(observed.spans().is_empty());
    assert!(observed.metrics().is_empty());
}
