//! What decides a price is in the ledger: a bill is computed again from the rows alone.

use spanledger::PriceTable;
use spanledger::semconv::attribute;

use super::senders::Sent;
use super::*;
use crate::record::{NanoUsd, Timestamp, Window};
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
    ];
    let converter = Converter::new(std::sync::Arc::new(PriceTable::bundled()));
    let mut priced = Vec::new();
    for (number, sent) in (1..).zip(&sent) {
        let batch = senders::batch(sent.scope, "", vec![sent.span(number, None)]);
        priced.extend(converter.convert(Encoded::Protobuf(&batch), NOW).unwrap().records);
    }
    assert_eq!(priced.len(), sent.len());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    Ledger::open_writer(&path, &Options::default()).unwrap().append(&priced).unwrap();
    let page = Page { limit: 100, after: None };
    let all = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
    let kept = Ledger::open_reader(&path).unwrap().calls(all, &Filter::default(), page).unwrap().calls;
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
