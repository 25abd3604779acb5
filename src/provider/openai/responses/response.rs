//! What Responses answers: one response object, or events that carry it at their first and last.

use serde::Deserialize;

use crate::billing;
use crate::call::{ErrorFacts, ResponseFacts};
use crate::coverage::Reason;
use crate::provider::format::{Event, Reading};
use crate::provider::openai::usage::{self, OpenAi, ToolUsage};
use crate::provider::read::document::document;
use crate::provider::read::error::{self, Fault};
use crate::provider::read::lenient::{Count, Flag, List, Object, Text};
use crate::provider::read::usage::Tallied;
use crate::provider::read::usage::copilot::Copilot;
use crate::provider::repeated::Repetition;

/// Tools of the provider that are billed by the call, by the items that call them.
const TOOLS: [(billing::Count, &[&str]); 3] = [
    (billing::Count::WebSearch, &["web_search_call"]),
    (billing::Count::FileSearch, &["file_search_call"]),
    // They run in containers, which are billed by time.
    (billing::Count::CodeExecution, &["code_interpreter_call", "shell_call"]),
];

/// Items that call something and cost nothing but their tokens: what the application runs, and servers of others.
const FREE: [&str; 9] = [
    "apply_patch_call",
    "computer_call",
    "custom_tool_call",
    "function_call",
    "local_shell_call",
    "mcp_call",
    "mcp_tool_call",
    "tool_call",
    "tool_search_call",
];

/// Bytes of an item's type that are kept.
const MAX_KIND: usize = 48;

/// In what deltas differ, next to their text: numbers, padding, and details of each token.
pub(super) const REPETITION: Repetition = Repetition {
    texts: &["delta"],
    ignored: &[&["item_id"], &["logprobs"], &["obfuscation"], &["sequence_number"]],
    counts: &[],
};

/// The response object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    /// `completed`, `failed`, `in_progress`, `cancelled`, `queued` or `incomplete`.
    #[serde(borrow)]
    status: Text<'a>,
    /// Whether the response comes later than its request.
    background: Flag,
    #[serde(borrow)]
    service_tier: Text<'a>,
    #[serde(borrow)]
    error: Fault<'a>,
    #[serde(borrow)]
    output: List<Object<Item<'a>>>,
    /// What the model was offered, as the request has it.
    #[serde(borrow)]
    tools: List<Object<Tool<'a>>>,
    #[serde(borrow)]
    usage: Tallied<'a, OpenAi>,
    #[serde(borrow)]
    tool_usage: Tallied<'a, ToolUsage>,
    #[serde(borrow)]
    copilot_usage: Tallied<'a, Copilot>,
}

/// An output item of any type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    call_id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
    /// Custom tools.
    #[serde(borrow)]
    input: Text<'a>,
    #[serde(borrow)]
    content: List<Object<Part<'a>>>,
    #[serde(borrow)]
    summary: List<Object<Part<'a>>>,
    /// Code interpreter.
    #[serde(borrow)]
    code: Text<'a>,
    /// Image generation, base64.
    #[serde(borrow)]
    result: Text<'a>,
    /// Web search: what was done, of which only a search is billed.
    #[serde(borrow)]
    action: Object<Action<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tool<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Action<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    refusal: Text<'a>,
}

/// One event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Streamed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    response: Object<Response<'a>>,
    #[serde(borrow)]
    delta: Text<'a>,
    #[serde(borrow)]
    item: Object<Item<'a>>,
    output_index: Count,
    #[serde(borrow)]
    partial_image_b64: Text<'a>,
    /// GitHub Copilot: next to the response in its last event.
    #[serde(borrow)]
    copilot_usage: Tallied<'a, Copilot>,
    #[serde(borrow)]
    error: Fault<'a>,
}

/// Reads a response that is one document.
pub(super) fn read_body(body: &[u8], reading: &mut Reading) {
    let Ok(response) = document::<Response<'_>>(body, reading) else { return };
    match response {
        Some(response) if response.is_answer() => {
            response.read(reading);
            for (index, item) in response.output.0.iter().enumerate() {
                if let Some(item) = &item.0 {
                    item.read(index as u64, reading);
                }
            }
        }
        _ => reading.facts.note_error(error::read(body)),
    }
}

/// Reads one event. The type is in the data as well as in the event's name.
pub(super) fn read_event(event: Event<'_>, reading: &mut Reading) {
    if event.data.trim_ascii() == b"[DONE]" {
        reading.facts.ended = true;
        return;
    }
    let Ok(streamed) = document::<Streamed<'_>>(event.data, reading) else { return };
    let Some(streamed) = streamed else {
        if event.name == Some("error") || event.exception {
            reading.facts.note_error(Some(ErrorFacts::default()));
        }
        return;
    };
    let kind = streamed.kind.some().or(event.name).unwrap_or_default();
    if let Some(response) = &streamed.response.0 {
        response.read(reading);
    }
    if let Some(tally) = streamed.copilot_usage.as_ref() {
        tally.note(&mut reading.facts);
    }
    match kind {
        // ChatGPT's backend has called its last event `done` as well.
        "response.completed"
        | "response.incomplete"
        | "response.failed"
        | "response.cancelled"
        | "response.done" => {
            if kind == "response.failed" {
                reading.facts.note_error(Some(ErrorFacts::default()));
            }
            reading.facts.cancelled |= kind == "response.cancelled";
            reading.facts.ended = true;
        }
        "response.output_item.done" => {
            if let Some(item) = &streamed.item.0 {
                if let Some(count) = item.tool() {
                    reading.facts.billing.add(count, 1);
                }
                item.note_unpriced(&mut reading.facts);
            }
        }
        "response.output_item.added" => {
            if let Some(item) = &streamed.item.0 {
                item.begin(streamed.output_index.0.unwrap_or(0), reading);
            }
        }
        _ if event.exception || kind == "error" => {
            let error = error::read(event.data).unwrap_or_default();
            reading.facts.note_error(Some(error));
        }
        _ => {
            reading.facts.note_error(streamed.error.facts());
            streamed.read_delta(kind, reading);
        }
    }
}

