//! What decides a price is in the ledger: a bill is computed again from the rows alone.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::{select, subsequence};
use spanledger::PriceTable;
use spanledger::semconv::attribute;

use super::senders::Sent;
use super::*;
use crate::record::{CallRecord, NanoUsd, Timestamp, Window};
use crate::store::sqlite::{Ledger, Options};
use crate::store::{Appender, Filter, Page, Querier};

/// A call of the library, with `more`.
fn call(model: &str, provider: &str, host: &str, factors: &[&str], more: serde_json::Value) -> Sent<'static> {
    let mut attributes = serde_json::json!({
        attribute::OPERATION_NAME: "chat", attribute::OUTCOME: "completed", attribute::USAGE_SOURCE: "provider",
        attribute::REQUEST_MODEL: model, attribute::RESPONSE_MODEL: model, attribute::PROVIDER_NAME: provider,
        attribute::SERVER_ADDRESS: host, attribute::USAGE_INPUT_TOKENS: 300_000, attribute::USAGE_OUTPUT_TOKENS: 700,
        attribute::USAGE_CACHE_READ_TOKENS: 1000,
    });
    if !factors.is_empty() {
        attributes[attribute::COST_FACTORS] = serde_json::json!(factors);
    }
    let more = more.as_object().unwrap().clone();
    attributes.as_object_mut().unwrap().extend(more);
    Sent { scope: "spanledger", attributes, ..Sent::default() }
}

#[test]
fn every_bill_is_computed_again_from_its_row() {
    let none = serde_json::json!({});
    let claude = |factors: &[&str]| {
        let written = serde_json::json!({ attribute::USAGE_CACHE_WRITE_TOKENS: 900 });
        call("claude-sonnet-4-5", "anthropic", "api.anthropic.com", factors, written)
    };
    let many: Vec<String> = (0..15)
        .map(|number| format!("pass=compaction,model=claude-haiku-4-5,input={number},output=10"))
        .collect();
    let many: Vec<&str> =
        many.iter().map(String::as_str).chain(["cache_write_1h=900", "web_search=3"]).collect();
    let sent = [
        claude(&[]),
        claude(&["cache_write_1h=400"]),
        claude(&["cache_write_1h=400", "web_search=2", "speed=fast", "region=us"]),
        claude(&many),
        call("gpt-4.1", "openai", "api.openai.com", &["web_search=1", "file_search=2"], none.clone()),
        call(
            "gpt-5",
            "openai",
            "api.openai.com",
            &[],
            serde_json::json!({ attribute::OPENAI_RESPONSE_SERVICE_TIER: "flex" }),
        ),
        call(
            "gpt-5",
            "openai",
            "api.openai.com",
            &[],
            serde_json::json!({ attribute::OPENAI_REQUEST_SERVICE_TIER: "priority" }),
        ),
        call(
            "gemini-2.5-flash",
            "gcp.gemini",
            "generativelanguage.googleapis.com",
            &[],
            serde_json::json!({
                attribute::USAGE_TEXT_INPUT_TOKENS: 100_000, attribute::USAGE_AUDIO_INPUT_TOKENS: 200_000,
            }),
        ),
        call("anthropic/claude-sonnet-4.5", "openrouter", "openrouter.ai", &["route=anthropic"], none),
        // Sound and text of the cache have prices of their own.
        call(
            "gemini-2.5-flash",
            "gcp.gemini",
            "generativelanguage.googleapis.com",
            &[],
            serde_json::json!({
                attribute::USAGE_TEXT_INPUT_TOKENS: 100_000, attribute::USAGE_AUDIO_INPUT_TOKENS: 200_000,
                attribute::USAGE_TEXT_CACHE_READ_TOKENS: 300, attribute::USAGE_AUDIO_CACHE_READ_TOKENS: 700,
            }),
        ),
        // Images, and the text next to them.
        call(
            "gemini-2.5-flash-image",
            "gcp.gemini",
            "generativelanguage.googleapis.com",
            &["output_images=1"],
            serde_json::json!({
                attribute::USAGE_TEXT_INPUT_TOKENS: 299_000, attribute::USAGE_IMAGE_INPUT_TOKENS: 1000,
                attribute::USAGE_TEXT_OUTPUT_TOKENS: 100, attribute::USAGE_IMAGE_OUTPUT_TOKENS: 600,
            }),
        ),
        // A subscription pays: the ledger has what the tokens would cost.
        call("gpt-5", "openai", "api.openai.com", &["payment=subscription"], serde_json::json!({})),
    ];
    let kept = kept(&sent);
    assert_eq!(kept.len(), sent.len());
    for call in &kept {
        assert!(call.cost.is_some_and(|cost| cost.0 > 0), "{call:?}");
        let bill = crate::explain::bill(call, &PriceTable::bundled());
        assert!(bill.adds_up, "{call:?} {bill:?}");
        let lines: i64 = bill.lines.iter().map(|line| line.nano_usd).sum();
        assert_eq!(
            (Some(NanoUsd(lines)), bill.notes.iter().any(|note| note.contains("the lines"))),
            (call.cost, false)
        );
    }
    // Each of these has a price of its own, so that none of what decides it could be left out.
    let mut costs: Vec<_> =
        kept.iter().filter(|call| call.provider == "anthropic").map(|call| call.cost).collect();
    costs.sort();
    costs.dedup();
    assert_eq!(costs.len(), 4);
}

