//! Gemini's Interactions, of the Gemini API and of Vertex AI: whole, streamed, or in the background and fetched later.
//! Source: ai.google.dev, "Interactions API", 2026-10, and the shapes of its preview of 2025-12.

use super::generate::provider_of;
use super::tokens;
use crate::call::Operation;
use crate::provider::format::{Reading, Recognised};
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

const GROUNDING: Table = &[("type", Member::Text(Name::Kind)), ("count", Member::Count(Slot::Element))];

fn grounding(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    let count = element.get(Slot::Element).unwrap_or(0);
    let search = element.name(Name::Kind).is_some_and(|kind| kind.starts_with("google_search"));
    if search {
        tally.add(Slot::WebSearch, count);
    }
    search || count == 0
}

const USAGE: Member = Member::Object(&[TOKENS, CHARGES]);

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
    ("outputs[].text", Say::WholeText),
    ("outputs[].data", Say::Output),
    ("outputs[].name", Say::ToolName),
    // Events of a stream.
    ("event_type", Say::Event),
    ("interaction.id", Say::Id),
    ("interaction.model", Say::Model),
    ("interaction.service_tier", Say::Tier),
    ("interaction.status", Say::Status),
    ("interaction.usage", Say::Usage(&USAGE)),
    ("step.name", Say::ToolName),
    ("delta.text", Say::Text),
    ("delta.content.text", Say::Reasoning),
    ("delta.arguments", Say::ToolArguments),
    ("delta.data", Say::Output),
];

static INTERACTIONS: Mapped = Mapped {
    request: &[
        (&["agent"], Ask::Model),
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["previous_interaction_id"], Ask::PreviousResponse),
        (&["service_tier"], Ask::Tier),
        (&["generation_config", "max_output_tokens"], Ask::MaxTokens),
        (&["generation_config", "temperature"], Ask::Temperature),
        (&["generation_config", "top_p"], Ask::TopP),
        (&["generation_config", "seed"], Ask::Seed),
        (&["generation_config", "stop_sequences"], Ask::Stop),
        (&["generation_config", "thinking_level"], Ask::ReasoningLevel),
    ],
    fields_not_hashed: &["stream", "store", "background", "service_tier", "labels"],
    input: Input::Prompts(&[&["system_instruction"], &["input"]]),
    response: RESPONSE,
    last_events: &["interaction.completed", "interaction.complete"],
    places_are_choices: false,
    note: note_counts,
    ..Mapped::CHAT
};

/// `.../interactions`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let path = target.ends_with(&["interactions"]) && is_google(target);
    path.then(|| call(target).kept())
}

/// `.../interactions/ID`, which may resume a stream.
pub(super) fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["interactions"]).filter(|_| is_google(target))?;
    Some(call(target).fetches(id).stream(target.parameter("stream") == Some("true")))
}

fn call(target: &Target<'_>) -> Recognised {
    let recognised = Recognised::new(&INTERACTIONS, Operation::GenerateContent);
    recognised.provider(Some(provider_of(target))).carrying(&["input"])
}

/// The word is used elsewhere as well: the host is Google's, or the version before it is.
fn is_google(target: &Target<'_>) -> bool {
    use crate::semconv::provider::{GCP_GEMINI, GCP_VERTEX_AI};
    let known = target.is_of(GCP_GEMINI) || target.is_of(GCP_VERTEX_AI);
    known || target.has("v1beta") || target.has("v1beta1")
}

fn note_counts(tally: &Tally<'_>, reading: &mut Reading) {
    tokens::note(tally, &mut reading.facts);
}
