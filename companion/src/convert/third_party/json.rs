//! Attributes whose value is a document: which of its members state a fact.

use serde_json::Value;

use super::{Fact, Field, Part};
use crate::convert::value::DOCUMENT_BYTES;
use crate::otlp::Text;

/// A document and its members, by JSON pointer (RFC 6901). Of several names for one fact the first counts.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Json {
    pub(super) fields: &'static [(&'static str, Field)],
    /// Whether it is the text of a Python dictionary.
    python: bool,
    /// Whether it is a usage object, so that a member that is not known may cost something.
    usage: bool,
}

impl Json {
    pub(super) const fn of(fields: &'static [(&'static str, Field)]) -> Self {
        Self { fields, python: false, usage: false }
    }

    /// A usage object.
    const fn usage(fields: &'static [(&'static str, Field)]) -> Self {
        Self { fields, python: false, usage: true }
    }

    /// The same as the text of a Python dictionary.
    pub(super) const fn in_python(self) -> Self {
        Self { python: true, ..self }
    }

    /// Calls `each` with the facts that `text` states.
    pub(in super::super) fn read(&self, text: Text<'_>, mut each: impl FnMut(Field, &Value)) {
        let text = text.head(DOCUMENT_BYTES + 1);
        if text.len() > DOCUMENT_BYTES {
            return;
        }
        if let Some(document) = self.parse(&text) {
            self.members(&document, &mut each);
        }
    }

    fn parse(&self, text: &str) -> Option<Value> {
        let parsed =
            if self.python { serde_json::from_str(&from_python(text)) } else { serde_json::from_str(text) };
        parsed.ok()
    }

    fn members(&self, document: &Value, each: &mut dyn FnMut(Field, &Value)) {
        for (pointer, field) in self.fields {
            match (field, document.pointer(pointer)) {
                (_, Some(Value::Null) | None) => {}
                (Field::Json(inner), Some(Value::String(text))) => {
                    if let Some(document) = inner.parse(text) {
                        inner.members(&document, each);
                    }
                }
                (Field::Json(inner), Some(value)) => inner.members(value, each),
                (_, Some(value)) => each(*field, value),
            }
        }
        if self.usage && has_unknown(document, &mut String::new()) {
            each(Field::More(Fact::Unparsed), &Value::Bool(true));
        }
    }
}

/// Whether a usage object has a member that is not known, and that is not zero, false or empty.
fn has_unknown(value: &Value, pointer: &mut String) -> bool {
    let is_known =
        |pointer: &str| USAGE.fields.iter().any(|(known, _)| *known == pointer) || FREE.contains(&pointer);
    if is_known(pointer) {
        return false;
    }
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => members.iter().any(|(name, member)| {
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(name);
            let unknown = has_unknown(member, pointer);
            pointer.truncate(length);
            unknown
        }),
        Value::Bool(true) => true,
    }
}

/// The text of a Python value as JSON: `'a'` is a string, `None`, `True` and `False` are words, and an object,
/// `Usage(input=1)`, is a dictionary of what it was made of. A quote within a string that Python has put into double
/// quotes stays. A value that has no such form gives no JSON.
fn from_python(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => match characters.next() {
                // JSON has no such escapes.
                Some('\'') => json.push('\''),
                Some('x') => json.push_str("\\u00"),
                Some(escaped) => json.extend(['\\', escaped]),
                None => {}
            },
            (Some(open), _) if character == open => {
                quote = None;
                json.push('"');
            }
            (Some(_), '"') => json.push_str("\\\""),
            (Some(_), _) => json.push(character),
            (None, '_') => word.push(character),
            (None, _) if character.is_ascii_alphabetic() => word.push(character),
            (None, _) if character.is_ascii_digit() && !word.is_empty() => word.push(character),
            (None, '(') if !word.is_empty() => {
                word.clear();
                json.push('{');
            }
            (None, '=') => {
                json.extend(["\"", &word, "\":"]);
                word.clear();
            }
            (None, _) => {
                flush(&mut word, &mut json);
                match character {
                    '\'' | '"' => {
                        quote = Some(character);
                        json.push('"');
                    }
                    ')' => json.push('}'),
                    other => json.push(other),
                }
            }
        }
    }
    flush(&mut word, &mut json);
    json
}

