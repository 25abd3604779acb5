//! Which metrics the ledger can answer, under which names and labels. The first are the library's, as Prometheus translates
//! them, so that the same dashboards work on both.

use super::series::{LABEL_OF_NAME, Labels};
use crate::store::history::{SeriesNames, SeriesSum};

/// One metric over the calls of the ledger.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) help: &'static str,
    pub(super) by: By,
    pub(super) measure: Measure,
}

/// Which labels a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// All that the rollups know, under the names of the library's metrics.
    Everything,
    /// None: all calls together.
    Nothing,
    /// One.
    One(&'static str),
}

/// What of the calls is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Calls,
    FailedCalls,
    Cost,
    UnpricedTokens,
    InputTokens,
    OutputTokens,
    CacheReadTokens,
    CacheWriteTokens,
    ReasoningTokens,
    Duration,
    DurationBuckets,
    FirstChunk,
    FirstChunks,
    FirstChunkBuckets,
}

/// Parts of the calls of a series that have a label of their own.
pub(super) const ALL: u64 = 0;
const RATE_LIMITED: u64 = 429;
const WITHOUT_USAGE: u64 = 1;

const fn family(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    by: By,
    measure: Measure,
) -> Family {
    Family { name, kind, help, by, measure }
}

macro_rules! ledger_families {
    ($($name:literal, $help:literal, $measure:ident;)+) => {
        [$(
            family($name, "gauge", $help, By::Nothing, Measure::$measure),
            family(concat!($name, "_by_model"), "gauge", $help, By::One("model"), Measure::$measure),
            family(concat!($name, "_by_provider"), "gauge", $help, By::One("provider"), Measure::$measure),
            family(concat!($name, "_by_service"), "gauge", $help, By::One("service"), Measure::$measure),
            family(concat!($name, "_by_environment"), "gauge", $help, By::One("environment"), Measure::$measure),
            family(concat!($name, "_by_outcome"), "gauge", $help, By::One("outcome"), Measure::$measure),
            family(concat!($name, "_by_cost_status"), "gauge", $help, By::One("cost_status"), Measure::$measure),
        )+]
    };
}

const LIBRARY: [Family; 14] = {
    use By::Everything as All;
    [
        family("spanledger_client_calls_total", "counter", "Calls that ended.", All, Measure::Calls),
        family(
            "spanledger_client_cost_USD_total",
            "counter",
            "Cost of the priced calls.",
            All,
            Measure::Cost,
        ),
        family(
            "spanledger_client_unpriced_tokens_total",
            "counter",
            "Tokens without a price.",
            All,
            Measure::UnpricedTokens,
        ),
        family(
            "gen_ai_client_inference_usage_input_tokens_total",
            "counter",
            "Input tokens.",
            All,
            Measure::InputTokens,
        ),
        family(
            "gen_ai_client_inference_usage_output_tokens_total",
            "counter",
            "Output tokens.",
            All,
            Measure::OutputTokens,
        ),
        family(
            "gen_ai_client_inference_usage_cache_read_input_tokens_total",
            "counter",
            "Input tokens read from a cache.",
            All,
            Measure::CacheReadTokens,
        ),
        family(
            "gen_ai_client_inference_usage_cache_write_input_tokens_total",
            "counter",
            "Input tokens written to a cache.",
            All,
            Measure::CacheWriteTokens,
        ),
        family(
            "gen_ai_client_inference_usage_reasoning_output_tokens_total",
            "counter",
            "Output tokens of reasoning.",
            All,
            Measure::ReasoningTokens,
        ),
        family(
            "gen_ai_client_inference_duration_seconds_bucket",
            "histogram",
            "Durations.",
            All,
            Measure::DurationBuckets,
        ),
        family(
            "gen_ai_client_inference_duration_seconds_sum",
            "histogram",
            "Durations.",
            All,
            Measure::Duration,
        ),
        family(
            "gen_ai_client_inference_duration_seconds_count",
            "histogram",
            "Durations.",
            All,
            Measure::Calls,
        ),
        family(
            "gen_ai_client_inference_time_to_first_chunk_seconds_bucket",
            "histogram",
            "Times to the first chunk.",
            All,
            Measure::FirstChunkBuckets,
        ),
        family(
            "gen_ai_client_inference_time_to_first_chunk_seconds_sum",
            "histogram",
            "Times to the first chunk.",
            All,
            Measure::FirstChunk,
        ),
        family(
            "gen_ai_client_inference_time_to_first_chunk_seconds_count",
            "histogram",
            "Times to the first chunk.",
            All,
            Measure::FirstChunks,
        ),
    ]
};

const LEDGER: [Family; 35] = ledger_families! {
    "spanledger_ledger_calls", "Calls in the ledger.", Calls;
    "spanledger_ledger_failed_calls", "Failed calls in the ledger.", FailedCalls;
    "spanledger_ledger_input_tokens", "Input tokens in the ledger.", InputTokens;
    "spanledger_ledger_output_tokens", "Output tokens in the ledger.", OutputTokens;
    "spanledger_ledger_cost_usd", "Cost of the calls in the ledger.", Cost;
};

