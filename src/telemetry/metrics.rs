//! The instruments, and what one call adds to them.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::Ended;
use super::labels::Labels;
use crate::call::{Call, Unparsed};
use crate::cost::CostStatus;
use crate::semconv::{
    DURATION_BOUNDARIES, Semconv, TOKEN_BOUNDARIES, attribute, metric, modality, token_type, unit,
};
use crate::usage::{Modality, Usage, UsageSource};

/// Every instrument of one generation of the conventions.
pub(super) struct Instruments {
    duration: Histogram<f64>,
    /// Operations other than inference keep the older name in both generations.
    operation_duration: Histogram<f64>,
    first_chunk: Histogram<f64>,
    per_chunk: Histogram<f64>,
    tokens: Tokens,
    cost: Counter<f64>,
    calls: Counter<u64>,
    unpriced: Counter<u64>,
    usage_unparsed: Counter<u64>,
    unparsed: Counter<u64>,
    unrecognised: Counter<u64>,
}

enum Tokens {
    Latest(Box<LatestTokens>),
    V1_41(Histogram<u64>),
}

struct LatestTokens {
    input: Counter<u64>,
    output: Counter<u64>,
    cache_read: Counter<u64>,
    cache_write: Counter<u64>,
    reasoning: Counter<u64>,
    input_each: Histogram<u64>,
    output_each: Histogram<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, semconv: Semconv) -> Self {
        let seconds = |name| {
            meter
                .f64_histogram(name)
                .with_unit(unit::SECONDS)
                .with_boundaries(DURATION_BOUNDARIES.to_vec())
                .build()
        };
        let token_counter = |name| meter.u64_counter(name).with_unit(unit::TOKENS).build();
        let token_histogram = |name| {
            meter
                .u64_histogram(name)
                .with_unit(unit::TOKENS)
                .with_boundaries(TOKEN_BOUNDARIES.to_vec())
                .build()
        };
        let operation_duration = seconds(metric::OPERATION_DURATION);
        let (duration, first_chunk, per_chunk, tokens) = match semconv {
            Semconv::Latest => (
                seconds(metric::INFERENCE_DURATION),
                metric::INFERENCE_TIME_TO_FIRST_CHUNK,
                metric::INFERENCE_TIME_PER_OUTPUT_CHUNK,
                Tokens::Latest(Box::new(LatestTokens {
                    input: token_counter(metric::USAGE_INPUT_TOKENS),
                    output: token_counter(metric::USAGE_OUTPUT_TOKENS),
                    cache_read: token_counter(metric::USAGE_CACHE_READ_TOKENS),
                    cache_write: token_counter(metric::USAGE_CACHE_WRITE_TOKENS),
                    reasoning: token_counter(metric::USAGE_REASONING_TOKENS),
                    input_each: token_histogram(metric::OPERATION_INPUT_TOKENS),
                    output_each: token_histogram(metric::OPERATION_OUTPUT_TOKENS),
                })),
            ),
            Semconv::V1_41 => (
                operation_duration.clone(),
                metric::OPERATION_TIME_TO_FIRST_CHUNK,
                metric::OPERATION_TIME_PER_OUTPUT_CHUNK,
                Tokens::V1_41(token_histogram(metric::TOKEN_USAGE)),
            ),
        };
        Self {
            duration,
            operation_duration,
            first_chunk: seconds(first_chunk),
            per_chunk: seconds(per_chunk),
            tokens,
            cost: meter.f64_counter(metric::COST).with_unit(unit::USD).build(),
            calls: meter.u64_counter(metric::CALLS).with_unit(unit::CALLS).build(),
            unpriced: token_counter(metric::UNPRICED_TOKENS),
            usage_unparsed: meter.u64_counter(metric::USAGE_UNPARSED).with_unit(unit::CALLS).build(),
            unrecognised: meter.u64_counter(metric::UNRECOGNISED).with_unit(unit::REQUESTS).build(),
            unparsed: meter.u64_counter(metric::UNPARSED).with_unit(unit::CALLS).build(),
        }
    }

    /// Counts a request that no wire format takes.
    pub(super) fn count_unrecognised(&self, labels: &[KeyValue]) {
        self.unrecognised.add(1, labels);
    }

    /// Records one ended call.
    pub(super) fn record(&self, labels: &Labels, ended: &Ended<'_>) {
        let (call, verdict, cost) = (ended.call, ended.verdict, ended.cost);
        let mut labels_of_call = labels.of(call);
        let common = &mut labels_of_call;
        let error = verdict.error_type.as_deref().map(|error| labels.error(error));

        let inference = call.destination.operation.is_inference();
        let duration = if inference { &self.duration } else { &self.operation_duration };
        with(common, error.clone(), |timed| duration.record(ended.duration.as_secs_f64(), timed));
        if let Some(first_chunk) = call.first_chunk
            && call.request.stream
        {
            self.first_chunk.record(first_chunk.as_secs_f64(), common);
        }

        // Estimates are no measurement: they stand on the span, marked, and not in the totals.
        let usage = &call.response.usage;
        if verdict.usage_source != UsageSource::Estimated {
            self.tokens.record(usage, common);
        }
        let outcome = KeyValue::new(attribute::OUTCOME, verdict.outcome.as_str());
        let cost_status = KeyValue::new(attribute::COST_STATUS, cost.status.as_str());
        if let Some(usd) = cost.usd {
            // What failed calls cost, and how much of the money is estimated.
            with(common, [outcome.clone(), cost_status.clone()], |priced| self.cost.add(usd, priced));
        }
        if cost.status == CostStatus::Unpriced {
            let tokens = usage.input_tokens.unwrap_or(0).saturating_add(usage.output_tokens.unwrap_or(0));
            self.unpriced.add(tokens, common);
        }
        for reason in call.response.coverage.reasons().chain(call.response.unpriced.reasons()) {
            let provider = KeyValue::new(attribute::PROVIDER_NAME, call.destination.provider.clone());
            let reason = KeyValue::new(attribute::USAGE_UNPARSED_REASON, reason.as_str());
            self.usage_unparsed.add(1, &[provider, reason]);
        }

        let unparsed = [call.request_unparsed.then_some(Unparsed::Request), call.response.unparsed];
        for reason in unparsed.into_iter().flatten() {
            with_one(common, attribute::UNPARSED, reason.as_str(), |labels| self.unparsed.add(1, labels));
        }

        let statuses =
            [outcome, KeyValue::new(attribute::USAGE_SOURCE, verdict.usage_source.as_str()), cost_status];
        let status = call
            .status_code
            .map(|status| KeyValue::new(attribute::HTTP_RESPONSE_STATUS_CODE, i64::from(status)));
        with(common, error.into_iter().chain(statuses).chain(status), |counted| self.calls.add(1, counted));
    }

    /// A recorder for the chunks of one stream, with its labels made once.
    pub(super) fn chunks(&self, labels: &Labels, call: &Call) -> ChunkRecorder {
        ChunkRecorder { histogram: self.per_chunk.clone(), labels: labels.of(call) }
    }
}

