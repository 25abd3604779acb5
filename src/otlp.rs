//! Getting started in two lines: tracer and meter providers over OTLP, with a guard that flushes.
//!
//! ```no_run
//! let _guard = spanledger::otlp::init()?;
//! let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
//!     .with(spanledger::GenAiMiddleware::new())
//!     .build();
//! # let _: reqwest_middleware::ClientWithMiddleware = client;
//! # Ok::<(), spanledger::otlp::InitError>(())
//! ```
//!
//! The standard variables decide where telemetry goes: `OTEL_EXPORTER_OTLP_ENDPOINT`, `_PROTOCOL` (`http/protobuf`,
//! the default, or `grpc`), `_HEADERS`, `_TIMEOUT`, `_COMPRESSION` (`gzip`), each also per signal; `OTEL_SERVICE_NAME` and
//! `OTEL_RESOURCE_ATTRIBUTES`; `OTEL_TRACES_SAMPLER`; `OTEL_METRIC_EXPORT_INTERVAL`;
//! `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` (cumulative by default); `OTEL_BSP_SCHEDULE_DELAY`,
//! `OTEL_BSP_MAX_QUEUE_SIZE` and `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`; `OTEL_SDK_DISABLED`. An `https`
//! endpoint needs a TLS feature of `reqwest`, or of `opentelemetry-otlp` for gRPC, in the application.
//!
//! It works inside any Tokio runtime and outside of one: exports run on threads of their own. The HTTP exporter always
//! gets a blocking client (which obeys `HTTP_PROXY` and its friends, but not for a receiver on this machine), whatever other crates enable, because an asynchronous one panics in the
//! exporter's thread and loses everything; the gRPC exporter gets a runtime of its own, so that flushing never
//! waits for the runtime it is called from.
//!
//! A client library that records its calls through `tracing` (rig, genai) makes LLM spans of its own. Where a call of ours
//! is within one, it is exported without its `gen_ai.*` attributes, so that no backend adds the call twice.
//!
//! Spans that a receiver did not take are kept in memory and retried with backoff: up to 8,192 calls
//! (`OTEL_BSP_MAX_QUEUE_SIZE`) or 32 MiB, and as many spans of the application. What finds the queue full, what the
//! receiver refuses for good and what is left at the end is lost, logged once, and counted by
//! `spanledger.client.lost.spans`.
//!
//! With `SPANLEDGER_JOURNAL_DIR`, calls are written to a journal ([`crate::journal`]) in that directory before they leave,
//! and none of them is lost.

mod bridge;
mod check;
mod covered;
mod exporter;
#[cfg(unix)]
mod termination;

use std::fmt;
use std::sync::mpsc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Aggregation, InstrumentKind, SdkMeterProvider, Stream};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use thiserror::Error;
use tracing_opentelemetry::OpenTelemetryLayer;

use self::covered::Covered;
use self::exporter::{Driver, Exporters};
use crate::delivery::{Delivery, Limits};
use crate::instance::instance;
use crate::journal::{self, Journal, JournalError};
use crate::semconv::{BRIDGE_SCOPE, attribute};
use crate::telemetry;
use crate::worker_thread;

/// Names the directory of the journal of middlewares that were given none.
const JOURNAL_DIR: &str = "SPANLEDGER_JOURNAL_DIR";

/// The default of [`Builder::flush_timeout`].
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Buckets of an exponential histogram and its finest scale: the defaults of the OpenTelemetry specification.
const EXPONENTIAL: Aggregation =
    Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };

/// The wire protocol of the exporters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// OTLP over HTTP with protobuf bodies.
    HttpProtobuf,
    /// OTLP over gRPC.
    Grpc,
}

