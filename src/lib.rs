//! OpenTelemetry-native instrumentation and audit for LLM API calls made with `reqwest`.
//!
//! One [`reqwest_middleware`] layer turns each inference call, for any provider and any client library built on reqwest,
//! into exactly one span with tokens, cost, latency and a request hash, and one set of metrics.
//!
//! ```
//! let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
//!     .with(spanledger::GenAiMiddleware::new())
//!     .build();
//! ```
//!
//! Spans and metrics go to the global OpenTelemetry providers, or to those given to the
//! [builder](GenAiMiddleware::builder).
#![forbid(unsafe_code)]
#![cfg_attr(
    feature = "otlp",
    doc = "Where none are installed yet, [`otlp::init`] installs them over OTLP in one line."
)]
//! If no provider is installed, nothing is recorded; with the feature `tracing` (or `otlp`) the first call then logs
//! one error event.
//!
//! # What is recorded
//!
//! The names are those of the OpenTelemetry GenAI conventions ([`semconv`] lists every one with its source); the
//! span is `{operation} {request model}`, of kind CLIENT, and is a child of the current context. It carries what the
//! request asks for, what the response reports (id, model, finish reasons, service tier, all kinds of tokens), the
//! HTTP status, the time to the first chunk of generated output, and
//!
//! | attribute | meaning |
//! |---|---|
//! | `spanledger.outcome` | how the call ended: see [`Outcome`] |
//! | `spanledger.key.fingerprint` | opt-in: [which credential](GenAiMiddlewareBuilder::key_fingerprint) made the call |
//! | `spanledger.unparsed` | why a part was not parsed: `request` (a stream, over 16 MiB, of [too many values](GenAiMiddlewareBuilder::memory_limit) or neither JSON nor a form: no hash, and parameters only in part), `encoding` (compressed), `too_long` (a piece over 16 MiB), `memory` (all calls together held more than the [limit](GenAiMiddlewareBuilder::memory_limit)), `malformed` (no JSON to any client), `reader` (a fault of this library) |
//! | `spanledger.usage.source` | where the token counts come from: see [`UsageSource`] |
//! | `spanledger.cost.status` | how far the cost can be trusted: see [`CostStatus`] |
//! | `gen_ai.usage.cost` | US dollars; absent when the model has no known price |
//! | `spanledger.cost.price_source` | table and revision that priced it; `provider` for a charge that the response reports |
//! | `spanledger.cost.computed` | US dollars by the tables, where the response reports a charge |
//! | `spanledger.cost.factors` | what decided the price next to tokens, model, tier and host: see [`Billing`] |
//! | `spanledger.usage.unparsed` | what may cost something in the response and is not known, at most 8 paths: the cost is an estimate |
//! | `spanledger.service_tier` | the tier of the response, else the one asked for; on OpenAI's formats the conventions' names carry it |
//! | `spanledger.request.hash` | 32 hex digits over what decides the response |
//! | `spanledger.instance`, `spanledger.sequence` | random id of the process, number of the sampled call in it, from 1 |
//!
//! Absent is not zero: what the provider did not report is omitted.
//!
//! `error.type` is the provider's error code where it is an identifier, else the HTTP status, else one of
//! `timeout`, `connect`, `body`, `decode`, `redirect`, `request`, `middleware`, `unexpected_end` and `_OTHER`.
//!
//! Metrics are the conventions' client metrics, plus the counters `spanledger.client.cost` (USD, by outcome and cost status),
//! `spanledger.client.calls` (by outcome, usage source, cost status and HTTP status),
//! `spanledger.client.unpriced.tokens`, `spanledger.client.usage.unparsed` (by provider and reason) and
//! `spanledger.client.unparsed` (by reason). A model becomes a label when the price table knows it or a provider
//! answered with it; of names outside the table at most 256 do. Another is labelled with the table's name of the model
//! it is priced as, or `_OTHER`. Of error types at most 64 become labels.
//!
//! # Which calls are recognised
//!
//! On the hosts of the table and in private networks, by method, host and path. On any other host a request is a call
//! only when its body is one as well: it names a model, or its path does, and carries a prompt. Where such a body is a
//! stream, a path that no other kind of API has (`/chat/completions`, `:generateContent`, `/converse`) is enough.
//!
//! | operation | APIs |
//! |---|---|
//! | `chat`, `text_completion` | OpenAI chat completions, completions and Responses (compaction, background) on any host, Azure, Anthropic messages and completions, Bedrock converse, invoke and `retrieveAndGenerate`, Cohere, Ollama, Mistral conversations, DashScope, MiniMax, watsonx, Cloudflare Workers AI and AI Gateway, Snowflake Cortex, Databricks, SageMaker, Azure ML, SAP AI Core, OCI, Replicate, RunPod, Hugging Face, Vercel AI Gateway, Reka, Baidu, Tencent, Aleph Alpha, DeepInfra; TGI, SGLang, vLLM, llama.cpp, LM Studio and Triton on private hosts |
//! | `generate_content` | Gemini and Vertex AI: `generateContent`, Interactions, Code Assist |
//! | `invoke_agent` | Bedrock agents and flows, AgentCore, Azure AI Foundry runs, Snowflake agents, DashScope applications, Coze |
//! | `embeddings`, `rerank`, `classification` | OpenAI and those who copy it, Google, Cohere, Voyage, Jina, watsonx, DashScope, TEI and others |
//! | `image_generation`, `video_generation` | OpenAI, xAI, Imagen, Veo, DashScope, MiniMax, Stability AI, Black Forest Labs, fal |
//! | `transcription`, `speech`, `ocr` | OpenAI and those who copy it, Mistral, Upstage, ElevenLabs, Deepgram, AssemblyAI, MiniMax |
//!
//! A response that comes later than its call (background responses, deferred chats, predictions, tasks) makes the call
//! `pending`. The request that fetches it is recorded once, under `spanledger.response.fetched`, however often it is
//! sent; what was fetched without bringing anything leaves no span.
//!
//! A POST to a known provider that no format takes leaves no span: it is counted by provider and path shape in
//! `spanledger.client.unrecognised`, and with the feature `tracing` each shape is logged once. What is known to cost
//! nothing (files, batches, token counting, moderation) is not counted. Everything else passes unrecorded.
//!
//! # Privacy
//!
//! Headers, query strings, message content, user fields of request bodies and the text of errors are not
//! recorded. Content is an opt-in of the [builder](GenAiMiddlewareBuilder::capture) with a redaction hook and a
//! byte cap. Users, addresses and conversations are on spans only where the application gives them in a
//! [`CallContext`], and never on a metric. Without a [key](GenAiMiddlewareBuilder::hash_key) the request hash of
//! a short, guessable prompt can be guessed. Trace headers go to providers only on request.
//!
//! # Forms
//!
//! Of a request that is a form (transcriptions, translations, image edits, videos) the fields are read as parameters.
//! Files are never held: a form that passes as a stream is read as it passes, unchanged, and its model is on the span
//! when the response comes. A form has no hash, and other streams are left alone.
//!
//! # Streaming
//!
//! The call ends with its body, and exactly once: read to the end, dropped, cut, timed out, cancelled before the
//! headers, or left behind by a panic or a runtime that shuts down. Bytes, chunks, headers, errors and size hints
//! pass unchanged. Of one event, line or document at most 16 MiB is held until it is whole, and of all calls of the
//! process together at most the [memory limit](GenAiMiddlewareBuilder::memory_limit); what is longer passes unparsed.
//! A document that is not JSON to the letter (a member given twice, a byte that is not UTF-8, a comma too many) is read
//! as lenient clients read it: of a member given twice the last that is not null counts, and where both have a value the
//! cost is an estimate. A document whose transport fails is `truncated`, also where all of its text had come. OpenAI-style providers report usage in streams only when asked: ask in the request, or let the
//! [middleware ask](GenAiMiddlewareBuilder::ask_for_usage).
//!
//! A body that is leaked (`mem::forget`), a process that exits without dropping its values (`process::exit`,
//! `abort`, a signal) and a provider that is shut down first are beyond a middleware: those calls leave no span,
//! and the gap in `spanledger.sequence` does not show them, as the number is given at the end. With the feature
//! `journal`, such calls are written down before they leave, and are sent by the next process.
//!
//! # Retries
//!
//! Put this layer outside a retry layer: one span is one call, however often it is sent. [`AttemptSpans`] inside the
//! retry layer gives each attempt an HTTP client span below it, and [`RetryAfter`] waits as the provider asks.
//!
//! A call that passes this layer twice, on one client or in a client that a framework keeps inside, is one span.
//!
//! # Cost of observing
//!
//! The request is parsed once and hashed; each event of a response is read once, by fields. `benches/overhead.rs`
//! describes the method and prints the figures.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | brings |
//! |---|---|
//! | `otlp` | `otlp::init`: tracer and meter providers over OTLP in one line; includes `journal` and `tracing` |
//! | `journal` | `journal`: calls are written down before they leave, and survive the death of the process; `Delivery` |
//! | `bound-instruments` | instruments of OpenTelemetry's own SDK are bound to their labels, so that a measurement looks none up; part of `journal` |
//! | `tracing` | the parent span is found through `tracing`; what goes wrong is logged |
//!
//! # Stability
//!
//! The GenAI conventions are in development. This crate emits the newest names by default and the older ones
//! with [`Semconv::V1_41`]; a change of names is a breaking change here and is listed in the changelog together
//! with the dashboards it touches. It depends on one minor version of OpenTelemetry and is released with it.

