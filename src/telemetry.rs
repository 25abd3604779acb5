//! The only module that uses OpenTelemetry: begins the span, ends it, records the metrics.

mod labels;
mod metrics;
mod span;

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use opentelemetry::global::{BoxedTracer, tracer_with_scope};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};

use crate::call::Call;
use crate::cost::Cost;
use crate::outcome::Verdict;
use crate::semconv::{SCHEMA_URL, SCHEMA_URL_V1_41, SCOPE, Semconv, attribute};
use labels::Labels;
pub(crate) use metrics::ChunkRecorder;
use metrics::Instruments;

/// Writes calls out as spans and metrics.
pub(crate) struct Telemetry {
    scope: InstrumentationScope,
    semconv: Semconv,
    /// `None` follows the global provider, whenever it is installed.
    tracer: Option<BoxedTracer>,
    meters: Option<Arc<dyn MeterProvider + Send + Sync>>,
    instruments: RwLock<Option<Resolved>>,
    labels: Labels,
}

/// Instruments, with the provider they came from.
struct Resolved {
    provider: Arc<dyn MeterProvider + Send + Sync>,
    instruments: Arc<Instruments>,
}

/// What ends a call, in addition to the facts of the call itself.
pub(crate) struct Ended<'a> {
    pub(crate) call: &'a Call,
    pub(crate) verdict: &'a Verdict,
    pub(crate) cost: &'a Cost,
    pub(crate) started: SystemTime,
    pub(crate) duration: Duration,
    /// The application's own attributes, and content where it opted in.
    pub(crate) further: Vec<KeyValue>,
}

impl Telemetry {
    pub(crate) fn new(
        semconv: Semconv,
        tracers: Option<TracerFactory>,
        meters: Option<Arc<dyn MeterProvider + Send + Sync>>,
        prices: Arc<crate::cost::PriceTable>,
    ) -> Self {
        let schema = match semconv {
            Semconv::Latest => SCHEMA_URL,
            Semconv::V1_41 => SCHEMA_URL_V1_41,
        };
        let scope = InstrumentationScope::builder(SCOPE)
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(schema)
            .build();
        let tracer = tracers.map(|factory| factory.tracer(scope.clone()));
        Self { scope, semconv, tracer, meters, instruments: RwLock::default(), labels: Labels::new(prices) }
    }

    /// Begins the span of a call under `parent` and gives the context that holds it.
    pub(crate) fn start(&self, call: &Call, started: SystemTime, parent: &Context) -> Context {
        let builder = SpanBuilder::from_name(span::name(call))
            .with_kind(SpanKind::Client)
            .with_start_time(started)
            .with_attributes(span::at_creation(call));
        let context = match &self.tracer {
            Some(tracer) => parent.with_span(tracer.build_with_context(builder, parent)),
            None => {
                let tracer = tracer_with_scope(self.scope.clone());
                parent.with_span(tracer.build_with_context(builder, parent))
            }
        };
        #[cfg(feature = "tracing")]
        tell_of_no_provider(&context);
        context
    }

    /// Ends the span that [`Telemetry::start`] began and records the metrics.
    pub(crate) fn finish(&self, context: &Context, ended: Ended<'_>) {
        let span = context.span();
        let mut duration = ended.duration;
        if span.is_recording() {
            let mut attributes = span::at_the_end(self.semconv, &ended);
            if span.span_context().is_sampled() {
                attributes.push(KeyValue::new(attribute::INSTANCE, instance()));
                attributes.push(KeyValue::new(attribute::SEQUENCE, next_sequence()));
            }
            span.set_attributes(attributes);
            if ended.verdict.outcome.is_error() {
                // No description: the provider's words may quote the request.
                span.set_status(Status::error(Cow::Borrowed("")));
            }
            // Span and histogram show one figure, taken from the monotonic clock.
            let end = ended.started.checked_add(duration).unwrap_or_else(|| {
                duration = Duration::ZERO;
                ended.started
            });
            span.end_with_timestamp(end);
        }
        self.instruments().record(&self.labels, &ended);
    }

