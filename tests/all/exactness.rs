//! A cost is exact only when everything in the response that may cost something was understood: over all recorded
//! responses, with one member more than any reader knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use spanledger::semconv::attribute;

use crate::corpus::recordings_of_all_formats;
use crate::support::replay::{self, Exchange, Replay};

/// What no provider has.
const UNKNOWN: &str = "unheard_of_units";

/// Members that hold counts or charges.
const ROOTS: [&str; 10] = [
    "usage",
    "usageMetadata",
    "meta",
    "copilot_usage",
    "usage_breakdown",
    "tool_usage",
    "cost",
    "amazon-bedrock-invocationMetrics",
    "usage_metadata",
    "billed_units",
];

/// Members of a response that hold what the model wrote.
const CONTENT: [&str; 7] = ["content", "arguments", "text", "input", "parts", "annotations", "schema"];

/// What the recorded responses hold that no reader knows, and why that is right.
const NOTED: [(&str, &str); 15] = [
    ("usage.reasoning_tokens", "Doubleword counts more reasoning than output of some calls"),
    ("request.tools", "a search that only the request shows: it may be billed"),
    ("annotations", "pages that a search found, of which the response has no count and no charge"),
    ("container", "Anthropic bills the time of a container, which no response reports"),
    ("content.toolUse", "Nova's own tools are billed by the use, at prices that are in no table"),
    ("Units", "a guardrail is billed by the text unit, at a price that is in no table"),
    (
        "usage.total_tokens",
        "Mistral counts the tokens of sound next to the prompt, and its total alone has them",
    ),
    ("guardrail", "without a trace it is not known how many units of text a guardrail was billed for"),
    ("usage.cache", "an old response of Anthropic's leaves 1,200 cache writes out of both lifetimes"),
    (
        "amazon-bedrock-invocationMetrics",
        "Bedrock meters fewer output tokens than the model reports, and which are billed is not known",
    ),
    ("performanceConfig.latency", "faster answers of Bedrock have prices that are in no table"),
    (
        "output.web_search_call",
        "searches of the preview with GPT-4o and GPT-4.1, and of their small models, have rules of their own",
    ),
    ("usage.billed_units.images", "Cohere's price of an image is in no table"),
    ("usage.output_tokens", "a response of Gemini's has text and counts none of it"),
    (
        "usage.input_tokens",
        "a response of OpenAI's counts nothing at all, and a guardrail answers before the model does",
    ),
];

/// The pointers of all objects at and below the members that hold counts.
fn counted(value: &Value, at: &str, within: bool, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if within {
                all.push(at.to_owned());
            }
            for (name, member) in members {
                let root = ROOTS.contains(&name.as_str()) && member.is_object();
                if within || root || !CONTENT.contains(&name.as_str()) {
                    let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    counted(member, &pointer, within || root, all);
                }
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                counted(element, &format!("{at}/{index}"), within, all);
            }
        }
        _ => {}
    }
}

/// The body with the unknown member in one object more: of the last document or event that has such objects.
fn planted(body: &[u8]) -> Vec<Vec<u8>> {
    let pieces = pieces(body);
    let last = pieces.iter().rev().find_map(|piece| {
        let mut pointers = Vec::new();
        counted(&piece.document, "", false, &mut pointers);
        (!pointers.is_empty()).then_some((piece, pointers))
    });
    let Some((piece, pointers)) = last else { return Vec::new() };
    let bodies = pointers.iter().map(|pointer| {
        let mut document = piece.document.clone();
        document.pointer_mut(pointer).unwrap()[UNKNOWN] = json!(7);
        [&body[..piece.start], &(piece.encode)(&document, &body[piece.start..piece.end]), &body[piece.end..]]
            .concat()
    });
    bodies.collect()
}

/// One JSON document within a body, and how it is written.
struct Piece {
    start: usize,
    end: usize,
    document: Value,
    encode: fn(&Value, &[u8]) -> Vec<u8>,
}

fn pieces(body: &[u8]) -> Vec<Piece> {
    let plain = |document: &Value, _: &[u8]| document.to_string().into_bytes();
    if let Ok(document) = serde_json::from_slice(body) {
        return vec![Piece { start: 0, end: body.len(), document, encode: plain }];
    }
    let mut pieces = Vec::new();
    let mut start = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let data = line.strip_prefix(b"data:").unwrap_or(line);
        let from = start + line.len() - data.len();
        if let Ok(document) = serde_json::from_slice(data) {
            let encode = |document: &Value, _: &[u8]| format!("{document}\n").into_bytes();
            pieces.push(Piece { start: from, end: start + line.len(), document, encode });
        }
        start += line.len();
    }
    if pieces.is_empty() { frames(body) } else { pieces }
}

