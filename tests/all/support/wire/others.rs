//! Cohere and Ollama.

use serde_json::{Value, json};

use super::{Exchange, Framed};

pub(super) fn all() -> Vec<Exchange> {
    vec![cohere_v1(), cohere_v2(), ollama(), ollama_embeddings()]
}

fn both(url: &str) -> [String; 2] {
    [url, url].map(str::to_owned)
}

fn cohere_v1() -> Exchange {
    let answer = json!({"response_id": "r1", "generation_id": "canary-7f3a-id", "text": "canary-7f3a-answer",
        "finish_reason": "COMPLETE", "chat_history": [{"role": "USER", "message": "canary-7f3a-prompt"}],
        "documents": [{"id": "canary-7f3a-document"}],
        "meta": {"billed_units": {"input_tokens": 23, "output_tokens": 9}}});
    Exchange {
        name: "cohere v1",
        urls: both("https://api.cohere.com/v1/chat"),
        request: json!({"model": "command-r-08-2024", "stream": false, "preamble": "canary-7f3a-system",
            "message": "canary-7f3a-prompt", "chat_history": [{"role": "USER", "message": "canary-7f3a-before"}],
            "documents": [{"text": "canary-7f3a-document"}], "connectors": [{"id": "canary-7f3a-connector",
            "user_access_token": "canary-7f3a-token"}]}),
        answer: answer.clone(),
        framed: Framed::Lines,
        pieces: vec![
            json!({"is_finished": false, "event_type": "stream-start", "generation_id": "canary-7f3a-id"}),
            json!({"is_finished": false, "event_type": "text-generation", "text": "canary-7f3a-answer"}),
            json!({"is_finished": true, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": answer}),
        ],
        error: json!({"id": "canary-7f3a-id", "message": "invalid api token: canary-7f3a-key"}),
        stream_error: json!({"is_finished": true, "event_type": "stream-end", "finish_reason": "ERROR",
            "error": "canary-7f3a-message"}),
    }
}

fn cohere_v2() -> Exchange {
    let usage = json!({"billed_units": {"input_tokens": 23, "output_tokens": 9},
        "tokens": {"input_tokens": 90, "output_tokens": 9}});
    Exchange {
        name: "cohere v2",
        urls: both("https://api.cohere.com/v2/chat"),
        request: json!({"model": "command-r-08-2024", "stream": false,
            "messages": [{"role": "user", "content": "canary-7f3a-prompt"}],
            "documents": [{"data": {"text": "canary-7f3a-document"}}]}),
        answer: json!({"id": "i1", "finish_reason": "COMPLETE", "usage": usage, "message": {"role": "assistant",
            "tool_plan": "canary-7f3a-plan", "content": [{"type": "text", "text": "canary-7f3a-answer"}],
            "citations": [{"text": "canary-7f3a-citation"}]}}),
        framed: Framed::Sse,
        pieces: vec![
            json!({"type": "message-start", "id": "i1", "delta": {"message": {"role": "assistant", "content": []}}}),
            json!({"type": "content-delta", "index": 0,
                "delta": {"message": {"content": {"text": "canary-7f3a-answer"}}}}),
            json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}}),
        ],
        error: json!({"id": "canary-7f3a-id", "message": "invalid api token: canary-7f3a-key"}),
        stream_error: json!({"type": "message-end", "delta": {"finish_reason": "ERROR",
            "error": "canary-7f3a-message"}}),
    }
}

fn ollama() -> Exchange {
    let end = json!({"model": "llama3.2", "message": {"role": "assistant", "content": "canary-7f3a-answer",
        "thinking": "canary-7f3a-thought"}, "done": true, "done_reason": "stop", "prompt_eval_count": 23,
        "eval_count": 9});
    Exchange {
        name: "ollama",
        urls: both("http://localhost:11434/api/chat"),
        request: json!({"model": "llama3.2", "stream": false,
            "messages": [{"role": "user", "content": "canary-7f3a-prompt", "images": ["canary-7f3a-image"]}],
            "tools": [{"type": "function", "function": {"name": "canary-7f3a-tool"}}]}),
        answer: end.clone(),
        framed: Framed::Lines,
        pieces: vec![
            json!({"model": "llama3.2", "done": false,
                "message": {"role": "assistant", "content": "canary-7f3a-answer"}}),
            end,
        ],
        error: json!({"error": "canary-7f3a-message not found"}),
        stream_error: json!({"error": "canary-7f3a-message"}),
    }
}

fn ollama_embeddings() -> Exchange {
    Exchange {
        name: "ollama embeddings",
        urls: both("http://localhost:11434/api/embed"),
        request: json!({"model": "all-minilm", "input": ["canary-7f3a-prompt"]}),
        answer: json!({"model": "all-minilm", "embeddings": [[0.1]], "prompt_eval_count": 23}),
        framed: Framed::Never,
        pieces: Vec::new(),
        error: json!({"error": "canary-7f3a-message not found"}),
        stream_error: Value::Null,
    }
}
