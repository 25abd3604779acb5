//! Hugging Face: inference endpoints, the router, and its servers for text generation and embeddings, which many run
//! themselves. Source: the OpenAPI documents of text-generation-inference 3 and text-embeddings-inference 1.8.

use http::HeaderMap;

use super::family::Family;
use super::format::{Reading, Recognised};
use super::read::lenient::COUNT_LIMIT;
use super::served::{self, SERVED};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;
use crate::usage::Usage;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("router.huggingface.co"), provider::HUGGINGFACE),
    (Host::Name("api-inference.huggingface.co"), provider::HUGGINGFACE),
    (Host::Suffix(".endpoints.huggingface.cloud"), provider::HUGGINGFACE),
];

/// The root and the actions of its servers; `/models/ORGANISATION/NAME` of its own hosts.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let own = target.is_of(provider::HUGGINGFACE);
    if own && let Some(model) = model(target) {
        return Some(served::call(&SERVED, Some(&model)).provider(target.provider));
    }
    if !own && !target.private {
        return None;
    }
    let recognised = served::call(&SERVED, None).provider(target.provider);
    let operation = match target.segments.as_slice() {
        // Every program of a private network may be called at its root.
        [] if own => return Some(recognised),
        [] => return Some(recognised.needs_prompt(&["inputs"])),
        [action] => match action.as_ref() {
            "generate" | "generate_stream" => Operation::TextCompletion,
            "embed" | "embed_all" | "embed_sparse" => Operation::Embeddings,
            "rerank" => Operation::Rerank,
            "predict" => Operation::Classification,
            _ => return None,
        },
        _ => return None,
    };
    let recognised = Recognised { operation, operation_of: None, ..recognised };
    let recognised = recognised.stream(target.ends_with(&["generate_stream"]));
    Some(match operation {
        // An everyday word, and what any service calls its model.
        Operation::Classification => recognised.needs_prompt(&["inputs"]),
        _ => recognised,
    })
}

/// The model in `/models/ORGANISATION/NAME` and `/hf-inference/models/ORGANISATION/NAME/pipeline/TASK`.
fn model(target: &Target<'_>) -> Option<String> {
    let at = target.segments.iter().position(|segment| segment == "models")?;
    let rest = target.segments.get(at + 1..)?;
    let end = rest.iter().position(|segment| segment == "pipeline").unwrap_or(rest.len());
    (1..=2).contains(&end).then(|| rest[..end].join("/"))
}

/// The counts that its servers put into headers.
pub(super) fn read_headers(headers: &HeaderMap, reading: &mut Reading) {
    let count = |name: &str| {
        let count = headers.get(name)?.to_str().ok()?.parse::<u64>().ok()?;
        (count < COUNT_LIMIT).then_some(count)
    };
    let generated = count("x-generated-tokens");
    let input =
        count("x-prompt-tokens").or_else(|| count("x-compute-tokens").filter(|_| generated.is_none()));
    reading.facts.usage.merge(Usage { input_tokens: input, output_tokens: generated, ..Usage::default() });
}
