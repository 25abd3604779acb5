//! A response that lenient clients read and strict parsers refuse is read as if it were spelled to the letter, whatever
//! its format and framing; one that no client reads is not silent.

use std::collections::BTreeMap;

use bytes::Bytes;
use reqwest_middleware::ClientWithMiddleware;
use serde_json::{Value, json};

use crate::endpoints;
use crate::support::memory::Memory;
use crate::support::observed::Observed;
use crate::support::wire::{self, Exchange, SECRET};

/// A spelling that is not JSON to the letter, or that strict readers of its members refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    /// Each member is null before it has its value.
    NullFirst,
    /// Each member is null once more after its value.
    NullLast,
    /// Each member is there twice.
    Twice,
    NotUtf8,
    HalfOfAPair,
    RawControl,
    TrailingCommas,
    NotANumber,
    ByteOrderMark,
    TooLargeANumber,
    /// A member of the top level nests deeper than any reader of JSON goes.
    Deep,
}

const ODD: [Odd; 11] = [
    Odd::NullFirst,
    Odd::NullLast,
    Odd::Twice,
    Odd::NotUtf8,
    Odd::HalfOfAPair,
    Odd::RawControl,
    Odd::TrailingCommas,
    Odd::NotANumber,
    Odd::ByteOrderMark,
    Odd::TooLargeANumber,
    Odd::Deep,
];

/// Members whose text a model wrote.
const WRITTEN: [&str; 6] = ["text", "content", "generated_text", "message", "response", "output_text"];

impl Odd {
    fn spell(self, document: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        if self == Self::ByteOrderMark {
            out.extend_from_slice(b"\xEF\xBB\xBF");
        }
        self.write(document, "", 0, &mut out);
        out
    }

    fn write(self, value: &Value, name: &str, depth: usize, out: &mut Vec<u8>) {
        match value {
            Value::Object(members) => {
                out.push(b'{');
                for (name, value) in members {
                    let mut once = |value: &Value| {
                        if out.last() != Some(&b'{') {
                            out.push(b',');
                        }
                        out.extend_from_slice(json!(name).to_string().as_bytes());
                        out.push(b':');
                        self.write(value, name, depth + 1, out);
                    };
                    match self {
                        Self::NullFirst => [&Value::Null, value].into_iter().for_each(&mut once),
                        Self::NullLast => [value, &Value::Null].into_iter().for_each(&mut once),
                        Self::Twice => [value, value].into_iter().for_each(&mut once),
                        _ => once(value),
                    }
                }
                if depth == 0 {
                    let further = match self {
                        Self::NotANumber => r#""zz":NaN"#.to_owned(),
                        Self::TooLargeANumber => r#""zz":1e999"#.to_owned(),
                        Self::Deep => format!(r#""zz":{}1{}"#, "[".repeat(400), "]".repeat(400)),
                        _ => String::new(),
                    };
                    if !further.is_empty() {
                        let comma = if members.is_empty() { "" } else { "," };
                        out.extend_from_slice(format!("{comma}{further}").as_bytes());
                    }
                }
                if self == Self::TrailingCommas && !members.is_empty() {
                    out.push(b',');
                }
                out.push(b'}');
            }
            Value::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    self.write(item, name, depth + 1, out);
                }
                out.push(b']');
            }
            Value::String(text) if text.contains(SECRET) || WRITTEN.contains(&name) => {
                let text = json!(text).to_string();
                out.extend_from_slice(text.strip_suffix('"').unwrap().as_bytes());
                out.extend_from_slice(match self {
                    Self::NotUtf8 => b"\xFF\"",
                    Self::HalfOfAPair => b"\\ud83d\"",
                    Self::RawControl => b"\t\"",
                    _ => b"\"",
                });
            }
            other => out.extend_from_slice(other.to_string().as_bytes()),
        }
    }
}

/// What a call is billed by, and how it ended.
fn billed(observed: &Observed) -> BTreeMap<String, String> {
    let spans = observed.take_spans();
    assert_eq!(spans.len(), 1);
    let names = [
        "gen_ai.usage.",
        "gen_ai.response.model",
        "gen_ai.response.id",
        "gen_ai.response.finish_reasons",
        "spanledger.outcome",
        "spanledger.cost.",
        "spanledger.usage.",
        "spanledger.unparsed",
        "error.type",
    ];
    let attributes =
        spans[0].attributes.iter().map(|attribute| (attribute.key.to_string(), attribute.value.to_string()));
    attributes.filter(|(name, _)| names.iter().any(|begin| name.starts_with(begin))).collect()
}

struct Calls {
    memory: Memory,
    observed: Observed,
    client: ClientWithMiddleware,
}

impl Calls {
    fn new() -> Self {
        let (memory, observed) = (Memory::default(), Observed::default());
        let client = memory.client(&observed);
        Self { memory, observed, client }
    }

    async fn exchange(&self, exchange: &Exchange, stream: bool, body: Vec<u8>) -> BTreeMap<String, String> {
        self.memory.set(exchange.content_type(stream), vec![Bytes::from(body)]);
        let request = self.client.post(&exchange.urls[usize::from(stream)]).body(exchange.request(stream));
        request.send().await.unwrap().bytes().await.unwrap();
        billed(&self.observed)
    }
}