/// Why telemetry could not be set up.
#[derive(Error)]
#[non_exhaustive]
pub enum InitError {
    /// An exporter's settings make no sense, for instance an endpoint that is no URL.
    #[error(
        "cannot build the OTLP exporter: {0}; check the OTEL_EXPORTER_OTLP_* variables, such as OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318"
    )]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The HTTP client of the exporter cannot be built.
    #[error("cannot build the exporter's HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The journal that `SPANLEDGER_JOURNAL_DIR` names cannot be opened.
    #[error("{0}; check SPANLEDGER_JOURNAL_DIR")]
    Journal(#[from] JournalError),
    /// The operating system gives no more threads.
    #[error("cannot start the exporter's threads: {0}")]
    Threads(#[from] std::io::Error),
}

/// As [`Display`](fmt::Display): a `main` that returns the error prints it so, and the sentence is for people.
impl fmt::Debug for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Sets telemetry up as the environment says, with the defaults of [`builder`]. Call it once, at the start of
/// `main`, and keep the guard until the end.
///
/// # Errors
///
/// [`InitError`], when the settings make no sense. An endpoint that cannot be reached is no error: telemetry
/// must not stop an application. It is logged once, as a `tracing` error event.
pub fn init() -> Result<Guard, InitError> {
    builder().init()
}

/// Options of [`init`].
#[must_use]
pub fn builder() -> Builder {
    Builder {
        service_name: None,
        endpoint: None,
        protocol: None,
        exponential_histograms: false,
        bridge: true,
        flush_timeout: FLUSH_TIMEOUT,
        flush_on_termination: false,
    }
}

/// Options of [`init`]. What is not set here is left to the environment.
#[derive(Debug, Clone)]
pub struct Builder {
    service_name: Option<String>,
    endpoint: Option<String>,
    protocol: Option<Protocol>,
    exponential_histograms: bool,
    bridge: bool,
    flush_timeout: Duration,
    flush_on_termination: bool,
}

impl Builder {
    /// Sets `service.name`. Defaults to `OTEL_SERVICE_NAME`.
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Sets the base URL of the receiver, such as `http://localhost:4318`. Defaults to
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, else to the local port of the protocol (4318 for HTTP, 4317 for gRPC).
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Sets the protocol. Defaults to `OTEL_EXPORTER_OTLP_PROTOCOL`, else to HTTP.
    #[must_use]
    pub const fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Records histograms with exponential buckets, which fit any range, instead of the conventions' fixed ones.
    /// Defaults to off, since not every store takes them.
    #[must_use]
    pub const fn exponential_histograms(mut self, on: bool) -> Self {
        self.exponential_histograms = on;
        self
    }

    /// Installs a `tracing` subscriber, unless the application has one: spans go to the tracer provider, and
    /// what `RUST_LOG` selects (`info`, if unset) goes to the standard error. Defaults to on. An application with a
    /// subscriber of its own adds [`Guard::layer`] to it.
    #[must_use]
    pub const fn bridge(mut self, on: bool) -> Self {
        self.bridge = on;
        self
    }

    /// The longest that dropping the guard may take. Defaults to 5 seconds.
    #[must_use]
    pub const fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// Sends what is left when the process gets SIGTERM or SIGINT (Unix), within [`Builder::flush_timeout`], and then
    /// lets the signal end it. Calls that are on their way are not waited for. For applications without a handler of
    /// their own: one that shuts down in order drops the [`Guard`] at the end, which does the same. Defaults to off.
    #[must_use]
    pub const fn flush_on_termination(mut self, on: bool) -> Self {
        self.flush_on_termination = on;
        self
    }

    /// Sets telemetry up: installs the global tracer and meter providers and the W3C propagator.
    ///
    /// # Errors
    ///
    /// As [`init`].
    #[expect(clippy::disallowed_methods, reason = "the specification's variables are read here")]
    pub fn init(self) -> Result<Guard, InitError> {
        if std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.trim().eq_ignore_ascii_case("true")) {
            telemetry::go_without_provider();
            if self.bridge {
                bridge::install_logs();
            }
            return Ok(Guard { running: None, flush_timeout: self.flush_timeout });
        }
        if let Some(directory) = std::env::var_os(JOURNAL_DIR).filter(|directory| !directory.is_empty()) {
            journal::install(Journal::in_dir(directory)?);
        }
        let exporters = Exporters::build(self.endpoint.as_deref(), self.protocol)?;
        let resource = self.resource();
        let limits = Limits { flush: self.flush_timeout, ..Limits::from_env() };
        let tracers = SdkTracerProvider::builder()
            .with_span_processor(Covered::over(Delivery::start(
                exporters.spans,
                exporters.make_spans,
                limits,
            )?))
            .with_resource(resource.clone())
            .build();
        let mut meters =
            SdkMeterProvider::builder().with_periodic_exporter(exporters.metrics).with_resource(resource);
        if self.exponential_histograms {
            meters = meters.with_view(|instrument| {
                let histogram = instrument.kind() == InstrumentKind::Histogram;
                histogram.then(|| Stream::builder().with_aggregation(EXPONENTIAL).build().ok()).flatten()
            });
        }
        let meters = meters.build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(tracers.clone());
        global::set_meter_provider(meters.clone());
        telemetry::note_installed();
        if self.bridge && !bridge::install(tracers.tracer(BRIDGE_SCOPE)) {
            tracing::info!(
                "a tracing subscriber is installed already; add the guard's layer to it to link spans"
            );
        }
        if self.protocol.is_none() {
            exporter::check_protocols();
        }
        check::in_background(exporters.endpoint)?;
        #[cfg(unix)]
        if self.flush_on_termination {
            let (tracers, meters, timeout) = (tracers.clone(), meters.clone(), self.flush_timeout);
            termination::flush_first(move || stop(&tracers, &meters, timeout))?;
        }
        let running = Running { tracers, meters, _driver: exporters.driver };
        Ok(Guard { running: Some(running), flush_timeout: self.flush_timeout })
    }

    fn resource(&self) -> Resource {
        let environment = Resource::builder().build();
        let mut resource = Resource::builder();
        if environment.get(&attribute::SERVICE_INSTANCE_ID.into()).is_none() {
            resource = resource.with_attribute(KeyValue::new(attribute::SERVICE_INSTANCE_ID, instance()));
        }
        if let Some(name) = &self.service_name {
            resource = resource.with_service_name(name.clone());
        }
        resource.build()
    }
}