/// Every metric that the ledger can answer.
pub(crate) static FAMILIES: [&[Family]; 2] = [&LIBRARY, &LEDGER];

/// All of [`FAMILIES`].
pub(super) fn all() -> impl Iterator<Item = &'static Family> {
    FAMILIES.iter().copied().flatten()
}

/// Whether the ledger has the past of a series.
pub(crate) fn is_counted(labels: &Labels) -> bool {
    let name = labels.get(LABEL_OF_NAME);
    name.is_some_and(|name| all().any(|family| family.name == name))
}

impl Family {
    /// Whether its series are buckets, with the label `le`.
    pub(super) fn has_buckets(&self) -> bool {
        matches!(self.measure, Measure::DurationBuckets | Measure::FirstChunkBuckets)
    }

    /// Of how many of the units that are summed one is made.
    pub(super) fn per(&self) -> f64 {
        match self.measure {
            Measure::Cost | Measure::Duration | Measure::FirstChunk => 1e9,
            _ => 1.0,
        }
    }

    /// What `sum` adds to the family, by part: of buckets the largest nanosecond. What is unknown adds nothing.
    pub(super) fn values(&self, sum: &SeriesSum) -> Vec<(u64, i64)> {
        let (totals, priced) = (&sum.totals, matches!(sum.names.cost_status, "exact" | "estimated"));
        let one = |value: u64| vec![(ALL, value.min(i64::MAX.unsigned_abs()).cast_signed())];
        let some = |value: u64| if value == 0 { Vec::new() } else { one(value) };
        let buckets = |found: &std::collections::BTreeMap<u64, u64>| {
            found.iter().map(|(largest, calls)| (*largest, calls.cast_signed())).collect()
        };
        match self.measure {
            Measure::Calls if self.by == By::Everything && !self.name.ends_with("_count") => {
                let parts = [
                    (RATE_LIMITED, totals.rate_limited),
                    (WITHOUT_USAGE, totals.succeeded_without_usage),
                    (
                        ALL,
                        totals
                            .calls
                            .saturating_sub(totals.rate_limited)
                            .saturating_sub(totals.succeeded_without_usage),
                    ),
                ];
                parts
                    .into_iter()
                    .filter(|(_, calls)| *calls > 0)
                    .map(|(part, calls)| (part, calls.cast_signed()))
                    .collect()
            }
            Measure::Calls => one(totals.calls),
            Measure::FailedCalls => one(totals.failed),
            // Where nothing has a price the cost is unknown, and not zero.
            Measure::Cost if priced => vec![(ALL, totals.cost.0)],
            Measure::Cost => Vec::new(),
            Measure::UnpricedTokens if sum.names.cost_status == "unpriced" => {
                some(totals.input_tokens.saturating_add(totals.output_tokens))
            }
            Measure::UnpricedTokens => Vec::new(),
            Measure::InputTokens => some(totals.input_tokens),
            Measure::OutputTokens => some(totals.output_tokens),
            Measure::CacheReadTokens => some(totals.cache_read_tokens),
            Measure::CacheWriteTokens => some(totals.cache_write_tokens),
            Measure::ReasoningTokens => some(totals.reasoning_tokens),
            Measure::Duration => one(totals.duration_ns),
            Measure::DurationBuckets => buckets(&sum.latencies.duration),
            Measure::FirstChunk => some(sum.latencies.first_chunk_ns),
            Measure::FirstChunks => some(sum.latencies.first_chunk.values().sum()),
            Measure::FirstChunkBuckets => buckets(&sum.latencies.first_chunk),
        }
    }

    /// The labels of a series, without `le`.
    pub(super) fn labels(&self, names: &SeriesNames, part: u64) -> Labels {
        let error = names.error.as_deref().unwrap_or_default();
        let everything = [
            ("service_name", "service", &*names.service),
            ("deployment_environment_name", "environment", names.environment.as_deref().unwrap_or_default()),
            ("gen_ai_provider_name", "provider", &*names.provider),
            ("gen_ai_request_model", "model", &*names.model),
            ("spanledger_outcome", "outcome", names.outcome),
            ("spanledger_cost_status", "cost_status", names.cost_status),
            ("error_type", "error", error),
        ];
        let mut labels = Labels::from([(LABEL_OF_NAME.to_owned(), self.name.to_owned())]);
        let mut set = |label: &str, value: &str| {
            if !value.is_empty() {
                labels.insert(label.to_owned(), value.to_owned());
            }
        };
        match self.by {
            By::Nothing => {}
            By::One(wanted) => {
                everything
                    .iter()
                    .filter(|(_, short, _)| *short == wanted)
                    .for_each(|(_, short, value)| set(short, value));
            }
            By::Everything => {
                everything.iter().for_each(|(label, _, value)| set(label, value));
                if !self.has_buckets() {
                    match part {
                        RATE_LIMITED => set("http_response_status_code", "429"),
                        WITHOUT_USAGE => set("spanledger_usage_source", "none"),
                        _ => {}
                    }
                }
            }
        }
        labels
    }
}