    /// Counts a request to a known provider that no wire format takes. Each shape of a path is logged once.
    pub(crate) fn count_unrecognised(&self, provider: &'static str, shape: &str) {
        let (labels, new) = self.labels.unrecognised(provider, shape);
        self.instruments().count_unrecognised(&labels);
        #[cfg(feature = "tracing")]
        if new {
            tracing::warn!(provider, path = shape, "no wire format takes this request; it leaves no span");
        }
        #[cfg(not(feature = "tracing"))]
        let _ = new;
    }

    /// A recorder for the chunks of one stream.
    pub(crate) fn chunks(&self, call: &Call) -> ChunkRecorder {
        self.instruments().chunks(&self.labels, call)
    }

    /// The instruments of the provider in force. A provider installed later, or again, is followed.
    fn instruments(&self) -> Arc<Instruments> {
        let provider = self.meters.clone().unwrap_or_else(opentelemetry::global::meter_provider);
        {
            let held = self.instruments.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(resolved) = held.as_ref()
                && Arc::ptr_eq(&resolved.provider, &provider)
            {
                return Arc::clone(&resolved.instruments);
            }
        }
        let meter = provider.meter_with_scope(self.scope.clone());
        let instruments = Arc::new(Instruments::new(&meter, self.semconv));
        let resolved = Resolved { provider, instruments: Arc::clone(&instruments) };
        *self.instruments.write().unwrap_or_else(PoisonError::into_inner) = Some(resolved);
        instruments
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("semconv", &self.semconv).finish_non_exhaustive()
    }
}

/// Makes a tracer for our scope from the provider that the application gave.
pub(crate) struct TracerFactory(Box<dyn FnOnce(InstrumentationScope) -> BoxedTracer + Send + Sync>);

impl TracerFactory {
    pub(crate) fn new<P, S, T>(provider: P) -> Self
    where
        P: TracerProvider<Tracer = T> + Send + Sync + 'static,
        T: Tracer<Span = S> + Send + Sync + 'static,
        S: Span + Send + Sync + 'static,
    {
        Self(Box::new(move |scope| BoxedTracer::new(Box::new(provider.tracer_with_scope(scope)))))
    }

    pub(crate) fn tracer(self, scope: InstrumentationScope) -> BoxedTracer {
        (self.0)(scope)
    }
}

impl fmt::Debug for TracerFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TracerFactory")
    }
}

#[cfg(feature = "tracing")]
static TOLD_OF_NO_PROVIDER: std::sync::Once = std::sync::Once::new();

/// Notes that there is no provider on purpose, and nothing to tell.
#[cfg(feature = "otlp")]
pub(crate) fn go_without_provider() {
    TOLD_OF_NO_PROVIDER.call_once(|| {});
}

/// Says, once and loudly, that calls leave no spans: a forgotten provider would show only in an empty ledger.
#[cfg(feature = "tracing")]
fn tell_of_no_provider(context: &Context) {
    // Any SDK gives valid ids, also to spans that are not sampled.
    if !context.span().span_context().is_valid() {
        TOLD_OF_NO_PROVIDER.call_once(|| {
            tracing::error!(
                "no tracer provider is installed, so that LLM calls leave no spans; \
                 call spanledger::otlp::init() or install a provider before the first call"
            );
        });
    }
}

/// The random id of this process: 128 bits from the standard library's hash keys, which are random per process.
pub(crate) fn instance() -> &'static str {
    static INSTANCE: OnceLock<String> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        let half = || RandomState::new().hash_one(std::process::id());
        format!("{:016x}{:016x}", half(), half())
    })
}

/// The next number of the process-wide sequence, from 1 without gaps.
fn next_sequence() -> i64 {
    static SEQUENCE: AtomicU64 = AtomicU64::new(0);
    let number = SEQUENCE.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    i64::try_from(number).unwrap_or(i64::MAX)
}
