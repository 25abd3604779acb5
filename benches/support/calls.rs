//! The calls that are measured: what is sent, what answers from memory, and what the ideal does by hand.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Extensions;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry::trace::{Span, SpanKind, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spanledger::journal::Journal;
use spanledger::{Delivery, GenAiMiddleware};

pub(crate) const CHUNKS: usize = 1_000;
pub(crate) const WAYS: [&str; 4] = ["bare", "unobserved", "observed", "ideal"];

/// Observed, with the spans on their way through the delivery: on a runtime of two workers, the same with a journal, and with
/// a journal on a runtime of one thread.
pub(crate) const JOURNAL_WAYS: [&str; 3] = ["delivered", "journaled", "journaled_one_thread"];

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Answers from memory.
#[derive(Clone)]
struct Memory {
    frames: Vec<Bytes>,
    kind: &'static str,
}

#[async_trait::async_trait]
impl Middleware for Memory {
    async fn handle(
        &self,
        _request: Request,
        _extensions: &mut Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let frames = self.frames.clone().into_iter().map(|bytes| Ok::<_, std::io::Error>(Frame::data(bytes)));
        let body = reqwest::Body::wrap(StreamBody::new(stream::iter(frames)));
        let mut response = http::Response::new(body);
        response.headers_mut().insert("content-type", http::HeaderValue::from_static(self.kind));
        Ok(Response::from(response))
    }
}

/// Exporters that throw everything away.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        drop(black_box(batch));
        Ok(())
    }
}

impl PushMetricExporter for Nowhere {
    async fn export(&self, _metrics: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

/// The work that cannot be avoided.
struct Ideal {
    tracer: SdkTracer,
    durations: [Histogram<f64>; 3],
    counters: [Counter<u64>; 6],
}

impl Ideal {
    fn new(tracers: &SdkTracerProvider, meters: &SdkMeterProvider) -> Self {
        let meter = meters.meter("ideal");
        let durations =
            std::array::from_fn(|index| meter.f64_histogram(format!("histogram.{index}")).build());
        let counters = std::array::from_fn(|index| meter.u64_counter(format!("counter.{index}")).build());
        Self { tracer: tracers.tracer("ideal"), durations, counters }
    }

    fn observe(&self, body: &[u8]) {
        black_box(serde_json::from_slice::<Value>(body).ok());
        black_box(Sha256::digest(body));
        let attributes = (0..25).map(|number| {
            let value = if number % 3 == 0 { opentelemetry::Value::from(number) } else { "a value".into() };
            KeyValue::new("spanledger.an.attribute", value)
        });
        let builder = self.tracer.span_builder("chat gpt-4o-mini").with_kind(SpanKind::Client);
        let builder = builder.with_attributes(attributes.collect::<Vec<_>>());
        builder.start_with_context(&self.tracer, &Context::current()).end();
        let labels = ["a", "b", "c", "d", "e", "f"].map(|name| KeyValue::new(name, "a label"));
        self.durations.iter().for_each(|histogram| histogram.record(0.5, &labels));
        self.counters.iter().for_each(|counter| counter.add(12, &labels));
    }
}

/// One case: what is sent, by which client, and what else is done.
pub(crate) struct Case {
    client: ClientWithMiddleware,
    body: Bytes,
    ideal: Option<Ideal>,
    runtime: tokio::runtime::Runtime,
    /// Where the journal is, if there is one.
    _directory: Option<tempfile::TempDir>,
}

impl Case {
    /// `prompt` in KiB, or a stream with a prompt of 1 KiB.
    pub(crate) fn new(way: &str, prompt: usize, stream: bool) -> Result<Self, Box<dyn std::error::Error>> {
        let tracers = SdkTracerProvider::builder();
        let tracers = match JOURNAL_WAYS.contains(&way) {
            true => {
                tracers.with_span_processor(Delivery::new(|| Ok(Nowhere)).map_err(|error| error.to_string())?)
            }
            false => tracers.with_simple_exporter(Nowhere),
        };
        let tracers = tracers.build();
        let reader = PeriodicReader::builder(Nowhere).with_interval(Duration::from_secs(86_400)).build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        let ideal = (way == "ideal").then(|| Ideal::new(&tracers, &meters));
        let mut client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build()?);
        let mut directory = None;
        if way == "unobserved" {
            client = client.with(GenAiMiddleware::new());
        } else if !["bare", "ideal"].contains(&way) {
            let mut middleware = GenAiMiddleware::builder().tracer_provider(tracers).meter_provider(meters);
            if way.starts_with("journaled") {
                let directory = directory.insert(tempfile::tempdir()?);
                middleware =
                    middleware.journal(Journal::builder(directory.path()).any_file_system(true).open()?);
            }
            client = client.with(middleware.build());
        }
        let client = client.with(if stream { streamed() } else { whole() }).build();
        let runtime = match way {
            "delivered" | "journaled" => {
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?
            }
            _ => tokio::runtime::Builder::new_current_thread().build()?,
        };
        Ok(Self { client, body: request(prompt, stream), ideal, runtime, _directory: directory })
    }

    /// Sends the request and reads the response to its end.
    pub(crate) fn run(&self) {
        let call = async {
            let url = "https://api.openai.com/v1/chat/completions";
            let response = self.client.post(url).body(self.body.clone()).send().await.ok()?;
            let mut body = reqwest::Body::from(response);
            while let Some(frame) = body.frame().await {
                black_box(frame.ok()?);
            }
            Some(())
        };
        black_box(self.runtime.block_on(call));
        if let Some(ideal) = &self.ideal {
            ideal.observe(&self.body);
        }
    }
}

fn request(prompt: usize, stream: bool) -> Bytes {
    let words =
        ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "nobody", "looks"];
    let mut text = String::new();
    let mut line = 0;
    for word in words.iter().cycle() {
        text.push_str(word);
        line += word.len() + 1;
        text.push(if line > 80 { '\n' } else { ' ' });
        line *= usize::from(line <= 80);
        if text.len() + 200 > prompt * 1024 {
            break;
        }
    }
    let body = json!({
        "model": "gpt-4o-mini",
        "stream": stream,
        "temperature": 0.7,
        "max_tokens": 1_000,
        "messages": [{"role": "system", "content": "You are brief."}, {"role": "user", "content": text}],
    });
    Bytes::from(body.to_string())
}

fn whole() -> Memory {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a".repeat(400)}}],
        "usage": {"prompt_tokens": 1_200, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 1_024}},
    });
    Memory { frames: vec![Bytes::from(body.to_string())], kind: "application/json" }
}

fn streamed() -> Memory {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024-07-18",
            "choices": choices, "usage": usage,
        });
        Bytes::from(format!("data: {chunk}\n\n"))
    };
    let word = json!([{"index": 0, "delta": {"content": " word"}, "finish_reason": null}]);
    let mut frames = vec![chunk(word, Value::Null); CHUNKS - 2];
    frames.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null));
    frames.push(chunk(json!([]), json!({"prompt_tokens": 250, "completion_tokens": 998})));
    frames.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Memory { frames, kind: "text/event-stream" }
}

/// A case by its name: `way/whole-KIB` or `way/stream`.
pub(crate) fn case(name: &str) -> Result<Case, Box<dyn std::error::Error>> {
    let (way, what) = name.split_once('/').ok_or("a case is WAY/whole-KIB or WAY/stream")?;
    match what.strip_prefix("whole-") {
        Some(prompt) => Case::new(way, prompt.parse()?, false),
        None => Case::new(way, 1, true),
    }
}