/// The calls as the ledger has them.
fn kept(sent: &[Sent<'_>]) -> Vec<CallRecord> {
    let converter = Converter::new(std::sync::Arc::new(PriceTable::bundled()));
    let mut priced = Vec::new();
    for (number, sent) in (1..).zip(sent) {
        let mut span = sent.span(number, None);
        span.trace_id = vec![number; 16];
        let batch = senders::batch(sent.scope, "", vec![span]);
        priced.extend(converter.convert(Encoded::Protobuf(&batch), NOW).unwrap().records);
    }
    assert_eq!(priced.len(), sent.len());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    Ledger::open_writer(&path, &Options::default()).unwrap().append(&priced).unwrap();
    let page = Page { limit: 1000, after: None };
    let all = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
    Ledger::open_reader(&path).unwrap().calls(all, &Filter::default(), page).unwrap().calls
}

/// Models whose prices differ in kind: by tier, by the length of the prompt, by modality, by cache, by seconds, pages and
/// images, and of clouds and routers.
const MODELS: [(&str, &str, &str); 14] = [
    ("claude-sonnet-4-5", "anthropic", "api.anthropic.com"),
    ("gpt-4.1", "openai", "api.openai.com"),
    ("gpt-5", "openai", "eu.api.openai.com"),
    ("gpt-image-1", "openai", "api.openai.com"),
    ("gpt-4o-audio-preview", "openai", "api.openai.com"),
    ("gemini-2.5-pro", "gcp.gemini", "generativelanguage.googleapis.com"),
    ("gemini-2.5-flash", "gcp.vertex_ai", "us-east5-aiplatform.googleapis.com"),
    ("gemini-2.5-flash-image", "gcp.gemini", "generativelanguage.googleapis.com"),
    ("mistral-ocr-2512", "mistral_ai", "api.mistral.ai"),
    ("voxtral-mini-2602", "mistral_ai", "api.mistral.ai"),
    ("sonar-pro", "perplexity", "api.perplexity.ai"),
    ("grok-4", "x_ai", "us.api.x.ai"),
    ("anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock", "bedrock-runtime.us-east-1.amazonaws.com"),
    ("openai/gpt-oss-120b", "huggingface", "router.huggingface.co"),
];

const FACTORS: [&str; 22] = [
    "cache_write_1h=400",
    "citation_tokens=30",
    "code_execution=2",
    "file_search=3",
    "input_audio_seconds=61",
    "input_characters=1234",
    "input_pages=7",
    "input_video=50",
    "output_audio_seconds=9",
    "output_images=2",
    "output_video=40",
    "output_video_seconds=8",
    "rerank_search=1",
    "social_search=2",
    "unparsed=1",
    "web_search=5",
    "payment=subscription",
    "region=us",
    "route=groq",
    "search_context=high",
    "speed=fast",
    "pass=compaction,model=claude-haiku-4-5,input=500,output=10",
];

/// Two parts of a number, and what is left of it.
fn parts(whole: u64) -> impl Strategy<Value = Option<[u64; 3]>> {
    proptest::option::of((0..=whole).prop_flat_map(move |first| {
        (0..=whole - first).prop_map(move |second| [first, second, whole - first - second])
    }))
}

fn any_call() -> impl Strategy<Value = Sent<'static>> {
    let tokens = (0..400_000_u64, 0..9000_u64, any::<bool>()).prop_flat_map(|(input, output, cached)| {
        let cache = if cached { input / 2 } else { 0 };
        (Just((input, output)), (0..=cache, 0..=cache / 2), parts(input), parts(output))
    });
    let read = tokens.prop_flat_map(|(tokens, cache, input, output)| {
        (Just((tokens, cache, input, output)), parts(cache.0))
    });
    let tier = select(&[None, Some("flex"), Some("priority"), Some("default")][..]);
    let factors = subsequence(&FACTORS[..], 0..=5);
    (select(&MODELS[..]), read, tier, factors).prop_map(|(model, read, tier, factors)| {
        let (((input, output), (cached, written), of_input, of_output), of_cache) = read;
        let mut more = serde_json::json!({
            attribute::USAGE_INPUT_TOKENS: input, attribute::USAGE_OUTPUT_TOKENS: output,
            attribute::USAGE_CACHE_READ_TOKENS: cached, attribute::USAGE_CACHE_WRITE_TOKENS: written,
        });
        let names = [
            (
                attribute::USAGE_TEXT_INPUT_TOKENS,
                attribute::USAGE_IMAGE_INPUT_TOKENS,
                attribute::USAGE_AUDIO_INPUT_TOKENS,
            ),
            (
                attribute::USAGE_TEXT_CACHE_READ_TOKENS,
                attribute::USAGE_IMAGE_CACHE_READ_TOKENS,
                attribute::USAGE_AUDIO_CACHE_READ_TOKENS,
            ),
            (
                attribute::USAGE_TEXT_OUTPUT_TOKENS,
                attribute::USAGE_IMAGE_OUTPUT_TOKENS,
                attribute::USAGE_AUDIO_OUTPUT_TOKENS,
            ),
        ];
        for ((text, image, audio), parts) in names.into_iter().zip([of_input, of_cache, of_output]) {
            let Some(parts) = parts else { continue };
            for (name, tokens) in [text, image, audio].into_iter().zip(parts) {
                more[name] = tokens.into();
            }
        }
        if let Some(tier) = tier {
            more[attribute::OPENAI_RESPONSE_SERVICE_TIER] = tier.into();
        }
        call(model.0, model.1, model.2, &factors, more)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever decides a price, in whatever combination.
    #[test]
    fn any_bill_is_computed_again_from_its_row(sent in vec(any_call(), 1..100)) {
        let kept = kept(&sent);
        prop_assert_eq!(kept.len(), sent.len());
        for call in &kept {
            let bill = crate::explain::bill(call, &PriceTable::bundled());
            prop_assert_eq!(bill.computed_nano_usd, call.cost.map(|cost| cost.0), "{:?} {:?}", call, bill);
            let lines: i64 = bill.lines.iter().map(|line| line.nano_usd).sum();
            prop_assert!(call.cost.is_none_or(|cost| cost.0 == lines), "{:?} {:?}", call, bill);
        }
    }
}
