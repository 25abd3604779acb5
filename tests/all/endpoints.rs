//! Every endpoint of a model, by `tests/fixtures/endpoints.json`: what a whole response, a stream
//! and an error become, field by field.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spanledger::semconv::attribute;

use crate::support::replay::{self, Exchange, Replay};
use crate::support::wire;

const FIXTURES: &str = include_str!("../fixtures/endpoints.json");
/// Counts that contradict each other, or the output that they are of, next to like ones that do not.
const COUNTS: &str = include_str!("../fixtures/counts.json");
/// Fees, tiers, charges and failures that show elsewhere than in the counts, next to like responses without them.
const FEES: &str = include_str!("../fixtures/fees.json");

/// What the fixtures call an attribute. What a case leaves out is not compared, save usage, which is absent then.
const EXPECTED: [(&str, &str); 18] = [
    ("op", attribute::OPERATION_NAME),
    ("provider", attribute::PROVIDER_NAME),
    ("request_model", attribute::REQUEST_MODEL),
    ("response_model", attribute::RESPONSE_MODEL),
    ("id", attribute::RESPONSE_ID),
    ("conversation", attribute::CONVERSATION_ID),
    ("stream", attribute::REQUEST_STREAM),
    ("input", attribute::USAGE_INPUT_TOKENS),
    ("output", attribute::USAGE_OUTPUT_TOKENS),
    ("cache_read", attribute::USAGE_CACHE_READ_TOKENS),
    ("reasoning", attribute::USAGE_REASONING_TOKENS),
    ("finish", attribute::RESPONSE_FINISH_REASONS),
    ("outcome", attribute::OUTCOME),
    ("error", attribute::ERROR_TYPE),
    ("cost", attribute::USAGE_COST),
    ("cost_status", attribute::COST_STATUS),
    ("factors", attribute::COST_FACTORS),
    ("unparsed", attribute::USAGE_UNPARSED),
];

/// Absent unless a case names them.
const ABSENT: [&str; 4] = ["input", "output", "error", "unparsed"];

#[derive(Debug, Deserialize)]
struct Endpoint {
    name: String,
    url: String,
    #[serde(default)]
    headers: Map<String, Value>,
    request: Value,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    url: Option<String>,
    request: Option<Value>,
    #[serde(default)]
    request_headers: Map<String, Value>,
    status: Option<u16>,
    #[serde(default)]
    headers: Map<String, Value>,
    whole: Option<Value>,
    stream: Option<Vec<Value>>,
    framing: Option<String>,
    /// A content type; the body is bytes.
    media: Option<String>,
    expect: Map<String, Value>,
}

impl Case {
    /// Content type and body.
    fn body(&self) -> (&str, Vec<u8>) {
        self.spelled(&|document| document.to_string().into_bytes())
    }

    /// As [`Case::body`], with every document spelled so.
    fn spelled(&self, spell: wire::Spell<'_>) -> (&str, Vec<u8>) {
        if let Some(kind) = &self.media {
            return (kind, b"\x49\x44\x33 not a document".to_vec());
        }
        let Some(pieces) = &self.stream else {
            return ("application/json", spell(self.whole.as_ref().unwrap()));
        };
        if self.framing.as_deref() == Some("events") {
            let frame = |piece: &Value| match &piece[1] {
                Value::String(text) => wire::message(piece[0].as_str().unwrap(), text.as_bytes()),
                data => wire::message(piece[0].as_str().unwrap(), &spell(data)),
            };
            return ("application/vnd.amazon.eventstream", pieces.iter().flat_map(frame).collect());
        }
        let spelled =
            |data: &Value| data.as_str().map_or_else(|| spell(data), |text| text.as_bytes().to_vec());
        let event = |piece: &Value| match piece.get("$event") {
            Some(name) => {
                let name = name.as_str().unwrap();
                [format!("event: {name}\ndata: ").as_bytes(), &spelled(&piece["data"]), b"\n\n"].concat()
            }
            None => [b"data: ".as_slice(), &spelled(piece), b"\n\n"].concat(),
        };
        ("text/event-stream", pieces.iter().flat_map(event).collect())
    }

    fn exchange(&self, endpoint: &Endpoint) -> Exchange {
        use base64::Engine as _;
        let (kind, body) = self.body();
        let mut headers = self.headers.clone();
        headers.insert("content-type".to_owned(), kind.into());
        let mut request_headers = endpoint.headers.clone();
        request_headers.extend(self.request_headers.clone());
        let request = self.request.as_ref().unwrap_or(&endpoint.request);
        request_headers.insert("content-type".to_owned(), "application/json".into());
        serde_json::from_value(json!({
            "id": endpoint.name,
            "request": {
                "method": "POST",
                "url": self.url.as_ref().unwrap_or(&endpoint.url),
                "headers": request_headers,
                "body": (!request.is_null()).then(|| request.to_string()),
            },
            "response": {
                "status": self.status.unwrap_or(200),
                "headers": headers,
                "body_base64": base64::engine::general_purpose::STANDARD.encode(body),
            },
        }))
        .unwrap()
    }
}

