//! Vercel AI Gateway's own protocol, which the AI SDK speaks: the model is in a header. Source: the `@ai-sdk/gateway`
//! package 2 and 3, and `LanguageModelV2` and `V3` of the AI SDK.

use http::HeaderMap;

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::read::usage::common::CHARGES;
use super::read::usage::{Amount, Member, Slot, Table, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::{Operation, RequestFacts};
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] =
    &[(Host::Name("ai-gateway.vercel.sh"), provider::VERCEL), (Host::Name("api.v0.dev"), provider::VERCEL)];

/// Numbers in version 2, objects in version 3.
const USAGE: Table = &[
    ("inputTokens", Member::CountOr(Slot::Input, &[INPUT])),
    ("outputTokens", Member::CountOr(Slot::Output, &[OUTPUT])),
    ("totalTokens", Member::Count(Slot::Total)),
    ("reasoningTokens", Member::Count(Slot::Reasoning)),
    ("cachedInputTokens", Member::Count(Slot::CacheRead)),
    // Embeddings.
    ("tokens", Member::Count(Slot::Input)),
    ("raw", Member::Free),
];

const INPUT: Table = &[
    ("total", Member::Count(Slot::Input)),
    ("noCache", Member::Free),
    ("cacheRead", Member::Count(Slot::CacheRead)),
    ("cacheWrite", Member::Count(Slot::CacheWrite)),
];

const OUTPUT: Table = &[
    ("total", Member::Count(Slot::Output)),
    ("text", Member::Free),
    ("reasoning", Member::Count(Slot::Reasoning)),
];

const CHARGE: Member = Member::Charge(Amount::Charged, 1.0);

static MODELS: Mapped = Mapped {
    request: &[
        (&["maxOutputTokens"], Ask::MaxTokens),
        (&["temperature"], Ask::Temperature),
        (&["topP"], Ask::TopP),
        (&["topK"], Ask::TopK),
        (&["seed"], Ask::Seed),
        (&["stopSequences"], Ask::Stop),
        (&["frequencyPenalty"], Ask::FrequencyPenalty),
        (&["presencePenalty"], Ask::PresencePenalty),
    ],
    fields_not_hashed: &["headers"],
    input: Input::Prompts(&[]),
    response: &[
        ("content[].text", Say::WholeText),
        ("content[].toolName", Say::ToolName),
        ("content[].input", Say::ToolArguments),
        ("finishReason", Say::Finish),
        ("finishReason.unified", Say::Finish),
        ("usage", Say::Usage(&Member::Object(&[USAGE, CHARGES]))),
        ("providerMetadata.gateway.cost", Say::Usage(&CHARGE)),
        ("response.id", Say::Id),
        ("response.modelId", Say::Model),
        // Events of a stream.
        ("type", Say::Event),
        ("modelId", Say::Model),
        ("delta", Say::Text),
        ("toolName", Say::ToolName),
        ("images[]", Say::Each(Slot::OutputImages)),
    ],
    last_events: &["finish"],
    places_are_choices: false,
    note: note_tokens,
    read_request_headers: read_model,
    ..Mapped::CHAT
};

/// `/v1/ai/language-model` and its like.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if !target.is_of(provider::VERCEL) {
        return None;
    }
    let operation = match target.last_after(&["ai"])? {
        "language-model" => Operation::Chat,
        "embedding-model" => Operation::Embeddings,
        "image-model" => Operation::ImageGeneration,
        "video-model" => Operation::VideoGeneration,
        "reranking-model" => Operation::Rerank,
        _ => return None,
    };
    Some(Recognised::new(&MODELS, operation).provider(target.provider))
}

fn read_model(headers: &HeaderMap, facts: &mut RequestFacts) {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let names = ["ai-language-model-id", "ai-embedding-model-id", "ai-image-model-id", "ai-model-id"];
    facts.model = names.iter().find_map(|name| text(name)).map(str::to_owned);
    facts.stream = text("ai-language-model-streaming") == Some("true");
}

fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    super::openai::usage::note(tally, &mut reading.facts);
}
