//! Content blocks, whole or in pieces.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::billing;
use crate::provider::format::Reading;
use crate::provider::read::lenient::{Object, Text};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    input: Option<Value>,
    /// Of `fallback`: who writes from here on.
    #[serde(borrow)]
    to: Object<Model<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Model<'a> {
    #[serde(borrow)]
    model: Text<'a>,
}

/// A piece of a block, or in `message_delta` what is known of the message at its end.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    partial_json: Text<'a>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
    pub(super) container: Object<IgnoredAny>,
}

impl Block<'_> {
    pub(super) fn read(&self, index: u64, reading: &mut Reading) {
        match self.kind.some() {
            Some("text") => reading.text(0, self.text.some()),
            Some("thinking") => reading.reasoning(0, self.thinking.some()),
            Some("tool_use" | "server_tool_use" | "mcp_tool_use") => {
                if self.kind.some() == Some("server_tool_use") {
                    self.note_tool(reading);
                }
                // At the head of a stream the input is an empty object, and its text follows in deltas.
                let input = self.input.as_ref().filter(|input| **input != serde_json::json!({}));
                let arguments = input.map(Value::to_string);
                reading.tool_call(0, index, self.id.some(), self.name.some(), arguments.as_deref());
            }
            // Another model takes over from one that declined; the head of a stream names the latter. Source:
            // platform.claude.com, "Refusals and fallback".
            Some("fallback") => {
                let facts = &mut reading.facts;
                facts.fell_back = Some(facts.output);
                if let Some(to) = &self.to.0 {
                    to.model.note(&mut facts.model);
                }
            }
            // Results of server tools, and redacted thinking, are nothing the model says.
            _ => {}
        }
    }

    /// Notes a tool that Anthropic runs.
    fn note_tool(&self, reading: &mut Reading) {
        let Some(name) = self.name.some() else { return };
        // In containers that are billed by time.
        if name.ends_with("code_execution") {
            reading.facts.billing.add(billing::Count::CodeExecution, 1);
        }
        reading.facts.uncounted_search |= name == "web_search";
    }
}

impl Delta<'_> {
    pub(super) fn read(&self, index: u64, reading: &mut Reading) {
        reading.text(0, self.text.some());
        reading.reasoning(0, self.thinking.some());
        if let Some(json) = self.partial_json.some() {
            reading.tool_call(0, index, None, None, Some(json));
        }
    }
}
