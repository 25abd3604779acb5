//! Message parts in the conventions' JSON schemas, beyond the ones every format has (those stand in `field`).

use serde_json::{Value, json};

/// A message of one role.
pub(in crate::provider) fn message(role: &str, parts: Vec<Value>) -> Value {
    json!({"role": role, "parts": parts})
}

/// Text the model wrote for itself.
pub(in crate::provider) fn reasoning(content: &str) -> Value {
    json!({"type": "reasoning", "content": content})
}

/// A call the provider makes itself.
pub(in crate::provider) fn server_tool_call(id: Option<&str>, name: &str, call: &Value) -> Value {
    with(json!({"type": "server_tool_call", "name": name, "server_tool_call": call}), "id", id)
}

/// What the provider's own call brought.
pub(in crate::provider) fn server_tool_response(id: Option<&str>, response: &Value) -> Value {
    with(json!({"type": "server_tool_call_response", "server_tool_call_response": response}), "id", id)
}

/// Media at an address.
pub(in crate::provider) fn uri(modality: &str, mime_type: Option<&str>, uri: &str) -> Value {
    with(json!({"type": "uri", "modality": modality, "uri": uri}), "mime_type", mime_type)
}

/// Media the provider holds.
pub(in crate::provider) fn file(modality: &str, mime_type: Option<&str>, id: &str) -> Value {
    with(json!({"type": "file", "modality": modality, "file_id": id}), "mime_type", mime_type)
}

/// A part the schemas have no shape for, named by `kind`.
pub(in crate::provider) fn other(kind: &str, content: &Value) -> Value {
    json!({"type": kind, "content": content})
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

fn with(mut part: Value, member: &str, value: Option<&str>) -> Value {
    if let Some(value) = value {
        part[member] = value.into();
    }
    part
}
