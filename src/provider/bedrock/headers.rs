//! What Amazon Bedrock's operations share: their paths, and what is only in headers.

use http::HeaderMap;

use crate::call::ErrorFacts;
use crate::coverage::Reason;
use crate::provider::format::Reading;
use crate::provider::read::error;
use crate::provider::read::lenient::COUNT_LIMIT;
use crate::provider::target::Target;
use crate::usage::Usage;

/// How fast the response was asked to be.
const LATENCY: &str = "x-amzn-bedrock-performanceconfig-latency";

/// Model and operation of `/model/MODEL/OPERATION`. The model is an id, or the ARN of an inference profile, a
/// prompt, a provisioned or a custom model; some clients leave its slash as it is.
pub(super) fn model_operation<'t>(target: &'t Target<'_>) -> Option<(String, &'t str)> {
    let at = target.segments.iter().position(|segment| segment == "model")?;
    let (operation, model) = target.segments.get(at + 1..)?.split_last()?;
    let model = model.join("/");
    (!model.is_empty()).then_some((model, operation.as_ref()))
}

/// Reads the token counts of an invocation, and the type of an error, whose body has no more than a message.
pub(super) fn read_headers(headers: &HeaderMap, reading: &mut Reading) {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let count = |name: &str| text(name)?.parse::<u64>().ok().filter(|count| *count < COUNT_LIMIT);
    let facts = &mut reading.facts;
    facts.header_usage = metered(
        count("x-amzn-bedrock-input-token-count"),
        count("x-amzn-bedrock-cache-read-input-token-count"),
        count("x-amzn-bedrock-cache-write-input-token-count"),
        count("x-amzn-bedrock-output-token-count"),
    );
    // Faster answers have prices of their own, which no table knows.
    if text(LATENCY).is_some_and(|latency| latency != "standard") {
        facts.coverage.note(Reason::Header, format!("header:{LATENCY}"));
    }
    if let Some(code) = text("x-amzn-errortype").map(error::aws_name).filter(|code| !code.is_empty()) {
        facts.error.get_or_insert_default().code = Some(code.to_owned());
    }
}

/// Counts of Bedrock's own, for models that give none themselves: they never overrule the model's.
pub(super) fn fill_usage(
    reading: &mut Reading,
    uncached: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    output: Option<u64>,
) {
    let usage = &mut reading.facts.usage;
    let mut known = metered(uncached, cache_read, cache_write, output);
    known.merge(std::mem::take(usage));
    *usage = known;
}

/// Counts of Bedrock's own as totals.
pub(super) fn metered(
    uncached: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    output: Option<u64>,
) -> Usage {
    let mut usage = Usage { output_tokens: output, ..Usage::default() };
    usage.merge_uncached(uncached, cache_read, cache_write);
    usage
}

/// Notes an error of the body, in addition to the code that the headers may have.
pub(super) fn note_error(reading: &mut Reading, error: Option<ErrorFacts>) {
    let facts = &mut reading.facts;
    let Some(error) = error.filter(|_| !facts.ended) else { return };
    let known = facts.error.get_or_insert_default();
    known.code = known.code.take().or(error.code);
    known.message = known.message.take().or(error.message);
}
