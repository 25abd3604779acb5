//! Cohere's v2 messages, and the texts to embed, in the conventions' form.

use serde_json::Value;

use crate::content::InputContent;
use crate::json::Json;
use crate::provider::read::{field, part};

/// Reads messages and tools, or what is to be embedded.
pub(super) fn read(body: &Json<'_>) -> InputContent {
    let mut content = InputContent::default();
    for message in field::list(body, "messages") {
        content
            .messages
            .push(part::message(field::text(message, "role").as_deref().unwrap_or("user"), parts(message)));
    }
    content.messages.extend(texts(body));
    for input in field::list(body, "inputs") {
        content.messages.push(part::message("user", blocks(input)));
    }
    for tool in field::list(body, "tools") {
        let name = tool.get("function").and_then(|function| field::text(function, "name"));
        content.tools.extend(name.map(|name| part::tool("function", &name)));
    }
    content
}

/// The `texts` and `images` of an embedding request, one message each.
pub(in crate::provider) fn texts(body: &Json<'_>) -> Vec<Value> {
    let texts = field::strings(body, "texts").into_iter().map(field::text_part);
    let images = field::strings(body, "images").into_iter().map(|image| field::uri_part("image", &image));
    texts.chain(images).map(|part| part::message("user", vec![part])).collect()
}

fn parts(message: &Json<'_>) -> Vec<Value> {
    if field::is(message, "role", "tool") {
        return vec![field::tool_response_part(field::text(message, "tool_call_id"), message.get("content"))];
    }
    let mut parts = Vec::new();
    parts.extend(field::text(message, "tool_plan").map(part::reasoning));
    parts.extend(blocks(message));
    for call in field::list(message, "tool_calls") {
        let Some(function) = call.get("function") else { continue };
        let name = field::text(function, "name").unwrap_or_default();
        parts.push(field::tool_call_part(field::text(call, "id"), &name, function.get("arguments")));
    }
    parts
}

fn blocks(message: &Json<'_>) -> Vec<Value> {
    if let Some(text) = field::text(message, "content") {
        return vec![field::text_part(text)];
    }
    let block = |block: &Json<'_>| match field::text(block, "type").as_deref() {
        Some("text") => field::text_part(field::text(block, "text").unwrap_or_default()),
        Some("thinking") => part::reasoning(field::text(block, "thinking").unwrap_or_default()),
        Some("image_url") => {
            let url = block.get("image_url").and_then(|image| field::text(image, "url"));
            field::uri_part("image", &url.unwrap_or_default())
        }
        None => part::other("unknown", block),
        // The schemas take any type with any members.
        Some(_) => block.to_value(),
    };
    field::list(message, "content").iter().map(block).collect()
}
