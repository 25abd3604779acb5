//! What a client asks a provider and what the provider answers: recorded, or written by hand where no recording exists.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{Result, root};

/// One request and its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Unique; travels as the conversation's id, so that the ledger's row can be found.
    pub id: String,
    /// The provider's host, as the middleware sees it.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// The request's body.
    pub request: Bytes,
    /// The response's status.
    pub status: u16,
    /// The response's content type.
    pub content_type: String,
    /// The response's body.
    pub body: Bytes,
    /// Whether the connection is cut behind the body instead of ended.
    pub cut: bool,
    /// What is known about it.
    pub known: Known,
}

/// What a recording is known to say. Absent is not zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// The model asked for.
    pub request_model: Option<String>,
    /// The model that answered.
    pub response_model: Option<String>,
    /// The provider's id of the response.
    pub response_id: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The response's status.
    pub status: Option<u16>,
    /// All input tokens.
    pub input_tokens: Option<u64>,
    /// All output tokens.
    pub output_tokens: Option<u64>,
    /// Of the input, read from the cache.
    pub cache_read_tokens: Option<u64>,
    /// Of the input, written to the cache.
    pub cache_write_tokens: Option<u64>,
    /// Of the output, spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Finish reasons by choice.
    pub finish_reasons: Vec<String>,
    /// Whether the call failed.
    pub failed: bool,
}

impl Known {
    /// What a row of the ledger says, as `spanledger calls --format json` lists it.
    #[must_use]
    pub fn of_row(call: &Value) -> Self {
        let text = |name: &str| call[name].as_str().map(str::to_owned);
        let number = |name: &str| call[name].as_u64();
        let reasons = call["finish_reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            request_model: text("request_model"),
            response_model: text("response_model"),
            response_id: text("response_id"),
            stream: call["stream"] == true,
            status: number("status_code").and_then(|status| u16::try_from(status).ok()),
            input_tokens: number("input_tokens"),
            output_tokens: number("output_tokens"),
            cache_read_tokens: number("cache_read_tokens"),
            cache_write_tokens: number("cache_write_tokens"),
            reasoning_tokens: number("reasoning_tokens"),
            finish_reasons: reasons.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            failed: call["outcome"] == "failed",
        }
    }
}

/// The exchanges of one file of the corpus (`openai.chat`), in its order; `None` without a corpus.
///
/// # Errors
/// When a file of the corpus cannot be read.
pub fn corpus(api: &str) -> Result<Option<Vec<Exchange>>> {
    let directory = std::env::var_os("SPANLEDGER_TEST_CORPUS")
        .map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    let file = directory.join(format!("exchanges/{api}.jsonl"));
    if !file.is_file() {
        return Ok(None);
    }
    let lines = std::fs::read_to_string(file)?;
    lines.lines().map(recorded).filter_map(Result::transpose).collect::<Result<_>>().map(Some)
}

/// One line of the corpus; `None` for what has no text body on both sides.
fn recorded(line: &str) -> Result<Option<Exchange>> {
    let line: Value = serde_json::from_str(line)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let number = |value: &Value| value.as_u64();
    let (Some(request), Some(body)) = (text(&line["request"]["body"]), text(&line["response"]["body"]))
    else {
        return Ok(None);
    };
    let url = text(&line["request"]["url"]).ok_or("a recording without a URL")?;
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let (authority, path) = rest.split_once('/').ok_or_else(|| format!("no path in {url}"))?;
    // A port would lead past the loopback server.
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    let expected = &line["expected"];
    let status = u16::try_from(number(&line["response"]["status"]).unwrap_or(200))?;
    let reasons = expected["finish_reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known = Known {
        request_model: text(&expected["request_model"]),
        response_model: text(&expected["response_model"]),
        response_id: text(&expected["response_id"]),
        stream: expected["request_stream"] == true,
        status: Some(status),
        input_tokens: number(&expected["input_tokens"]),
        output_tokens: number(&expected["output_tokens"]),
        cache_read_tokens: number(&expected["cached_input_tokens"]),
        cache_write_tokens: number(&expected["cache_creation_tokens"]),
        reasoning_tokens: number(&expected["reasoning_tokens"]),
        finish_reasons: reasons.iter().filter_map(text).collect(),
        failed: !expected["error"].is_null(),
    };
    Ok(Some(Exchange {
        id: text(&line["id"]).ok_or("a recording without an id")?,
        host: host.to_owned(),
        path: format!("/{path}"),
        request: request.into(),
        status,
        content_type: text(&line["response"]["headers"]["content-type"])
            .unwrap_or_else(|| "application/json".to_owned()),
        body: body.into(),
        cut: false,
        known,
    }))
}

/// Token counts of a response written by hand.
#[derive(Debug, Clone, Copy)]
pub struct Tokens {
    /// All input tokens; a quarter of them came from the cache, an eighth was written to it.
    pub input: u64,
    /// All output tokens; half of them were spent on reasoning.
    pub output: u64,
}

