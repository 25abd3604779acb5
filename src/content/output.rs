//! Collects a response as it passes, within bounds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cut;

/// What a part costs besides its text, so that a flood of empty parts meets the bound as well.
const PART_BYTES: usize = 64;

/// A response's content, collected choice by choice and channel by channel.
#[derive(Debug)]
pub(crate) struct OutputContent {
    choices: BTreeMap<u64, Vec<Part>>,
    /// Bytes that may still be held.
    room: usize,
    text_alone: bool,
}

#[derive(Debug)]
enum Part {
    Text(Held),
    Reasoning(Held),
    ToolCall { index: u64, id: Option<String>, name: Option<String>, arguments: Held },
}

/// The beginning of a text, and how long it would have been.
#[derive(Debug, Default)]
struct Held {
    text: String,
    length: usize,
}

impl Default for OutputContent {
    fn default() -> Self {
        Self::new(super::MAX_BYTES)
    }
}

impl OutputContent {
    /// Holds at most `bytes` of text, reasoning and tool calls; what comes later is counted only.
    pub(crate) const fn new(bytes: usize) -> Self {
        Self { choices: BTreeMap::new(), room: bytes, text_alone: false }
    }

    /// Holds at most `bytes` of text and nothing else.
    pub(super) fn text_alone(bytes: usize) -> Self {
        Self { text_alone: true, ..Self::new(bytes) }
    }

    /// Appends generated text of one choice.
    pub(crate) fn text(&mut self, choice: u64, text: &str) {
        let last = self.choices.get_mut(&choice).and_then(|parts| parts.last_mut());
        match last {
            Some(Part::Text(held)) => held.append(text, &mut self.room),
            _ => self.open(choice, Part::Text, text),
        }
    }

    /// Appends reasoning text of one choice.
    pub(crate) fn reasoning(&mut self, choice: u64, text: &str) {
        if self.text_alone {
            return;
        }
        let last = self.choices.get_mut(&choice).and_then(|parts| parts.last_mut());
        match last {
            Some(Part::Reasoning(held)) => held.append(text, &mut self.room),
            _ => self.open(choice, Part::Reasoning, text),
        }
    }

    /// Appends to the `index`-th tool call of one choice; `arguments` may come in fragments.
    pub(crate) fn tool_call(
        &mut self,
        choice: u64,
        index: u64,
        id: Option<&str>,
        name: Option<&str>,
        arguments: &str,
    ) {
        if self.text_alone {
            return;
        }
        let known = self.choices.get_mut(&choice).into_iter().flatten().find_map(|part| match part {
            Part::ToolCall { index: known, id, name, arguments } if *known == index => {
                Some((id, name, arguments))
            }
            _ => None,
        });
        match known {
            Some((known_id, known_name, held)) => {
                for (known, given) in [(known_id, id), (known_name, name)] {
                    if known.is_none() {
                        *known = given.and_then(|given| short(given, &mut self.room));
                    }
                }
                held.append(arguments, &mut self.room);
            }
            None => {
                let id = id.and_then(|id| short(id, &mut self.room));
                let name = name.and_then(|name| short(name, &mut self.room));
                self.open(choice, |arguments| Part::ToolCall { index, id, name, arguments }, arguments);
            }
        }
    }

    /// Begins a part, if there is room for one more.
    fn open(&mut self, choice: u64, part: impl FnOnce(Held) -> Part, text: &str) {
        let Some(room) = self.room.checked_sub(if self.text_alone { 0 } else { PART_BYTES }) else { return };
        self.room = room;
        if self.text_alone && self.room == 0 {
            return;
        }
        let mut held = Held::default();
        held.append(text, &mut self.room);
        self.choices.entry(choice).or_default().push(part(held));
    }

    /// `gen_ai.output.messages`: one message a choice, in the order of the choices.
    pub(super) fn into_messages(self) -> Vec<Value> {
        self.choices
            .into_values()
            .map(|parts| {
                let parts: Vec<Value> = parts.into_iter().map(Part::into_json).collect();
                json!({"role": "assistant", "parts": parts})
            })
            .collect()
    }
}

impl Part {
    fn into_json(self) -> Value {
        match self {
            Self::Text(held) => json!({"type": "text", "content": held.into_text()}),
            Self::Reasoning(held) => json!({"type": "reasoning", "content": held.into_text()}),
            Self::ToolCall { id, name, arguments, .. } => {
                let mut part = json!({"type": "tool_call", "name": name.unwrap_or_default()});
                if let Some(id) = id {
                    part["id"] = id.into();
                }
                let arguments = arguments.into_text();
                if !arguments.is_empty() {
                    part["arguments"] = serde_json::from_str(&arguments).unwrap_or(Value::String(arguments));
                }
                part
            }
        }
    }
}

impl Held {
    fn append(&mut self, text: &str, room: &mut usize) {
        // Once something is cut, nothing later may close the gap.
        if self.text.len() == self.length {
            let kept = cut::beginning(text, *room);
            self.text.push_str(kept);
            *room -= kept.len();
        }
        self.length += text.len();
    }

    fn into_text(self) -> String {
        if self.text.len() == self.length { self.text } else { cut::noted(&self.text, self.length) }
    }
}

/// A name that is kept whole or not at all.
fn short(name: &str, room: &mut usize) -> Option<String> {
    *room = room.checked_sub(name.len())?;
    Some(name.to_owned())
}
