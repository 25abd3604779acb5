//! When a call streams, when its first chunk came, and a stream whose end is another span.

use super::*;
use crate::convert::Converter;
use crate::otlp::Encoded;
use crate::record::{Timestamp, Window};
use crate::store::memory::MemoryStore;
use crate::store::{Appender, Batch, Filter, Page, Querier};

fn call(more: Json) -> Sent<'static> {
    let mut attributes = json!({ "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini" });
    merge(&mut attributes, more);
    Sent { attributes, ..Sent::default() }
}

#[test]
fn refuses_a_first_chunk_beyond_the_call_or_where_nothing_streams() {
    for (more, stream, first) in [
        (json!({ "gen_ai.response.time_to_first_chunk": 0.25 }), true, json!(250)),
        (json!({ "gen_ai.client.operation.time_to_first_chunk": 0.25 }), true, json!(250)),
        (json!({ "ai.response.msToFirstChunk": 250 }), true, json!(250)),
        (json!({ "gen_ai.response.time_to_first_chunk": 1.0 }), true, json!(1000)),
        (json!({ "gen_ai.response.time_to_first_chunk": 1.1 }), true, json!(null)),
        (json!({ "gen_ai.response.time_to_first_chunk": -0.1 }), true, json!(null)),
        (
            json!({ "gen_ai.response.time_to_first_chunk": 0.25, "gen_ai.request.stream": false }),
            false,
            json!(null),
        ),
        (json!({ "gen_ai.server.time_to_first_token": 0.25 }), false, json!(null)),
        (
            json!({ "gen_ai.server.time_to_first_token": 0.25, "gen_ai.request.stream": true }),
            true,
            json!(250),
        ),
        (
            json!({ "gen_ai.server.time_to_first_token": 250, "gen_ai.request.stream": true }),
            true,
            json!(null),
        ),
    ] {
        call(more).is(&json!({ "stream": stream, "first_chunk_ms": first }));
    }
}

#[test]
fn counts_a_first_chunk_that_it_refuses() {
    let clamped = |more| call(more).convert().clamped;
    assert_eq!(clamped(json!({ "gen_ai.response.time_to_first_chunk": 2.0 })), 1);
    assert_eq!(clamped(json!({ "gen_ai.response.time_to_first_chunk": 0.5 })), 0);
}

/// The call's span, which took 5 ms, and the line that ends its stream `lasted` seconds later.
fn logfire(id: u8, lasted: f64, line: Json) -> (Span, Span) {
    let common = json!({
        "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini",
    });
    let with = |more: Json| {
        let mut attributes = common.clone();
        merge(&mut attributes, more);
        Sent { scope: "logfire.openai", attributes, ..Sent::default() }
    };
    let mut opening = with(json!({ "logfire.span_type": "span" })).span(id, None);
    opening.end_time_unix_nano = opening.start_time_unix_nano + 5_000_000;
    let mut end = with(
        json!({ "logfire.span_type": "log", "duration": lasted, "gen_ai.response.id": format!("r{id}") }),
    );
    merge(&mut end.attributes, line);
    let mut end = end.span(id + 100, None);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "less than a second")]
    let at = opening.end_time_unix_nano + (lasted * 1e9) as u64;
    (end.start_time_unix_nano, end.end_time_unix_nano) = (at, at);
    (opening, end)
}

/// The calls that count when each batch arrives by itself.
fn counted(converter: &Converter, batches: &[Vec<Span>]) -> Vec<CallRecord> {
    let mut store = MemoryStore::new();
    for spans in batches {
        let request = batch("logfire.openai", "5.4.0", spans.clone());
        let converted = converter.convert(Encoded::Protobuf(&request), NOW).unwrap();
        let Converted { records: calls, passages, .. } = &converted;
        store.append_batch(Batch { calls, passages, ..Batch::default() }).unwrap();
    }
    let all = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
    store.calls(all, &Filter::default(), Page { limit: 100, after: None }).unwrap().calls
}

