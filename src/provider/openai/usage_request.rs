//! Asks for the usage of a stream on the caller's behalf: `stream_options.include_usage` is set in the request's text,
//! and every byte around it stays as it was.

use std::ops::Range;

use crate::json::{self, Json};
use crate::provider::read::field;

/// The text of `body`, changed so that it asks for usage. `None` where it is no request for a stream, or asks already.
pub(super) fn ask(text: &[u8], body: &Json<'_>) -> Option<Vec<u8>> {
    // With Azure's data sources another service answers, which refuses the question.
    if !field::is_true(body, "stream") || body.get("data_sources").is_some() {
        return None;
    }
    // An object that has `stream` is not empty, so that a comma follows what is put first.
    let (place, words) = match body.get("stream_options") {
        None => (start_of_members(text)?, r#""stream_options":{"include_usage":true},"#),
        Some(Json::Null) => (json::place(text, "stream_options")?, r#"{"include_usage":true}"#),
        Some(Json::Object(options)) => {
            let within = json::place(text, "stream_options")?;
            let (place, words) = match options.get("include_usage") {
                Some(Json::Bool(true)) => return None,
                Some(_) => (json::place(&text[within.clone()], "include_usage")?, "true"),
                None if options.is_empty() => {
                    (start_of_members(&text[within.clone()])?, r#""include_usage":true"#)
                }
                None => (start_of_members(&text[within.clone()])?, r#""include_usage":true,"#),
            };
            (within.start + place.start..within.start + place.end, words)
        }
        Some(_) => return None,
    };
    Some([&text[..place.start], words.as_bytes(), &text[place.end..]].concat())
}

/// The place after the brace that opens an object.
fn start_of_members(object: &[u8]) -> Option<Range<usize>> {
    let brace = object.iter().position(|byte| *byte == b'{')?;
    Some(brace + 1..brace + 1)
}
