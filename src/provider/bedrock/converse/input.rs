//! Converse's messages in the conventions' form.

use serde_json::Value;

use crate::content::InputContent;
use crate::json::Json;
use crate::provider::read::{field, part};

/// Reads system, messages and tools.
pub(super) fn read(body: &Json<'_>) -> InputContent {
    let messages = field::list(body, "messages").iter().map(|message| {
        let parts = field::list(message, "content").iter().map(block).collect();
        part::message(field::text(message, "role").as_deref().unwrap_or("user"), parts)
    });
    let tools = body.get("toolConfig").map_or(&[][..], |config| field::list(config, "tools"));
    let tools = tools.iter().filter_map(|tool| {
        let (kind, tool) = match tool.get("toolSpec") {
            Some(tool) => ("function", tool),
            None => ("system", tool.get("systemTool")?),
        };
        Some(part::tool(kind, &field::text(tool, "name")?))
    });
    InputContent {
        system: field::list(body, "system").iter().map(block).collect(),
        messages: messages.collect(),
        tools: tools.collect(),
    }
}

/// Blocks are named by their one member.
fn block(block: &Json<'_>) -> Value {
    if let Some(text) = field::text(block, "text") {
        return field::text_part(text);
    }
    let first = match block {
        Json::Object(members) => members.iter().next(),
        _ => None,
    };
    let Some((kind, value)) = first else { return part::other("unknown", block) };
    match kind {
        "reasoningContent" => {
            let text = value.get("reasoningText").and_then(|text| field::text(text, "text"));
            part::reasoning(text.unwrap_or_default())
        }
        "toolUse" => field::tool_call_part(
            field::text(value, "toolUseId"),
            &field::text(value, "name").unwrap_or_default(),
            value.get("input"),
        ),
        "toolResult" => field::tool_response_part(field::text(value, "toolUseId"), value.get("content")),
        "image" | "document" | "video" | "audio" => media(kind, value),
        kind => part::other(kind, value),
    }
}

fn media(kind: &str, value: &Json<'_>) -> Value {
    let format = field::text(value, "format");
    let mime_type = match (kind, format.as_deref()) {
        ("document", Some("txt")) => Some("text/plain".to_owned()),
        ("document", Some("md")) => Some("text/markdown".to_owned()),
        ("document", Some(format @ ("csv" | "html"))) => Some(format!("text/{format}")),
        ("document", Some(format)) => Some(format!("application/{format}")),
        (kind, format) => format.map(|format| format!("{kind}/{format}")),
    };
    let source = value.get("source").unwrap_or(&Json::Null);
    let s3 = source.get("s3Location").and_then(|location| field::text(location, "uri"));
    match (field::text(source, "bytes"), s3) {
        (Some(bytes), _) => field::blob_part(kind, mime_type.as_deref(), &bytes),
        (None, Some(s3)) => part::uri(kind, mime_type.map(Into::into), &s3),
        (None, None) => part::other(kind, value),
    }
}