/// Writes a word of Python as JSON has it.
fn flush(word: &mut String, json: &mut String) {
    json.push_str(match word.as_str() {
        "None" => "null",
        "True" => "true",
        "False" => "false",
        other => other,
    });
    word.clear();
}

/// A usage object: that of the OpenAI and Anthropic APIs, of MLflow and of Langfuse. In Langfuse's own form every kind
/// of tokens is apart from `input` and `output`.
pub(super) const USAGE: Json = Json::usage(&[
    ("/prompt_tokens", Field::InputTokens),
    ("/input_tokens", Field::InputTokens),
    ("/input", Field::More(Fact::InputApart)),
    ("/completion_tokens", Field::OutputTokens),
    ("/output_tokens", Field::OutputTokens),
    ("/output", Field::More(Fact::OutputApart)),
    ("/total_tokens", Field::More(Fact::TotalTokens)),
    ("/total", Field::More(Fact::TotalTokens)),
    ("/prompt_tokens_details/cached_tokens", Field::CacheRead),
    ("/input_tokens_details/cached_tokens", Field::CacheRead),
    ("/input_token_details/cache_read", Field::CacheRead),
    ("/cache_read_input_tokens", Field::CacheRead),
    ("/input_cache_read", Field::CacheRead),
    ("/input_cached_tokens", Field::CacheRead),
    ("/prompt_tokens_details/cache_write_tokens", Field::CacheWrite),
    ("/prompt_tokens_details/cache_creation_tokens", Field::CacheWrite),
    ("/input_tokens_details/cache_write_tokens", Field::CacheWrite),
    ("/input_token_details/cache_creation", Field::CacheWrite),
    ("/cache_creation_input_tokens", Field::CacheWrite),
    ("/input_cache_creation", Field::CacheWrite),
    ("/cache_creation/ephemeral_1h_input_tokens", Field::More(Fact::Billed("cache_write_1h"))),
    ("/cache_creation_input_tokens_above_1hr", Field::More(Fact::Billed("cache_write_1h"))),
    ("/input_token_details/ephemeral_1h_input_tokens", Field::More(Fact::Billed("cache_write_1h"))),
    ("/prompt_cache_hit_tokens", Field::CacheRead),
    ("/completion_tokens_details/reasoning_tokens", Field::Reasoning),
    ("/output_tokens_details/reasoning_tokens", Field::Reasoning),
    ("/output_token_details/reasoning", Field::Reasoning),
    ("/output_reasoning", Field::Reasoning),
    ("/output_reasoning_tokens", Field::Reasoning),
    ("/prompt_tokens_details/audio_tokens", Field::InputOf(Part::Audio)),
    ("/completion_tokens_details/audio_tokens", Field::OutputOf(Part::Audio)),
    ("/prompt_tokens_details/image_tokens", Field::InputOf(Part::Image)),
    ("/completion_tokens_details/image_tokens", Field::OutputOf(Part::Image)),
    ("/input_token_details/audio", Field::InputOf(Part::Audio)),
    ("/output_token_details/audio", Field::OutputOf(Part::Audio)),
    ("/input_audio_tokens", Field::InputOf(Part::Audio)),
    ("/output_audio_tokens", Field::OutputOf(Part::Audio)),
    ("/input_image_tokens", Field::InputOf(Part::Image)),
    ("/output_image_tokens", Field::OutputOf(Part::Image)),
    ("/server_tool_use/web_search_requests", Field::More(Fact::Billed("web_search"))),
    ("/num_search_queries", Field::More(Fact::Billed("web_search"))),
    ("/citation_tokens", Field::More(Fact::Billed("citation_tokens"))),
    ("/search_context_size", Field::More(Fact::BilledBy("search_context"))),
    ("/speed", Field::More(Fact::BilledBy("speed"))),
    ("/inference_geo", Field::More(Fact::BilledBy("region"))),
    ("/service_tier", Field::ServiceTier),
    ("/cost", Field::Cost),
]);

