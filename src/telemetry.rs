//! The only module that uses OpenTelemetry: begins the span, ends it, records the metrics.

#[cfg(feature = "journal")]
mod entry;
mod labels;
mod meters;
mod metrics;
mod point;
mod series;
mod span;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use opentelemetry::global::{BoxedTracer, tracer_with_scope};
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};

use crate::call::Call;
use crate::cost::Cost;
use crate::instance::instance;
#[cfg(feature = "journal")]
use crate::journal::{Entry, Journal};
use crate::outcome::Verdict;
use crate::semconv::{SCHEMA_URL, SCHEMA_URL_V1_41, SCOPE, Semconv, attribute};
use labels::Labels;
pub(crate) use meters::Meters;
#[cfg(feature = "otlp")]
pub(crate) use meters::note_installed;
pub(crate) use metrics::ChunkRecorder;
use metrics::Instruments;

/// Writes calls out as spans and metrics.
pub(crate) struct Telemetry {
    scope: InstrumentationScope,
    semconv: Semconv,
    /// `None` follows the global provider, whenever it is installed.
    tracer: Option<BoxedTracer>,
    meters: Option<Meters>,
    instruments: RwLock<Option<Resolved>>,
    labels: Labels,
    #[cfg(feature = "journal")]
    journal: Option<Journal>,
}

/// Instruments, with the provider they came from.
struct Resolved {
    meters: Meters,
    instruments: Arc<Instruments>,
}

/// A call whose span has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Holds the span.
    pub(crate) context: Context,
    /// What the journal has of it.
    #[cfg(feature = "journal")]
    pub(crate) entry: Option<Entry>,
}

impl Begun {
    /// A call that may begin at its end, under `parent`.
    pub(crate) const fn later(parent: Context) -> Self {
        Self {
            context: parent,
            #[cfg(feature = "journal")]
            entry: None,
        }
    }
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
        meters: Option<Meters>,
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
        Self {
            scope,
            semconv,
            tracer,
            meters,
            instruments: RwLock::default(),
            labels: Labels::new(prices),
            #[cfg(feature = "journal")]
            journal: None,
        }
    }

    /// Writes calls down in a journal.
    #[cfg(feature = "journal")]
    pub(crate) fn with_journal(self, journal: Option<Journal>) -> Self {
        Self { journal, ..self }
    }

    /// Begins the span of a call under `parent`. With a journal, the call is written down before this returns.
    #[cfg_attr(
        not(feature = "journal"),
        expect(unused_variables, reason = "only a journal needs all that is known at the start")
    )]
    pub(crate) fn start(
        &self,
        call: &Call,
        further: &[KeyValue],
        started: SystemTime,
        parent: &Context,
    ) -> Begun {
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
        Begun {
            #[cfg(feature = "journal")]
            entry: self.write_down(call, further, started, &context, parent),
            context,
        }
    }

    /// Names the model of a span that began without one.
    pub(crate) fn name_model(begun: &Begun, call: &Call) {
        let span = begun.context.span();
        if let Some(model) = &call.request.model {
            span.update_name(span::name(call));
            span.set_attribute(KeyValue::new(attribute::REQUEST_MODEL, model.clone()));
        }
    }

    /// Ends the span that [`Telemetry::start`] began and records the metrics.
    pub(crate) fn finish(&self, begun: &mut Begun, mut ended: Ended<'_>) {
        let span = begun.context.span();
        // Span and histogram show one figure, taken from the monotonic clock.
        let end = ended.started.checked_add(ended.duration).unwrap_or_else(|| {
            ended.duration = Duration::ZERO;
            ended.started
        });
        if !span.is_recording() {
            return self.instruments().record(&self.labels, &ended);
        }
        let mut attributes = span::at_the_end(span::List::take(), self.semconv, &ended);
        let is_error = ended.verdict.outcome.is_error();
        let sampled = span.span_context().is_sampled();
        #[cfg(feature = "journal")]
        let closed = sampled.then(|| entry::close(begun.entry.take(), &attributes, end, is_error));
        #[cfg(not(feature = "journal"))]
        let closed = sampled.then(|| (next_sequence(), ()));
        if let Some((sequence, _)) = &closed {
            attributes.push(KeyValue::new(attribute::INSTANCE, instance()));
            attributes.push(KeyValue::new(attribute::SEQUENCE, i64::try_from(*sequence).unwrap_or(i64::MAX)));
        }
        span.set_attributes(attributes.drain(..));
        span::List::give_back(attributes);
        if is_error {
            // No description: the provider's words may quote the request.
            span.set_status(Status::error(Cow::Borrowed("")));
        }
        self.instruments().record(&self.labels, &ended);
        // A journal wrote meanwhile. No span leaves before it is written down that its call has ended.
        #[cfg(feature = "journal")]
        drop(closed);
        span.end_with_timestamp(end);
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
        let meters = self.meters.clone().unwrap_or_else(Meters::global);
        {
            let held = self.instruments.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(resolved) = held.as_ref()
                && Arc::ptr_eq(&resolved.meters.provider, &meters.provider)
            {
                return Arc::clone(&resolved.instruments);
            }
        }
        let meter = meters.provider.meter_with_scope(self.scope.clone());
        let instruments = Arc::new(Instruments::new(&meter, self.semconv, meters.binds));
        let resolved = Resolved { meters, instruments: Arc::clone(&instruments) };
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

/// The next number of the process-wide sequence, from 1 without gaps.
fn next_sequence() -> u64 {
    static SEQUENCE: AtomicU64 = AtomicU64::new(0);
    SEQUENCE.fetch_add(1, Ordering::Relaxed).saturating_add(1)
}
