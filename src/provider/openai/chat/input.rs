//! Chat messages in the conventions' form. System messages stay among the messages, as the API has them.

use serde_json::Value;

use crate::content::InputContent;
use crate::json::Json;
use crate::provider::read::{field, part};

/// Reads `messages` and `tools`.
pub(in crate::provider) fn read(body: &Json<'_>) -> InputContent {
    let tools = field::list(body, "tools").iter().chain(field::list(body, "functions"));
    InputContent {
        system: Vec::new(),
        messages: field::list(body, "messages").iter().map(message).collect(),
        tools: tools.filter_map(tool).collect(),
    }
}

/// Type and name of a tool, wherever the API puts its name.
pub(in crate::provider) fn tool(tool: &Json<'_>) -> Option<Value> {
    let kind = field::text(tool, "type").unwrap_or("function".into());
    let inner = tool.get(&kind).and_then(|inner| field::text(inner, "name"));
    let own_kind = || Some(kind.clone()).filter(|kind| kind != "function");
    let name = inner.or_else(|| field::text(tool, "name")).or_else(own_kind)?;
    Some(part::tool(&kind, &name))
}

fn message(message: &Json<'_>) -> Value {
    let role = field::text(message, "role").unwrap_or("user".into());
    let content = message.get("content");
    let mut parts = Vec::new();
    if let "tool" | "function" = &*role {
        let id = field::text(message, "tool_call_id");
        parts.push(field::tool_response_part(id, content));
    } else {
        let reasoning = ["reasoning_content", "reasoning"].iter().find_map(|name| field::text(message, name));
        parts.extend(reasoning.map(part::reasoning));
        match content {
            Some(Json::String(text)) => parts.push(field::text_part(text.decoded())),
            Some(Json::Array(content)) => parts.extend(content.iter().map(element)),
            _ => {}
        }
        parts.extend(field::text(message, "refusal").map(field::text_part));
    }
    parts.extend(field::list(message, "tool_calls").iter().filter_map(|call| {
        let (function, arguments) = match (call.get("function"), call.get("custom")) {
            (Some(function), _) => (function, "arguments"),
            (None, Some(custom)) => (custom, "input"),
            (None, None) => return None,
        };
        let name = field::text(function, "name").unwrap_or_default();
        Some(field::tool_call_part(field::text(call, "id"), &name, function.get(arguments)))
    }));
    if let Some(call) = message.get("function_call").filter(|call| matches!(call, Json::Object(_))) {
        let name = field::text(call, "name").unwrap_or_default();
        parts.push(field::tool_call_part(None, &name, call.get("arguments")));
    }
    let mut read = part::message(&role, parts);
    if let Some(name) = field::text(message, "name") {
        read["name"] = name.into();
    }
    read
}

/// One element of a content array. Media stand as `{"url"}`, or as the URL itself (Mistral).
fn element(content: &Json<'_>) -> Value {
    let kind = field::text(content, "type").unwrap_or_default();
    let url = |name: &str| {
        let media = content.get(name)?;
        media.as_str().or_else(|| field::text(media, "url"))
    };
    let read = match &*kind {
        "text" | "refusal" => field::text(content, &kind).map(field::text_part),
        "thinking" => Some(part::reasoning(thinking(content))),
        "image_url" => url(&kind).map(|url| field::uri_part("image", &url)),
        "video_url" => url(&kind).map(|url| field::uri_part("video", &url)),
        "document_url" => url(&kind).map(|url| field::uri_part("document", &url)),
        "input_audio" => content.get(&kind).and_then(|audio| {
            let mime_type = field::text(audio, "format").map(|format| format!("audio/{format}"));
            Some(field::blob_part("audio", mime_type.as_deref(), &field::text(audio, "data")?))
        }),
        "file" => content.get(&kind).and_then(file),
        _ => None,
    };
    read.unwrap_or_else(|| content.to_value())
}

/// A file by id, or with its bytes as a `data:` URL.
pub(in crate::provider) fn file(file: &Json<'_>) -> Option<Value> {
    if let Some(id) = field::text(file, "file_id") {
        return Some(part::file("document", None, &id));
    }
    let data = field::text(file, "file_data").or_else(|| field::text(file, "file_url"))?;
    Some(field::uri_part("document", &data))
}

fn thinking(content: &Json<'_>) -> String {
    field::list(content, "thinking").iter().filter_map(|thought| field::text(thought, "text")).collect()
}
