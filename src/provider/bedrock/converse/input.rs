//! Converse's messages in the conventions' form.

use serde_json::Value;

use crate::content::InputContent;
use crate::provider::read::{field, part};

/// Reads system, messages and tools.
pub(super) fn read(body: &Value) -> InputContent {
    let messages = field::list(body, "messages").iter().map(|message| {
        let parts = field::list(message, "content").iter().map(block).collect();
        part::message(field::text(message, "role").unwrap_or("user"), parts)
    });
    let tools = body.get("toolConfig").map_or(&[][..], |config| field::list(config, "tools"));
    let tools = tools.iter().filter_map(|tool| {
        let (kind, tool) = match tool.get("toolSpec") {
            Some(tool) => ("function", tool),
            None => ("system", tool.get("systemTool")?),
        };
        Some(part::tool(kind, field::text(tool, "name")?))
    });
    InputContent {
        system: field::list(body, "system").iter().map(block).collect(),
        messages: messages.collect(),
        tools: tools.collect(),
    }
}

/// Blocks are named by their one member.
fn block(block: &Value) -> Value {
    if let Some(text) = field::text(block, "text") {
        return field::text_part(text);
    }
    let Some((kind, value)) = block.as_object().and_then(|members| members.iter().next()) else {
        return part::other("unknown", block);
    };
    match kind.as_str() {
        "reasoningContent" => {
            let text = value.get("reasoningText").and_then(|text| field::text(text, "text"));
            part::reasoning(text.unwrap_or_default())
        }
        "toolUse" => field::tool_call_part(
            field::text(value, "toolUseId"),
            field::text(value, "name").unwrap_or_default(),
            value.get("input"),
        ),
        "toolResult" => field::tool_response_part(
            field::text(value, "toolUseId"),
            value.get("content").unwrap_or(&Value::Null),
        ),
        "image" | "document" | "video" | "audio" => media(kind, value),
        kind => part::other(kind, value),
    }
}

fn media(kind: &str, value: &Value) -> Value {
    let format = field::text(value, "format");
    let mime_type = match (kind, format) {
        ("document", Some("txt")) => Some("text/plain".to_owned()),
        ("document", Some("md")) => Some("text/markdown".to_owned()),
        ("document", Some(format @ ("csv" | "html"))) => Some(format!("text/{format}")),
        ("document", Some(format)) => Some(format!("application/{format}")),
        (kind, format) => format.map(|format| format!("{kind}/{format}")),
    };
    let mime_type = mime_type.as_deref();
    let null = Value::Null;
    let source = value.get("source").unwrap_or(&null);
    let s3 = source.get("s3Location").and_then(|location| field::text(location, "uri"));
    match (field::text(source, "bytes"), s3) {
        (Some(bytes), _) => field::blob_part(kind, mime_type, bytes),
        (None, Some(s3)) => part::uri(kind, mime_type, s3),
        (None, None) => part::other(kind, value),
    }
}