impl Tokens {
    fn usage(self) -> Value {
        json!({
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output,
            "prompt_tokens_details": {"cached_tokens": self.input / 4, "cache_write_tokens": self.input / 8},
            "completion_tokens_details": {"reasoning_tokens": self.output / 2},
        })
    }
}

impl Exchange {
    /// A chat completion, answered at once or as a stream.
    #[must_use]
    pub fn answered(id: impl Into<String>, model: &str, stream: bool, tokens: Tokens) -> Self {
        let id = id.into();
        let body = if stream { streamed(&id, model, tokens) } else { whole(&id, model, tokens) };
        let content_type = if stream { "text/event-stream" } else { "application/json" };
        let known = Known {
            request_model: Some(model.to_owned()),
            response_model: Some(model.to_owned()),
            response_id: Some(id.clone()),
            stream,
            status: Some(200),
            input_tokens: Some(tokens.input),
            output_tokens: Some(tokens.output),
            cache_read_tokens: Some(tokens.input / 4),
            cache_write_tokens: Some(tokens.input / 8),
            reasoning_tokens: Some(tokens.output / 2),
            finish_reasons: vec!["stop".to_owned()],
            failed: false,
        };
        Self {
            content_type: content_type.to_owned(),
            body: body.into(),
            ..Self::asked(id, model, stream, 200, known)
        }
    }

    /// A chat completion whose answer says nothing of its usage.
    ///
    /// # Errors
    /// When the response is no JSON.
    pub fn without_usage(id: impl Into<String>, model: &str) -> Result<Self> {
        let mut exchange = Self::answered(id, model, false, Tokens { input: 8, output: 8 });
        let mut body: Value = serde_json::from_slice(&exchange.body)?;
        body.as_object_mut().ok_or("an answer that is no object")?.remove("usage");
        exchange.body = body.to_string().into();
        let known = &mut exchange.known;
        (known.input_tokens, known.output_tokens, known.reasoning_tokens) = (None, None, None);
        (known.cache_read_tokens, known.cache_write_tokens) = (None, None);
        Ok(exchange)
    }

    /// A chat completion that is answered with an error.
    #[must_use]
    pub fn refused(id: impl Into<String>, model: &str, status: u16, code: &str) -> Self {
        let known = Known {
            request_model: Some(model.to_owned()),
            status: Some(status),
            failed: true,
            ..Known::default()
        };
        let error = json!({"error": {"message": "This request was refused.", "type": "error", "code": code}});
        Self { body: error.to_string().into(), ..Self::asked(id.into(), model, false, status, known) }
    }

    /// A stream whose connection is cut in the middle.
    #[must_use]
    pub fn cut(id: impl Into<String>, model: &str) -> Self {
        let mut exchange = Self::answered(id, model, true, Tokens { input: 8, output: 8 });
        exchange.body.truncate(exchange.body.len() / 3);
        exchange.cut = true;
        exchange
    }

    /// A stream that reports its usage and is cut before any choice has ended: a failed call that costs something.
    #[must_use]
    pub fn cut_after_usage(id: impl Into<String>, model: &str, tokens: Tokens) -> Self {
        let mut exchange = Self::answered(id, model, true, tokens);
        let events = exchange.body.split_inclusive(|byte| *byte == b'\n');
        let has = |event: &[u8], text: &[u8]| event.windows(text.len()).any(|part| part == text);
        let kept = events.filter(|event| !has(event, b"\"stop\"") && !has(event, b"[DONE]"));
        exchange.body = kept.collect::<Vec<_>>().concat().into();
        exchange.cut = true;
        exchange
    }

    fn asked(id: String, model: &str, stream: bool, status: u16, known: Known) -> Self {
        let request = json!({
            "model": model,
            "stream": stream,
            "stream_options": stream.then(|| json!({"include_usage": true})),
            "messages": [{"role": "user", "content": format!("What is the answer to {id}?")}],
        });
        Self {
            id,
            host: "api.openai.com".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            request: request.to_string().into(),
            status,
            content_type: "application/json".to_owned(),
            body: Bytes::new(),
            cut: false,
            known,
        }
    }
}

fn whole(id: &str, model: &str, tokens: Tokens) -> String {
    let message = json!({"role": "assistant", "content": "The answer is written by hand."});
    let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
    json!({"id": id, "object": "chat.completion", "model": model, "choices": choices, "usage": tokens.usage()})
        .to_string()
}

fn streamed(id: &str, model: &str, tokens: Tokens) -> String {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": id, "object": "chat.completion.chunk", "model": model, "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let words = ["The ", "answer ", "comes ", "in ", "pieces."];
    let word = |word: &str| {
        chunk(json!([{"index": 0, "delta": {"content": word}, "finish_reason": null}]), Value::Null)
    };
    let mut body: String = words.into_iter().map(word).collect();
    body += &chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null);
    body += &chunk(json!([]), tokens.usage());
    body + "data: [DONE]\n\n"
}
