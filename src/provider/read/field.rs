//! Members of a request body, read leniently: what is absent or of another shape is `None`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::json::Json;

/// A text that is not empty.
pub(crate) fn text<'j>(object: &Json<'j>, name: &str) -> Option<Cow<'j, str>> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// As [`text`], owned.
pub(crate) fn string(object: &Json<'_>, name: &str) -> Option<String> {
    text(object, name).map(Cow::into_owned)
}

/// Whether a member is this very text.
pub(crate) fn is(object: &Json<'_>, name: &str, text: &str) -> bool {
    object.get(name).and_then(Json::as_str).is_some_and(|is| is == text)
}

/// A whole number, also one written as `12.0`.
pub(crate) fn int(object: &Json<'_>, name: &str) -> Option<i64> {
    let number = object.get(name)?;
    let whole = |float: f64| (float.fract() == 0.0 && float.abs() < 9.0e15).then_some(float);
    #[expect(clippy::cast_possible_truncation, reason = "the number is whole and in range")]
    number.as_i64().or_else(|| number.as_f64().and_then(whole).map(|float| float as i64))
}

/// A number.
pub(crate) fn float(object: &Json<'_>, name: &str) -> Option<f64> {
    object.get(name)?.as_f64()
}

/// A flag that is set.
pub(crate) fn is_true(object: &Json<'_>, name: &str) -> bool {
    object.get(name).and_then(Json::as_bool) == Some(true)
}

/// The elements of an array; none where there is no array.
pub(crate) fn list<'v, 'j>(object: &'v Json<'j>, name: &str) -> &'v [Json<'j>] {
    object.get(name).and_then(Json::as_array).unwrap_or(&[])
}

/// A text, or an array's texts.
pub(crate) fn strings(object: &Json<'_>, name: &str) -> Vec<String> {
    let Some(value) = object.get(name) else { return Vec::new() };
    let texts = value.as_array().unwrap_or(std::slice::from_ref(value));
    texts.iter().filter_map(Json::as_str).map(Cow::into_owned).collect()
}

/// The conventions' text part.
pub(crate) fn text_part(content: impl Into<Value>) -> Value {
    json!({"type": "text", "content": content.into()})
}

/// The conventions' part for media by address: a `data:` URL holds the bytes themselves, any other is a reference.
pub(crate) fn uri_part(modality: &str, uri: &str) -> Value {
    let Some((header, data)) = uri.strip_prefix("data:").and_then(|rest| rest.split_once(',')) else {
        return json!({"type": "uri", "modality": modality, "uri": uri});
    };
    let (mime_type, content) = match header.strip_suffix(";base64") {
        Some(mime_type) => (mime_type, data.to_owned()),
        None => (header, STANDARD.encode(data)),
    };
    blob_part(modality, Some(mime_type).filter(|mime_type| !mime_type.is_empty()), &content)
}

/// The conventions' part for media in base64.
pub(crate) fn blob_part(modality: &str, mime_type: Option<&str>, content: &str) -> Value {
    let mut part = json!({"type": "blob", "modality": modality, "content": content});
    if let Some(mime_type) = mime_type {
        part["mime_type"] = mime_type.into();
    }
    part
}

/// The conventions' part for a tool call; `arguments` that are JSON in a string are unpacked.
pub(crate) fn tool_call_part(id: Option<Cow<'_, str>>, name: &str, arguments: Option<&Json<'_>>) -> Value {
    let mut part = json!({"type": "tool_call", "name": name});
    if let Some(id) = id {
        part["id"] = id.into();
    }
    if let Some(arguments) = arguments {
        let text = arguments.as_str();
        let unpacked = text.as_ref().and_then(|text| Json::read(text.as_bytes()));
        part["arguments"] = unpacked.as_ref().unwrap_or(arguments).to_value();
    }
    part
}

/// The conventions' part for what a tool answered.
pub(crate) fn tool_response_part(id: Option<Cow<'_, str>>, response: Option<&Json<'_>>) -> Value {
    let mut part = json!({"type": "tool_call_response", "response": response.map(Json::to_value)});
    if let Some(id) = id {
        part["id"] = id.into();
    }
    part
}
