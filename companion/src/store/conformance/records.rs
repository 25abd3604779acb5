//! Records that stores are tested with.

use spanledger::{CostStatus, Outcome, UsageSource};

use crate::record::{CallRecord, ModalityTokens, NanoUsd, Origin, Parts, Tags, Timestamp};

/// Some time, in the middle of a microsecond, a minute and an hour.
pub(crate) const BASE: Timestamp = Timestamp(1_750_000_123_456_789_123);

/// An ordinary call, another one for each number, that ends `number` milliseconds after [`BASE`].
pub(crate) fn call(number: u64) -> CallRecord {
    ending_at(number, Timestamp(BASE.0 + number.cast_signed() * 1_000_000))
}

/// An ordinary call that ends at `end`.
pub(crate) fn ending_at(number: u64, end: Timestamp) -> CallRecord {
    let mut trace_id = [7; 16];
    trace_id[8..].copy_from_slice(&number.to_be_bytes());
    CallRecord {
        trace_id,
        span_id: number.to_be_bytes(),
        origin: Origin::Spanledger,
        start: Timestamp(end.0 - 1_500_000_000),
        duration_ns: 1_500_000_000,
        first_chunk_ns: Some(300_000_000),
        service: "shop".into(),
        provider: "openai".into(),
        operation: "chat".into(),
        request_model: Some("gpt-4o".into()),
        response_model: Some("gpt-4o-2024-08-06".into()),
        stream: true,
        status_code: Some(200),
        finish_reasons: vec!["stop".into()],
        input_tokens: Some(100),
        output_tokens: Some(20),
        usage_source: UsageSource::Provider,
        cost: Some(NanoUsd(450_000)),
        cost_status: CostStatus::Exact,
        price_source: Some("bundled 2026-10".into()),
        user: Some("ada".into()),
        ..no_field()
    }
}

/// A call of which nothing optional is known; ends at [`BASE`].
pub(crate) fn no_field() -> CallRecord {
    CallRecord { trace_id: [1; 16], span_id: [2; 8], start: BASE, ..CallRecord::default() }
}

/// Tags of these keys and values.
pub(crate) fn tags(pairs: &[(&str, &str)]) -> Tags {
    let mut tags = Tags::default();
    for (key, value) in pairs {
        assert!(tags.add(key, value), "{key}={value} does not fit");
    }
    tags
}

/// A call of which everything is known.
pub(crate) fn every_field() -> CallRecord {
    CallRecord {
        parent_span_id: Some([5; 8]),
        origin: Origin::Import,
        response_id: Some("chatcmpl-9xYz".into()),
        outcome: Outcome::Truncated,
        error_type: Some("body".into()),
        error_kind: Some("truncated".into()),
        finish_reasons: vec!["stop".into(), "länge".into()],
        cache_read_tokens: Some(3),
        cache_write_tokens: Some(2),
        reasoning_tokens: Some(1),
        usage_source: UsageSource::Partial,
        cost_status: CostStatus::Estimated,
        service_tier: Some("priority".into()),
        server_address: Some("api.openai.com".into()),
        modality_tokens: Some(Box::new(ModalityTokens {
            input: Parts { text: Some(0), image: Some(7), audio: Some(u64::MAX) },
            cache_read: Parts::default(),
            output: Parts { audio: Some(1), ..Parts::default() },
        })),
        price_factors: vec!["cache_write_1h=2".into(), "region=us".into()],
        computed_cost: Some(NanoUsd(1_234)),
        tags: tags(&[("team", "search \"and\" find"), ("env", "prod")]),
        client_address: Some("2001:db8::7".into()),
        conversation_id: Some("talk-1".into()),
        request_hash: Some("0123456789abcdef0123456789abcdef".into()),
        instance: Some("b3b2".into()),
        sequence: Some(1),
        fetched: true,
        response_preview: Some("Grüße \u{1F44B}\nnext line".into()),
        error_message: Some("it's \"broken\"; DROP TABLE calls".into()),
        scope: "spanledger".into(),
        ..call(1)
    }
}

/// What no honest sender sends.
pub(crate) fn hostile() -> Vec<CallRecord> {
    let at = |number: u64, start: i64, duration_ns: i64| CallRecord {
        start: Timestamp(start),
        duration_ns,
        ..call(number)
    };
    let year_2200 = 7_258_118_400_000_000_000;
    let huge = "x".repeat(200_000);
    vec![
        at(1, 0, 0),
        at(2, 0, 1),
        at(3, year_2200, 1_000),
        at(4, i64::MIN, 0),
        at(5, i64::MAX, i64::MAX),
        at(6, i64::MIN, i64::MIN),
        at(7, BASE.0, -5_000_000_000),
        CallRecord { first_chunk_ns: Some(-1), ..call(8) },
        CallRecord {
            input_tokens: Some(u64::MAX),
            output_tokens: Some(u64::MAX),
            cache_read_tokens: Some(u64::MAX),
            cost: Some(NanoUsd(i64::MAX)),
            sequence: Some(u64::MAX),
            instance: Some("high".into()),
            ..call(9)
        },
        CallRecord {
            input_tokens: Some(u64::MAX),
            sequence: Some(i64::MAX.cast_unsigned()),
            instance: Some("high".into()),
            ..call(10)
        },
        CallRecord { sequence: Some(0), instance: Some("high".into()), ..call(11) },
        CallRecord { sequence: Some(7), instance: None, ..call(12) },
        CallRecord {
            response_model: Some(huge.clone()),
            user: Some(huge.clone()),
            error_type: Some(huge.clone()),
            error_kind: Some(huge.clone()),
            request_hash: Some(huge),
            ..call(13)
        },
        CallRecord {
            response_model: Some("nul\0 and quote ' and \u{202e}".into()),
            user: Some("\0".into()),
            service: "'; --".into(),
            ..call(14)
        },
        CallRecord { trace_id: [0; 16], span_id: [0; 8], status_code: Some(u16::MAX), ..call(15) },
    ]
}
