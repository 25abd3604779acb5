//! Links `tracing` with the tracer provider.

use std::io;

use opentelemetry_sdk::trace::Tracer;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, FilterFn, Filtered, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

use super::Bridge;

/// Crates that work for the exporters. Their spans would be exported, which makes more of them.
const EXPORTING: [&str; 15] = [
    "h2",
    "hyper",
    "hyper_timeout",
    "hyper_util",
    "opentelemetry",
    "opentelemetry-http",
    "opentelemetry-otlp",
    "opentelemetry_http",
    "opentelemetry_otlp",
    "opentelemetry_sdk",
    "opentelemetry-sdk",
    "reqwest",
    "rustls",
    "tonic",
    "tower",
];

/// The exporter's events that telemetry is lost when a single try fails. Here it is kept and retried, and what is lost
/// after that is logged by the delivery.
const GIVEN_UP: [&str; 2] = ["Export.Failed.Exhausted", "Export.Failed.NonRetryable"];

type OfTheApplication = FilterFn<fn(&Metadata<'_>) -> bool>;

/// Spans of the application, for the tracer.
pub(super) fn layer<S>(tracer: Tracer) -> Filtered<Bridge<S>, OfTheApplication, S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let of_the_application = filter_fn(is_of_the_application as fn(&Metadata<'_>) -> bool);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_filter(of_the_application.with_max_level_hint(LevelFilter::INFO))
}

/// By the crate's whole name: an application's own may begin like one of these.
fn is_of_the_application(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let name = target.split_once("::").map_or(target, |(name, _)| name);
    *metadata.level() <= LevelFilter::INFO && !EXPORTING.contains(&name)
}

/// Installs a global subscriber, unless there is one; says whether it did.
pub(super) fn install(tracer: Tracer) -> bool {
    registry().with(layer(tracer)).with(logs()).try_init().is_ok()
}

/// Installs a global subscriber that writes logs and nothing else, unless there is one.
pub(super) fn install_logs() {
    let _there_is_one = registry().with(logs()).try_init();
}

/// What the environment selects, on the standard error.
fn logs<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let selected = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let true_words = filter_fn(|metadata| !GIVEN_UP.contains(&metadata.name()));
    fmt::layer().with_writer(io::stderr).with_filter(selected.and(true_words))
}
