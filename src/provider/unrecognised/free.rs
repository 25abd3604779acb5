//! Requests to providers that are no calls of a model, by kind. A path that is not listed here and that no wire format
//! takes is counted and logged, so each entry needs a reason: what is free, what manages something, or what is billed
//! later where no client of HTTP sees it. Sources are the providers' API references and pricing pages, 2026-11.

use crate::provider::target::Target;
use crate::semconv::provider;

/// The ends of paths; a star is one segment. What is below an entry, such as `/sessions/ID/events`, may run a model.
type Tails = &'static [&'static [&'static str]];

/// Counting tokens costs nothing: OpenAI's `input_tokens`, Anthropic's and Bedrock's `count_tokens`, Cohere's, AI21's,
/// xAI's, vLLM's, Moonshot's and Baidu's tokenizers.
const COUNTING: Tails = &[
    &["input_tokens"],
    &["count_tokens"],
    &["count-tokens"],
    &["tokenize"],
    &["detokenize"],
    &["tokenize-text"],
    &["tokenization"],
    &["tokenizers", "*"],
    &["tokenizer"],
    &["tokenizer", "*"],
];

/// Files are kept, and read by calls of their own. Storage is billed by the day. OpenAI, Anthropic, Google, Mistral,
/// Groq, Together; parts and completion of OpenAI's uploads; the files of a container; Cohere's datasets.
const FILES: Tails = &[
    &["files"],
    &["files", "*"],
    &["uploads"],
    &["uploads", "*", "parts"],
    &["uploads", "*", "complete"],
    &["datasets"],
    &["skills"],
    &["skills", "*", "versions"],
];

/// Stores are billed by the day, and their searches within a response as its tool: OpenAI's vector stores, Anthropic's
/// memory stores, Mistral's libraries, and Google's file search stores, where the files that are imported are billed.
const STORES: Tails = &[
    &["vector_stores"],
    &["vector_stores", "*"],
    &["vector_stores", "*", "files", "*"],
    &["vector_stores", "*", "file_batches"],
    &["memory_stores"],
    &["memory_stores", "*"],
    &["libraries"],
    &["fileSearchStores"],
];

/// What is written down for a model that another request runs: OpenAI's assistants, threads, conversations and evals,
/// agents of Mistral, Anthropic and Google, the voices of ElevenLabs and Cartesia.
const DEFINITIONS: Tails = &[
    &["assistants"],
    &["assistants", "*"],
    &["threads"],
    &["threads", "*"],
    &["threads", "*", "messages"],
    &["threads", "*", "messages", "*"],
    &["conversations"],
    &["conversations", "*"],
    &["conversations", "*", "items"],
    &["evals"],
    &["evals", "*"],
    &["agents"],
    &["agents", "*"],
    &["voices"],
    &["voices", "add"],
    &["models"],
    &["webhooks"],
];

/// Training is billed by the tokens of a job that runs for hours: OpenAI, Mistral, Fireworks, Together, Alibaba Cloud,
/// Google. The graders that OpenAI has below it are models at work.
const TRAINING: Tails = &[
    &["fine_tuning", "jobs"],
    &["fine_tuning", "jobs", "*", "pause"],
    &["fine_tuning", "jobs", "*", "resume"],
    &["fine-tuning", "jobs"],
    &["fine-tunes"],
    &["tuningJobs"],
    &["tunedModels"],
];

/// Stops what is billed elsewhere.
const STOPPING: Tails = &[&["cancel"], &["stop"]];

/// Keys, and what client libraries send about themselves: OpenRouter's keys, Baidu's and Anthropic's OAuth, the traces of
/// OpenAI's Agents SDK, the analytics of Codex.
const ADMINISTRATION: Tails = &[
    &["keys"],
    &["auth", "keys"],
    &["oauth", "token"],
    &["oauth", "*", "token"],
    &["traces", "ingest"],
    &["analytics-events", "events"],
];

const TAILS: [Tails; 7] = [COUNTING, FILES, STORES, DEFINITIONS, TRAINING, STOPPING, ADMINISTRATION];

/// Words below which nothing is a call that a client of HTTP could see. The usage of a batch is in a file of results, at
/// half the price (OpenAI, Anthropic, Groq, Together, Mistral, Vertex AI; Cohere's embedding jobs); that of a `realtime`
/// session in its WebSocket or WebRTC channel. `organization` is what administers an account (OpenAI, Anthropic).
const BELOW: &[&str] =
    &["batches", "batchPredictionJobs", "embed-jobs", "realtime", "organization", "organizations"];

/// The jobs of Mistral's batches.
const BATCH_JOBS: Tails = &[&["batch", "jobs"], &["batch", "jobs", "*"]];

/// Google's actions behind a colon: counting, batches, files, and operations that are waited for. Any other runs something,
/// whatever it is an action of.
const ACTIONS: &[&str] = &[
    "asyncBatchEmbedContent",
    "batchGenerateContent",
    "cancel",
    "computeTokens",
    "countTokens",
    "fetchPredictOperation",
    "register",
    "upload",
    "wait",
];

/// Whether what a path asks for is known to be no call of a model.
pub(super) fn is_free(target: &Target<'_>) -> bool {
    if let Some((_, action)) = target.segments.last().and_then(|last| last.rsplit_once(':')) {
        return ACTIONS.contains(&action);
    }
    // Moderation is free at OpenAI alone.
    if target.is_of(provider::OPENAI) && target.ends_with(&["moderations"]) {
        return true;
    }
    target.segments.iter().any(|segment| BELOW.contains(&segment.as_ref()))
        || TAILS.iter().chain([&BATCH_JOBS]).copied().flatten().any(|tail| ends(target, tail))
}

fn ends(target: &Target<'_>, tail: &[&str]) -> bool {
    let Some(start) = target.segments.len().checked_sub(tail.len()) else { return false };
    target.segments[start..].iter().zip(tail).all(|(segment, wanted)| *wanted == "*" || segment == wanted)
}

#[cfg(test)]
mod tests {
    use super::super::tests::shape;

    /// By kind: what is no call, and what looks like it and may be one.
    #[test]
    fn tells_what_is_free_from_what_runs_a_model_in_each_kind() {
        for (kind, free, counted) in [
            (
                "counting",
                &[
                    "https://api.openai.com/v1/responses/input_tokens",
                    "https://api.anthropic.com/v1/messages/count_tokens",
                    "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/count-tokens",
                    "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:countTokens",
                    "https://aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/m:computeTokens",
                    "https://api.cohere.com/v1/tokenize",
                    "https://api.x.ai/v1/tokenize-text",
                    "https://api.moonshot.ai/v1/tokenizers/estimate-token-count",
                ][..],
                &[
                    "https://api.openai.com/v1/input_tokens/rewrite",
                    "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:countAndAnswer",
                ][..],
            ),
            (
                "files",
                &[
                    "https://api.openai.com/v1/files",
                    "https://api.openai.com/v1/uploads/upload_1/parts",
                    "https://api.openai.com/v1/containers/c_1/files",
                    "https://generativelanguage.googleapis.com/upload/v1beta/files",
                    "https://api.cohere.com/v1/datasets",
                ],
                // A container is billed by the session.
                &[
                    "https://api.openai.com/v1/containers",
                    "https://api.openai.com/v1/files/f_1/summaries/new",
                ],
            ),
            (
                "stores",
                &[
                    "https://api.openai.com/v1/vector_stores",
                    "https://api.openai.com/v1/vector_stores/vs_1/file_batches",
                    "https://generativelanguage.googleapis.com/v1beta/fileSearchStores",
                ],
                &[
                    "https://api.openai.com/v1/vector_stores/vs_1/search",
                    // What is imported is embedded, and what is cached is read by the model once.
                    "https://generativelanguage.googleapis.com/v1beta/fileSearchStores/s-1:importFile",
                    "https://generativelanguage.googleapis.com/v1beta/cachedContents",
                    "https://api.mistral.ai/v1/libraries/l-1/documents",
                ],
            ),
            (
                "definitions",
                &[
                    "https://api.openai.com/v1/assistants",
                    "https://api.openai.com/v1/threads/t_1/messages",
                    "https://api.openai.com/v1/conversations/c_1/items",
                    "https://api.mistral.ai/v1/agents",
                    "https://generativelanguage.googleapis.com/v1beta/agents",
                    "https://api.elevenlabs.io/v1/voices/add",
                    "https://generativelanguage.googleapis.com/v1beta/webhooks",
                ],
                &[
                    "https://api.openai.com/v1/evals/e_1/runs",
                    "https://api.mistral.ai/v1/agents/a_1/dream/now",
                    "https://api.anthropic.com/v1/sessions/s_1/events",
                    "https://generativelanguage.googleapis.com/v1beta/tunedModels/t-1:dream",
                ],
            ),
            (
                "training",
                &[
                    "https://api.openai.com/v1/fine_tuning/jobs",
                    "https://api.openai.com/v1/fine_tuning/jobs/j_1/pause",
                    "https://dashscope.aliyuncs.com/api/v1/services/fine-tunes",
                    "https://aiplatform.googleapis.com/v1/projects/p/locations/l/tuningJobs",
                ],
                &["https://api.openai.com/v1/fine_tuning/alpha/graders/run"],
            ),
            (
                "stopping",
                &[
                    "https://api.openai.com/v1/responses/resp_1/cancel",
                    "https://aiplatform.googleapis.com/v1/projects/p/locations/l/operations/o-1:cancel",
                ],
                &["https://api.openai.com/v1/cancel/resp_1/redo"],
            ),
            (
                "billed later",
                &[
                    "https://api.openai.com/v1/batches",
                    "https://api.anthropic.com/v1/messages/batches",
                    "https://api.mistral.ai/v1/batch/jobs",
                    "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:batchGenerateContent",
                    "https://aiplatform.googleapis.com/v1/projects/p/locations/l/batchPredictionJobs",
                    "https://api.cohere.com/v1/embed-jobs",
                    "https://api.openai.com/v1/realtime/client_secrets",
                ],
                &["https://api.mistral.ai/v1/batch/now"],
            ),
            (
                "administration",
                &[
                    "https://api.openai.com/v1/organization/projects/p_1/api_keys",
                    "https://openrouter.ai/api/v1/keys",
                    "https://aip.baidubce.com/oauth/2.0/token",
                    "https://api.openai.com/v1/traces/ingest",
                ],
                &["https://api.openai.com/v1/feedback", "https://openrouter.ai/api/v1/keys/k_1/dream"],
            ),
            (
                "moderation",
                &["https://api.openai.com/v1/moderations"],
                // Others bill it.
                &["https://api.together.xyz/v1/moderations"],
            ),
        ] {
            for url in free {
                assert_eq!(shape(url), None, "{kind}: {url}");
            }
            for url in counted {
                assert!(shape(url).is_some(), "{kind}: {url}");
            }
        }
    }
}
