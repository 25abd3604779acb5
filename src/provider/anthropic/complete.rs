//! Anthropic's text completions, the API before messages, which xAI copied. It counts no tokens.

use crate::call::Operation;
use crate::provider::format::Recognised;
use crate::provider::mapped::{Ask, Input, Mapped, Say};
use crate::provider::openai::usage::OpenAi;
use crate::provider::read::usage::Dialect;
use crate::provider::target::Target;
use crate::semconv::provider;

static COMPLETIONS: Mapped = Mapped {
    request: &[
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["max_tokens_to_sample"], Ask::MaxTokens),
        (&["temperature"], Ask::Temperature),
        (&["top_p"], Ask::TopP),
        (&["top_k"], Ask::TopK),
        (&["stop_sequences"], Ask::Stop),
    ],
    input: Input::Prompts(&[&["prompt"]]),
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("completion", Say::Text),
        ("stop_reason", Say::Finish),
        // xAI.
        ("usage", Say::Usage(&OpenAi::MEMBER)),
    ],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `/v1/complete`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let known = target.is_of(provider::ANTHROPIC)
        || target.is_of(provider::X_AI)
        || target.has("anthropic")
        || target.private;
    if !target.ends_with(&["v1", "complete"]) || !known {
        return None;
    }
    let recognised = Recognised::new(&COMPLETIONS, Operation::TextCompletion).carrying(&["prompt"]);
    Some(recognised.provider(target.provider))
}
