//! Recorded exchanges of many providers: what the middleware records of each must equal what the recording is known
//! to contain, however its response is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};
use spanledger::semconv::{attribute, metric};

use crate::support::replay::{self, Exchange, Replay, Replayed};

const SEEDS: [u64; 3] = [1, 2, 3];

/// The wire formats the library reads.
const WIRE_FORMATS: [&str; 25] = [
    "alephalpha.complete",
    "anthropic.complete",
    "gemini.interactions",
    "huggingface.generation",
    "replicate.predictions",
    "sagemaker.invoke",
    "voyage.embeddings",
    "watsonx.generation",
    "openai.chat",
    "openai.completions",
    "openai.responses",
    "openai.embeddings",
    "anthropic.messages",
    "gemini.generate_content",
    "gemini.embed_content",
    "vertex.predict",
    "bedrock.converse",
    "bedrock.invoke",
    "cohere.chat_v1",
    "cohere.chat_v2",
    "cohere.embed",
    "cohere.generate",
    "ollama.chat",
    "ollama.generate",
    "ollama.embed",
];

/// Attributes and the members of `expected` they must equal; null is an absent attribute.
const EQUAL: [(&str, &str); 8] = [
    (attribute::REQUEST_MODEL, "request_model"),
    (attribute::RESPONSE_MODEL, "response_model"),
    (attribute::RESPONSE_ID, "response_id"),
    (attribute::USAGE_INPUT_TOKENS, "input_tokens"),
    (attribute::USAGE_OUTPUT_TOKENS, "output_tokens"),
    (attribute::USAGE_CACHE_READ_TOKENS, "cached_input_tokens"),
    (attribute::USAGE_CACHE_WRITE_TOKENS, "cache_creation_tokens"),
    (attribute::USAGE_REASONING_TOKENS, "reasoning_tokens"),
];

/// Exchanges that may differ, each with the reason.
const EXCEPTIONS: &str = include_str!("corpus-exceptions.txt");
const MAX_EXCEPTIONS: usize = 10;

fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("SPANLEDGER_TEST_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    if path.join("exchanges").is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no recorded exchanges at {} (set SPANLEDGER_TEST_CORPUS)", path.display());
    None
}

/// A recorded exchange and what the corpus knows of it.
#[derive(Debug, Deserialize)]
struct Recording {
    #[serde(flatten)]
    exchange: Exchange,
    /// Absent for calls that are no inference.
    #[serde(default)]
    expected: Value,
}

fn recordings(name: &str) -> Option<Vec<Recording>> {
    let mut recordings: Vec<Recording> =
        replay::read(&corpus()?.join(name)).unwrap_or_else(|error| panic!("{error}"));
    // A fetched response is recorded once per process; `fetched.rs` tests it.
    recordings.retain(|recording| recording.exchange.request.method != "GET" || recording.expected.is_null());
    Some(recordings)
}

/// The exchanges of every wire format.
pub(crate) fn recordings_of_all_formats() -> Option<Vec<Exchange>> {
    let mut all = Vec::new();
    for format in WIRE_FORMATS {
        let recordings = recordings(&format!("exchanges/{format}.jsonl"))?;
        all.extend(recordings.into_iter().map(|recording| recording.exchange));
    }
    Some(all)
}

