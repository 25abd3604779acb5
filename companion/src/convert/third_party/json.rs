//! Attributes whose value is a document: which of its members state a fact.

use serde_json::Value;

use super::{Fact, Field, Part};

/// Bytes of a document that is parsed. Larger ones hold contents, which state no fact.
const MOST_BYTES: usize = 1 << 20;

/// A document and its members, by JSON pointer (RFC 6901). Of several names for one fact the first counts.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Json {
    pub(super) fields: &'static [(&'static str, Field)],
    /// Whether it is the text of a Python dictionary.
    python: bool,
}

impl Json {
    pub(super) const fn of(fields: &'static [(&'static str, Field)]) -> Self {
        Self { fields, python: false }
    }

    pub(super) const fn python(fields: &'static [(&'static str, Field)]) -> Self {
        Self { fields, python: true }
    }

    /// Calls `each` with the facts that `text` states.
    pub(in super::super) fn read(&self, text: &str, mut each: impl FnMut(Field, &Value)) {
        if text.len() > MOST_BYTES {
            return;
        }
        let parsed = if self.python {
            serde_json::from_str(&from_python(text))
        } else {
            serde_json::from_str::<Value>(text)
        };
        let Ok(document) = parsed else { return };
        for (pointer, field) in self.fields {
            match document.pointer(pointer) {
                Some(Value::Null) | None => {}
                Some(value) => each(*field, value),
            }
        }
    }
}

/// The text of a Python dictionary as JSON: `'a'` is a string, `None`, `True` and `False` are words. A quote within a
/// string that Python has put into double quotes stays.
fn from_python(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => match characters.next() {
                // JSON has no such escape.
                Some('\'') => json.push('\''),
                Some(escaped) => json.extend(['\\', escaped]),
                None => {}
            },
            (Some(open), _) if character == open => {
                quote = None;
                json.push('"');
            }
            (Some(_), '"') => json.push_str("\\\""),
            (Some(_), _) => json.push(character),
            (None, _) if character.is_ascii_alphabetic() => word.push(character),
            (None, _) => {
                flush(&mut word, &mut json);
                if matches!(character, '\'' | '"') {
                    quote = Some(character);
                    json.push('"');
                } else {
                    json.push(character);
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
pub(super) const USAGE: Json = Json::of(&[
    ("/prompt_tokens", Field::InputTokens),
    ("/input_tokens", Field::InputTokens),
    ("/input", Field::More(Fact::InputApart)),
    ("/completion_tokens", Field::OutputTokens),
    ("/output_tokens", Field::OutputTokens),
    ("/output", Field::More(Fact::OutputApart)),
    ("/total_tokens", Field::More(Fact::TotalTokens)),
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
    ("/cache_creation/ephemeral_1h_input_tokens", Field::More(Fact::CacheWriteHour)),
    ("/cache_creation_input_tokens_above_1hr", Field::More(Fact::CacheWriteHour)),
    ("/completion_tokens_details/reasoning_tokens", Field::Reasoning),
    ("/output_tokens_details/reasoning_tokens", Field::Reasoning),
    ("/output_token_details/reasoning", Field::Reasoning),
    ("/output_reasoning", Field::Reasoning),
    ("/output_reasoning_tokens", Field::Reasoning),
    ("/prompt_tokens_details/audio_tokens", Field::InputOf(Part::Audio)),
    ("/completion_tokens_details/audio_tokens", Field::OutputOf(Part::Audio)),
    ("/service_tier", Field::ServiceTier),
    ("/cost", Field::Cost),
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
    fn reads_nothing_of_a_text_that_is_no_document_or_too_large() {
        let count = |text: &str| {
            let mut facts = 0;
            USAGE.read(text, |_, _| facts += 1);
            facts
        };
        for text in ["", "no", "[1]", "{\"input\": null}", "{'input': 1}"] {
            assert_eq!(count(text), 0, "{text}");
        }
        assert_eq!(count("{\"input\": 1}"), 1);
        assert_eq!(count(&format!("{{\"input\": 1{}}}", " ".repeat(MOST_BYTES))), 0);
    }
}
