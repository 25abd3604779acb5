use spanledger::{CostStatus, Outcome, UsageSource};

use super::text::bar;
use super::*;
use crate::record::{CallRecord, NanoUsd, Origin};
use crate::report::tests::fixture::{HOSTILE, NOW, call, ledger};
use crate::store::Appender as _;
use crate::store::memory::MemoryStore;
use crate::text::terminal::Terminal;

/// A streamed call with a cached prompt.
pub(crate) fn streamed() -> CallRecord {
    CallRecord {
        stream: true,
        first_chunk_ns: Some(250_000_000),
        user: Some("ada".to_owned()),
        server_address: Some("api.openai.com".to_owned()),
        response_id: Some("chatcmpl-one".to_owned()),
        cache_read_tokens: Some(400),
        price_source: Some("genai-prices/0.2.1".to_owned()),
        // 600 x 0.15 + 400 x 0.075 + 200 x 0.60 per million.
        cost: Some(NanoUsd(240_000)),
        ..call(1, NOW.plus_seconds(-60))
    }
}

fn explained(calls: &[CallRecord]) -> Explained {
    let store = ledger(calls);
    let id = CallId::of(&calls[0]);
    match find(&store, &PriceTable::bundled(), &id, NOW).unwrap() {
        Found::One(call) => *call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_in_words_with_its_times_its_bill_and_its_facts() {
    let text = to_text(&explained(&[streamed()]), Terminal::PLAIN);
    let expected = "\
call 000000000000000100000000feedbeef-0000000000000001

At 2026-11-23 11:59:00.000 UTC checkout, for the user ada, asked openai at
api.openai.com for gpt-4o-mini (chat, as a stream).
It completed in 1 s: HTTP 200; finish reason stop; gpt-4o-mini-2024-07-18
answered.
It used 1,000 input tokens (400 from the cache) and 200 output tokens, as the
provider reports.
It cost exactly $0.00024, by genai-prices/0.2.1.

Timeline
         0 s                                            request
      250 ms  ░░░░░░░░░░                                first chunk
         1 s            ██████████████████████████████  last chunk, 267 tokens/s since the first

Bill
  item                         quantity              price        amount
  input                             600  $0.15 per million  $0.000090000
  cache read                        400  $0.075 per million  $0.000030000
";
    assert!(text.starts_with(expected.split("\nBill").next().unwrap()), "{text}");
    for line in [
        "input                             600",
        "$0.075 per million",
        "$0.000030000",
        "total by genai-prices/0.2.1",
        "$0.000240000",
        "in the ledger: $0.000240000 (exact, by genai-prices/0.2.1), the total to the nano-dollar",
        "response id                chatcmpl-one",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
}

#[test]
fn each_ending_has_words_of_its_own() {
    for (outcome, words) in [
        (Outcome::Completed, "It completed in 1 s"),
        (Outcome::Truncated, "The response broke off after 1 s, before its end"),
        (Outcome::Dropped, "The caller stopped reading the response after 1 s"),
        (Outcome::Cancelled, "The caller gave up after 1 s, before a response began"),
        (Outcome::Failed, "It failed after 1 s"),
        (Outcome::TimedOut, "It timed out after 1 s"),
        (Outcome::Pending, "The provider accepted it in 1 s"),
        (Outcome::Interrupted, "Its process ended while the call was in flight"),
    ] {
        let shown = explained(&[CallRecord { outcome, ..streamed() }]);
        assert!(shown.summary[1].starts_with(words), "{:?}", shown.summary);
    }
    let failed = CallRecord {
        outcome: Outcome::Failed,
        status_code: Some(429),
        error_kind: Some("rate_limited".to_owned()),
        error_type: Some("tokens_exceeded".to_owned()),
        error_message: Some("slow down".to_owned()),
        ..streamed()
    };
    let shown = explained(&[failed]);
    assert!(shown.summary[1].contains("HTTP 429; rate_limited, which the sender calls tokens_exceeded"));
    assert_eq!(shown.summary[2], "The error reads: slow down");
    let without = serde_json::to_string(&shown.clone().without_content()).unwrap();
    assert!(!without.contains("slow down") && without.contains("rate_limited"));
    let error = shown.recorded.iter().find(|fact| fact.name == "error").unwrap();
    assert_eq!(
        (error.value.as_deref(), error.sent.as_deref()),
        (Some("rate_limited"), Some("tokens_exceeded"))
    );
}

#[test]
fn a_cost_that_the_lines_do_not_explain_is_shown_next_to_them() {
    let reported = CallRecord {
        cost: Some(NanoUsd(300_000)),
        computed_cost: Some(NanoUsd(240_000)),
        price_source: Some("provider".to_owned()),
        ..streamed()
    };
    let bill = explained(&[reported]).bill;
    assert_eq!(
        (bill.computed_nano_usd, bill.cost_nano_usd, bill.adds_up),
        (Some(240_000), Some(300_000), false)
    );
    assert_eq!(
        bill.notes,
        [
            "the provider reported $0.000300000; the lines are what genai-prices/0.2.1 gives: $0.000240000 (25 % more)"
        ]
    );
    let own = CallRecord {
        cost: Some(NanoUsd(100)),
        price_source: Some("prices.toml/0011aabb".to_owned()),
        ..streamed()
    };
    let bill = explained(&[own]).bill;
    assert!(
        bill.notes[0].starts_with("the ledger has $0.000000100 by prices.toml/0011aabb; the lines are what")
    );
    let unpriced = CallRecord {
        cost: None,
        cost_status: CostStatus::Unpriced,
        price_source: None,
        response_model: Some("acme-1".to_owned()),
        request_model: Some("acme-1".to_owned()),
        ..streamed()
    };
    let bill = explained(&[unpriced]).bill;
    assert!(bill.lines.is_empty() && !bill.adds_up);
    assert!(bill.notes.iter().any(|note| note.contains("no table has a price")), "{:?}", bill.notes);
    let nothing = CallRecord {
        cost: None,
        cost_status: CostStatus::NoUsage,
        usage_source: UsageSource::None,
        input_tokens: None,
        output_tokens: None,
        cache_read_tokens: None,
        ..streamed()
    };
    let shown = explained(&[nothing]);
    assert!(shown.summary.iter().any(|sentence| sentence == "No usage is known."));
    assert_eq!(shown.bill.computed_nano_usd, None);
}

#[test]
fn other_accounts_of_a_call_and_what_they_added_are_named() {
    let inner = CallRecord { user: None, parent_span_id: Some([7; 8]), ..streamed() };
    let outer = CallRecord {
        span_id: [7; 8],
        origin: Origin::ThirdParty,
        scope: "opentelemetry.instrumentation.openai".to_owned(),
        start: inner.start.plus_seconds(-1),
        duration_ns: 3_000_000_000,
        user: Some("ada".to_owned()),
        ..inner.clone()
    };
    let mut store = MemoryStore::new();
    store.append(&[inner.clone(), outer]).unwrap();
    let Found::One(shown) = find(&store, &PriceTable::bundled(), "chatcmpl-one", NOW).unwrap() else {
        panic!()
    };
    assert_eq!(shown.call.span_id, "0000000000000001");
    let user = shown.recorded.iter().find(|fact| fact.name == "user").unwrap();
    assert_eq!((user.value.as_deref(), user.sent.as_deref()), (Some("ada"), Some("(not sent)")));
    let counted: Vec<_> = shown.trace.iter().map(|row| row.counted).collect();
    assert_eq!(counted, [false, true]);
    let Found::One(other) = find(&store, &PriceTable::bundled(), "0707070707070707", NOW).unwrap() else {
        panic!()
    };
    assert_eq!(other.summary.last().unwrap(), "Another account of this call is the one that is counted.");
}

#[test]
fn text_of_a_sender_cannot_reach_the_terminal() {
    let hostile = || Some(HOSTILE.to_owned());
    let call = CallRecord {
        user: hostile(),
        service: HOSTILE.to_owned(),
        response_model: hostile(),
        error_message: hostile(),
        price_source: hostile(),
        price_factors: vec![HOSTILE.to_owned()],
        service_tier: hostile(),
        response_preview: hostile(),
        ..streamed()
    };
    let text = to_text(&explained(&[call]), Terminal::PLAIN);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn a_bar_is_never_empty_and_never_too_long() {
    assert_eq!(bar(0, 5, 10, 10, '#'), "#####     ");
    assert_eq!(bar(10, 10, 10, 10, '#'), "         #");
    assert_eq!(bar(0, 0, 0, 4, '#'), "#   ");
    assert_eq!(bar(-5, i64::MAX, 10, 4, '#'), "####");
}

#[test]
fn an_estimate_has_its_reason() {
    let estimate = CallRecord { cost_status: CostStatus::Estimated, ..streamed() };
    let note = |call: CallRecord| explained(&[call]).bill.notes.remove(0);
    // Its cached tokens are listed with the others.
    let uncached = CallRecord {
        request_model: Some("o1-pro".to_owned()),
        response_model: Some("o1-pro".to_owned()),
        ..estimate.clone()
    };
    assert_eq!(note(uncached), "the cost is an estimate: the table has no exact price for the cached tokens");
    let partial = CallRecord { usage_source: UsageSource::Partial, ..estimate.clone() };
    assert_eq!(note(partial), "the cost is an estimate: the provider's counts are not final");
    assert!(note(estimate).contains("was not understood"));
}

#[test]
fn a_cost_by_a_table_that_the_companion_has_not_names_the_table() {
    let own = CallRecord {
        request_model: Some("acme-1".to_owned()),
        response_model: Some("acme-1".to_owned()),
        price_source: Some("prices.toml/0e73cacb".to_owned()),
        ..streamed()
    };
    let bill = explained(&[own]).bill;
    assert!(bill.lines.is_empty());
    assert_eq!(
        bill.notes,
        [
            "no table of this companion has a price for the call; for its lines, set prices.file to the table that priced it \
          (prices.toml/0e73cacb)"
        ]
    );
}

#[test]
fn a_choice_that_did_not_finish_has_no_reason_of_the_provider() {
    let dropped =
        CallRecord { outcome: Outcome::Dropped, finish_reasons: vec!["error".into()], ..streamed() };
    assert!(!explained(&[dropped]).summary[1].contains("finish reason"));
    let truncated = CallRecord {
        outcome: Outcome::Truncated,
        error_kind: Some("truncated".into()),
        error_type: Some("body".into()),
        finish_reasons: vec!["error".into()],
        ..streamed()
    };
    let sentence = explained(&[truncated]).summary.remove(1);
    assert!(sentence.contains("HTTP 200; the connection failed in the middle of the body;"), "{sentence}");
}