impl Tokens {
    fn record(&self, usage: &Usage, common: &mut Vec<KeyValue>) {
        match self {
            Self::Latest(tokens) => tokens.record(usage, common),
            Self::V1_41(histogram) => {
                let kinds =
                    [(token_type::INPUT, usage.input_tokens), (token_type::OUTPUT, usage.output_tokens)];
                for (kind, count) in kinds {
                    if let Some(count) = count {
                        with_one(common, attribute::TOKEN_TYPE, kind, |labels| {
                            histogram.record(count, labels)
                        });
                    }
                }
            }
        }
    }
}

impl LatestTokens {
    fn record(&self, usage: &Usage, common: &mut Vec<KeyValue>) {
        let none = Modality::default();
        add(&self.input, usage.input_tokens, usage.input_modality, common);
        add(&self.output, usage.output_tokens, usage.output_modality, common);
        add(&self.cache_read, usage.cache_read_tokens, usage.cache_read_modality, common);
        add(&self.cache_write, usage.cache_write_tokens, none, common);
        add(&self.reasoning, usage.reasoning_tokens, none, common);
        if let Some(count) = usage.input_tokens {
            self.input_each.record(count, common);
        }
        if let Some(count) = usage.output_tokens {
            self.output_each.record(count, common);
        }
    }
}

/// Adds a total by modality. What the provider did not break down counts as `unknown`, so that the sum over
/// the modalities is the total.
fn add(counter: &Counter<u64>, total: Option<u64>, parts: Modality, common: &mut Vec<KeyValue>) {
    let Some(total) = total else { return };
    let named =
        [(modality::TEXT, parts.text), (modality::IMAGE, parts.image), (modality::AUDIO, parts.audio)];
    let mut rest = total;
    for (name, count) in named {
        // A part beyond the total would make the sum a lie.
        let count = count.unwrap_or(0).min(rest);
        if count > 0 {
            with_one(common, attribute::TOKEN_MODALITY, name, |labels| counter.add(count, labels));
            rest -= count;
        }
    }
    if rest > 0 || total == 0 {
        let name = modality::UNKNOWN;
        with_one(common, attribute::TOKEN_MODALITY, name, |labels| counter.add(rest, labels));
    }
}

/// Records with further labels, which leave again: one list serves all measurements of a call.
fn with(
    common: &mut Vec<KeyValue>,
    further: impl IntoIterator<Item = KeyValue>,
    record: impl FnOnce(&[KeyValue]),
) {
    let length = common.len();
    common.extend(further);
    record(common);
    common.truncate(length);
}

fn with_one(
    common: &mut Vec<KeyValue>,
    name: &'static str,
    value: &'static str,
    record: impl FnOnce(&[KeyValue]),
) {
    with(common, [KeyValue::new(name, value)], record);
}

/// Records the time between the chunks of one stream.
pub(crate) struct ChunkRecorder {
    histogram: Histogram<f64>,
    labels: Vec<KeyValue>,
}

impl ChunkRecorder {
    pub(crate) fn record(&self, since_last: Duration) {
        self.histogram.record(since_last.as_secs_f64(), &self.labels);
    }
}
