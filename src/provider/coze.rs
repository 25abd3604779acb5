//! Coze's chats with a bot and its workflows: streamed, or accepted and fetched later. Errors come with HTTP status 200
//! in `code`. Source: coze.com, "Chat API v3", 2026-10.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{Ask, Input, Mapped, Say};
use super::read::usage::{Member, Slot, Table};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[recognise_fetch] };

const HOSTS: &[(Host, &str)] =
    &[(Host::Name("api.coze.com"), provider::COZE), (Host::Name("api.coze.cn"), provider::COZE)];

const USAGE: Table = &[
    ("input_count", Member::Count(Slot::Input)),
    ("output_count", Member::Count(Slot::Output)),
    ("token_count", Member::Count(Slot::Total)),
    // Of a workflow.
    ("input_tokens", Member::Count(Slot::Input)),
    ("output_tokens", Member::Count(Slot::Output)),
];

static CHAT: Mapped = Mapped {
    request: &[(&["bot_id"], Ask::Model), (&["workflow_id"], Ask::Model), (&["stream"], Ask::Stream)],
    fields_not_hashed: &["stream", "user_id", "auto_save_history", "meta_data"],
    input: Input::Prompts(&[]),
    response: &[
        ("data.id", Say::Id),
        ("data.status", Say::Status),
        ("data.usage", Say::Usage(&Member::Object(&[USAGE]))),
        ("data.last_error.code", Say::ErrorCode),
        ("data.last_error.msg", Say::ErrorMessage),
        ("code", Say::ErrorCode),
        ("msg", Say::ErrorMessage),
        // Events of a stream.
        ("id", Say::Id),
        ("status", Say::Status),
        ("content", Say::Text),
        ("usage", Say::Usage(&Member::Object(&[USAGE]))),
    ],
    last_events: &["conversation.chat.completed", "done", "Done"],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `/v3/chat`, `/v1/workflow/run`, `/v1/workflow/stream_run` and `/v1/workflows/chat`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if !target.is_of(provider::COZE) {
        return None;
    }
    let recognised = Recognised::new(&CHAT, Operation::InvokeAgent).provider(target.provider);
    match target.segments.iter().map(AsRef::as_ref).collect::<Vec<_>>().as_slice() {
        ["v3", "chat"] | ["v1", "workflow", "run"] => Some(recognised),
        ["v1", "workflow", "stream_run"] | ["v1", "workflows", "chat"] => Some(recognised.stream(true)),
        _ => None,
    }
}

/// `/v3/chat/retrieve?chat_id=ID`.
fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let path = target.segments == ["v3", "chat", "retrieve"] && target.is_of(provider::COZE);
    let id = target.parameter("chat_id").filter(|_| path)?;
    Some(Recognised::new(&CHAT, Operation::InvokeAgent).provider(target.provider).fetches(id))
}
