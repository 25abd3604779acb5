//! Reka's chat. Source: docs.reka.ai, API reference, 2026-10.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{COMMON_PARAMETERS, Mapped, Say};
use super::openai::usage::OpenAi;
use super::read::usage::Dialect;
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[(Host::Name("api.reka.ai"), provider::REKA_AI)];

/// Each piece of a stream repeats the text of those before it.
static CHAT: Mapped = Mapped {
    request: COMMON_PARAMETERS,
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("responses[].finish_reason", Say::Finish),
        ("responses[].message.content", Say::Text),
        ("responses[].chunk.content", Say::Text),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
    ],
    cumulative: true,
    ..Mapped::CHAT
};

/// `/v1/chat`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let path = target.segments == ["v1", "chat"] && target.is_of(provider::REKA_AI);
    path.then(|| Recognised::new(&CHAT, Operation::Chat).provider(target.provider))
}
