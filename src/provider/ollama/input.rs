//! Ollama's messages and prompts in the conventions' form.

use serde_json::Value;

use crate::content::InputContent;
use crate::json::Json;
use crate::provider::read::{field, part};

/// Reads messages, or a prompt with its system text, or the texts to embed.
pub(super) fn read(body: &Json<'_>) -> InputContent {
    let mut content = InputContent::default();
    for message in field::list(body, "messages") {
        content
            .messages
            .push(part::message(field::text(message, "role").as_deref().unwrap_or("user"), parts(message)));
    }
    if let Some(system) = field::text(body, "system") {
        content.system.push(field::text_part(system));
    }
    let mut prompts = field::strings(body, "prompt");
    prompts.extend(field::strings(body, "input"));
    for prompt in prompts {
        let mut parts = vec![field::text_part(prompt)];
        parts.extend(images(body));
        content.messages.push(part::message("user", parts));
    }
    for tool in field::list(body, "tools") {
        let name = tool.get("function").and_then(|function| field::text(function, "name"));
        content.tools.extend(name.map(|name| part::tool("function", &name)));
    }
    content
}

fn parts(message: &Json<'_>) -> Vec<Value> {
    if field::is(message, "role", "tool") {
        let id = field::text(message, "tool_call_id").or_else(|| field::text(message, "tool_name"));
        let response = message.get("content").filter(|_| field::text(message, "content").is_some());
        return vec![field::tool_response_part(id, response)];
    }
    let mut parts = Vec::new();
    parts.extend(field::text(message, "thinking").map(part::reasoning));
    parts.extend(field::text(message, "content").map(field::text_part));
    parts.extend(images(message));
    for call in field::list(message, "tool_calls") {
        let Some(function) = call.get("function") else { continue };
        let name = field::text(function, "name").unwrap_or_default();
        parts.push(field::tool_call_part(field::text(call, "id"), &name, function.get("arguments")));
    }
    parts
}

fn images(object: &Json<'_>) -> impl Iterator<Item = Value> {
    field::strings(object, "images").into_iter().map(|image| field::blob_part("image", None, &image))
}
