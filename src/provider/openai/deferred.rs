//! Chats whose response is fetched later, in OpenAI's format once it is there: xAI, Perplexity and Z.ai.

use super::chat::{WITH_USAGE_REQUEST, WITHOUT_USAGE_REQUEST};
use crate::call::Operation;
use crate::provider::format::Recognised;
use crate::provider::mapped::{Mapped, Say};
use crate::provider::target::Target;
use crate::provider::wrapped::Wrapped;
use crate::semconv::{openai_api_type, provider};

/// xAI: with `deferred` a chat gives the id of a request; fetched, it is HTTP 202 until the response is there.
static X_AI: Wrapped = Wrapped {
    outer: Mapped { request: &[], response: &[("request_id", Say::Task)], ..Mapped::CHAT },
    request: None,
    response: &[],
    inner: &WITH_USAGE_REQUEST,
};

/// Perplexity: the request and the response are within an envelope.
static PERPLEXITY: Wrapped = Wrapped {
    outer: Mapped {
        request: &[],
        response: &[
            ("id", Say::Id),
            ("model", Say::Model),
            ("status", Say::Status),
            ("error_message", Say::ErrorMessage),
        ],
        ..Mapped::CHAT
    },
    request: Some("request"),
    response: &["response"],
    inner: &WITHOUT_USAGE_REQUEST,
};

/// Z.ai: the state of a task is next to the response.
static Z_AI: Wrapped = Wrapped {
    outer: Mapped {
        request: &[],
        response: &[
            ("id", Say::Id),
            ("model", Say::Model),
            ("task_status", Say::Status),
            ("image_result[].url", Say::Output),
            ("video_result[].url", Say::Output),
        ],
        ..Mapped::CHAT
    },
    request: None,
    response: &[],
    inner: &WITHOUT_USAGE_REQUEST,
};

fn chat(format: &'static Wrapped, target: &Target<'_>) -> Recognised {
    let recognised = Recognised::new(format, Operation::Chat).api_type(openai_api_type::CHAT_COMPLETIONS);
    recognised.provider(target.provider).carrying(&["messages"])
}

/// `/v1/chat/completions` of xAI, `/async/...` of Perplexity and Z.ai.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if target.is_of(provider::X_AI) && target.ends_with(&["chat", "completions"]) {
        return Some(chat(&X_AI, target));
    }
    if !target.has("async") {
        return None;
    }
    let chats = target.ends_with(&["chat", "completions"]);
    if target.is_of(provider::PERPLEXITY) && (chats || target.ends_with(&["async", "sonar"])) {
        return Some(chat(&PERPLEXITY, target));
    }
    if !target.is_of(provider::Z_AI) {
        return None;
    }
    if chats {
        return Some(chat(&Z_AI, target));
    }
    let operation = match target.last_after(&["async"])? {
        "images" => Operation::ImageGeneration,
        "videos" => Operation::VideoGeneration,
        _ if target.ends_with(&["images", "generations"]) => Operation::ImageGeneration,
        _ if target.ends_with(&["videos", "generations"]) => Operation::VideoGeneration,
        _ => return None,
    };
    Some(Recognised { operation, api_type: None, ..chat(&Z_AI, target) })
}

/// `/v1/chat/deferred-completion/ID`, `/async/chat/completions/ID`, `/async/sonar/ID`, `/async-result/ID`.
pub(super) fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    if let Some(id) = target.last_after(&["chat", "deferred-completion"]) {
        return target.is_of(provider::X_AI).then(|| chat(&X_AI, target).fetches(id));
    }
    if target.is_of(provider::PERPLEXITY) && target.has("async") {
        let id =
            target.last_after(&["chat", "completions"]).or_else(|| target.last_after(&["async", "sonar"]))?;
        return Some(chat(&PERPLEXITY, target).fetches(id));
    }
    let id = target.last_after(&["async-result"])?;
    target.is_of(provider::Z_AI).then(|| chat(&Z_AI, target).fetches(id))
}
