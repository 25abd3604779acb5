//! Links `tracing` with the tracer provider.

use std::io;

use opentelemetry_sdk::trace::Tracer;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{Filtered, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

use super::Bridge;

/// Libraries that work for the exporters. Their spans would be exported, which makes more of them.
const EXPORTING: [&str; 7] = ["h2", "hyper", "opentelemetry", "reqwest", "rustls", "tonic", "tower"];

/// Spans of the application, for the tracer.
pub(super) fn layer<S>(tracer: Tracer) -> Filtered<Bridge<S>, Targets, S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let silent = EXPORTING.map(|target| (target, LevelFilter::OFF));
    let of_the_application = Targets::new().with_default(LevelFilter::INFO).with_targets(silent);
    tracing_opentelemetry::layer().with_tracer(tracer).with_filter(of_the_application)
}

/// Installs a global subscriber, unless there is one; says whether it did.
pub(super) fn install(tracer: Tracer) -> bool {
    let selected = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let logs = fmt::layer().with_writer(io::stderr).with_filter(selected);
    registry().with(layer(tracer)).with(logs).try_init().is_ok()
}
