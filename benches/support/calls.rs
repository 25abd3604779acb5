//! The calls that are measured: what is sent, what answers from memory, and what the ideal does by hand.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Extensions;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider};
use opentelemetry::trace::{Span, SpanKind, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
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
use tracing_subscriber::layer::SubscriberExt;

pub(crate) const CHUNKS: usize = 1_000;
pub(crate) const WAYS: [&str; 5] = ["bare", "unobserved", "observed", "ideal", "reqwest_tracing"];

/// The wire formats that are streamed.
pub(crate) const STREAMS: [&str; 4] = ["openai", "anthropic", "gemini", "responses"];

/// Observed, with the spans on their way through the delivery: on a runtime of two workers, the same with a journal, and with
/// a journal on a runtime of one thread.
pub(crate) const JOURNAL_WAYS: [&str; 3] = ["delivered", "journaled", "journaled_one_thread"];

const OPENAI: &str = "https://api.openai.com/v1/chat/completions";

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

/// A provider of a type that is not known to bind instruments. The way `unbound` is `observed` with it, as applications are that
/// install the SDK as the global provider themselves.
struct Other(SdkMeterProvider);

impl MeterProvider for Other {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        self.0.meter_with_scope(scope)
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

/// What is asked for: a whole response to a prompt of so many KiB, or a stream in one of [`STREAMS`] and so many chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Whole(usize),
    Stream(&'static str, usize),
}

/// One case: what is sent, by which client, and what else is done.
pub(crate) struct Case {
    client: ClientWithMiddleware,
    url: &'static str,
    body: Bytes,
    ideal: Option<Ideal>,
    runtime: tokio::runtime::Runtime,
    tracing: tracing::Dispatch,
    /// Where the journal is, if there is one.
    _directory: Option<tempfile::TempDir>,
}

impl Case {
    pub(crate) fn new(way: &str, what: What) -> Result<Self, Box<dyn std::error::Error>> {
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
        let mut tracing = tracing::Dispatch::none();
        if way == "unobserved" {
            client = client.with(GenAiMiddleware::new());
        } else if way == "reqwest_tracing" {
            let layer = tracing_opentelemetry::layer().with_tracer(tracers.tracer("reqwest"));
            tracing = tracing_subscriber::registry().with(layer).into();
            client = client.with(reqwest_tracing::TracingMiddleware::default());
        } else if !["bare", "ideal"].contains(&way) {
            let builder = GenAiMiddleware::builder().tag("team", "checkout").tag("feature", "search");
            let builder = builder.tracer_provider(tracers);
            let mut middleware = match way {
                "unbound" => builder.meter_provider(Other(meters)),
                _ => builder.meter_provider(meters),
            };
            if way.starts_with("journaled") {
                let directory = directory.insert(tempfile::tempdir()?);
                middleware =
                    middleware.journal(Journal::builder(directory.path()).any_file_system(true).open()?);
            }
            client = client.with(middleware.build());
        }
        let (url, body, response) = match what {
            What::Whole(prompt) => (OPENAI, request(prompt, false), whole()),
            What::Stream(format, chunks) => {
                let (url, response) = streamed(format, chunks);
                (url, request(1, true), response)
            }
        };
        let client = client.with(response).build();
        let runtime = match way {
            "delivered" | "journaled" => {
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?
            }
            _ => tokio::runtime::Builder::new_current_thread().build()?,
        };
        Ok(Self { client, url, body, ideal, runtime, tracing, _directory: directory })
    }

    /// Sends the request and reads the response to its end.
    pub(crate) fn run(&self) {
        let call = async {
            let response = self.client.post(self.url).body(self.body.clone()).send().await.ok()?;
            let mut body = reqwest::Body::from(response);
            while let Some(frame) = body.frame().await {
                black_box(frame.ok()?);
            }
            Some(())
        };
        tracing::dispatcher::with_default(&self.tracing, || black_box(self.runtime.block_on(call)));
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

/// A stream as a provider writes it, each chunk in a frame of its own.
fn streamed(format: &str, chunks: usize) -> (&'static str, Memory) {
    let (url, events): (_, Vec<(Option<&str>, Value)>) = match format {
        "anthropic" => ("https://api.anthropic.com/v1/messages", anthropic(chunks)),
        "gemini" => (
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            (1..=chunks).map(|number| (None, gemini(number, number == chunks))).collect(),
        ),
        "responses" => ("https://api.openai.com/v1/responses", responses(chunks)),
        _ => (OPENAI, chat(chunks)),
    };
    let mut frames: Vec<Bytes> = events
        .into_iter()
        .map(|(name, data)| match name {
            Some(name) => Bytes::from(format!("event: {name}\ndata: {data}\n\n")),
            None => Bytes::from(format!("data: {data}\n\n")),
        })
        .collect();
    if url == OPENAI {
        frames.push(Bytes::from_static(b"data: [DONE]\n\n"));
    }
    (url, Memory { frames, kind: "text/event-stream" })
}

/// What the model says in one chunk: words of several lengths, of which some have escapes.
fn word(number: usize) -> &'static str {
    [" the", " quick", " \"brown\"", " fox", " jumps", " over", "\n", " a", " lazy", " dog"][number % 10]
}

fn chat(chunks: usize) -> Vec<(Option<&'static str>, Value)> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024-07-18",
            "service_tier": "default", "system_fingerprint": "fp_1", "choices": choices, "usage": usage,
            "obfuscation": "Xr4vK0",
        });
        (None, chunk)
    };
    let delta = |number| json!([{"index": 0, "delta": {"content": word(number)}, "logprobs": null, "finish_reason": null}]);
    let mut events: Vec<_> = (0..chunks - 2).map(|number| chunk(delta(number), Value::Null)).collect();
    events.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null));
    events.push(chunk(json!([]), json!({"prompt_tokens": 250, "completion_tokens": 998})));
    events
}

