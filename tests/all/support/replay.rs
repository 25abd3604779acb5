//! Replays recorded exchanges through the real middleware: a loopback server plays the provider and gives each
//! answer cut into chunks, and the middleware sees the host the recording names.
//!
//! The server is the client's plain HTTP proxy, so that URLs keep hosts and ports whatever they are.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::error::Error;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry::{Array, Value as Attribute};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::trace::SpanData;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use spanledger::GenAiMiddlewareBuilder;
use tokio::net::{TcpListener, TcpStream};

use super::observed::Observed;

/// One metric's value under one set of labels.
pub(crate) type Point = (String, BTreeMap<String, String>, f64);

/// Headers that describe one hop's transfer, or an encoding that the recording has undone.
const OF_THE_TRANSFER: [&str; 8] = [
    "connection",
    "content-encoding",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
];

/// One recorded exchange.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) id: String,
    pub(crate) request: RecordedRequest,
    pub(crate) response: RecordedResponse,
}

/// The request of an exchange.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RecordedRequest {
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: HashMap<String, Value>,
    pub(crate) body: Option<String>,
    pub(crate) body_base64: Option<String>,
}

/// The response of an exchange, its body decoded.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RecordedResponse {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: HashMap<String, Value>,
    pub(crate) body: Option<String>,
    pub(crate) body_base64: Option<String>,
}

/// What the middleware said of one exchange.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) id: String,
    pub(crate) spans: Vec<SpanData>,
    /// Whether the caller read the very bytes of the recording, under the same status.
    pub(crate) body_identical: bool,
}

/// Reads the exchanges of a JSON lines file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut exchanges = Vec::new();
    for (line, text) in BufReader::new(file).lines().enumerate() {
        let at = |error: &dyn Error| format!("{}:{}: {error}", path.display(), line + 1);
        let text = text.map_err(|error| at(&error))?;
        if !text.trim().is_empty() {
            exchanges.push(serde_json::from_str(&text).map_err(|error| at(&error))?);
        }
    }
    Ok(exchanges)
}

/// A loopback server and a client whose every request goes to it.
#[derive(Debug)]
pub(crate) struct Replay {
    seed: u64,
    answer: Arc<Mutex<Answer>>,
    observed: Observed,
    client: ClientWithMiddleware,
}

/// What the server says next.
#[derive(Debug, Clone, Default)]
struct Answer {
    status: u16,
    headers: http::HeaderMap,
    chunks: Vec<Bytes>,
}

impl Replay {
    /// Starts the server. Must run within a Tokio runtime.
    pub(crate) async fn start(seed: u64) -> Result<Self, Box<dyn Error>> {
        Self::start_with(seed, |builder| builder).await
    }

    /// Starts the server, and sets up the middleware. Must run within a Tokio runtime.
    pub(crate) async fn start_with(
        seed: u64,
        set_up: impl FnOnce(GenAiMiddlewareBuilder) -> GenAiMiddlewareBuilder,
    ) -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let answer = Arc::new(Mutex::new(Answer::default()));
        tokio::spawn(serve(listener, Arc::clone(&answer)));
        let observed = Observed::with_temporality(Temporality::Delta);
        let middleware = set_up(observed.builder()).build();
        let client = ClientBuilder::new(client_of(address)?).with(middleware).build();
        Ok(Self { seed, answer, observed, client })
    }

    /// Calls the provider as recorded and gives what the middleware made of it.
    pub(crate) async fn run(&self, exchange: &Exchange) -> Result<Replayed, Box<dyn Error>> {
        let of = |error: Box<dyn Error>| format!("{}: {}", exchange.id, chain(error.as_ref()));
        let request = self.request(&exchange.request).map_err(of)?;
        let body = bytes(exchange.response.body.as_deref(), exchange.response.body_base64.as_deref());
        let body = body.map_err(of)?;
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Answer {
            status: exchange.response.status,
            headers: headers(&exchange.response.headers),
            chunks: cut(&body, self.seed, &exchange.id),
        };

        let response = self.client.execute(request).await.map_err(|error| of(error.into()))?;
        let status = response.status();
        let received = response.bytes().await.map_err(|error| of(error.into()))?;
        Ok(Replayed {
            id: exchange.id.clone(),
            spans: self.observed.take_spans(),
            body_identical: received == body && status == exchange.response.status,
        })
    }

    /// The metrics of the calls since this was asked last: name, labels, and a counter's sum or a histogram's count.
    pub(crate) fn points(&self) -> Vec<Point> {
        self.observed.points()
    }

    fn request(&self, recorded: &RecordedRequest) -> Result<reqwest::Request, Box<dyn Error>> {
        let mut url: reqwest::Url = recorded.url.parse()?;
        if url.scheme() == "https" {
            // The port of the recording stays; only the encryption goes.
            url = format!("http{}", &recorded.url["https".len()..]).parse()?;
            let given = url.port();
            url.set_port(given.or(Some(443))).map_err(|()| "the url takes no port")?;
        }
        let method = recorded.method.parse::<http::Method>()?;
        let mut request = self.client.request(method, url).headers(headers(&recorded.headers));
        let body = bytes(recorded.body.as_deref(), recorded.body_base64.as_deref())?;
        if !body.is_empty() {
            request = request.body(body);
        }
        Ok(request.build()?)
    }
}

