//! OCI Generative AI: chats and texts in the shapes of Cohere and of everyone else, embeddings and ranks. Source:
//! docs.oracle.com, "Generative AI Inference API", 20231130.

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::read::usage::{Member, Slot, Table, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[(Host::Pattern(is_inference), provider::ORACLE_CLOUD)];

/// `inference.generativeai.REGION.oci.oraclecloud.com`.
fn is_inference(host: &str) -> bool {
    host.contains("generativeai.") && host.ends_with(".oraclecloud.com")
}

const USAGE: Table = &[
    ("promptTokens", Member::Count(Slot::Input)),
    ("completionTokens", Member::Count(Slot::Output)),
    ("totalTokens", Member::Count(Slot::Total)),
    ("promptTokensDetails", Member::Object(&[&[("cachedTokens", Member::Count(Slot::CacheRead))]])),
    (
        "completionTokensDetails",
        Member::Object(&[&[
            ("reasoningTokens", Member::Count(Slot::Reasoning)),
            ("acceptedPredictionTokens", Member::Free),
            ("rejectedPredictionTokens", Member::Free),
        ]]),
    ),
];
const COUNTS: Say = Say::Usage(&Member::Object(&[USAGE]));

static ACTIONS: Mapped = Mapped {
    request: &[
        (&["servingMode", "endpointId"], Ask::Model),
        (&["servingMode", "modelId"], Ask::Model),
        (&["chatRequest", "isStream"], Ask::Stream),
        (&["chatRequest", "maxTokens"], Ask::MaxTokens),
        (&["chatRequest", "maxCompletionTokens"], Ask::MaxTokens),
        (&["chatRequest", "temperature"], Ask::Temperature),
        (&["chatRequest", "topP"], Ask::TopP),
        (&["chatRequest", "topK"], Ask::TopK),
        (&["chatRequest", "seed"], Ask::Seed),
        (&["chatRequest", "stop"], Ask::Stop),
        (&["chatRequest", "stopSequences"], Ask::Stop),
        (&["chatRequest", "numGenerations"], Ask::Choices),
        (&["chatRequest", "frequencyPenalty"], Ask::FrequencyPenalty),
        (&["chatRequest", "presencePenalty"], Ask::PresencePenalty),
        (&["chatRequest", "reasoningEffort"], Ask::ReasoningLevel),
        (&["inferenceRequest", "isStream"], Ask::Stream),
        (&["inferenceRequest", "maxTokens"], Ask::MaxTokens),
    ],
    fields_not_hashed: &["compartmentId"],
    input: Input::Prompts(&[&["chatRequest", "message"], &["inputs"], &["input"]]),
    response: &[
        ("modelId", Say::Model),
        ("chatResponse.text", Say::WholeText),
        ("chatResponse.finishReason", Say::Finish),
        ("chatResponse.choices[].finishReason", Say::Finish),
        ("chatResponse.choices[].message.content[].text", Say::WholeText),
        ("chatResponse.choices[].message.reasoningContent", Say::Reasoning),
        ("chatResponse.choices[].message.toolCalls[].name", Say::ToolName),
        ("chatResponse.choices[].message.toolCalls[].arguments", Say::ToolArguments),
        ("chatResponse.usage", COUNTS),
        ("inferenceResponse.generatedTexts[].text", Say::WholeText),
        ("inferenceResponse.generatedTexts[].finishReason", Say::Finish),
        // Embeddings and ranks.
        ("usage", COUNTS),
        // Events of a stream.
        ("message.content[].text", Say::Text),
        ("message.toolCalls[].name", Say::ToolName),
        ("text", Say::Text),
        ("finishReason", Say::Finish),
        ("code", Say::ErrorCode),
    ],
    note: note_counts,
    unmarked: true,
    ..Mapped::CHAT
};

/// `/20231130/actions/ACTION`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let operation = match target.last_after(&["actions"]).filter(|_| target.is_of(provider::ORACLE_CLOUD))? {
        "chat" => Operation::Chat,
        "generateText" | "summarizeText" => Operation::TextCompletion,
        "embedText" => Operation::Embeddings,
        "rerankText" => Operation::Rerank,
        _ => return None,
    };
    Some(Recognised::new(&ACTIONS, operation).provider(target.provider))
}

fn note_counts(tally: &Tally<'_>, reading: &mut Reading) {
    super::openai::usage::note(tally, &mut reading.facts);
}
