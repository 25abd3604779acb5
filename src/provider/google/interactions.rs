//! Gemini's Interactions, of the Gemini API and of Vertex AI: whole, streamed, or in the background and fetched later.
//! Sources: ai.google.dev, "Interactions API", 2026-10, and the shapes of its preview of 2025-12; docs.cloud.google.com,
//! "Gemini Enterprise Agent Platform", v1beta1 `Interaction`, `Usage` and `InteractionStreamingEvent`, 2026-11. Vertex AI
//! writes the same members as both services do in its client libraries' calls, and under the names of its protocol
//! buffers elsewhere.

use super::generate::provider_of;
use super::{grounding, tokens};
use crate::billing::Count;
use crate::call::{Operation, ResponseFacts};
use crate::coverage::Reason;
use crate::provider::format::{Framing, Reading, Recognised};
use crate::provider::mapped::{Ask, Input, Mapped, Said, Say};
use crate::provider::read::usage::common::{
    CHARGES, MODALITY, cache_modality, input_modality, output_modality,
};
use crate::provider::read::usage::{Member, Name, Slot, Table, Tally};
use crate::provider::target::Target;

/// `total_input_tokens` holds the cached ones; thoughts and tool prompts are counted apart.
const TOKENS: Table = &[
    ("total_input_tokens", Member::Count(Slot::Input)),
    ("total_output_tokens", Member::Count(Slot::Output)),
    ("total_thought_tokens", Member::Count(Slot::Thoughts)),
    // The preview's name.
    ("total_reasoning_tokens", Member::Count(Slot::Thoughts)),
    ("total_cached_tokens", Member::Count(Slot::CacheRead)),
    ("total_tool_use_tokens", Member::Count(Slot::ToolPrompt)),
    ("total_tokens", Member::Count(Slot::Total)),
    ("input_tokens_by_modality", Member::Each(MODALITY, input_modality)),
    ("output_tokens_by_modality", Member::Each(MODALITY, output_modality)),
    ("cached_tokens_by_modality", Member::Each(MODALITY, cache_modality)),
    ("tool_use_tokens_by_modality", Member::Each(MODALITY, input_modality)),
    ("grounding_tool_count", Member::Each(GROUNDING, grounding)),
    // The prompt before the service cut it, which is not billed.
    ("raw_prompt_token", Member::Free),
];

/// As Vertex AI's protocol buffers name them.
const PROTO_TOKENS: Table = &[
    ("totalInputTokens", Member::Count(Slot::Input)),
    ("totalOutputTokens", Member::Count(Slot::Output)),
    ("totalThoughtTokens", Member::Count(Slot::Thoughts)),
    ("totalReasoningTokens", Member::Count(Slot::Thoughts)),
    ("totalCachedTokens", Member::Count(Slot::CacheRead)),
    ("totalToolUseTokens", Member::Count(Slot::ToolPrompt)),
    ("totalTokens", Member::Count(Slot::Total)),
    ("inputTokensByModality", Member::Each(MODALITY, input_modality)),
    ("outputTokensByModality", Member::Each(MODALITY, output_modality)),
    ("cachedTokensByModality", Member::Each(MODALITY, cache_modality)),
    ("toolUseTokensByModality", Member::Each(MODALITY, input_modality)),
    ("groundingToolCount", Member::Each(GROUNDING, grounding)),
    ("rawPromptToken", Member::Free),
];

const GROUNDING: Table = &[("type", Member::Text(Name::Kind)), ("count", Member::Count(Slot::Element))];

fn grounding(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    let count = element.get(Slot::Element).unwrap_or(0);
    let search = element.name(Name::Kind).is_some_and(|kind| kind.starts_with("google_search"));
    if search {
        tally.add(Slot::WebSearch, count);
    }
    search || count == 0
}

const USAGE: Member = Member::Object(&[TOKENS, PROTO_TOKENS, CHARGES]);