#[tokio::test]
async fn reads_every_recorded_exchange_for_every_chunking() {
    let exceptions = exceptions();
    let mut wrong: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut all = 0;
    for format in WIRE_FORMATS {
        let Some(recordings) = recordings(&format!("exchanges/{format}.jsonl")) else { return };
        let mut exact = 0;
        for seed in SEEDS {
            let replay = Replay::start(seed).await.unwrap();
            for recording in &recordings {
                let replayed = replay.run(&recording.exchange).await.unwrap();
                let differences = differences(&replayed, &recording.expected);
                exact += usize::from(differences.is_empty());
                if !differences.is_empty() {
                    wrong.entry(replayed.id).or_default().extend(differences);
                }
            }
        }
        all += recordings.len();
        println!("{format}: {exact} of {} exact", recordings.len() * SEEDS.len());
    }
    let excused = |id: &str| exceptions.contains_key(id);
    let report: Vec<_> =
        wrong.iter().filter(|(id, _)| !excused(id)).map(|(id, why)| format!("{id}: {why:?}")).collect();
    assert!(report.is_empty(), "{} of {all} exchanges are misread:\n{}", report.len(), report.join("\n"));
    let stale: Vec<_> = exceptions.keys().filter(|id| !wrong.contains_key(**id)).collect();
    assert!(stale.is_empty(), "these exceptions are not needed any more: {stale:?}");
}

#[tokio::test]
async fn makes_no_span_of_calls_that_are_no_inference() {
    let Some(recordings) = recordings("negatives.jsonl") else { return };
    let replay = Replay::start(1).await.unwrap();
    for Recording { exchange, .. } in &recordings {
        let replayed = replay.run(exchange).await.unwrap();
        let url = &exchange.request.url;
        let billed = BILLED.iter().any(|path| url.contains(path)) && exchange.request.method == "POST";
        assert_eq!(replayed.spans.len(), usize::from(billed), "{}: {url}", exchange.id);
        // What no wire format takes at a known provider is counted, and nothing else.
        let mut others = replay.points();
        others.retain(|(name, ..)| name != metric::UNRECOGNISED);
        assert!(billed || others.is_empty(), "{}: {others:?}", exchange.id);
        assert!(replayed.body_identical, "{}", exchange.id);
    }
}

/// What the recordings call no inference and is billed all the same: ranks, images, videos, speech and agents.
const BILLED: [&str; 7] = [
    "/rerank",
    "/images/generations",
    "/videos/generations",
    ":predictLongRunning",
    "/audio/speech",
    "/agentAliases/",
    "/retrieveAndGenerate",
];

#[test]
fn excuses_few_exchanges() {
    assert!(exceptions().len() <= MAX_EXCEPTIONS);
}

/// Exchange id and reason of each line that is no comment.
fn exceptions() -> BTreeMap<&'static str, &'static str> {
    let lines = EXCEPTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no reason: {line}")));
    pairs.collect()
}

/// In what an exchange is misread.
fn differences(replayed: &Replayed, expected: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if !replayed.body_identical {
        found.push("the body differs".to_owned());
    }
    let [span] = replayed.spans.as_slice() else {
        found.push(format!("{} spans", replayed.spans.len()));
        return found;
    };
    let said = replay::attributes(span);
    let mut compare = |name: &str, said: Value, wanted: Value| {
        // Some recordings write whole counts as `28.0`.
        let same = said == wanted || (said.is_i64() && said.as_f64() == wanted.as_f64());
        if !same {
            found.push(format!("{name}: {said} instead of {wanted}"));
        }
    };
    let get = |name: &str| said.get(name).cloned().unwrap_or_default();
    for (name, member) in EQUAL {
        compare(name, get(name), expected[member].clone());
    }
    compare(attribute::REQUEST_STREAM, is_streaming(&said).into(), expected["request_stream"].clone());
    compare(
        attribute::RESPONSE_FINISH_REASONS,
        list(&get(attribute::RESPONSE_FINISH_REASONS)),
        list(&expected["finish_reasons"]),
    );
    compare(
        attribute::ERROR_TYPE,
        said.contains_key(attribute::ERROR_TYPE).into(),
        (!expected["error"].is_null()).into(),
    );
    found
}

fn is_streaming(said: &Map<String, Value>) -> bool {
    said.get(attribute::REQUEST_STREAM) == Some(&Value::Bool(true))
}

/// No list and an empty list say the same.
fn list(value: &Value) -> Value {
    value.as_array().cloned().unwrap_or_default().into()
}
