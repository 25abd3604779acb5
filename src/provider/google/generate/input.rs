//! Gemini's contents in the conventions' form.

use std::borrow::Cow;

use serde_json::Value;

use crate::content::InputContent;
use crate::json::Json;
use crate::provider::read::{field, part};

/// Reads system instruction, contents and tools.
pub(super) fn read(body: &Json<'_>) -> InputContent {
    let mut content = InputContent::default();
    if let Some(system) = either(body, "systemInstruction", "system_instruction") {
        content.system = parts(system);
    }
    content.messages = field::list(body, "contents").iter().map(message).collect();
    for tool in field::list(body, "tools") {
        let declared = either(tool, "functionDeclarations", "function_declarations");
        for function in declared.and_then(Json::as_array).into_iter().flatten() {
            content.tools.extend(field::text(function, "name").map(|name| part::tool("function", &name)));
        }
        // The provider's own tools are members named after themselves.
        let Json::Object(members) = tool else { continue };
        let own = members.iter().filter(|(name, _)| !name.to_lowercase().starts_with("function"));
        content.tools.extend(own.map(|(name, _)| part::tool(name, name)));
    }
    content
}

/// One `Content` as a message.
pub(in crate::provider) fn message(content: &Json<'_>) -> Value {
    let role = field::text(content, "role");
    let role = match role.as_deref() {
        Some("model") => "assistant",
        Some("function") => "tool",
        role => role.unwrap_or("user"),
    };
    part::message(role, parts(content))
}

fn parts(content: &Json<'_>) -> Vec<Value> {
    match content {
        // The SDKs turn a bare text into a part; some gateways take it on the wire.
        Json::String(text) => vec![field::text_part(text.decoded())],
        content => field::list(content, "parts").iter().map(one).collect(),
    }
}

fn one(value: &Json<'_>) -> Value {
    if let Some(text) = field::text(value, "text") {
        let thought = field::is_true(value, "thought");
        return if thought { part::reasoning(text) } else { field::text_part(text) };
    }
    if let Some(call) = either(value, "functionCall", "function_call") {
        let name = field::text(call, "name").unwrap_or_default();
        return field::tool_call_part(field::text(call, "id"), &name, call.get("args"));
    }
    if let Some(answer) = either(value, "functionResponse", "function_response") {
        let id = field::text(answer, "id").or_else(|| field::text(answer, "name"));
        return field::tool_response_part(id, answer.get("response"));
    }
    if let Some(data) = either(value, "inlineData", "inline_data") {
        let mime_type = mime_type(data);
        let content = field::text(data, "data").unwrap_or_default();
        let modality = part::modality(mime_type.as_deref().unwrap_or_default());
        return field::blob_part(modality, mime_type.as_deref(), &content);
    }
    if let Some(data) = either(value, "fileData", "file_data") {
        let mime_type = mime_type(data);
        let uri = either(data, "fileUri", "file_uri").and_then(Json::as_str).unwrap_or_default();
        let modality = part::modality(mime_type.as_deref().unwrap_or_default());
        return part::uri(modality, mime_type, &uri);
    }
    if let Some(code) = either(value, "executableCode", "executable_code") {
        return part::server_tool_call(None, "code_execution", code);
    }
    if let Some(result) = either(value, "codeExecutionResult", "code_execution_result") {
        return part::server_tool_response(None, result);
    }
    part::other("unknown", value)
}

/// Whether a content holds sound, which video has as well.
pub(in crate::provider) fn holds_sound(content: &Json<'_>) -> bool {
    let names = ["inlineData", "inline_data", "fileData", "file_data"];
    let data = |part: &Json<'_>| {
        let mut data = names.iter().filter_map(|name| part.get(name));
        data.any(|data| mime_type(data).is_some_and(|kind| part::is_sound(&kind)))
    };
    field::list(content, "parts").iter().any(data)
}

fn mime_type<'j>(data: &Json<'j>) -> Option<Cow<'j, str>> {
    field::text(data, "mimeType").or_else(|| field::text(data, "mime_type"))
}

fn either<'v, 'j>(object: &'v Json<'j>, camel: &str, snake: &str) -> Option<&'v Json<'j>> {
    object.get(camel).or_else(|| object.get(snake)).filter(|value| !matches!(value, Json::Null))
}