/// Members of a usage object that have no price of their own.
const FREE: &[&str] = &[
    "/prompt_tokens_details/text_tokens",
    "/completion_tokens_details/text_tokens",
    "/completion_tokens_details/accepted_prediction_tokens",
    "/completion_tokens_details/rejected_prediction_tokens",
    "/input_text_tokens",
    "/output_text_tokens",
    "/output_accepted_prediction_tokens",
    "/output_rejected_prediction_tokens",
    "/cache_creation/ephemeral_5m_input_tokens",
    "/input_token_details/ephemeral_5m_input_tokens",
    "/server_tool_use/web_fetch_requests",
    "/prompt_cache_miss_tokens",
    "/cost_details",
    "/queue_time",
    "/prompt_time",
    "/completion_time",
    "/total_time",
];

/// What a usage object says of the price next to the tokens, where these are known from elsewhere.
pub(super) const BILLING: Json = Json::usage(&[
    ("/cache_creation/ephemeral_1h_input_tokens", Field::More(Fact::Billed("cache_write_1h"))),
    ("/server_tool_use/web_search_requests", Field::More(Fact::Billed("web_search"))),
    ("/num_search_queries", Field::More(Fact::Billed("web_search"))),
    ("/search_context_size", Field::More(Fact::BilledBy("search_context"))),
    ("/speed", Field::More(Fact::BilledBy("speed"))),
    ("/inference_geo", Field::More(Fact::BilledBy("region"))),
    ("/service_tier", Field::ServiceTier),
]);

#[cfg(test)]
mod tests {
    use super::*;

    fn python(text: &str) -> Value {
        serde_json::from_str(&from_python(text)).unwrap()
    }

    #[test]
    fn reads_the_text_of_a_python_dictionary() {
        let read = python(
            r#"{'a': 1, 'b': None, "it's": [True, False], 'c': {'d': 'x\'y "z" \\ None'}, 'e': 1.5e-06}"#,
        );
        let expected = serde_json::json!({
            "a": 1, "b": null, "it's": [true, false], "c": {"d": "x'y \"z\" \\ None"}, "e": 1.5e-6
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn reads_the_text_of_a_python_object() {
        let read = python(
            r#"Completion(id='x', choices=[Choice(text='a=(\'b\') \x1b Usage(cached=9)', index0=0)], usage=Usage(in_1=120, details=Details(cached=64, none=None)))"#,
        );
        let expected = serde_json::json!({
            "id": "x", "choices": [{"text": "a=('b') \u{1b} Usage(cached=9)", "index0": 0}],
            "usage": {"in_1": 120, "details": {"cached": 64, "none": null}},
        });
        assert_eq!(read, expected);
        for no_value in ["<Role.USER: 'user'>", "Decimal('0.1')", "x=1, y=2", "f(", "datetime(2026, 1, 2)"] {
            assert!(serde_json::from_str::<Value>(&from_python(no_value)).is_err(), "{no_value}");
        }
    }

    #[test]
    fn notices_members_of_a_usage_object_that_may_cost_something() {
        for (text, unknown) in [
            (r#"{"input_tokens": 1, "total": 1, "prompt_tokens_details": {"text_tokens": 1}}"#, false),
            (
                r#"{"surcharge": 0, "credits": null, "grounded": false, "notes": "", "more": [], "x": {"y": 0}}"#,
                false,
            ),
            (r#"{"surcharge": 1}"#, true),
            (r#"{"prompt_tokens_details": {"video_tokens": 5}}"#, true),
            (r#"{"grounded": true}"#, true),
            (r#"{"iterations": [{"type": "compaction"}]}"#, true),
            (r#"{"cost": 0.1, "cost_details": {"upstream_inference_cost": 0.1}}"#, false),
        ] {
            for document in [&USAGE, &BILLING] {
                let mut found = false;
                document.read(Text::Plain(text), |field, _| found |= field == Field::More(Fact::Unparsed));
                assert_eq!(found, unknown, "{text}");
            }
        }
    }

    #[test]
    fn reads_nothing_of_a_text_that_is_no_document_or_too_large() {
        let count = |text: &str| {
            let mut facts = 0;
            USAGE.read(Text::Plain(text), |_, _| facts += 1);
            facts
        };
        for text in ["", "no", "[]", "{\"input\": null}", "{'input': 1}"] {
            assert_eq!(count(text), 0, "{text}");
        }
        assert_eq!(count("{\"input\": 1}"), 1);
        assert_eq!(count(&format!("{{\"input\": 1{}}}", " ".repeat(DOCUMENT_BYTES))), 0);
    }
}
