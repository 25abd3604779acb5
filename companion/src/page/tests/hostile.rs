//! Pages of a ledger in which every text of a sender is HTML, and of one without a call.

use super::*;
use crate::record::CallRecord;

const MARKUP: &str = "<img src=x onerror=alert(1)>\"><b x='y'>&lt;";

/// A call with markup in every text that a sender chooses.
fn hostile(number: u64) -> CallRecord {
    let text = |what: &str| Some(format!("{MARKUP}{what}"));
    let mut call = crate::report::tests::fixture::call(number, NOW.plus_seconds(-60));
    for key in ["team", "environment"] {
        call.tags.add(key, MARKUP);
    }
    CallRecord {
        service: format!("{MARKUP}service"),
        provider: format!("{MARKUP}provider"),
        operation: format!("{MARKUP}operation"),
        request_model: text("request model"),
        response_model: text("response model"),
        response_id: text("response id"),
        outcome: spanledger::Outcome::Failed,
        error_type: text("error type"),
        error_kind: text("error kind"),
        finish_reasons: text("finish reason").into_iter().collect(),
        price_source: text("price source"),
        service_tier: text("tier"),
        server_address: text("host"),
        price_factors: text("factor").into_iter().collect(),
        user: text("user"),
        client_address: text("client"),
        conversation_id: text("conversation"),
        key_fingerprint: text("key"),
        instance: text("instance"),
        response_preview: text("preview"),
        error_message: text("message"),
        scope: format!("{MARKUP}scope"),
        ..call
    }
}

/// The pages, the last with its filters.
fn addresses() -> Vec<String> {
    let filters = serde_urlencoded::to_string(
        ["model", "user", "service", "provider", "error", "environment"].map(|name| (name, MARKUP)),
    );
    let mut all: Vec<String> = [
        "/",
        "/?last=7d",
        "/daily",
        "/daily?last=90d",
        "/calls",
        "/rules",
        "/silences",
        "/runbook",
        "/live.json",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push(format!("/calls?{}", filters.unwrap()));
    all
}

#[tokio::test]
async fn no_text_of_a_sender_is_markup_on_any_page() {
    let calls: Vec<CallRecord> = (1..=5).map(hostile).collect();
    let id = crate::record::ids::hex(&calls[0].span_id);
    let mut shown = 0;
    for uri in addresses().into_iter().chain([format!("/call/{id}"), format!("/call/{}", "%3Cb%3E")]) {
        let (status, headers, page) = get_from(state(ledger(&calls)), &uri).await;
        assert!(!status.is_server_error(), "{uri}: {status}");
        if !headers["content-type"].to_str().unwrap().starts_with("text/html") {
            continue;
        }
        for forbidden in ["<img", "<b>", "<b ", "x='y'>"] {
            assert!(!page.contains(forbidden), "{forbidden} in {uri}");
        }
        shown += usize::from(page.contains("&lt;img src=x"));
    }
    assert!(shown >= 4, "only {shown} pages show what a sender chose");
}

#[tokio::test]
async fn every_page_of_an_empty_ledger_is_one() {
    for uri in addresses() {
        let (status, _, page) = get_from(state(ledger(&[])), &uri).await;
        assert_eq!(status, StatusCode::OK, "{uri}: {page}");
        for wrong in ["NaN", "inf %", ">null<"] {
            assert!(!page.contains(wrong), "{wrong} in {uri}");
        }
    }
    let (status, _, page) = get_from(state(ledger(&[])), "/call/0000000000000007").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("no call in the ledger"), "{page}");
}
