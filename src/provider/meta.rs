//! Meta's Llama API, next to OpenAI's format below `/compat`: counts are a list of metrics. Source: llama.developer.meta.com,
//! "Chat completion", and the types of Meta's own client libraries (`llama-api-client`), 2026-11.

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Mapped, Say};
use super::openai::usage;
use super::read::usage::{Member, Name, Slot, Table, Tally};
use super::target::Target;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: &[], formats: &[recognise], fetches: &[] };

const METRIC: Table = &[
    ("metric", Member::Text(Name::Kind)),
    ("value", Member::Count(Slot::Element)),
    // Of the metric: `tokens`.
    ("unit", Member::Free),
];

const METRICS: Member = Member::Each(METRIC, metric);

fn metric(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    let value = element.get(Slot::Element).unwrap_or(0);
    let slot = match element.name(Name::Kind).unwrap_or_default() {
        "num_prompt_tokens" => Slot::Input,
        "num_completion_tokens" => Slot::Output,
        "num_total_tokens" => Slot::Total,
        _ => return value == 0,
    };
    tally.add(slot, value);
    true
}

static CHATS: Mapped = Mapped {
    request: &[
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["max_completion_tokens"], Ask::MaxTokens),
        (&["temperature"], Ask::Temperature),
        (&["top_p"], Ask::TopP),
        (&["top_k"], Ask::TopK),
    ],
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("completion_message.content", Say::WholeText),
        ("completion_message.content.text", Say::WholeText),
        ("completion_message.tool_calls[].function.name", Say::ToolName),
        ("completion_message.stop_reason", Say::Finish),
        ("metrics", Say::Usage(&METRICS)),
        // Events of a stream.
        ("event.event_type", Say::Event),
        ("event.delta.text", Say::Text),
        ("event.delta.function.name", Say::ToolName),
        ("event.delta.function.arguments", Say::ToolArguments),
        ("event.stop_reason", Say::Finish),
        ("event.metrics", Say::Usage(&METRICS)),
    ],
    last_events: &["metrics"],
    note: note_tokens,
    ..Mapped::CHAT
};

/// `/v1/chat/completions`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let path = target.segments == ["v1", "chat", "completions"] && target.is_of(provider::META_LLAMA);
    path.then(|| Recognised::new(&CHATS, Operation::Chat).provider(target.provider))
}

fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
}