fn endpoints() -> Vec<Endpoint> {
    serde_json::from_str(FIXTURES).unwrap()
}

fn counts() -> Vec<Endpoint> {
    let read = |text: &str| -> Vec<Endpoint> { serde_json::from_str(text).unwrap() };
    read(COUNTS).into_iter().chain(read(FEES)).collect()
}

/// A case of an endpoint: what it is, URL, request, content type and status, and its body in any spelling.
type Spelled = (String, String, Vec<u8>, &'static str, u16, Box<dyn Fn(wire::Spell<'_>) -> Vec<u8>>);

/// Every case whose body is made of documents.
pub(crate) fn spelled() -> Vec<Spelled> {
    let mut all = Vec::new();
    for endpoint in endpoints() {
        let Endpoint { name, url, request, cases, .. } = endpoint;
        for (at, case) in cases.into_iter().enumerate().filter(|(_, case)| case.media.is_none()) {
            let url = case.url.clone().unwrap_or_else(|| url.clone());
            let request = case.request.as_ref().unwrap_or(&request).to_string().into_bytes();
            let kind = match (&case.stream, case.framing.as_deref()) {
                (None, _) => "application/json",
                (Some(_), Some("events")) => "application/vnd.amazon.eventstream",
                (Some(_), _) => "text/event-stream",
            };
            let status = case.status.unwrap_or(200);
            let spelled = Box::new(move |spell: wire::Spell<'_>| case.spelled(spell).1);
            all.push((format!("{name} {at}"), url, request, kind, status, spelled as Box<_>));
        }
    }
    all
}

/// The URLs of all endpoints.
pub(crate) fn urls() -> Vec<String> {
    endpoints().into_iter().map(|endpoint| endpoint.url).collect()
}

/// In what a span differs from what a case expects.
fn differences(attributes: &Map<String, Value>, expected: &Map<String, Value>) -> Vec<String> {
    let known = EXPECTED.iter().filter(|(name, _)| expected.contains_key(*name) || ABSENT.contains(name));
    known
        .filter_map(|(name, attribute)| {
            let wanted = expected.get(*name).cloned().unwrap_or_default();
            let found = attributes.get(*attribute).cloned().unwrap_or_default();
            let near = |(found, wanted): (f64, f64)| (found - wanted).abs() <= wanted.abs() * 1e-9;
            let same = found == wanted || found.as_f64().zip(wanted.as_f64()).is_some_and(near);
            (!same).then(|| format!("{name}: {found} instead of {wanted}"))
        })
        .collect()
}

#[tokio::test]
async fn reads_every_endpoint_for_every_chunking() {
    let mut wrong = Vec::new();
    for seed in [1, 2, 3] {
        let replay = Replay::start(seed).await.unwrap();
        for endpoint in endpoints().into_iter().chain(counts()) {
            for (at, case) in endpoint.cases.iter().enumerate() {
                let about = format!("{} {at}", endpoint.name);
                let replayed = replay.run(&case.exchange(&endpoint)).await.unwrap();
                assert!(replayed.body_identical, "{about}");
                let [span] = replayed.spans.as_slice() else {
                    wrong.push(format!("{about}: {} spans", replayed.spans.len()));
                    continue;
                };
                let attributes = replay::attributes(span);
                if attributes.get(attribute::UNPARSED).is_some_and(|why| why == "malformed") {
                    wrong.push(format!("{about}: malformed"));
                }
                let found = differences(&attributes, &case.expect);
                wrong.extend(found.iter().map(|difference| format!("{about}: {difference}")));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// A response, and an error; a stream too, where the API has one.
#[test]
fn has_a_response_and_an_error_of_most_endpoints() {
    let endpoints = endpoints();
    let has = |endpoint: &Endpoint, error: bool| {
        endpoint.cases.iter().any(|case| (case.expect.get("outcome") == Some(&json!("failed"))) == error)
    };
    assert!(endpoints.iter().all(|endpoint| has(endpoint, false)));
    // Further models of an API whose errors another entry has.
    let without = endpoints.iter().filter(|endpoint| !has(endpoint, true)).count();
    assert!(without <= endpoints.len() / 4, "{without} of {} endpoints without an error", endpoints.len());
}