#[tokio::test]
async fn every_wire_format_reads_every_odd_spelling() {
    let calls = Calls::new();
    for exchange in wire::all() {
        for stream in [false, true].into_iter().filter(|stream| !stream || exchange.streams()) {
            let wanted = calls.exchange(&exchange, stream, exchange.answer(stream)).await;
            assert_eq!(wanted["spanledger.outcome"], "completed");
            // Of Ollama every number at the top may be a count.
            let counts = |odd: &Odd| matches!(odd, Odd::NotANumber | Odd::TooLargeANumber);
            for odd in ODD.into_iter().filter(|odd| !counts(odd) || !exchange.name.starts_with("ollama")) {
                let body = exchange.spelled(stream, &|document| odd.spell(document));
                let said = calls.exchange(&exchange, stream, body).await;
                assert_eq!(said, wanted, "{}, stream {stream}, {odd:?}", exchange.name);
            }
        }
    }
}

#[tokio::test]
async fn every_endpoint_reads_every_odd_spelling() {
    let calls = Calls::new();
    let mut wrong = Vec::new();
    for (about, url, request, kind, status, spelled) in endpoints::spelled() {
        let run = async |body: Vec<u8>| {
            calls.memory.answer(status, kind, vec![Bytes::from(body)]);
            let request =
                calls.client.post(&url).header("content-type", "application/json").body(request.clone());
            request.send().await.unwrap().bytes().await.unwrap();
            billed(&calls.observed)
        };
        let wanted = run(spelled(&|document| document.to_string().into_bytes())).await;
        for odd in ODD {
            let said = run(spelled(&|document| odd.spell(document))).await;
            if said != wanted {
                wrong.push(format!("{about}, {odd:?}:\n  {said:?}\n  {wanted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Which of two counts is billed is not known: neither is called exact, and the member is named.
#[tokio::test]
async fn two_values_of_one_member_make_no_exact_cost() {
    let calls = Calls::new();
    let exchange = wire::all().into_iter().find(|exchange| exchange.name == "openai chat").unwrap();
    let usage = r#""usage":{"prompt_tokens":23,"completion_tokens":9},"usage":{"prompt_tokens":24,"completion_tokens":9}}"#;
    let mut body = exchange.answer.clone();
    body["model"] = json!("gpt-4o-2024-08-06");
    body.as_object_mut().unwrap().remove("usage");
    let body = body.to_string();
    let body = format!("{},{usage}", body.strip_suffix('}').unwrap());
    let said = calls.exchange(&exchange, false, body.into_bytes()).await;
    assert_eq!(said["gen_ai.usage.input_tokens"], "24", "the last one counts");
    assert_eq!(said["spanledger.cost.status"], "estimated");
    assert_eq!(said["spanledger.usage.unparsed"], r#"["usage"]"#);
}

/// A piece that no client reads, amid those that all do.
#[tokio::test]
async fn what_no_client_reads_is_said_and_is_no_cut() {
    let calls = Calls::new();
    for exchange in wire::all() {
        for broken in [r#"{"a" 1}"#, r#"{"a":1"#, "{a:1}"] {
            if matches!(exchange.framed, wire::Framed::Lines | wire::Framed::Array) && broken.ends_with('1') {
                // What is open takes in what follows it.
                continue;
            }
            for stream in [false, true].into_iter().filter(|stream| !stream || exchange.streams()) {
                if !stream && broken.ends_with('1') {
                    continue;
                }
                let first = exchange.pieces.first().cloned();
                let body = exchange.spelled(stream, &|document| {
                    let replaced =
                        !stream || Some(document) == first.as_ref() || is_payload(document, first.as_ref());
                    if replaced { broken.as_bytes().to_vec() } else { document.to_string().into_bytes() }
                });
                let said = calls.exchange(&exchange, stream, body).await;
                let about = format!("{}, stream {stream}, {broken}", exchange.name);
                assert_eq!(said.get("spanledger.unparsed").map(String::as_str), Some("malformed"), "{about}");
                assert_eq!(said["spanledger.outcome"], "completed", "{about}");
                assert_ne!(said["spanledger.cost.status"], "exact", "{about}");
            }
        }
    }
}

/// Whether a document is the payload of an event that has its name elsewhere.
fn is_payload(document: &Value, piece: Option<&Value>) -> bool {
    piece
        .and_then(Value::as_object)
        .is_some_and(|piece| piece.len() == 1 && piece.values().next() == Some(document))
}

/// Two events without the blank line between them, as some gateways send them, and the mark of the end alike.
#[tokio::test]
async fn reads_events_that_no_blank_line_parts() {
    let calls = Calls::new();
    for exchange in wire::all().into_iter().filter(|exchange| exchange.framed == wire::Framed::SseDone) {
        let wanted = calls.exchange(&exchange, true, exchange.answer(true)).await;
        let lines: Vec<String> = exchange.pieces.iter().map(|piece| format!("data: {piece}\n")).collect();
        let body = format!("{}data: [DONE]\n\n", lines.concat());
        assert_eq!(calls.exchange(&exchange, true, body.into_bytes()).await, wanted, "{}", exchange.name);
    }
}