/// The messages of an AWS event stream.
fn frames(body: &[u8]) -> Vec<Piece> {
    let number = |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?) as usize);
    let mut pieces = Vec::new();
    let mut start = 0;
    while let (Some(length), Some(headers)) = (number(start), number(start + 4)) {
        let Some(payload) = body.get(start + 12 + headers..(start + length).saturating_sub(4)) else { break };
        if let Ok(document) = serde_json::from_slice::<Value>(payload) {
            let wrapped = document["bytes"].as_str().and_then(|bytes| STANDARD.decode(bytes).ok());
            let document = wrapped.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(document);
            pieces.push(Piece { start, end: start + length, document, encode: frame });
        }
        start += length;
    }
    pieces
}

/// A message like `old` with another payload.
fn frame(document: &Value, old: &[u8]) -> Vec<u8> {
    let headers = u32::from_be_bytes(old[4..8].try_into().unwrap()) as usize;
    let wrapped =
        serde_json::from_slice::<Value>(&old[12 + headers..old.len() - 4]).unwrap()["bytes"].is_string();
    let payload = match wrapped {
        true => json!({"bytes": STANDARD.encode(document.to_string())}).to_string(),
        false => document.to_string(),
    };
    let length = u32::try_from(16 + headers + payload.len()).unwrap();
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(&old[4..8]);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(&old[12..12 + headers]);
    message.extend_from_slice(payload.as_bytes());
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message
}

fn body_of(exchange: &Exchange) -> Vec<u8> {
    match (&exchange.response.body, &exchange.response.body_base64) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, encoded) => STANDARD.decode(encoded.as_deref().unwrap_or_default()).unwrap(),
    }
}

#[tokio::test]
async fn one_member_more_in_any_recorded_usage_is_never_exact() {
    let Some(recordings) = recordings_of_all_formats() else { return };
    let replay = Replay::start(1).await.unwrap();
    let (mut tried, mut exact) = (0, Vec::new());
    for mut exchange in recordings {
        for body in planted(&body_of(&exchange)) {
            (exchange.response.body, exchange.response.body_base64) = (None, Some(STANDARD.encode(&body)));
            let replayed = replay.run(&exchange).await.unwrap();
            let [span] = replayed.spans.as_slice() else { continue };
            let span = replay::attributes(span);
            if span[attribute::COST_STATUS] == "exact" {
                exact.push(format!("{}: {}", exchange.id, String::from_utf8_lossy(&body)));
            }
            tried += 1;
        }
    }
    assert!(
        exact.is_empty(),
        "{} of {tried} are exact:\n{}",
        exact.len(),
        exact[..exact.len().min(5)].join("\n")
    );
    assert!(tried > 4000, "{tried} tried");
}

#[tokio::test]
async fn every_member_of_the_recorded_responses_is_read_or_known_to_cost_nothing() {
    let Some(recordings) = recordings_of_all_formats() else { return };
    let replay = Replay::start(1).await.unwrap();
    let (mut exact, mut noted) = (0, Vec::new());
    for exchange in recordings {
        let replayed = replay.run(&exchange).await.unwrap();
        let [span] = replayed.spans.as_slice() else { continue };
        let span = replay::attributes(span);
        exact += usize::from(span[attribute::COST_STATUS] == "exact");
        let paths =
            span.get(attribute::USAGE_UNPARSED).and_then(Value::as_array).cloned().unwrap_or_default();
        let known = |path: &Value| {
            NOTED.iter().any(|(known, _)| path.as_str().is_some_and(|path| path.ends_with(known)))
        };
        noted.extend(paths.iter().filter(|path| !known(path)).map(|path| format!("{}: {path}", exchange.id)));
    }
    assert!(noted.is_empty(), "not classified:\n{}", noted.join("\n"));
    assert!(exact > 1600, "only {exact} recorded responses have an exact cost");
}

