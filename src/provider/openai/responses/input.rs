//! The request's `instructions` and `input` items in the conventions' form.

use serde_json::Value;

use crate::content::InputContent;
use crate::json::Json;
use crate::provider::openai::chat;
use crate::provider::read::{field, part};

/// Reads `instructions`, `input` and `tools`.
pub(super) fn read(body: &Json<'_>) -> InputContent {
    let messages = match body.get("input") {
        Some(Json::String(text)) => vec![part::message("user", vec![field::text_part(text.decoded())])],
        Some(Json::Array(items)) => items.iter().filter_map(item).collect(),
        _ => Vec::new(),
    };
    InputContent {
        system: field::text(body, "instructions").map(field::text_part).into_iter().collect(),
        messages,
        tools: field::list(body, "tools").iter().filter_map(chat::tool).collect(),
    }
}

/// One input item. References to stored items carry no content.
fn item(item: &Json<'_>) -> Option<Value> {
    let kind = field::text(item, "type").unwrap_or("message".into());
    let call_id = || field::text(item, "call_id").or_else(|| field::text(item, "id"));
    let name = || field::text(item, "name").unwrap_or(kind.clone());
    Some(match &*kind {
        "message" => {
            let parts = match item.get("content") {
                Some(Json::String(text)) => vec![field::text_part(text.decoded())],
                Some(Json::Array(content)) => content.iter().map(element).collect(),
                _ => Vec::new(),
            };
            part::message(field::text(item, "role").as_deref().unwrap_or("user"), parts)
        }
        "function_call" => {
            part::message("assistant", vec![field::tool_call_part(call_id(), &name(), item.get("arguments"))])
        }
        "custom_tool_call" => {
            part::message("assistant", vec![field::tool_call_part(call_id(), &name(), item.get("input"))])
        }
        "reasoning" => {
            let texts = field::list(item, "summary").iter().chain(field::list(item, "content"));
            let text: String = texts.filter_map(|part| field::text(part, "text")).collect();
            part::message("assistant", vec![part::reasoning(text)])
        }
        "item_reference" => return None,
        kind if kind.ends_with("_output") => {
            part::message("tool", vec![field::tool_response_part(call_id(), item.get("output"))])
        }
        // The provider's own tools: web search, file search, code interpreter, MCP.
        _ => part::message("assistant", vec![part::server_tool_call(call_id(), &name(), item)]),
    })
}

/// One element of a message's content.
fn element(content: &Json<'_>) -> Value {
    let kind = field::text(content, "type").unwrap_or_default();
    let read = match &*kind {
        "input_text" | "output_text" | "text" | "summary_text" => {
            field::text(content, "text").map(field::text_part)
        }
        "refusal" => field::text(content, &kind).map(field::text_part),
        "input_image" => match field::text(content, "file_id") {
            Some(id) => Some(part::file("image", None, &id)),
            None => field::text(content, "image_url").map(|url| field::uri_part("image", &url)),
        },
        "input_file" => chat::file(content),
        "input_audio" => {
            let audio = content.get(&kind).unwrap_or(content);
            let mime_type = field::text(audio, "format").map(|format| format!("audio/{format}"));
            field::text(audio, "data").map(|data| field::blob_part("audio", mime_type.as_deref(), &data))
        }
        _ => None,
    };
    read.unwrap_or_else(|| content.to_value())
}
