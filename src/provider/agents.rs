//! Agents that providers run: AI21's Maestro, Writer's applications and Google's reasoning engines. Their responses have
//! no counts; where the agent has telemetry of its own, its calls are counted there. Sources, 2026-11: the API
//! references of docs.ai21.com, dev.writer.com and Vertex AI.

use super::family::Family;
use super::format::{Framing, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::target::Target;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family =
    Family { hosts: &[], formats: &[maestro, applications, engines], fetches: &[maestro_run, job] };

const AGENT: Mapped = Mapped {
    request: &[(&["model"], Ask::Model), (&["stream"], Ask::Stream)],
    fields_not_hashed: &["stream"],
    input: Input::Prompts(&[&["input"]]),
    places_are_choices: false,
    unmarked: true,
    ..Mapped::CHAT
};

static MAESTRO: Mapped = Mapped {
    response: &[
        ("id", Say::Id),
        ("status", Say::Status),
        ("result", Say::WholeText),
        ("error", Say::ErrorMessage),
        ("detail", Say::ErrorMessage),
    ],
    ..AGENT
};

/// `/studio/v1/maestro/runs`.
fn maestro(target: &Target<'_>) -> Option<Recognised> {
    let path = target.ends_with(&["maestro", "runs"]) && target.is_of(provider::AI21);
    path.then(|| call(&MAESTRO, target).kept())
}

/// `/studio/v1/maestro/runs/ID`.
fn maestro_run(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["maestro", "runs"]).filter(|_| target.is_of(provider::AI21))?;
    Some(call(&MAESTRO, target).fetches(id))
}

static APPLICATIONS: Mapped = Mapped {
    input: Input::Prompts(&[]),
    response: &[
        ("id", Say::Id),
        ("status", Say::Status),
        ("suggestion", Say::WholeText),
        ("data.suggestion", Say::WholeText),
        ("error", Say::ErrorMessage),
        ("delta.content", Say::Text),
    ],
    ..AGENT
};

/// `/v1/applications/ID` and `/v1/applications/ID/jobs`, whose response comes later.
fn applications(target: &Target<'_>) -> Option<Recognised> {
    let id = match target.segments.iter().map(AsRef::as_ref).collect::<Vec<_>>().as_slice() {
        ["v1", "applications", id] | ["v1", "applications", id, "jobs"] => (*id).to_owned(),
        _ => return None,
    };
    target.is_of(provider::WRITER).then(|| call(&APPLICATIONS, target).model(Some(id)).kept())
}

/// `/v1/applications/jobs/ID`.
fn job(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["applications", "jobs"]).filter(|_| target.is_of(provider::WRITER))?;
    Some(call(&APPLICATIONS, target).fetches(id))
}

static ENGINES: Mapped = Mapped {
    framing: Framing::JsonLines,
    request: &[],
    input: Input::Prompts(&[&["input", "message"], &["input", "input"]]),
    response: &[
        ("output", Say::WholeText),
        ("output.output", Say::WholeText),
        ("content.parts[].text", Say::Text),
        ("error_code", Say::ErrorCode),
        ("error_message", Say::ErrorMessage),
    ],
    ..AGENT
};

/// `.../reasoningEngines/ID:streamQuery`, and `:query`, by which sessions are managed as well.
fn engines(target: &Target<'_>) -> Option<Recognised> {
    let (engine, action) = target.last_after(&["reasoningEngines"])?.rsplit_once(':')?;
    let recognised = call(&ENGINES, target).model(Some(engine));
    let recognised = match action {
        "streamQuery" => recognised.stream(true),
        "query" => recognised.needs_prompt(&["input"]),
        _ => return None,
    };
    target.is_of(provider::GCP_VERTEX_AI).then_some(recognised)
}

fn call(format: &'static Mapped, target: &Target<'_>) -> Recognised {
    Recognised::new(format, Operation::InvokeAgent).provider(target.provider)
}