/// Counts that may change without changing the bill, and why. Each is a part of a pointer without digits.
const IDLE: [(&str, &str); 22] = [
    ("Latency", "a time"),
    ("_time", "a time"),
    ("/x_groq/usage", "repeats `usage`, which counts"),
    ("/token_details", "what Copilot's total is computed from: the total is the charge"),
    ("/cost/diem", "another currency for the charge next to it in US dollars"),
    ("_cost", "a part of a charge whose total is reported, or what a gateway pays itself"),
    ("/tokens/input_tokens", "Cohere bills the billed units"),
    ("/tokens/output_tokens", "Cohere bills the billed units"),
    ("/context_details/input_tokens", "the last turn of xAI's, which the totals hold"),
    ("/context_details/output_tokens", "the last turn of xAI's, which the totals hold"),
    ("/num_sources_used", "xAI reports its whole charge"),
    ("/num_server_side_tools_used", "xAI reports its whole charge"),
    ("/raw_prompt_token", "repeats the prompt of Gemini's interactions before its tools"),
    ("/accepted_prediction_tokens", "a part of the output, at its price"),
    ("/rejected_prediction_tokens", "a part of the output, at its price"),
    ("/web_fetch_requests", "billed by nothing but tokens"),
    ("/tool_calls_executed", "all tools together; each has a count of its own"),
    ("/tool_calls_requested", "all tools together; each has a count of its own"),
    ("/promptTokensDetails", "text is what the other modalities leave of the prompt"),
    ("/cacheTokensDetails", "text is what the other modalities leave of the cached prompt"),
    ("/ephemeral_m_input_tokens", "a gateway's count without the one of all cache writes"),
    ("/cacheDetails", "a count of five minutes without another lifetime has the price of all"),
];

/// The pointers of all numbers at and below the members that hold counts.
fn numbers(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Number(_) => all.push(at.to_owned()),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            numbers(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
        }),
        Value::Array(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(index, element)| numbers(element, &format!("{at}/{index}"), all));
        }
        _ => {}
    }
}

/// The body with one count changed: of the last document or event that has counts.
fn changed(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let pieces = pieces(body);
    let last = pieces.iter().rev().find_map(|piece| {
        let mut roots = Vec::new();
        counted(&piece.document, "", false, &mut roots);
        let mut pointers = Vec::new();
        // An object within another is reached from the outer one.
        for root in &roots {
            if !roots.iter().any(|outer| root.starts_with(&format!("{outer}/"))) {
                numbers(piece.document.pointer(root).unwrap(), root, &mut pointers);
            }
        }
        (!pointers.is_empty()).then_some((piece, pointers))
    });
    let Some((piece, pointers)) = last else { return Vec::new() };
    let bodies = pointers.into_iter().map(|pointer| {
        let mut document = piece.document.clone();
        let count = document.pointer_mut(&pointer).unwrap();
        *count = match count.as_u64() {
            Some(count) => json!(count * 2 + 1001),
            None => json!(count.as_f64().unwrap() * 2.0 + 0.125),
        };
        let body = [
            &body[..piece.start],
            &(piece.encode)(&document, &body[piece.start..piece.end]),
            &body[piece.end..],
        ]
        .concat();
        (pointer, body)
    });
    bodies.collect()
}

