use spanledger::{CostStatus, Outcome, UsageSource};

use super::*;
use crate::record::{CallRecord, NanoUsd, Origin, Timestamp, Window};
use crate::store::{Appended, Appender, Filter, Page, Querier};

fn call(number: u8, end_ns: i64) -> CallRecord {
    CallRecord {
        trace_id: [number; 16],
        span_id: [number; 8],
        parent_span_id: None,
        origin: Origin::Spanledger,
        start: Timestamp(end_ns - 1_000_000),
        duration_ns: 1_000_000,
        first_chunk_ns: Some(500_000),
        service: "shop".into(),
        provider: "openai".into(),
        operation: "chat".into(),
        request_model: Some("gpt-4o".into()),
        response_model: Some("gpt-4o-2024-08-06".into()),
        response_id: Some("chatcmpl-1".into()),
        stream: true,
        outcome: Outcome::Completed,
        status_code: Some(200),
        error_type: None,
        finish_reasons: vec!["stop".into()],
        input_tokens: Some(10),
        output_tokens: Some(20),
        cache_read_tokens: None,
        cache_write_tokens: None,
        reasoning_tokens: None,
        usage_source: UsageSource::Provider,
        cost: Some(NanoUsd(1_000)),
        cost_status: CostStatus::Exact,
        price_source: Some("bundled".into()),
        user: Some("ada".into()),
        client_address: None,
        conversation_id: None,
        request_hash: Some("00112233445566778899aabbccddeeff".into()),
        instance: Some("one".into()),
        sequence: Some(u64::from(number)),
        response_preview: None,
        error_message: None,
    }
}

#[test]
fn gives_back_what_was_appended_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut ledger = Ledger::open_writer(&path, &Options::default()).unwrap();
    let batch = [call(1, 90_000_000_000), call(2, 91_000_000_000)];
    assert_eq!(ledger.append(&batch).unwrap(), Appended { inserted: 2, duplicates: 0 });
    assert_eq!(ledger.append(&batch).unwrap(), Appended { inserted: 0, duplicates: 2 });
    let querier = Ledger::open_reader(&path).unwrap();
    let window = Window { from: Timestamp(0), to: Timestamp(200_000_000_000) };
    assert_eq!(querier.totals(window, &Filter::default()).unwrap().calls, 2);
    let page = querier.calls(window, &Filter::default(), Page { limit: 10, after: None }).unwrap();
    assert_eq!(page.calls, [batch[1].clone(), batch[0].clone()]);
}
