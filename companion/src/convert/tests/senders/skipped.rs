//! Spans about work with a model that are no calls are counted by scope and reason.

use super::*;
use crate::convert::third_party::WORK;
use crate::record::SkipReason;

#[test]
fn names_the_reason_of_every_skipped_span() {
    for (attributes, reason) in [
        (
            json!({ "gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m" }),
            Some(SkipReason::Agent),
        ),
        (json!({ "gen_ai.operation.name": "execute_tool" }), Some(SkipReason::Tool)),
        (json!({ "traceloop.span.kind": "workflow" }), Some(SkipReason::Workflow)),
        (json!({ "openinference.span.kind": "CHAIN" }), Some(SkipReason::Workflow)),
        (json!({ "openinference.span.kind": "RERANKER" }), Some(SkipReason::Operation)),
        (json!({ "gen_ai.operation.name": "fetch_response" }), Some(SkipReason::Operation)),
        (
            json!({ "gen_ai.operation.name": "chat", "logfire.span_type": "pending_span" }),
            Some(SkipReason::Pending),
        ),
        (json!({ "gen_ai.operation.name": "chat", "logfire.span_type": "log" }), Some(SkipReason::Log)),
        (json!({ "gen_ai.operation.name": "dream" }), Some(SkipReason::Unknown)),
        (json!({ "gen_ai.agent.name": "a" }), Some(SkipReason::Unknown)),
        (json!({ "llm.openai.usage": "{}" }), Some(SkipReason::Unknown)),
        (json!({ "http.request.method": "POST", "server.address": "api.openai.com" }), None),
        (json!({}), None),
    ] {
        let converted =
            Sent { scope: "some.scope", attributes: attributes.clone(), ..Sent::default() }.convert();
        assert_eq!((converted.records.len(), converted.ignored), (0, 1), "{attributes}");
        let found: Vec<_> = converted.skipped.iter().flat_map(|(_, skipped)| skipped.iter()).collect();
        let expected: Vec<_> = reason.into_iter().map(|reason| ("some.scope", reason, 1)).collect();
        assert_eq!(found, expected, "{attributes}");
    }
}

#[test]
fn a_key_of_every_prefix_of_work_is_counted_by_its_scope() {
    for start in ["gen_ai.", "llm.", "ai.", "langfuse.", "mlflow.", "claude_code.", "codex."] {
        assert!(WORK.contains(&start), "{start}");
    }
    for start in WORK {
        let mut attributes = json!({});
        attributes[format!("{start}not.known.to.anyone")] = "x".into();
        let converted = Sent { scope: "some.scope", attributes, ..Sent::default() }.convert();
        assert_eq!((converted.records.len(), converted.ignored), (0, 1), "{start}");
        let found: Vec<_> = converted.skipped.iter().flat_map(|(_, skipped)| skipped.iter()).collect();
        assert_eq!(found, [("some.scope", SkipReason::Unknown, 1)], "{start}");
    }
    // The beginning of another word is none.
    let attributes = json!({ "aim.run": "x", "codexes.n": "x", "http.route": "/" });
    let converted = Sent { scope: "some.scope", attributes, ..Sent::default() }.convert();
    assert_eq!(converted.skipped.iter().count(), 0);
}

#[test]
fn only_what_is_not_understood_or_refused_may_miss_calls() {
    let missing: Vec<_> = SkipReason::ALL.into_iter().filter(|reason| reason.may_miss_calls()).collect();
    assert_eq!(
        missing,
        [
            SkipReason::Unknown,
            SkipReason::TooOld,
            SkipReason::Refused,
            SkipReason::Dropped,
            SkipReason::Unrecognised
        ]
    );
}