const RESPONSE: &[Said] = &[
    ("id", Say::Id),
    ("model", Say::Model),
    ("service_tier", Say::Tier),
    ("status", Say::Status),
    ("usage", Say::Usage(&USAGE)),
    ("steps[].content[].text", Say::WholeText),
    ("steps[].content[].data", Say::Output),
    ("steps[].summary[].text", Say::Reasoning),
    ("steps[].name", Say::ToolName),
    ("steps[].type", Say::Kind(note_search)),
    ("outputs[].text", Say::WholeText),
    ("outputs[].data", Say::Output),
    ("outputs[].name", Say::ToolName),
    ("outputs[].type", Say::Kind(note_search)),
    // Events of a stream.
    ("event_type", Say::Event),
    ("interaction.id", Say::Id),
    ("interaction.model", Say::Model),
    ("interaction.service_tier", Say::Tier),
    ("interaction.status", Say::Status),
    ("interaction.usage", Say::Usage(&USAGE)),
    ("step.name", Say::ToolName),
    ("step.type", Say::Kind(note_search)),
    ("content.type", Say::Kind(note_search)),
    ("delta.type", Say::Kind(note_search)),
    ("delta.text", Say::Text),
    ("delta.content.text", Say::Reasoning),
    ("delta.arguments", Say::ToolArguments),
    ("delta.data", Say::Output),
    // Of any event: the same counts once more.
    ("metadata.total_usage", Say::UsageElse(&USAGE)),
    ("metadata.totalUsage", Say::UsageElse(&USAGE)),
    // Protocol buffers.
    ("modelInteraction.model", Say::Model),
    ("serviceTier", Say::Tier),
    ("steps[].modelOutput.content[].text.text", Say::WholeText),
    ("stepList.steps[].modelOutput.content[].text.text", Say::WholeText),
    ("interactionCreatedEvent.interaction.id", Say::Id),
    ("interactionCreatedEvent.interaction.modelInteraction.model", Say::Model),
    ("interactionCreatedEvent.interaction.status", Say::Status),
    ("interactionStatusUpdate.status", Say::Status),
    ("interactionStatusUpdate.usage", Say::Usage(&USAGE)),
    ("stepDelta.delta.text.text", Say::Text),
    ("stepDelta.delta.text", Say::Text),
    ("stepStop.usage", Say::Usage(&USAGE)),
    ("interactionCompletedEvent", Say::Last),
    ("interactionCompletedEvent.interaction.id", Say::Id),
    ("interactionCompletedEvent.interaction.modelInteraction.model", Say::Model),
    ("interactionCompletedEvent.interaction.model", Say::Model),
    ("interactionCompletedEvent.interaction.serviceTier", Say::Tier),
    ("interactionCompletedEvent.interaction.status", Say::Status),
    ("interactionCompletedEvent.interaction.usage", Say::Usage(&USAGE)),
    ("errorEvent.error.code", Say::ErrorCode),
    ("errorEvent.error.message", Say::ErrorMessage),
];

const API: Mapped = Mapped {
    request: &[
        (&["agent"], Ask::Model),
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["previous_interaction_id"], Ask::PreviousResponse),
        (&["service_tier"], Ask::Tier),
        (&["input"], Ask::Sound),
        (&["generation_config", "max_output_tokens"], Ask::MaxTokens),
        (&["generation_config", "temperature"], Ask::Temperature),
        (&["generation_config", "top_p"], Ask::TopP),
        (&["generation_config", "seed"], Ask::Seed),
        (&["generation_config", "stop_sequences"], Ask::Stop),
        (&["generation_config", "thinking_level"], Ask::ReasoningLevel),
        // Protocol buffers.
        (&["interaction", "agentInteraction", "agent"], Ask::Model),
        (&["interaction", "modelInteraction", "model"], Ask::Model),
        (&["interaction", "previousInteractionId"], Ask::PreviousResponse),
        (&["interaction", "serviceTier"], Ask::Tier),
    ],
    fields_not_hashed: &["stream", "store", "background", "service_tier", "labels"],
    input: Input::Prompts(&[
        &["system_instruction"],
        &["input"],
        &["interaction", "systemInstruction"],
        &["interaction", "stringContent"],
    ]),
    response: RESPONSE,
    last_events: &["interaction.completed", "interaction.complete"],
    places_are_choices: false,
    note: note_counts,
    ..Mapped::CHAT
};

static INTERACTIONS: Mapped = API;
/// A stream that is no stream of events is one array of them.
static ARRAYS: Mapped = Mapped { framing: Framing::JsonArray, ..API };

/// `.../interactions`, and `.../interactions:createStream` of Vertex AI.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let last = target.segments.last().filter(|_| is_google(target))?;
    match last.as_ref() {
        "interactions" => Some(call(&INTERACTIONS, target).kept()),
        "interactions:createStream" => Some(call(&ARRAYS, target).stream(true).kept()),
        _ => None,
    }
}

/// `.../interactions/ID`, which may resume a stream.
pub(super) fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["interactions"]).filter(|_| is_google(target))?;
    Some(call(&INTERACTIONS, target).fetches(id).stream(target.parameter("stream") == Some("true")))
}

fn call(format: &'static Mapped, target: &Target<'_>) -> Recognised {
    let recognised = Recognised::new(format, Operation::GenerateContent);
    recognised.provider(Some(provider_of(target))).carrying(&["input"])
}

/// The word is used elsewhere as well: the host is Google's, or the version before it is.
fn is_google(target: &Target<'_>) -> bool {
    use crate::semconv::provider::{GCP_GEMINI, GCP_VERTEX_AI};
    let known = target.is_of(GCP_GEMINI) || target.is_of(GCP_VERTEX_AI);
    known || target.has("v1beta") || target.has("v1beta1")
}

/// Notes a search of Google's, of which the preview has no `grounding_tool_count`.
fn note_search(kind: &str, facts: &mut ResponseFacts) {
    match kind {
        "google_search_call" => facts.searched = Some("google_search_call"),
        "google_maps_call" => facts.unpriced.note(Reason::Member, "google_maps_call".to_owned()),
        _ => {}
    }
}

fn note_counts(tally: &Tally<'_>, reading: &mut Reading) {
    let facts = &mut reading.facts;
    tokens::note(tally, facts);
    if let Some(queries) = tally.get(Slot::WebSearch) {
        facts.billing.set(Count::WebSearch, grounding::billed(facts.model.as_deref(), queries));
    }
}