#[test]
fn joins_a_stream_with_the_log_line_that_ends_it() {
    let usage = json!({ "gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 40 });
    let (opening, end) = logfire(1, 0.25, usage);
    let start = Timestamp(i64::try_from(opening.start_time_unix_nano).unwrap());
    for batches in [vec![vec![opening.clone(), end.clone()]], vec![vec![opening], vec![end]]] {
        let calls = counted(&converter(), &batches);
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert_eq!(
            (calls[0].start, calls[0].duration_ns, calls[0].input_tokens),
            (start, 255_000_000, Some(500))
        );
        assert!(calls[0].stream);
    }
}

/// The line alone knows how the stream ended, whether it brought tokens or not.
#[test]
fn takes_the_end_of_a_stream_from_its_line() {
    let (opening, mut end) = logfire(1, 0.25, json!({ "error.type": "APIConnectionError" }));
    end.status = Some(Status { code: 2, message: "Connection error.".to_owned() });
    let calls = counted(&converter(), &[vec![opening, end]]);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!((calls[0].outcome.as_str(), calls[0].response_id.as_deref()), ("truncated", Some("r1")));
}

#[test]
fn joins_each_of_several_streams_with_its_own_line() {
    let mut spans = Vec::new();
    for (id, lasted) in [(1, 0.5), (2, 0.3), (3, 0.7)] {
        let (mut opening, mut end) =
            logfire(id, lasted, json!({ "gen_ai.usage.output_tokens": i64::from(id) }));
        let later = u64::from(id) * 10_000_000;
        for span in [&mut opening, &mut end] {
            span.start_time_unix_nano += later;
            span.end_time_unix_nano += later;
        }
        spans.extend([opening, end]);
    }
    spans.sort_by_key(|span| span.end_time_unix_nano);
    let calls = counted(&converter(), &[spans]);
    assert_eq!(calls.len(), 3, "{calls:?}");
    for call in &calls {
        let id = call.output_tokens.unwrap();
        assert_eq!(call.parent_span_id, Some([u8::try_from(id).unwrap(); 8]));
    }
}

/// Without a parent the line is in a trace of its own.
#[test]
fn joins_a_stream_with_a_line_in_another_trace_also_when_sent_twice() {
    let (opening, mut end) = logfire(1, 0.25, json!({ "gen_ai.usage.output_tokens": 40 }));
    end.trace_id = vec![8; 16];
    let spans = vec![opening, end];
    let calls = counted(&converter(), &[spans.clone(), spans]);
    assert_eq!(calls.len(), 1, "{calls:?}");
    let call = &calls[0];
    assert_eq!((call.trace_id, call.span_id, call.parent_span_id), ([7; 16], [101; 8], Some([1; 8])));
}

#[test]
fn joins_no_stream_with_the_line_of_another_call() {
    let (opening, end) = logfire(1, 0.25, json!({}));
    let later = 5_000_000_000;
    let mut late = end.clone();
    late.start_time_unix_nano += later;
    late.end_time_unix_nano += later;
    let mut other = end;
    other.parent_span_id = vec![9; 8];
    for line in [late, other] {
        let calls = counted(&converter(), &[vec![opening.clone(), line]]);
        assert_eq!(calls.len(), 2, "{calls:?}");
    }
}

#[test]
fn openinference_names_the_response_of_a_langchain_stream_in_its_generations() {
    let stream = |status: (i32, &'static str), generation: Json| {
        let mut attributes = json!({
            "openinference.span.kind": "LLM", "llm.provider": "openai", "llm.model_name": "gpt-4o-mini",
            "llm.invocation_parameters": "{\"model\": \"gpt-4o-mini\", \"stream\": false}",
        });
        let generations = json!({ "generations": [[generation]] });
        merge(&mut attributes, json!({ "output.value": generations.to_string() }));
        Sent {
            scope: "openinference.instrumentation.langchain",
            version: "0.1.80",
            status,
            attributes,
            ..Sent::default()
        }
    };
    let info = json!({ "finish_reason": "stop", "model_name": "gpt-4o-mini-2024-07-18" });
    let whole = json!({ "type": "ChatGenerationChunk", "generation_info": info });
    stream((1, ""), whole).is(&json!({
        "request": "gpt-4o-mini", "response": "gpt-4o-mini-2024-07-18", "stream": true, "outcome": "completed",
    }));
    // What came of a stream that broke.
    let part = json!({ "type": "ChatGenerationChunk", "generation_info": null });
    stream((2, "OpenAIConnectionError('Connection error.')"), part)
        .is(&json!({ "stream": true, "outcome": "truncated", "kind": "truncated" }));
    let whole = json!({ "type": "ChatGeneration", "generation_info": { "finish_reason": "stop" } });
    stream((1, ""), whole).is(&json!({ "stream": false, "response": "gpt-4o-mini" }));
}

#[test]
fn a_stream_without_an_end_is_not_complete_where_the_sender_names_ends() {
    let stream = |scope: &'static str, version: &'static str, more: Json| {
        let mut attributes = json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.is_streaming": true, "gen_ai.response.id": "r1",
        });
        merge(&mut attributes, more);
        Sent { scope, version, status: (1, ""), attributes, ..Sent::default() }
    };
    let ended = json!({ "gen_ai.response.finish_reasons": ["stop"] });
    for (scope, version, outcome) in [
        ("opentelemetry.instrumentation.openai.v1", "0.62.4", "dropped"),
        ("opentelemetry.instrumentation.openai.v1", "0.40.0", "completed"),
        ("pydantic-ai", "2.68.0", "dropped"),
        ("some.app", "1.0", "completed"),
    ] {
        stream(scope, version, json!({})).is(&json!({ "outcome": outcome }));
        stream(scope, version, ended.clone()).is(&json!({ "outcome": "completed" }));
    }
}

#[test]
fn mlflow_names_the_response_of_a_stream_in_its_first_chunk() {
    let chunk = |id: &str| json!({ "mlflow.chunk.value": json!({ "id": id, "model": "gpt-4o-mini-2024-07-18" }).to_string() });
    Sent {
        scope: "mlflow.tracing.provider",
        status: (2, ""),
        attributes: json!({
            "model": "\"gpt-4o-mini\"", "stream": "true", "gen_ai.operation.name": "chat",
        }),
        events: vec![
            ("mlflow.chunk.item.0", 60, chunk("r1")),
            ("mlflow.chunk.item.1", 90, chunk("r2")),
            (
                "exception",
                280,
                json!({ "exception.type": "APIConnectionError", "exception.message": "Connection error." }),
            ),
        ],
        ..Sent::default()
    }
    .is(&json!({
        "id": "r1", "request": "gpt-4o-mini", "response": "gpt-4o-mini-2024-07-18", "outcome": "truncated",
        "first_chunk_ms": 60,
    }));
}

#[test]
fn embeddings_have_no_output_and_no_cache() {
    let attributes = json!({
        "gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small", "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 0, "gen_ai.usage.cache_read.input_tokens": 0,
    });
    Sent { attributes, ..Sent::default() }
        .is(&json!({ "input": 11, "output": null, "read": null, "cost_status": "exact" }));
}