impl Response<'_> {
    /// An error body has neither output nor status; background answers have a status only.
    fn is_answer(&self) -> bool {
        self.id.0.is_some() && (self.model.0.is_some() || self.status.0.is_some())
            || !self.output.0.is_empty()
            || self.usage.is_some()
    }

    fn read(&self, reading: &mut Reading) {
        let facts = &mut reading.facts;
        self.id.note(&mut facts.id);
        self.model.note(&mut facts.model);
        self.service_tier.note(&mut facts.service_tier);
        for (count, _) in TOOLS {
            let used =
                self.output.0.iter().filter_map(|item| item.0.as_ref()?.tool()).filter(|used| *used == count);
            facts.billing.set(count, used.count() as u64);
        }
        self.output.0.iter().filter_map(|item| item.0.as_ref()).for_each(|item| item.note_unpriced(facts));
        if facts.billing.count(billing::Count::WebSearch) > 0 && self.searches_otherwise() {
            facts.unpriced.note(Reason::Member, "output.web_search_call".to_owned());
        }
        if let Some(tally) = self.usage.as_ref() {
            usage::note(tally, facts);
        }
        for tally in [self.tool_usage.as_ref(), self.copilot_usage.as_ref()].into_iter().flatten() {
            tally.note(facts);
        }
        facts.deferred = self.background.0.or(facts.deferred);
        facts.cancelled |= self.status.some() == Some("cancelled");
        if let Some(status) = self.status.some() {
            facts.pending = matches!(status, "queued" | "in_progress");
        }
        let failed = self.status.some() == Some("failed");
        facts.note_error(self.error.facts().or_else(|| failed.then(ErrorFacts::default)));
    }

    /// Whether searches are billed by rules of their own. With GPT-4o and GPT-4.1 a call of the preview tool costs more
    /// and the text found is free; their small models are billed a fixed block of tokens per call, which the counts may
    /// leave out. Source: developers.openai.com, "Pricing", built-in tools, 2026-10.
    fn searches_otherwise(&self) -> bool {
        let model = self.model.some().unwrap_or_default();
        let preview = |tool: &Object<Tool<'_>>| {
            tool.0.as_ref().and_then(|tool| tool.kind.some()).is_some_and(|kind| kind.contains("preview"))
        };
        model.starts_with("gpt-4") && (model.contains("-mini") || self.tools.0.iter().any(preview))
    }
}

impl Item<'_> {
    /// Reads a whole item.
    fn read(&self, index: u64, reading: &mut Reading) {
        let reasoning = self.kind.some() == Some("reasoning");
        for part in self.summary.0.iter().chain(&self.content.0).filter_map(|part| part.0.as_ref()) {
            let text = part.text.some().or_else(|| part.refusal.some());
            if reasoning { reading.reasoning(0, text) } else { reading.text(0, text) }
        }
        reading
            .facts
            .generated(self.code.some().map_or(0, str::len) + self.result.some().map_or(0, str::len));
        self.begin(index, reading);
        let arguments = self.arguments.some().or_else(|| self.input.some());
        if self.is_tool_call() {
            reading.tool_call(0, index, None, None, arguments);
        } else {
            reading.facts.generated(arguments.map_or(0, str::len));
        }
    }

    /// Reads what is at an item's beginning: the name of the tool to call.
    fn begin(&self, index: u64, reading: &mut Reading) {
        if !self.is_tool_call() {
            return;
        }
        let id = self.call_id.some().or_else(|| self.id.some());
        reading.tool_call(0, index, id, self.name.some(), None);
    }

    /// The tool of the provider that the item calls.
    fn tool(&self) -> Option<billing::Count> {
        let kind = self.kind.some()?;
        let (count, _) = TOOLS.into_iter().find(|(_, kinds)| kinds.contains(&kind))?;
        let action = self.action.0.as_ref().and_then(|action| action.kind.some());
        let other = count == billing::Count::WebSearch && action.is_some_and(|action| action != "search");
        (!other).then_some(count)
    }

    /// Notes a call of a tool that may cost something and has no price here, such as an image.
    fn note_unpriced(&self, facts: &mut ResponseFacts) {
        let Some(kind) = self.kind.some() else { return };
        let known = FREE.contains(&kind) || TOOLS.iter().any(|(_, kinds)| kinds.contains(&kind));
        if known || !kind.ends_with("_call") {
            return;
        }
        let name = if kind.len() <= MAX_KIND && billing::is_word(kind) { kind } else { "_call" };
        facts.unpriced.note(Reason::Member, format!("output.{name}"));
    }

    /// A call that the application answers.
    fn is_tool_call(&self) -> bool {
        matches!(self.kind.some(), Some("function_call" | "custom_tool_call"))
    }
}

impl Streamed<'_> {
    fn read_delta(&self, kind: &str, reading: &mut Reading) {
        reading.facts.generated(self.partial_image_b64.some().map_or(0, str::len));
        let Some(delta) = self.delta.some() else { return };
        match kind {
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                reading.tool_call(0, self.output_index.0.unwrap_or(0), None, None, Some(delta));
            }
            "response.output_text.delta" | "response.refusal.delta" | "response.audio.transcript.delta" => {
                reading.text(0, Some(delta));
            }
            _ if kind.starts_with("response.reasoning") => reading.reasoning(0, Some(delta)),
            _ => reading.facts.generated(delta.len()),
        }
    }
}
