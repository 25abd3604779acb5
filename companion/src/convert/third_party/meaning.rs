//! What a sender's word for an operation, a span kind or a request type says of the span.

use spanledger::semconv::operation;

use crate::convert::kind::Kind;
use crate::record::SkipReason;

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Meaning {
    /// An LLM call, with the conventions' name for the operation.
    Call(Kind, &'static str),
    /// An agent, a tool or a workflow: calls below it are no repetition of anything above it.
    Boundary(SkipReason),
    /// Work that is no call, and a part of one.
    Other,
    /// A word that no table has.
    Unknown,
}

/// What the operation, span kind or request type `name` means.
pub(in super::super) fn meaning(name: &str) -> Meaning {
    const CHAT: Meaning = Meaning::Call(Kind::Generation, operation::CHAT);
    let lower = name.trim_matches('"').to_ascii_lowercase();
    // LiteLLM puts an `a` before what is asynchronous.
    let bare = lower.strip_prefix('a').filter(|rest| ASYNCHRONOUS.contains(rest)).unwrap_or(&lower);
    match bare {
        operation::CHAT
        | "chat_model"
        | "chat_streaming"
        | "chat_completion"
        | "chat_completions"
        | "chat.completions"
        | "chat-completion"
        | "chat completion"
        | "chat.completion"
        | "chat.completions.create"
        | "converse"
        | "converse_stream"
        | "create_response"
        | "inference"
        | "invoke_model"
        | "messages.create"
        | "response"
        | "responses.create"
        | "text_generation"
        | "anthropic_messages"
        | "generation"
        | "llm"
        | "llm_request"
        | "message"
        | "messages"
        | "responses"
        | "ai.generatetext.dogenerate"
        | "ai.streamtext.dostream"
        | "ai.generateobject.dogenerate"
        | "ai.streamobject.dostream" => CHAT,
        operation::TEXT_COMPLETION | "completion" | "completions" => {
            Meaning::Call(Kind::Generation, operation::TEXT_COMPLETION)
        }
        operation::GENERATE_CONTENT | "generate" | "generate_content_stream" => {
            Meaning::Call(Kind::Generation, operation::GENERATE_CONTENT)
        }
        operation::EMBEDDINGS | "embedding" | "embed" | "ai.embed.doembed" | "ai.embedmany.doembed" => {
            Meaning::Call(Kind::Embeddings, operation::EMBEDDINGS)
        }
        "invoke_agent" | "create_agent" | "agent" | "interaction" | "ai.workflowagent.stream" => {
            Meaning::Boundary(SkipReason::Agent)
        }
        "execute_tool" | "tool" | "tool.execution" | "ai.toolcall" => Meaning::Boundary(SkipReason::Tool),
        "invoke_workflow" | "plan" | "workflow" | "chain" | "task" | "ai.generatetext" | "ai.streamtext"
        | "ai.generateobject" | "ai.streamobject" | "ai.embed" | "ai.embedmany" => {
            Meaning::Boundary(SkipReason::Workflow)
        }
        word if OTHER.iter().any(|other| word == *other || word.starts_with(&format!("{other}."))) => {
            Meaning::Other
        }
        _ => Meaning::Unknown,
    }
}

/// Work that is no call: of the conventions, and what senders name so.
const OTHER: &[&str] = &[
    "agent_step",
    "audio",
    "evaluate",
    "evaluator",
    "event",
    "execute_event_loop_cycle",
    "fetch_response",
    "function",
    "guardrail",
    "hook",
    "image",
    "image_generation",
    "memory",
    "moderation",
    "parser",
    "prompt",
    "rerank",
    "reranker",
    "retrieval",
    "retriever",
    "session",
    "span",
    "speech",
    "step",
    "system",
    "tool.blocked_on_user",
    "transcription",
    "unknown",
    "user",
    "vectordb",
    "workflow_step",
    "ai.rerank",
    "ai.generatespeech",
    "ai.transcribe",
];

/// Request types of LiteLLM.
const ASYNCHRONOUS: [&str; 5] =
    ["completion", "text_completion", "embedding", "responses", "generate_content"];

/// Whether the word itself says that the call streams.
pub(in super::super) fn streams(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower == "chat_streaming" || lower.ends_with(".dostream") || lower.ends_with("_stream")
}
