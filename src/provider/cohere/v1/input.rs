//! Cohere's v1 requests in the conventions' form.

use serde_json::Value;

use crate::content::InputContent;
use crate::json::Json;
use crate::provider::cohere::v2;
use crate::provider::read::{field, part};

/// Reads the preamble, the history and the message, or a prompt, or what is to be embedded.
pub(super) fn read(body: &Json<'_>) -> InputContent {
    let mut content = InputContent::default();
    content.system.extend(field::text(body, "preamble").map(field::text_part));
    for message in field::list(body, "chat_history") {
        let role = match field::text(message, "role").as_deref().unwrap_or("USER") {
            role if role.eq_ignore_ascii_case("CHATBOT") => "assistant".to_owned(),
            role => role.to_lowercase(),
        };
        let mut parts = Vec::new();
        parts.extend(field::text(message, "message").map(field::text_part));
        for call in field::list(message, "tool_calls") {
            let name = field::text(call, "name").unwrap_or_default();
            parts.push(field::tool_call_part(None, &name, call.get("parameters")));
        }
        parts.extend(field::list(message, "tool_results").iter().map(tool_result));
        content.messages.push(part::message(&role, parts));
    }
    for name in ["message", "prompt"] {
        let text = field::text(body, name).map(|text| part::message("user", vec![field::text_part(text)]));
        content.messages.extend(text);
    }
    let results: Vec<Value> = field::list(body, "tool_results").iter().map(tool_result).collect();
    if !results.is_empty() {
        content.messages.push(part::message("tool", results));
    }
    content.messages.extend(v2::texts(body));
    for tool in field::list(body, "tools") {
        content.tools.extend(field::text(tool, "name").map(|name| part::tool("function", &name)));
    }
    content
}

fn tool_result(result: &Json<'_>) -> Value {
    field::tool_response_part(None, result.get("outputs").or(Some(result)))
}
