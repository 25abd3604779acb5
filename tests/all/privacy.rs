//! Secrets planted in every place a call has are found in nothing that leaves it.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::loopback::{Act, Loopback, stream_end};
use crate::support::observed::Observed;
use crate::support::wire::{self, Exchange, SECRET, planted};
use opentelemetry::KeyValue;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use spanledger::semconv::attribute;
use spanledger::{AttemptSpans, GenAiMiddleware, RetryAfter};

/// Headers in which credentials travel, and some in which they are not expected.
const REQUEST_HEADERS: [&str; 13] = [
    "authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "x-amz-security-token",
    "cookie",
    "proxy-authorization",
    "openai-organization",
    "anthropic-beta",
    "x-portkey-config",
    "user-agent",
    "referer",
    "x-other",
];

const RESPONSE_HEADERS: [&str; 10] = [
    "set-cookie",
    "x-request-id",
    "x-amzn-requestid",
    "openai-organization",
    "www-authenticate",
    "retry-after",
    "server",
    "via",
    "x-amzn-bedrock-input-token-count",
    "x-other",
];

/// Every host is the loopback server.
struct AllHosts;

impl Resolve for AllHosts {
    fn resolve(&self, _name: Name) -> Resolving {
        Box::pin(async {
            let address: Addrs = Box::new(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0))));
            Ok(address)
        })
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The words of a text that are secret.
fn secrets(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .filter(|word| word.contains(SECRET))
        .map(str::to_owned)
        .collect()
}

/// The text of an error, and everything that can be made to print of it and its sources.
fn texts(error: &(dyn Error + 'static)) -> (String, String) {
    let mut all = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        all.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    (error.to_string(), all)
}

/// What a server does once the request is there.
struct Case {
    name: &'static str,
    stream: bool,
    /// Of the whole call: long enough for the server, where it answers at all.
    timeout: Duration,
    acts: Vec<Act>,
}

/// Head and body of a response that announces `missing` more bytes than it brings.
fn answer(status: &str, content_type: &str, body: &[u8], missing: usize) -> Act {
    let planted: String =
        RESPONSE_HEADERS.iter().map(|name| format!("{name}: {SECRET}-response-{name}\r\n")).collect();
    let length = body.len() + missing;
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\
         location: /{SECRET}-path?key={SECRET}-location\r\n{planted}\r\n"
    );
    Act::Write([head.as_bytes(), body].concat())
}

fn cases(exchange: &Exchange) -> Vec<Case> {
    let whole = exchange.answer(false);
    let json = "application/json";
    let error = exchange.error.to_string();
    let patient = Duration::from_secs(60);
    let case = |name, acts| Case { name, stream: false, timeout: patient, acts };
    let mut cases = vec![
        case("whole", vec![answer("200 OK", json, &whole, 0)]),
        case("refused", vec![answer("401 Unauthorized", json, error.as_bytes(), 0)]),
        case(
            "refused in prose",
            vec![answer("500 Oh", "text/html", format!("{SECRET}-panic").as_bytes(), 0)],
        ),
        case("error in a 200", vec![answer("200 OK", json, error.as_bytes(), 0)]),
        case("no JSON", vec![answer("200 OK", json, format!("{{{SECRET}-broken").as_bytes(), 0)]),
        case("cut", vec![answer("200 OK", json, &whole[..whole.len() / 2], 9), Act::Abort]),
        case("no answer", vec![Act::Abort]),
        case("no HTTP", vec![Act::Write(format!("{SECRET}-smtp\r\n\r\n").into_bytes())]),
        Case { timeout: Duration::from_millis(20), ..case("no headers", vec![Act::Hang]) },
        case("redirected forever", vec![answer("307 Temporary Redirect", json, b"", 0)]),
    ];
    if exchange.streams() {
        let body = exchange.answer(true);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\
             set-cookie: {SECRET}-cookie\r\n\r\n",
            exchange.content_type(true)
        );
        let head = || Act::Write(head.clone().into_bytes());
        let half = || Act::Chunk(body[..body.len() / 2].to_vec());
        let bad_chunk = Act::Write(format!("{SECRET}-chunk\r\n").into_bytes());
        let case = |name, acts| Case { name, stream: true, timeout: patient, acts };
        cases.extend([
            case("streamed", vec![head(), Act::Chunk(body.clone()), stream_end()]),
            case("error in a stream", vec![head(), Act::Chunk(exchange.failing_stream()), stream_end()]),
            case("stream cut", vec![head(), half(), Act::Abort]),
            case("stream garbled", vec![head(), half(), bad_chunk]),
        ]);
        // One of each framing is enough to wait for.
        if matches!(exchange.name, "openai chat" | "bedrock converse" | "ollama") {
            let stalled = case("stream stalled", vec![head(), half(), Act::Hang]);
            cases.push(Case { timeout: Duration::from_millis(250), ..stalled });
        }
    }
    cases
}

