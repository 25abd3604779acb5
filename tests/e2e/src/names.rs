//! How OpenTelemetry names appear in Prometheus: each name of the library's `semconv` with the suffixes of its unit and kind.

use std::collections::BTreeSet;

use spanledger::semconv::{attribute, metric};

/// A metric's name with every character that Prometheus' classic names do not have replaced.
#[must_use]
pub fn escaped(name: &str) -> String {
    name.replace(|character: char| !character.is_ascii_alphanumeric() && character != '_', "_")
}

/// Every series name of the library's metrics.
#[must_use]
pub fn series() -> BTreeSet<String> {
    let seconds = [
        metric::INFERENCE_DURATION,
        metric::INFERENCE_TIME_TO_FIRST_CHUNK,
        metric::INFERENCE_TIME_PER_OUTPUT_CHUNK,
        metric::OPERATION_DURATION,
        metric::OPERATION_TIME_TO_FIRST_CHUNK,
        metric::OPERATION_TIME_PER_OUTPUT_CHUNK,
    ];
    let token_histograms =
        [metric::OPERATION_INPUT_TOKENS, metric::OPERATION_OUTPUT_TOKENS, metric::TOKEN_USAGE];
    // A unit in braces is an annotation and gives no suffix.
    let counters = [
        metric::USAGE_INPUT_TOKENS,
        metric::USAGE_OUTPUT_TOKENS,
        metric::USAGE_CACHE_READ_TOKENS,
        metric::USAGE_CACHE_WRITE_TOKENS,
        metric::USAGE_REASONING_TOKENS,
        metric::CALLS,
        metric::UNPRICED_TOKENS,
        metric::UNPARSED,
        metric::UNRECOGNISED,
        metric::LOST_SPANS,
        metric::JOURNAL_LOST,
        metric::JOURNAL_SKIPPED,
    ];
    let histograms = seconds
        .map(|name| escaped(name) + "_seconds")
        .into_iter()
        .chain(token_histograms.map(escaped))
        .flat_map(|name| ["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
    histograms
        .chain(counters.map(|name| escaped(name) + "_total"))
        .chain([escaped(metric::COST) + "_USD_total"])
        .collect()
}

/// Every label of the library's metrics, with those that Prometheus makes of the resource.
#[must_use]
pub fn labels() -> BTreeSet<String> {
    let attributes = [
        attribute::OPERATION_NAME,
        attribute::PROVIDER_NAME,
        attribute::REQUEST_MODEL,
        attribute::RESPONSE_MODEL,
        attribute::SERVER_ADDRESS,
        attribute::SERVER_PORT,
        attribute::ERROR_TYPE,
        attribute::TOKEN_MODALITY,
        attribute::TOKEN_TYPE,
        attribute::OUTCOME,
        attribute::USAGE_SOURCE,
        attribute::COST_STATUS,
        attribute::HTTP_RESPONSE_STATUS_CODE,
        attribute::UNPARSED,
    ];
    attributes.map(escaped).into_iter().chain(["job", "instance", "le"].map(str::to_owned)).collect()
}
