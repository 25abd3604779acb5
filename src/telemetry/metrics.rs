//! The instruments, and what one call adds to them.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::Ended;
use super::labels::Labels;
use super::series::{AllSeries, Ending, Found, How, Series, Slot};
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
    series: AllSeries,
    /// Whether the instruments can be bound to labels.
    binds: bool,
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
    pub(super) fn new(meter: &Meter, semconv: Semconv, binds: bool) -> Self {
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
            series: AllSeries::default(),
            binds,
        }
    }

    /// Counts a request that no wire format takes.
    pub(super) fn count_unrecognised(&self, labels: &[KeyValue]) {
        self.unrecognised.add(1, labels);
    }

    /// Records one ended call.
    pub(super) fn record(&self, labels: &Labels, ended: &Ended<'_>) {
        let (call, verdict, cost) = (ended.call, ended.verdict, ended.cost);
        let Found { series, how } = self.series.of(call, labels, self.binds);
        let common = || series.labels.clone();

        let inference = call.destination.operation.is_inference();
        let duration = if inference { &self.duration } else { &self.operation_duration };
        let seconds = ended.duration.as_secs_f64();
        let error = verdict.error_type.as_deref().map(|error| labels.error(error));
        match &error {
            Some(error) => duration.record(seconds, &series.with([error.clone()])),
            None => series.duration.record(how, duration, seconds, common),
        }
        if let Some(first_chunk) = call.first_chunk
            && call.request.stream
        {
            series.first_chunk.record(how, &self.first_chunk, first_chunk.as_secs_f64(), common);
        }

        // Estimates are no measurement: they are on the span, marked, and not in the totals.
        let usage = &call.response.usage;
        if verdict.usage_source != UsageSource::Estimated {
            self.tokens.record(usage, &series, how);
        }
        if cost.status == CostStatus::Unpriced {
            let tokens = usage.input_tokens.unwrap_or(0).saturating_add(usage.output_tokens.unwrap_or(0));
            self.unpriced.add(tokens, &series.labels);
        }
        for reason in call.response.coverage.reasons().chain(call.response.unpriced.reasons()) {
            let provider = KeyValue::new(attribute::PROVIDER_NAME, call.destination.provider.clone());
            let reason = KeyValue::new(attribute::USAGE_UNPARSED_REASON, reason.as_str());
            self.usage_unparsed.add(1, &[provider, reason]);
        }
        let unparsed = [call.request_unparsed.then_some(Unparsed::Request), call.response.unparsed];
        for reason in unparsed.into_iter().flatten() {
            self.unparsed.add(1, &series.with([KeyValue::new(attribute::UNPARSED, reason.as_str())]));
        }

        let ending = Ending::of(call, verdict, cost.status);
        let alike = if error.is_none() { series.ended(ending, how) } else { None };
        let priced = || series.with(ending.of_cost());
        let counted = || series.with(error.into_iter().chain(ending.of_calls()));
        match alike {
            Some(alike) => {
                if let Some(usd) = cost.usd {
                    alike.cost.record(how, &self.cost, usd, priced);
                }
                alike.calls.record(how, &self.calls, 1, counted);
            }
            None => {
                if let Some(usd) = cost.usd {
                    self.cost.add(usd, &priced());
                }
                self.calls.add(1, &counted());
            }
        }
    }

    /// A recorder for the chunks of one stream, with its labels made once.
    pub(super) fn chunks(&self, labels: &Labels, call: &Call) -> ChunkRecorder {
        let Found { series, how } = self.series.of(call, labels, self.binds);
        // A stream has many of them.
        ChunkRecorder { histogram: self.per_chunk.clone(), series, how: How { keep: true, ..how } }
    }
}

impl Tokens {
    fn record(&self, usage: &Usage, series: &Series, how: How) {
        match self {
            Self::Latest(tokens) => tokens.record(usage, series, how),
            Self::V1_41(histogram) => {
                let kinds =
                    [(token_type::INPUT, usage.input_tokens), (token_type::OUTPUT, usage.output_tokens)];
                for ((kind, count), slot) in kinds.into_iter().zip(&series.both) {
                    if let Some(count) = count {
                        slot.record(how, histogram, count, || {
                            series.with([KeyValue::new(attribute::TOKEN_TYPE, kind)])
                        });
                    }
                }
            }
        }
    }
}

impl LatestTokens {
    fn record(&self, usage: &Usage, series: &Series, how: How) {
        let none = Modality::default();
        let kinds = [
            (&self.input, usage.input_tokens, usage.input_modality),
            (&self.output, usage.output_tokens, usage.output_modality),
            (&self.cache_read, usage.cache_read_tokens, usage.cache_read_modality),
            (&self.cache_write, usage.cache_write_tokens, none),
            (&self.reasoning, usage.reasoning_tokens, none),
        ];
        for ((counter, total, parts), slots) in kinds.into_iter().zip(&series.tokens) {
            if let Some(total) = total {
                add(counter, total, parts, series, slots, how);
            }
        }
        let common = || series.labels.clone();
        if let Some(count) = usage.input_tokens {
            series.input_each.record(how, &self.input_each, count, common);
        }
        if let Some(count) = usage.output_tokens {
            series.output_each.record(how, &self.output_each, count, common);
        }
    }
}

/// Adds a total by modality. What the provider did not break down counts as `unknown`, so that the total of
/// the modalities is the total.
fn add(
    counter: &Counter<u64>,
    total: u64,
    parts: Modality,
    series: &Series,
    slots: &[Slot<Counter<u64>>; 4],
    how: How,
) {
    let [text, image, audio, unknown] = slots;
    let record = |slot: &Slot<Counter<u64>>, name, count| {
        slot.record(how, counter, count, || series.with([KeyValue::new(attribute::TOKEN_MODALITY, name)]));
    };
    let named = [
        (text, modality::TEXT, parts.text),
        (image, modality::IMAGE, parts.image),
        (audio, modality::AUDIO, parts.audio),
    ];
    let mut rest = total;
    for (slot, name, count) in named {
        // A part beyond the total would make the total a lie.
        let count = count.unwrap_or(0).min(rest);
        if count > 0 {
            record(slot, name, count);
            rest -= count;
        }
    }
    if rest > 0 || total == 0 {
        record(unknown, modality::UNKNOWN, rest);
    }
}

/// Records the time between the chunks of one stream.
pub(crate) struct ChunkRecorder {
    histogram: Histogram<f64>,
    series: Arc<Series>,
    how: How,
}

impl ChunkRecorder {
    pub(crate) fn record(&self, since_last: Duration) {
        let Self { histogram, series, how } = self;
        series.per_chunk.record(*how, histogram, since_last.as_secs_f64(), || series.labels.clone());
    }
}
