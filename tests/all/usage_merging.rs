//! Providers repeat their counts, raise them, leave them out and write null: the last valid count wins.

use crate::support::memory::Memory;
use crate::support::observed::Observed;
use bytes::Bytes;
use serde_json::{Value, json};

/// Input, output, cache-read and cache-write tokens; `None` is no attribute.
type Counts = [Option<u64>; 4];

/// What the span says of a stream of these events.
async fn counts(url: &str, events: &[Value]) -> Counts {
    let (memory, observed) = (Memory::default(), Observed::default());
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    memory.set("text/event-stream", vec![Bytes::from(body)]);
    let request = memory.client(&observed).post(url).body(r#"{"model":"m","stream":true}"#);
    request.send().await.unwrap().bytes().await.unwrap();
    let span = observed.span();
    let names = ["input_tokens", "output_tokens", "cache_read.input_tokens", "cache_write.input_tokens"];
    let counts =
        names.map(|name| span.get(&format!("gen_ai.usage.{name}")).map(|count| count.parse().unwrap()));
    let known = counts[0].is_some() || counts[1].is_some();
    assert_eq!(span.get("spanledger.usage.source").unwrap(), if known { "provider" } else { "none" });
    counts
}

/// The API itself, and those that speak its format: another provider, a server of one's own, a gateway.
const ANTHROPIC: [&str; 4] = [
    "https://api.anthropic.com/v1/messages",
    "https://dashscope-intl.aliyuncs.com/apps/anthropic/v1/messages",
    "http://10.1.2.3:4000/v1/messages",
    "http://gateway.internal/anthropic/v1/messages",
];

/// The counts, which do not depend on the host.
async fn anthropic(start: Value, deltas: &[Value]) -> Counts {
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "content": [], "usage": start}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}),
    ];
    for delta in deltas {
        events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": delta}));
    }
    events.push(json!({"type": "message_stop"}));
    let [first, others @ ..] = ANTHROPIC;
    let known = counts(first, &events).await;
    for url in others {
        assert_eq!(counts(url, &events).await, known, "{url}");
    }
    known
}

#[tokio::test]
async fn anthropic_counts_of_start_and_deltas_are_overlaid() {
    let start = json!({"input_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 11,
        "output_tokens": 1});
    let all = |output| [Some(23), Some(output), Some(7), Some(11)];
    let none = Value::Null;
    for (about, start, deltas, expected) in [
        ("start only", &start, vec![none.clone()], all(1)),
        ("both", &start, vec![json!({"output_tokens": 15})], all(15)),
        (
            "delta only",
            &none,
            vec![json!({"input_tokens": 5, "output_tokens": 9})],
            [Some(5), Some(9), None, None],
        ),
        ("neither", &none, vec![none.clone()], [None; 4]),
        (
            "several deltas",
            &start,
            vec![json!({"output_tokens": 3}), json!({"output_tokens": 6}), json!({"output_tokens": 9})],
            all(9),
        ),
        (
            "null in the last delta",
            &start,
            vec![
                json!({"output_tokens": 9}),
                json!({"input_tokens": null, "cache_read_input_tokens": null, "output_tokens": null}),
            ],
            all(9),
        ),
        ("zero in the delta says nothing", &start, vec![json!({"output_tokens": 0})], all(1)),
        (
            "zero input in the delta says nothing",
            &start,
            vec![json!({"input_tokens": 0, "output_tokens": 9})],
            all(9),
        ),
        (
            "zero first and the truth last",
            &json!({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}),
            vec![json!({"input_tokens": 17, "output_tokens": 4})],
            [Some(17), Some(4), Some(0), None],
        ),
        (
            "a cache that first comes late is part of the input",
            &json!({"input_tokens": 2400, "output_tokens": 0}),
            vec![
                json!({"cache_read_input_tokens": 2048, "cache_creation_input_tokens": 0, "output_tokens": 6}),
            ],
            [Some(2400), Some(6), Some(2048), Some(0)],
        ),
        (
            "a cache that first comes late, next to the input without it",
            &json!({"input_tokens": 0, "output_tokens": 0}),
            vec![json!({"input_tokens": 600, "cache_read_input_tokens": 3000, "output_tokens": 6})],
            [Some(3600), Some(6), Some(3000), None],
        ),
        (
            "a cache of zero in the delta says nothing",
            &start,
            vec![json!({"cache_read_input_tokens": 0, "output_tokens": 9})],
            all(9),
        ),
        (
            "everything again",
            &start,
            vec![
                json!({"input_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 11,
                "output_tokens": 9});
                2
            ],
            all(9),
        ),
        (
            "server tools raise the input",
            &start,
            vec![json!({"input_tokens": 105, "output_tokens": 9})],
            [Some(123), Some(9), Some(7), Some(11)],
        ),
    ] {
        assert_eq!(anthropic(start.clone(), &deltas).await, expected, "{about}");
    }
}