fn anthropic(chunks: usize) -> Vec<(Option<&'static str>, Value)> {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001", "content": [],
        "stop_reason": null, "usage": {"input_tokens": 250, "output_tokens": 1},
    });
    let mut events = vec![
        (Some("message_start"), json!({"type": "message_start", "message": message})),
        (
            Some("content_block_start"),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
    ];
    events.extend((0..chunks - 5).map(|number| {
        let delta = json!({"type": "text_delta", "text": word(number)});
        (Some("content_block_delta"), json!({"type": "content_block_delta", "index": 0, "delta": delta}))
    }));
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 995}});
    events.extend([
        (Some("content_block_stop"), json!({"type": "content_block_stop", "index": 0})),
        (Some("message_delta"), end),
        (Some("message_stop"), json!({"type": "message_stop"})),
    ]);
    events
}

fn gemini(number: usize, last: bool) -> Value {
    let reason = if last { json!("STOP") } else { Value::Null };
    json!({
        "candidates": [{
            "content": {"parts": [{"text": word(number)}], "role": "model"}, "finishReason": reason, "index": 0,
        }],
        "usageMetadata": {
            "promptTokenCount": 250, "candidatesTokenCount": number, "totalTokenCount": 250 + number,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 250}],
        },
        "modelVersion": "gemini-2.5-flash", "responseId": "r1",
    })
}

fn responses(chunks: usize) -> Vec<(Option<&'static str>, Value)> {
    let response = |status: &str, usage: Value| json!({"id": "resp_1", "model": "gpt-4o-mini-2024-07-18", "status": status, "output": [], "usage": usage});
    let event = |kind: &'static str, mut event: Value| {
        event["type"] = kind.into();
        (Some(kind), event)
    };
    let mut events = vec![event(
        "response.created",
        json!({"sequence_number": 0, "response": response("in_progress", Value::Null)}),
    )];
    events.extend((1..chunks - 1).map(|number| {
        event(
            "response.output_text.delta",
            json!({
                "sequence_number": number, "item_id": "msg_1", "output_index": 0, "content_index": 0,
                "delta": word(number), "logprobs": [], "obfuscation": "Xr4vK0",
            }),
        )
    }));
    let usage = json!({"input_tokens": 250, "output_tokens": 998, "total_tokens": 1248});
    events.push(event(
        "response.completed",
        json!({"sequence_number": chunks, "response": response("completed", usage)}),
    ));
    events
}

/// A case by its name: `way/whole-KIB`, `way/stream-FORMAT` or `way/stream-FORMAT-CHUNKS`.
pub(crate) fn case(name: &str) -> Result<Case, Box<dyn std::error::Error>> {
    let wrong = || format!("{name}: a case is WAY/whole-KIB or WAY/stream-FORMAT[-CHUNKS]");
    let (way, what) = name.split_once('/').ok_or_else(wrong)?;
    let what = match (what.strip_prefix("whole-"), what.strip_prefix("stream-")) {
        (Some(prompt), _) => What::Whole(prompt.parse()?),
        (_, Some(stream)) => {
            let (format, chunks) = match stream.split_once('-') {
                Some((format, chunks)) => (format, chunks.parse()?),
                None => (stream, CHUNKS),
            };
            What::Stream(STREAMS.into_iter().find(|known| *known == format).ok_or_else(wrong)?, chunks)
        }
        _ => return Err(wrong().into()),
    };
    Case::new(way, what)
}