/// Makes one call and gives the error it ends with, if it does.
async fn call(
    client: &ClientWithMiddleware,
    exchange: &Exchange,
    case: &Case,
    port: u16,
) -> Option<(String, String)> {
    let mut url = reqwest::Url::parse(&exchange.urls[usize::from(case.stream)]).unwrap();
    url.set_scheme("http").unwrap();
    url.set_port(Some(port)).unwrap();
    url.set_username(&format!("{SECRET}-name")).unwrap();
    url.set_password(Some(&format!("{SECRET}-password"))).unwrap();
    url.query_pairs_mut()
        .append_pair("key", &format!("{SECRET}-query"))
        .append_pair("api-version", "1")
        .append_pair("X-Amz-Signature", &format!("{SECRET}-signature"));
    url.set_fragment(Some(&format!("{SECRET}-fragment")));
    let mut request = client.post(url).timeout(case.timeout).body(exchange.request(case.stream));
    for header in REQUEST_HEADERS {
        request = request.header(header, format!("Bearer {SECRET}-{header}"));
    }
    match request.send().await {
        Ok(response) => response.bytes().await.err().map(|error| texts(&error)),
        Err(error) => Some(texts(&error)),
    }
}

#[tokio::test]
async fn no_secret_reaches_a_span_a_metric_a_log_or_an_error() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);
    tracing::trace!(target: "a target", "a line at the lowest level");

    let http = reqwest::Client::builder().no_proxy().dns_resolver(AllHosts).build().unwrap();
    let observed = Observed::default();
    let bare = ClientBuilder::new(http.clone()).build();
    let layered = [
        (observed.client_of(http.clone()), 1),
        (
            ClientBuilder::new(http)
                .with(observed.builder().build())
                .with(RetryAfter::new())
                .with(AttemptSpans::with_tracer_provider(observed.tracers.clone()))
                .build(),
            2,
        ),
    ];
    let (mut calls, mut failures) = (0, 0);
    for mut exchange in wire::all() {
        exchange.request = planted(exchange.request);
        exchange.answer = planted(exchange.answer);
        exchange.error = planted(exchange.error);
        exchange.stream_error = planted(exchange.stream_error);
        exchange.pieces = exchange.pieces.into_iter().map(planted).collect();
        for case in cases(&exchange) {
            let about = format!("{}, {}", exchange.name, case.name);
            let server = Loopback::start(case.acts.clone()).await;
            let port = server.address.port();
            let expected = call(&bare, &exchange, &case, port).await;
            for (client, spans) in &layered {
                let error = call(client, &exchange, &case, port).await;
                let text = |error: &Option<(String, String)>| error.as_ref().map(|(text, _)| text.clone());
                assert_eq!(text(&error), text(&expected), "{about}");
                let shown =
                    |error: &Option<(String, String)>| secrets(error.as_ref().map_or("", |(_, all)| all));
                assert_eq!(shown(&error), shown(&expected), "{about}");
                let mut ended = observed.take_spans();
                assert_eq!(ended.len(), *spans, "{about}");
                // The one place for names of members: of usage objects, without what they hold.
                for span in &mut ended {
                    let names = |attribute: &KeyValue| attribute.key.as_str() == attribute::USAGE_UNPARSED;
                    let unparsed: Vec<_> =
                        span.attributes.iter().filter(|pair| names(pair)).cloned().collect();
                    assert!(!format!("{unparsed:?}").contains("-value"), "{about}");
                    span.attributes.retain(|pair| !names(pair));
                }
                assert!(!format!("{ended:?}").contains(SECRET), "{about}: {ended:?}");
                calls += 1;
                failures += u32::from(error.is_some());
            }
        }
    }
    assert!(failures > 100, "{failures} errors were looked at");
    assert_eq!(observed.metrics()["spanledger.client.calls"], f64::from(calls));
    let points = format!("{:?}", observed.points());
    assert!(!points.contains(SECRET), "{points}");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a line at the lowest level"));
    let telling: Vec<&str> = log.lines().filter(|line| line.contains(SECRET)).collect();
    assert!(telling.is_empty(), "{telling:?}");
}

/// The test above depends on the table of exchanges: a reader that finds nothing leaks nothing.
#[tokio::test]
async fn every_exchange_is_read() {
    let http = reqwest::Client::builder().no_proxy().dns_resolver(AllHosts).build().unwrap();
    for exchange in wire::all() {
        for case in cases(&exchange).into_iter().filter(|case| matches!(case.name, "whole" | "streamed")) {
            let observed = Observed::default();
            let server = Loopback::start(case.acts.clone()).await;
            call(&observed.client_of(http.clone()), &exchange, &case, server.address.port()).await;
            let span = observed.span();
            let about = format!("{}, {}: {span:?}", exchange.name, case.name);
            assert_eq!(span.outcome(), "completed", "{about}");
            assert_eq!(span.get("gen_ai.usage.input_tokens").as_deref(), Some(wire::INPUT_TOKENS), "{about}");
            let output = exchange.streams().then_some(wire::OUTPUT_TOKENS);
            assert_eq!(span.get("gen_ai.usage.output_tokens").as_deref(), output, "{about}");
        }
    }
}

#[test]
fn the_middleware_prints_no_key() {
    let builder = GenAiMiddleware::builder().hash_key(SECRET);
    assert!(!format!("{builder:?}").contains(SECRET));
    assert!(!format!("{:?}", builder.build()).contains(SECRET));
}
