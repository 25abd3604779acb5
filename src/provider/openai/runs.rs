//! Runs of agents as Azure AI Foundry serves them, in the shapes of OpenAI's assistants: accepted and fetched later, or
//! streamed. OpenAI's own assistants are no longer served.

use super::common;
use super::usage::{self, OpenAi};
use crate::call::Operation;
use crate::provider::format::{Reading, Recognised};
use crate::provider::mapped::{Ask, Mapped, Say};
use crate::provider::read::usage::{Dialect, Tally};
use crate::provider::target::Target;
use crate::semconv::provider;

static RUNS: Mapped = Mapped {
    request: &[
        (&["assistant_id"], Ask::Model),
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["temperature"], Ask::Temperature),
        (&["top_p"], Ask::TopP),
        (&["max_completion_tokens"], Ask::MaxTokens),
    ],
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("status", Say::Status),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
        ("last_error.code", Say::ErrorCode),
        ("last_error.message", Say::ErrorMessage),
        // Events of a stream.
        ("delta.content[].text.value", Say::Text),
    ],
    last_events: &["thread.run.completed", "thread.run.incomplete", "done"],
    places_are_choices: false,
    note: note_tokens,
    ..Mapped::CHAT
};

/// `.../threads/ID/runs`, `.../threads/runs` and `.../agents/ID/runs` below a project.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let path = target.ends_with(&["runs"]) && (target.has("threads") || target.has("agents"));
    (path && is_foundry(target)).then(|| call(target).kept())
}

/// `.../threads/ID/runs/ID`.
pub(super) fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["runs"])?;
    is_foundry(target).then(|| call(target).fetches(id))
}

fn call(target: &Target<'_>) -> Recognised {
    Recognised::new(&RUNS, Operation::InvokeAgent).provider(common::provider_of(target))
}

fn is_foundry(target: &Target<'_>) -> bool {
    target.is_of(provider::AZURE_AI_INFERENCE) || target.is_of(provider::AZURE_AI_OPENAI)
}

fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
}