#![cfg_attr(
    all(test, any(feature = "otlp", feature = "journal")),
    expect(
        clippy::disallowed_methods,
        reason = "tests start threads and tasks, and read clocks and the environment"
    )
)]

// The code of the guides is compiled with the examples of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../docs/clients.md")]
#[doc = include_str!("../docs/privacy.md")]
struct Guides;

#[cfg(all(doctest, feature = "otlp"))]
#[doc = include_str!("../docs/start.md")]
#[doc = include_str!("../README.md")]
struct Start;

mod attempt;
mod billing;
mod body;
mod builder;
mod call;
mod charge;
mod clock;
mod content;
mod context;
mod cost;
mod coverage;
mod decoder;
mod deferred;
#[cfg(feature = "journal")]
mod delivery;
mod form;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod hash;
mod instance;
#[cfg(feature = "journal")]
pub mod journal;
mod json;
mod key_fingerprint;
mod memory;
mod middleware;
#[cfg(feature = "otlp")]
pub mod otlp;
mod outcome;
mod private_host;
mod provider;
mod reader;
mod recorder;
mod request;
mod retry_after;
pub mod semconv;
mod settings;
#[cfg(feature = "journal")]
mod span_size;
mod sse;
mod tags;
mod telemetry;
mod text_enum;
mod usage;
mod usage_filter;
#[cfg(feature = "journal")]
mod worker_thread;

pub use attempt::AttemptSpans;
pub use billing::Billing;
pub use builder::GenAiMiddlewareBuilder;
pub use content::Capture;
pub use context::CallContext;
pub use cost::{Bill, BillLine, Cost, CostStatus, PriceError, PriceQuery, PriceTable};
#[cfg(feature = "journal")]
pub use delivery::Delivery;
pub use middleware::GenAiMiddleware;
pub use outcome::Outcome;
pub use retry_after::RetryAfter;
pub use semconv::Semconv;
pub use usage::{Modality, Usage, UsageSource};