#[tokio::test]
async fn gemini_counts_are_cumulative() {
    const URL: &str = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    let chunk = |finish: Option<&str>, usage: &Value| {
        json!({"responseId": "r1", "modelVersion": "gemini-2.5-flash", "usageMetadata": usage,
            "candidates": [{"index": 0, "finishReason": finish, "content": {"parts": [{"text": "Hi"}]}}]})
    };
    let usage = |output: u64, thoughts: u64| json!({"promptTokenCount": 4, "candidatesTokenCount": output, "thoughtsTokenCount": thoughts});
    let none = Value::Null;
    for (about, usages, output) in [
        ("three", [usage(2, 1), usage(4, 3), usage(6, 3)], Some(9)),
        ("the first only", [usage(2, 1), none.clone(), none.clone()], Some(3)),
        ("the last only", [none.clone(), none.clone(), usage(6, 3)], Some(9)),
        ("the prompt alone", [json!({"promptTokenCount": 4}), none.clone(), none.clone()], None),
        ("an end without output", [usage(2, 1), usage(6, 3), json!({"promptTokenCount": 4})], Some(9)),
        ("zero", [none.clone(), none.clone(), usage(0, 0)], Some(0)),
    ] {
        let finishes = [None, None, Some("STOP")];
        let events: Vec<Value> =
            usages.iter().zip(finishes).map(|(usage, finish)| chunk(finish, usage)).collect();
        assert_eq!(counts(URL, &events).await, [Some(4), output, None, None], "{about}");
    }
}

#[tokio::test]
async fn openai_usage_is_null_until_it_is_set() {
    const URL: &str = "https://api.openai.com/v1/chat/completions";
    let chunk = |usage: &Value| {
        json!({"id": "c", "model": "gpt-4o", "usage": usage,
            "choices": [{"index": 0, "finish_reason": "stop", "delta": {"content": "Hi"}}]})
    };
    let usage = |input: u64, output: u64| json!({"prompt_tokens": input, "completion_tokens": output});
    let cached =
        json!({"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}});
    let none = Value::Null;
    for (about, usages, expected) in [
        ("set at the end", vec![none.clone(), none.clone(), usage(11, 3)], [Some(11), Some(3), None, None]),
        ("null again", vec![usage(11, 3), none.clone()], [Some(11), Some(3), None, None]),
        ("a running count", vec![usage(11, 1), usage(11, 2), usage(11, 3)], [Some(11), Some(3), None, None]),
        (
            "null inside",
            vec![usage(11, 2), json!({"prompt_tokens": null, "completion_tokens": 3})],
            [Some(11), Some(3), None, None],
        ),
        ("details first", vec![cached, usage(11, 3)], [Some(11), Some(3), Some(8), None]),
        ("zero", vec![usage(0, 0)], [Some(0), Some(0), None, None]),
        ("never", vec![none.clone(), none], [None; 4]),
    ] {
        let events: Vec<Value> = usages.iter().map(chunk).collect();
        assert_eq!(counts(URL, &events).await, expected, "{about}");
    }
}
