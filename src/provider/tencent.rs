//! Tencent Cloud's own API for Hunyuan and LKEAP: every action is a POST to the root, and every response is within
//! `Response`. Its compatible hosts speak OpenAI's formats. Source: cloud.tencent.com, "Hunyuan ChatCompletions", 2023-09-01.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{Ask, Input, Mapped, Say};
use super::read::usage::{Member, Slot, Table};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::json::Json;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("api.lkeap.cloud.tencent.com"), provider::TENCENT_CLOUD),
    (Host::Name("api.hunyuan.cloud.tencent.com"), provider::TENCENT_CLOUD),
    (Host::Suffix(".tencentmaas.com"), provider::TENCENT_CLOUD),
    (Host::Suffix(".tencentcloudmaas.com"), provider::TENCENT_CLOUD),
    (Host::Pattern(is_action_host), provider::TENCENT_CLOUD),
];

/// The domain carries all of the cloud's services.
fn is_action_host(host: &str) -> bool {
    let service = host.strip_suffix(".tencentcloudapi.com").unwrap_or_default();
    ["hunyuan", "lkeap"].iter().any(|known| service.split('.').next() == Some(known))
}

const USAGE: Table = &[
    ("PromptTokens", Member::Count(Slot::Input)),
    ("CompletionTokens", Member::Count(Slot::Output)),
    ("TotalTokens", Member::Count(Slot::Total)),
];

static ACTIONS: Mapped = Mapped {
    request: &[
        (&["Model"], Ask::Model),
        (&["model"], Ask::Model),
        (&["Stream"], Ask::Stream),
        (&["Temperature"], Ask::Temperature),
        (&["TopP"], Ask::TopP),
        (&["Seed"], Ask::Seed),
        (&["Stop"], Ask::Stop),
    ],
    fields_not_hashed: &["Stream", "StreamModeration"],
    input: Input::Prompts(&[&["Input"], &["InputList"]]),
    response: &[
        ("Response.Id", Say::Id),
        ("Response.RequestId", Say::Id),
        ("Response.Model", Say::Model),
        ("Response.Choices[].FinishReason", Say::Finish),
        ("Response.Choices[].Message.Content", Say::Text),
        ("Response.Choices[].Message.ReasoningContent", Say::Reasoning),
        ("Response.Usage", Say::Usage(&Member::Object(&[USAGE]))),
        ("Response.Error.Code", Say::ErrorCode),
        ("Response.Error.Message", Say::ErrorMessage),
        // Events of a stream have no envelope.
        ("Id", Say::Id),
        ("Choices[].FinishReason", Say::Finish),
        ("Choices[].Delta.Content", Say::Text),
        ("Choices[].Delta.ReasoningContent", Say::Reasoning),
        ("Usage", Say::Usage(&Member::Object(&[USAGE]))),
        ("ErrorMsg.Code", Say::ErrorCode),
        ("ErrorMsg.Msg", Say::ErrorMessage),
    ],
    ..Mapped::CHAT
};

/// The root. The action is in a header; counting tokens has a prompt under another name.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if !target.segments.is_empty() || !is_action_host(target.host) {
        return None;
    }
    let recognised = Recognised::new(&ACTIONS, Operation::Chat).provider(target.provider);
    let recognised = recognised.needs_prompt(&["Messages", "messages", "Input", "InputList"]);
    Some(Recognised { operation_of: Some(operation), ..recognised })
}

fn operation(body: &Json<'_>) -> Option<Operation> {
    let embeds = body.get("Input").is_some() || body.get("InputList").is_some();
    embeds.then_some(Operation::Embeddings)
}
