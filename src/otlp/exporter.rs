//! Exporters that work wherever they are built.

use std::env;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::worker_thread;

use opentelemetry_otlp::{
    MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use reqwest::Url;
use tokio::runtime::{self, Handle, Runtime};

use super::{InitError, Protocol};
use crate::delivery::MakeExporter;

/// Where receivers listen by default.
const HTTP_ENDPOINT: &str = "http://localhost:4318";
const GRPC_ENDPOINT: &str = "http://localhost:4317";

/// The specification's default for `OTEL_EXPORTER_OTLP_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Exporters {
    pub(super) spans: SpanExporter,
    /// Makes more of them.
    pub(super) make_spans: MakeExporter<SpanExporter>,
    pub(super) metrics: MetricExporter,
    /// Present for gRPC.
    pub(super) driver: Option<Driver>,
    /// Where spans go.
    pub(super) endpoint: String,
}

impl Exporters {
    /// Exporters to `endpoint`, a base URL, or to where the environment says.
    pub(super) fn build(endpoint: Option<&str>, protocol: Option<Protocol>) -> Result<Self, InitError> {
        let of = |signal| protocol.unwrap_or_else(|| protocol_of(signal));
        let (traces, metrics) = (of("TRACES"), of("METRICS"));
        let grpc = [traces, metrics].contains(&Protocol::Grpc);
        let driver = if grpc { Some(Driver::start()?) } else { None };
        // Channels are spawned on the runtime that is current when they are built.
        let runtime = driver.as_ref().and_then(|driver| driver.0.as_ref()).map(Runtime::handle).cloned();
        let _entered = runtime.as_ref().map(Handle::enter);
        let (handle, of_spans) = (runtime.clone(), endpoint.map(str::to_owned));
        Ok(Self {
            spans: span_exporter(endpoint, traces)?,
            make_spans: Arc::new(move || {
                let _entered = handle.as_ref().map(Handle::enter);
                Ok(span_exporter(of_spans.as_deref(), traces)?)
            }),
            metrics: metric_exporter(endpoint, metrics)?,
            endpoint: endpoint.map_or_else(|| endpoint_of("TRACES", traces), str::to_owned),
            driver,
        })
    }
}

fn span_exporter(endpoint: Option<&str>, protocol: Protocol) -> Result<SpanExporter, InitError> {
    let builder = SpanExporter::builder();
    // Trying again is the delivery's business: it keeps what was not taken.
    let once = RetryPolicy::disabled();
    Ok(match protocol {
        Protocol::Grpc => {
            let builder = builder.with_tonic().with_retry_policy(once);
            match endpoint {
                Some(endpoint) => builder.with_endpoint(endpoint).build()?,
                None => builder.build()?,
            }
        }
        Protocol::HttpProtobuf => {
            let builder = builder
                .with_http()
                .with_retry_policy(once)
                .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
                .with_http_client(client("TRACES", endpoint)?);
            match endpoint {
                Some(base) => builder.with_endpoint(signal_url(base, "v1/traces")).build()?,
                None => builder.build()?,
            }
        }
    })
}

fn metric_exporter(endpoint: Option<&str>, protocol: Protocol) -> Result<MetricExporter, InitError> {
    let builder = MetricExporter::builder();
    Ok(match protocol {
        Protocol::Grpc => match endpoint {
            Some(endpoint) => builder.with_tonic().with_endpoint(endpoint).build()?,
            None => builder.with_tonic().build()?,
        },
        Protocol::HttpProtobuf => {
            let builder = builder
                .with_http()
                .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
                .with_http_client(client("METRICS", endpoint)?);
            match endpoint {
                Some(base) => builder.with_endpoint(signal_url(base, "v1/metrics")).build()?,
                None => builder.build()?,
            }
        }
    })
}

/// A blocking client, built on a thread of its own: inside asynchronous code its construction panics.
fn client(signal: &str, endpoint: Option<&str>) -> Result<reqwest::blocking::Client, InitError> {
    let timeout = timeout_of(signal);
    let endpoint = endpoint.map_or_else(|| endpoint_of(signal, Protocol::HttpProtobuf), str::to_owned);
    let build = move || {
        let builder = reqwest::blocking::Client::builder().timeout(timeout);
        // A proxy for the world outside does not know this machine's own ports.
        if is_local(&endpoint) { builder.no_proxy() } else { builder }.build()
    };
    let built = worker_thread::spawn("spanledger-client", build)?.join();
    match built {
        Ok(client) => Ok(client?),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Drives the gRPC exporters: one thread that outlives any runtime of the application's.
#[derive(Debug)]
pub(super) struct Driver(Option<Runtime>);

impl Driver {
    fn start() -> std::io::Result<Self> {
        let mut runtime = runtime::Builder::new_multi_thread();
        Ok(Self(Some(runtime.worker_threads(1).thread_name("spanledger-otlp").enable_all().build()?)))
    }
}

impl Drop for Driver {
    /// Does not wait: waiting for a runtime panics inside another one, and set-up may fail inside one.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Whether a URL leads to this machine.
fn is_local(endpoint: &str) -> bool {
    let Ok(url) = Url::parse(endpoint) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn signal_url(base: &str, path: &str) -> String {
    format!("{}/{path}", base.trim_end_matches('/'))
}

/// The variable of one signal, else that of all.
#[expect(clippy::disallowed_methods, reason = "the specification's variables are read here")]
fn variable(signal: &str, name: &str) -> Option<String> {
    [format!("OTEL_EXPORTER_OTLP_{signal}_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")]
        .iter()
        .find_map(|variable| env::var(variable).ok().filter(|value| !value.trim().is_empty()))
}

fn protocol_of(signal: &str) -> Protocol {
    match variable(signal, "PROTOCOL").as_deref().map(str::trim) {
        Some("grpc") => Protocol::Grpc,
        // What is not known is logged by `check_protocols`.
        None | Some(_) => Protocol::HttpProtobuf,
    }
}

/// Logs a protocol of the environment that is not known. The exporters are built before a subscriber is installed that could
/// show it.
pub(super) fn check_protocols() {
    let known = |protocol: &String| ["grpc", "http/protobuf"].contains(&protocol.trim());
    let named = ["TRACES", "METRICS"].into_iter().filter_map(|signal| variable(signal, "PROTOCOL"));
    if let Some(protocol) = named.into_iter().find(|protocol| !known(protocol)) {
        tracing::warn!(
            protocol,
            "OTEL_EXPORTER_OTLP_PROTOCOL is neither grpc nor http/protobuf; sending http/protobuf"
        );
    }
}

fn endpoint_of(signal: &str, protocol: Protocol) -> String {
    variable(signal, "ENDPOINT").unwrap_or_else(|| {
        match protocol {
            Protocol::Grpc => GRPC_ENDPOINT,
            Protocol::HttpProtobuf => HTTP_ENDPOINT,
        }
        .to_owned()
    })
}

fn timeout_of(signal: &str) -> Duration {
    variable(signal, "TIMEOUT")
        .and_then(|milliseconds| milliseconds.trim().parse().ok())
        .map_or(TIMEOUT, Duration::from_millis)
}
