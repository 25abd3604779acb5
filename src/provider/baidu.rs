//! Baidu's older API, Wenxin Workshop: the model is the last word of the path, and errors come with HTTP status 200 in
//! `error_code`. Its newer one, Qianfan, speaks OpenAI's formats. Source: cloud.baidu.com, Qianfan API, 2026-10.

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::openai::usage::{self, OpenAi};
use super::read::usage::{Dialect, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("aip.baidubce.com"), provider::BAIDU),
    (Host::Name("qianfan.baidubce.com"), provider::BAIDU),
];

const CHAT: Mapped = Mapped {
    request: &[
        (&["stream"], Ask::Stream),
        (&["temperature"], Ask::Temperature),
        (&["top_p"], Ask::TopP),
        (&["top_k"], Ask::TopK),
        (&["max_output_tokens"], Ask::MaxTokens),
        (&["stop"], Ask::Stop),
    ],
    fields_not_hashed: &["stream", "user_id"],
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("result", Say::Text),
        ("finish_reason", Say::Finish),
        ("is_end", Say::End),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
        ("error_code", Say::ErrorCode),
        ("error_msg", Say::ErrorMessage),
    ],
    places_are_choices: false,
    note: note_tokens,
    ..Mapped::CHAT
};

static CHATS: Mapped = CHAT;
static OTHERS: Mapped = Mapped { input: Input::Prompts(&[&["prompt"], &["input"], &["query"]]), ..CHAT };

/// `/rpc/2.0/ai_custom/v1/wenxinworkshop/KIND/MODEL`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let [.., workshop, kind, model] = target.segments.as_slice() else { return None };
    if workshop != "wenxinworkshop" || !target.is_of(provider::BAIDU) {
        return None;
    }
    let (format, operation) = match kind.as_ref() {
        "chat" | "plugin" => (&CHATS, Operation::Chat),
        "completions" => (&OTHERS, Operation::TextCompletion),
        "embeddings" => (&OTHERS, Operation::Embeddings),
        "reranker" => (&OTHERS, Operation::Rerank),
        "text2image" | "image2text" => (&OTHERS, Operation::ImageGeneration),
        _ => return None,
    };
    Some(Recognised::new(format, operation).provider(target.provider).model(Some(model.as_ref())))
}

fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
}
