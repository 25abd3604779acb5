//! Content blocks, whole or in pieces. Source: the Bedrock Runtime API reference, `ContentBlock` and `ContentBlockDelta`.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::coverage::Reason;
use crate::provider::format::Reading;
use crate::provider::read::lenient::{List, Object, Text};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Block<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    reasoning_content: Object<Reasoning<'a>>,
    #[serde(borrow)]
    tool_use: Object<ToolUse<'a>>,
    citations_content: Object<Citations>,
    /// Of a delta.
    citation: Object<Citation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Citations {
    citations: List<Object<Citation>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Citation {
    location: Object<Location>,
}

/// Pages of the web come from a search of Amazon's own, which is billed. Source: Bedrock's API reference, `CitationLocation`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location {
    web: Object<IgnoredAny>,
}

/// The text is deeper in a whole answer than in a delta.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    reasoning_text: Object<ReasoningText<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReasoningText<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ToolUse<'a> {
    /// `server_tool_use` for what Amazon runs: Nova's searches and code, which are billed by the use.
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    tool_use_id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    /// An object, or in a delta a piece of its text.
    input: Option<Value>,
}

impl Block<'_> {
    pub(super) fn read(&self, index: u64, reading: &mut Reading) {
        if let Some(reasoning) = &self.reasoning_content.0 {
            let nested = reasoning.reasoning_text.0.as_ref().and_then(|nested| nested.text.some());
            reading.reasoning(0, reasoning.text.some().or(nested));
        }
        reading.text(0, self.text.some());
        let whole = self.citations_content.0.iter().flat_map(|content| &content.citations.0);
        if whole.chain([&self.citation]).any(is_of_the_web) {
            reading.facts.unpriced.note(Reason::Member, "content.citations".to_owned());
        }
        if let Some(call) = &self.tool_use.0 {
            if call.kind.some() == Some("server_tool_use") {
                reading.facts.unpriced.note(Reason::Member, "content.toolUse".to_owned());
            }
            let arguments = match &call.input {
                Some(Value::String(piece)) => Some(piece.clone()),
                whole => whole.as_ref().map(Value::to_string),
            };
            reading.tool_call(0, index, call.tool_use_id.some(), call.name.some(), arguments.as_deref());
        }
    }
}

fn is_of_the_web(citation: &Object<Citation>) -> bool {
    let location = citation.0.as_ref().and_then(|citation| citation.location.0.as_ref());
    location.is_some_and(|location| location.web.0.is_some())
}
