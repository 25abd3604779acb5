//! A client whose telemetry stays in memory.

use std::collections::BTreeMap;

use opentelemetry::Value;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, InMemoryMetricExporterBuilder, PeriodicReader, SdkMeterProvider, Temporality,
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use spanledger::{GenAiMiddleware, GenAiMiddlewareBuilder};

/// Providers that keep everything, and the middleware's builder pointed at them.
#[derive(Debug)]
pub struct Observed {
    pub tracers: SdkTracerProvider,
    pub meters: SdkMeterProvider,
    spans: InMemorySpanExporter,
    metrics: InMemoryMetricExporter,
}

impl Default for Observed {
    fn default() -> Self {
        Self::with_temporality(Temporality::Cumulative)
    }
}

impl Observed {
    /// With delta temporality, [`Observed::points`] gives what came since it was asked last.
    pub fn with_temporality(temporality: Temporality) -> Self {
        let spans = InMemorySpanExporter::default();
        let metrics = InMemoryMetricExporterBuilder::new().with_temporality(temporality).build();
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let reader = PeriodicReader::builder(metrics.clone()).build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        Self { tracers, meters, spans, metrics }
    }

    pub fn builder(&self) -> GenAiMiddlewareBuilder {
        GenAiMiddleware::builder().tracer_provider(self.tracers.clone()).meter_provider(self.meters.clone())
    }

    pub fn client(&self) -> ClientWithMiddleware {
        self.client_of(reqwest::Client::builder().no_proxy().build().unwrap())
    }

    pub fn client_of(&self, client: reqwest::Client) -> ClientWithMiddleware {
        ClientBuilder::new(client).with(self.builder().build()).build()
    }

    /// All spans that ended.
    pub fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    /// All spans that ended since the last time.
    pub fn take_spans(&self) -> Vec<SpanData> {
        let spans = self.spans();
        self.spans.reset();
        spans
    }

    /// The one span there must be.
    pub fn span(&self) -> Recorded {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "one call is one span");
        Recorded(spans.remove(0))
    }

    /// Sums of counters and counts of histograms by metric name.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        self.points().into_iter().fold(BTreeMap::new(), |mut sums, (name, _, value)| {
            *sums.entry(name).or_default() += value;
            sums
        })
    }

    /// Every point: name, labels, sum of a counter or count of a histogram.
    pub fn points(&self) -> Vec<(String, BTreeMap<String, String>, f64)> {
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

/// One ended span.
#[derive(Debug)]
pub struct Recorded(pub SpanData);

impl Recorded {
    pub fn get(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.to_string())
    }

    pub fn value(&self, name: &str) -> Option<&Value> {
        let mut found = self.0.attributes.iter().filter(|attribute| attribute.key.as_str() == name);
        let first = found.next().map(|attribute| &attribute.value);
        assert!(found.next().is_none(), "{name} stands twice");
        first
    }

    pub fn outcome(&self) -> String {
        self.get("spanledger.outcome").unwrap()
    }
}