/// An error and its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn client_of(server: SocketAddr) -> Result<reqwest::Client, Box<dyn Error>> {
    let proxy = reqwest::Proxy::http(format!("http://{server}"))?;
    Ok(reqwest::Client::builder().proxy(proxy).redirect(reqwest::redirect::Policy::none()).build()?)
}

async fn serve(listener: TcpListener, answer: Arc<Mutex<Answer>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, Arc::clone(&answer)));
    }
}

async fn converse(stream: TcpStream, answer: Arc<Mutex<Answer>>) {
    // Small chunks must not wait for each other's acknowledgement.
    stream.set_nodelay(true).unwrap_or_default();
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        async move {
            // A body that is not read would reset the connection.
            request.into_body().collect().await?;
            Ok::<_, hyper::Error>(response(answer))
        }
    });
    // A client that goes away ends its own connection only.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

type Body = StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

fn response(answer: Answer) -> http::Response<Body> {
    let frames: Vec<_> = answer.chunks.into_iter().map(|chunk| Ok(Frame::data(chunk))).collect();
    let mut response = http::Response::new(StreamBody::new(futures_util::stream::iter(frames)));
    *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap_or_default();
    *response.headers_mut() = answer.headers;
    response
}

/// The recorded headers that may be sent again.
fn headers(recorded: &HashMap<String, Value>) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    for (name, value) in recorded {
        let name = name.parse::<http::HeaderName>();
        let value = value.as_str().map(http::HeaderValue::from_str);
        if let (Ok(name), Some(Ok(value))) = (name, value)
            && !OF_THE_TRANSFER.contains(&name.as_str())
        {
            headers.append(name, value);
        }
    }
    headers
}

fn bytes(text: Option<&str>, base64: Option<&str>) -> Result<Bytes, Box<dyn Error>> {
    match (text, base64) {
        (_, Some(encoded)) => Ok(base64::engine::general_purpose::STANDARD.decode(encoded)?.into()),
        (text, None) => Ok(Bytes::copy_from_slice(text.unwrap_or_default().as_bytes())),
    }
}

/// Cuts a body into chunks of pseudo-random length, the same for the same seed and exchange. The typical length
/// differs from one exchange to the next, from single bytes to whole bodies.
fn cut(body: &Bytes, seed: u64, id: &str) -> Vec<Bytes> {
    let mut hasher = DefaultHasher::new();
    (seed, id).hash(&mut hasher);
    let mut state = hasher.finish();
    let longest = [8, 64, 512, 4096, usize::MAX][next(&mut state) as usize % 5].min(body.len());
    let mut chunks = Vec::new();
    let mut rest = body.clone();
    while !rest.is_empty() {
        let length = 1 + next(&mut state) as usize % longest;
        chunks.push(rest.split_to(length.min(rest.len())));
    }
    chunks
}

/// Steele, Lea and Flood's SplitMix64: small, and the same on every platform.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// A span's attributes as JSON values.
pub(crate) fn attributes(span: &SpanData) -> Map<String, Value> {
    let attributes = span.attributes.iter();
    attributes.map(|attribute| (attribute.key.to_string(), attribute_to_json(&attribute.value))).collect()
}

fn attribute_to_json(value: &Attribute) -> Value {
    match value {
        Attribute::Bool(flag) => json!(flag),
        Attribute::I64(number) => json!(number),
        Attribute::F64(number) => json!(number),
        Attribute::String(text) => json!(text.as_str()),
        Attribute::Array(Array::String(texts)) => {
            texts.iter().map(opentelemetry::StringValue::as_str).collect::<Vec<_>>().into()
        }
        Attribute::Array(Array::Bool(flags)) => json!(flags),
        Attribute::Array(Array::I64(numbers)) => json!(numbers),
        Attribute::Array(Array::F64(numbers)) => json!(numbers),
        other => json!(other.as_str()),
    }
}
