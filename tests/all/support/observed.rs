//! A client whose telemetry stays in memory.

use std::collections::BTreeMap;

use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, InMemoryMetricExporterBuilder, PeriodicReader, SdkMeterProvider, Temporality,
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use spanledger::{GenAiMiddleware, GenAiMiddlewareBuilder};

/// Providers that keep everything, and the middleware's builder pointed at them.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) tracers: SdkTracerProvider,
    pub(crate) meters: SdkMeterProvider,
    pub(crate) spans: InMemorySpanExporter,
    metrics: InMemoryMetricExporter,
}

impl Default for Observed {
    fn default() -> Self {
        Self::with_temporality(Temporality::Cumulative)
    }
}

impl Observed {
    /// With delta temporality, [`Observed::points`] gives what came since it was asked last.
    pub(crate) fn with_temporality(temporality: Temporality) -> Self {
        let spans = InMemorySpanExporter::default();
        let metrics = InMemoryMetricExporterBuilder::new().with_temporality(temporality).build();
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let reader = PeriodicReader::builder(metrics.clone()).build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        Self { tracers, meters, spans, metrics }
    }

    pub(crate) fn builder(&self) -> GenAiMiddlewareBuilder {
        GenAiMiddleware::builder().tracer_provider(self.tracers.clone()).meter_provider(self.meters.clone())
    }

    /// All spans that ended since the last time.
    pub(crate) fn take_spans(&self) -> Vec<SpanData> {
        let spans = self.spans.get_finished_spans().unwrap();
        self.spans.reset();
        spans
    }

    /// Every point: name, labels, sum of a counter or count of a histogram.
    pub(crate) fn points(&self) -> Vec<(String, BTreeMap<String, String>, f64)> {
        self.metrics.reset();
        self.meters.force_flush().unwrap();
        let exports = self.metrics.get_finished_metrics().unwrap();
        let mut points = Vec::new();
        for metric in
            exports.iter().flat_map(|export| export.scope_metrics()).flat_map(|scope| scope.metrics())
        {
            let name = metric.name().to_owned();
            match metric.data() {
                AggregatedMetrics::F64(data) => add(&mut points, &name, data, |sum| sum),
                AggregatedMetrics::U64(data) => add(&mut points, &name, data, |sum| sum as f64),
                AggregatedMetrics::I64(data) => add(&mut points, &name, data, |sum| sum as f64),
            }
        }
        points
    }
}

fn add<T: Copy>(
    points: &mut Vec<(String, BTreeMap<String, String>, f64)>,
    name: &str,
    data: &MetricData<T>,
    value: fn(T) -> f64,
) {
    let labels = |attributes: &mut dyn Iterator<Item = &opentelemetry::KeyValue>| {
        attributes.map(|label| (label.key.to_string(), label.value.to_string())).collect()
    };
    match data {
        MetricData::Sum(sum) => {
            for point in sum.data_points() {
                points.push((name.to_owned(), labels(&mut point.attributes()), value(point.value())));
            }
        }
        MetricData::Histogram(histogram) => {
            for point in histogram.data_points() {
                points.push((name.to_owned(), labels(&mut point.attributes()), point.count() as f64));
            }
        }
        _ => panic!("{name} is neither a sum nor a histogram"),
    }
}