/// Keeps telemetry running. Dropping it sends what is left, within [`Builder::flush_timeout`], and stops.
#[derive(Debug)]
#[must_use = "telemetry stops when the guard is dropped; bind it to a variable that lives as long as main"]
pub struct Guard {
    /// `None` where the environment disables telemetry.
    running: Option<Running>,
    flush_timeout: Duration,
}

#[derive(Debug)]
struct Running {
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
    _driver: Option<Driver>,
}

impl Guard {
    /// Sends what is gathered so far and says whether all of it was taken within the flush timeout.
    #[must_use]
    pub fn flush(&self) -> bool {
        let Some(running) = &self.running else { return true };
        let (tracers, meters) = (running.tracers.clone(), running.meters.clone());
        within(self.flush_timeout, move || tracers.force_flush().is_ok() & meters.force_flush().is_ok())
    }

    /// A layer for the application's own `tracing` subscriber: its spans become the parents of calls, and are
    /// exported as well. Spans of the exporters' own libraries are left out, or each export would bring about
    /// the next.
    #[must_use]
    pub fn layer<S>(&self) -> impl tracing_subscriber::Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span> + Send + Sync,
    {
        self.running.as_ref().map(|running| bridge::layer(running.tracers.tracer(BRIDGE_SCOPE)))
    }
}

/// Runs `work` on a thread of its own, since it blocks, and waits for it as long as `timeout` allows.
fn within(timeout: Duration, work: impl FnOnce() -> bool + Send + 'static) -> bool {
    let (sender, receiver) = mpsc::sync_channel(1);
    let worker = worker_thread::spawn("spanledger-flush", move || {
        // The receiver is gone only when the time is up.
        let _too_late = sender.send(work());
    });
    worker.is_ok() && receiver.recv_timeout(timeout).unwrap_or(false)
}

/// Sends what is left and ends telemetry, within `timeout`.
fn stop(tracers: &SdkTracerProvider, meters: &SdkMeterProvider, timeout: Duration) {
    let (tracers, meters) = (tracers.clone(), meters.clone());
    // The last of the spans go first: what they lose, the metrics count.
    if !within(timeout, move || tracers.shutdown_with_timeout(timeout).is_ok() & meters.shutdown().is_ok()) {
        // The exporting thread, which still tries, would say it too late.
        let _reports = crate::journal::outbox::finish();
        tracing::error!(?timeout, "telemetry could not be sent before the end; what no journal has is lost");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(Running { tracers, meters, _driver }) = self.running.take() else { return };
        stop(&tracers, &meters, self.flush_timeout);
    }
}

/// The type behind [`Guard::layer`].
type Bridge<S> = OpenTelemetryLayer<S, Tracer>;
