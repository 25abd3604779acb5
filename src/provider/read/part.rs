//! Message parts in the conventions' JSON schemas, beyond the ones every format has (those are in `field`).

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::json::Json;

/// A message of one role.
pub(in crate::provider) fn message(role: &str, parts: Vec<Value>) -> Value {
    json!({"role": role, "parts": parts})
}

/// Text the model wrote for itself.
pub(in crate::provider) fn reasoning(content: impl Into<Value>) -> Value {
    json!({"type": "reasoning", "content": content.into()})
}

/// A call the provider makes itself.
pub(in crate::provider) fn server_tool_call(id: Option<Cow<'_, str>>, name: &str, call: &Json<'_>) -> Value {
    with(json!({"type": "server_tool_call", "name": name, "server_tool_call": call.to_value()}), "id", id)
}

/// What the provider's own call brought.
pub(in crate::provider) fn server_tool_response(id: Option<Cow<'_, str>>, response: &Json<'_>) -> Value {
    with(
        json!({"type": "server_tool_call_response", "server_tool_call_response": response.to_value()}),
        "id",
        id,
    )
}

/// Media at an address.
pub(in crate::provider) fn uri(modality: &str, mime_type: Option<Cow<'_, str>>, uri: &str) -> Value {
    with(json!({"type": "uri", "modality": modality, "uri": uri}), "mime_type", mime_type)
}

/// Media the provider holds.
pub(in crate::provider) fn file(modality: &str, mime_type: Option<Cow<'_, str>>, id: &str) -> Value {
    with(json!({"type": "file", "modality": modality, "file_id": id}), "mime_type", mime_type)
}

/// A part the schemas have no shape for, named by `kind`.
pub(in crate::provider) fn other(kind: &str, content: &Json<'_>) -> Value {
    json!({"type": kind, "content": content.to_value()})
}

/// A tool the model may call, without its schema.
pub(in crate::provider) fn tool(kind: &str, name: &str) -> Value {
    json!({"type": kind, "name": name})
}

/// `image`, `audio`, `video` or `document`, by MIME type.
pub(in crate::provider) fn modality(mime_type: &str) -> &'static str {
    match mime_type.split('/').next() {
        Some("image") => "image",
        Some("audio") => "audio",
        Some("video") => "video",
        _ => "document",
    }
}

/// Whether media of a MIME type has sound.
pub(in crate::provider) fn is_sound(mime_type: &str) -> bool {
    matches!(modality(mime_type), "audio" | "video")
}

fn with(mut part: Value, member: &str, value: Option<Cow<'_, str>>) -> Value {
    if let Some(value) = value {
        part[member] = value.into();
    }
    part
}
