//! Snowflake Cortex: `inference:complete` and `inference:embed`, agents and its analyst. Source: docs.snowflake.com,
//! "Cortex REST API" and "Cortex Agents Run API", 2026-10.

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, COMMON_PARAMETERS, Input, Mapped, Say};
use super::openai::usage::{self, OpenAi};
use super::read::usage::{Dialect, Member, Name, Slot, Table, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::billing::Pass;
use crate::call::Operation;
use crate::semconv::provider;
use crate::usage::Usage;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[inference, agents], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Suffix(".snowflakecomputing.com"), provider::SNOWFLAKE),
    (Host::Suffix(".snowflakecomputing.cn"), provider::SNOWFLAKE),
];

/// Streams end with the piece that brings the usage, without a finish reason.
static COMPLETE: Mapped = Mapped {
    request: COMMON_PARAMETERS,
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("choices[].message.content", Say::WholeText),
        ("choices[].delta.content", Say::Text),
        ("choices[].delta.text", Say::Text),
        ("choices[].delta.name", Say::ToolName),
        ("choices[].delta.input", Say::ToolArguments),
        ("choices[].finish_reason", Say::Finish),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
    ],
    usage_is_last: true,
    places_are_choices: false,
    note: note_tokens,
    ..Mapped::CHAT
};

static EMBED: Mapped = Mapped {
    request: &[(&["model"], Ask::Model)],
    input: Input::Prompts(&[&["text"]]),
    response: &[("model", Say::Model), ("usage", Say::Usage(&OpenAi::MEMBER))],
    places_are_choices: false,
    note: note_input_alone,
    ..Mapped::CHAT
};

/// `/api/v2/cortex/inference:ACTION`.
fn inference(target: &Target<'_>) -> Option<Recognised> {
    let (format, operation) = match target.last_after(&["cortex"])? {
        "inference:complete" => (&COMPLETE, Operation::Chat),
        "inference:embed" => (&EMBED, Operation::Embeddings),
        _ => return None,
    };
    Some(Recognised::new(format, operation).provider(target.provider.or(Some(provider::SNOWFLAKE))))
}

/// What each model of an agent used.
const CONSUMED: Table = &[
    ("model_name", Member::Text(Name::Model)),
    ("context_window", Member::Free),
    (
        "input_tokens",
        Member::Object(&[&[
            ("total", Member::Count(Slot::Input)),
            ("uncached", Member::Free),
            ("cache_read", Member::Count(Slot::CacheRead)),
            ("cache_write", Member::Count(Slot::CacheWrite)),
        ]]),
    ),
    ("output_tokens", Member::Object(&[&[("total", Member::Count(Slot::Output))]])),
];

const AGENT_USAGE: Member = Member::Object(&[&[("tokens_consumed", Member::Each(CONSUMED, consumed))]]);

fn consumed(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    for slot in [Slot::Input, Slot::Output, Slot::CacheRead, Slot::CacheWrite] {
        if let Some(count) = element.get(slot) {
            tally.add(slot, count);
        }
    }
    let model = element.name(Name::Model).filter(|model| crate::billing::is_word(model)).map(str::to_owned);
    let usage = element.usage();
    model.is_some() && tally.push(Pass { kind: "model".to_owned(), usage, model, cache_write_1h: 0 })
}

static AGENTS: Mapped = Mapped {
    request: &[
        (&["models", "orchestration"], Ask::Model),
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
    ],
    fields_not_hashed: &["stream", "thread_id", "parent_message_id"],
    response: &[
        ("request_id", Say::Id),
        ("content[].text", Say::WholeText),
        ("message.content[].text", Say::WholeText),
        ("metadata.usage", Say::Usage(&AGENT_USAGE)),
        // Events of a stream.
        ("text", Say::Text),
        ("delta.content[].text", Say::Text),
    ],
    last_events: &["done", "response"],
    places_are_choices: false,
    note: note_tokens,
    ..Mapped::CHAT
};

/// `/api/v2/cortex/agent:run`, `/api/v2/databases/D/schemas/S/agents/NAME:run` and Cortex Analyst, which stream unless
/// the request says otherwise.
fn agents(target: &Target<'_>) -> Option<Recognised> {
    if !target.is_of(provider::SNOWFLAKE) {
        return None;
    }
    let agent = target.last_after(&["agents"]).and_then(|last| last.strip_suffix(":run"));
    let run = target.ends_with(&["cortex", "agent:run"]);
    let analyst = target.ends_with(&["cortex", "analyst", "message"]);
    if agent.is_none() && !run && !analyst {
        return None;
    }
    let recognised = Recognised::new(&AGENTS, Operation::InvokeAgent).provider(target.provider);
    Some(recognised.stream(!analyst))
}

fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
}

fn note_input_alone(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note_input_alone(tally, &mut reading.facts);
    reading.facts.usage.merge(Usage::default());
}
