//! Anthropic's messages in the conventions' form.

use serde_json::Value;

use crate::content::InputContent;
use crate::json::Json;
use crate::provider::read::{field, part};

/// Reads system, messages and tools.
pub(super) fn read(body: &Json<'_>) -> InputContent {
    let system = match body.get("system") {
        Some(Json::String(text)) => vec![field::text_part(text.decoded())],
        Some(Json::Array(blocks)) => blocks.iter().map(block).collect(),
        _ => Vec::new(),
    };
    let messages = field::list(body, "messages").iter().map(|message| {
        let parts = match message.get("content") {
            Some(Json::String(text)) => vec![field::text_part(text.decoded())],
            Some(Json::Array(blocks)) => blocks.iter().map(block).collect(),
            _ => Vec::new(),
        };
        part::message(field::text(message, "role").as_deref().unwrap_or("user"), parts)
    });
    let tools = field::list(body, "tools").iter().filter_map(|tool| {
        // Only server tools and, of late, custom ones carry a type.
        let kind = field::text(tool, "type").filter(|kind| kind != "custom").unwrap_or("function".into());
        Some(part::tool(&kind, &field::text(tool, "name")?))
    });
    InputContent { system, messages: messages.collect(), tools: tools.collect() }
}

fn block(block: &Json<'_>) -> Value {
    let get = |name: &str| field::text(block, name).unwrap_or_default();
    let kind = get("type");
    match &*kind {
        "text" => field::text_part(get("text")),
        "thinking" => part::reasoning(get("thinking")),
        "image" | "document" => media(&kind, block.get("source").unwrap_or(&Json::Null)),
        "tool_use" => field::tool_call_part(field::text(block, "id"), &get("name"), block.get("input")),
        "tool_result" => field::tool_response_part(field::text(block, "tool_use_id"), block.get("content")),
        "server_tool_use" | "mcp_tool_use" => {
            part::server_tool_call(field::text(block, "id"), &get("name"), block)
        }
        kind if kind.ends_with("_tool_result") => {
            part::server_tool_response(field::text(block, "tool_use_id"), block)
        }
        "" => part::other("unknown", block),
        // The schemas take any type with any members.
        _ => block.to_value(),
    }
}

fn media(kind: &str, source: &Json<'_>) -> Value {
    let mime_type = field::text(source, "media_type");
    let get = |name: &str| field::text(source, name).unwrap_or_default();
    match &*get("type") {
        "base64" => field::blob_part(kind, mime_type.as_deref(), &get("data")),
        "url" => part::uri(kind, mime_type, &get("url")),
        "file" => part::file(kind, mime_type, &get("file_id")),
        "text" => field::text_part(get("data")),
        _ => part::other(kind, source),
    }
}