/// What a span says of the bill.
fn figures(span: &serde_json::Map<String, Value>) -> serde_json::Map<String, Value> {
    let bill = |name: &str| {
        name.starts_with("gen_ai.usage.")
            || name.starts_with("spanledger.cost.")
            || name == attribute::USAGE_UNPARSED
    };
    span.iter().filter(|(name, _)| bill(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A count that changes is seen: in the figures, or in what is not exact any more.
#[tokio::test]
async fn no_recorded_count_changes_in_silence() {
    let Some(recordings) = recordings_of_all_formats() else { return };
    let replay = Replay::start(1).await.unwrap();
    let mut silent = std::collections::BTreeMap::<String, (usize, String)>::new();
    let mut tried = 0;
    for mut exchange in recordings {
        let replayed = replay.run(&exchange).await.unwrap();
        let [span] = replayed.spans.as_slice() else { continue };
        let before = figures(&replay::attributes(span));
        for (pointer, body) in changed(&body_of(&exchange)) {
            (exchange.response.body, exchange.response.body_base64) = (None, Some(STANDARD.encode(&body)));
            let replayed = replay.run(&exchange).await.unwrap();
            let [span] = replayed.spans.as_slice() else { continue };
            let after = figures(&replay::attributes(span));
            tried += 1;
            if after == before && after.get(attribute::COST_STATUS).is_some_and(|status| status == "exact") {
                let name: String = pointer.chars().filter(|c| !c.is_ascii_digit()).collect();
                let named = |part: &str| name.ends_with(part) || name.contains(&format!("{part}/"));
                if !IDLE.iter().any(|(part, _)| named(part)) {
                    silent.entry(name).or_insert((0, exchange.id.clone())).0 += 1;
                }
            }
        }
    }
    assert!(silent.is_empty(), "of {tried} counts these change in silence: {silent:#?}");
    assert!(tried > 8000, "{tried} tried");
}

/// Headers of counts and tiers that no reader knows.
const UNKNOWN_HEADERS: [(&str, &str); 5] = [
    ("x-unheard-of-units", "7"),
    ("x-unheard-of-usage", "7"),
    ("x-unheard-of-token-count", "7"),
    ("x-unheard-of-tier", "express"),
    ("x-unheard-of-cost", "7"),
];

#[tokio::test]
async fn one_header_more_in_any_recorded_response_is_never_exact() {
    let Some(recordings) = recordings_of_all_formats() else { return };
    let replay = Replay::start(1).await.unwrap();
    let (mut tried, mut exact) = (0, Vec::new());
    for (index, mut exchange) in recordings.into_iter().enumerate() {
        let (name, value) = UNKNOWN_HEADERS[index % UNKNOWN_HEADERS.len()];
        exchange.response.headers.insert(name.to_owned(), json!(value));
        let replayed = replay.run(&exchange).await.unwrap();
        let [span] = replayed.spans.as_slice() else { continue };
        if replay::attributes(span)[attribute::COST_STATUS] == "exact" {
            exact.push(format!("{}: {name}", exchange.id));
        }
        tried += 1;
    }
    assert!(exact.is_empty(), "{} of {tried} are exact:\n{}", exact.len(), exact.join("\n"));
    assert!(tried > 1600, "{tried} tried");
}

/// The body with one text replaced: of the last document or event that has counts.
fn reworded(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let pieces = pieces(body);
    let last = pieces.iter().rev().find_map(|piece| {
        let mut roots = Vec::new();
        counted(&piece.document, "", false, &mut roots);
        let texts = |root: &String| {
            let members = piece.document.pointer(root).and_then(Value::as_object).into_iter().flatten();
            let texts = members.filter(|(_, member)| member.is_string());
            texts.map(|(name, _)| format!("{root}/{name}")).collect::<Vec<_>>()
        };
        let pointers: Vec<String> = roots.iter().flat_map(texts).collect();
        (!pointers.is_empty()).then_some((piece, pointers))
    });
    let Some((piece, pointers)) = last else { return Vec::new() };
    let bodies = pointers.into_iter().map(|pointer| {
        let mut document = piece.document.clone();
        *document.pointer_mut(&pointer).unwrap() = json!("unheard_of");
        let encoded = (piece.encode)(&document, &body[piece.start..piece.end]);
        (pointer, [&body[..piece.start], &encoded, &body[piece.end..]].concat())
    });
    bodies.collect()
}

/// Speed, residency, tier, modality: a word that no reader knows may have a price of its own.
#[tokio::test]
async fn no_word_of_a_recorded_usage_is_exact_when_it_is_unknown() {
    let Some(recordings) = recordings_of_all_formats() else { return };
    let replay = Replay::start(1).await.unwrap();
    let mut exact = std::collections::BTreeMap::<String, (usize, String)>::new();
    let mut tried = 0;
    for mut exchange in recordings {
        for (pointer, body) in reworded(&body_of(&exchange)) {
            (exchange.response.body, exchange.response.body_base64) = (None, Some(STANDARD.encode(&body)));
            let replayed = replay.run(&exchange).await.unwrap();
            let [span] = replayed.spans.as_slice() else { continue };
            tried += 1;
            let span = replay::attributes(span);
            // A charge is the whole bill, and a version of an API is none of it.
            let charged = span.get(attribute::COST_PRICE_SOURCE).is_some_and(|source| source == "provider");
            if span[attribute::COST_STATUS] == "exact" && !charged && !pointer.contains("/api_version/") {
                let name = pointer.chars().filter(|c| !c.is_ascii_digit()).collect();
                exact.entry(name).or_insert((0, exchange.id.clone())).0 += 1;
            }
        }
    }
    assert!(exact.is_empty(), "of {tried} words these are exact: {exact:#?}");
    assert!(tried > 100, "{tried} tried");
}
