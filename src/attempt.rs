//! One HTTP client span for each time a request is sent.

mod url;

use std::sync::Arc;

use http::{Extensions, Method};
use opentelemetry::context::FutureExt;
use opentelemetry::global::{BoxedTracer, tracer_with_scope};
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{InstrumentationScope, KeyValue};
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::body::failure;
use crate::call::Failure;
use crate::context;
use crate::semconv::{SCOPE, attribute, error_type, http_method};
use crate::telemetry::TracerFactory;

/// Gives each attempt of a request an HTTP client span, a child of the call's. Put it **inside** the retry layer
/// (after it, in the order of `with`), with [`GenAiMiddleware`](crate::GenAiMiddleware) outside:
///
/// ```
/// # use retry_stub as retry_layer;
/// # fn retry_stub() -> spanledger::RetryAfter { spanledger::RetryAfter::new() }
/// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
///     .with(spanledger::GenAiMiddleware::new())
///     .with(retry_layer())
///     .with(spanledger::RetryAfter::new())
///     .with(spanledger::AttemptSpans::new())
///     .build();
/// ```
///
/// The span ends when the response's headers are there; the call's span goes on to the end of the body. Repeated
/// attempts carry `http.request.resend_count`. Every request of the client gets a span, inference call or
/// not. Of the URL's query only values known to be harmless are recorded, and never its credentials.
#[derive(Clone, Default)]
pub struct AttemptSpans {
    /// `None` follows the global provider, whenever it is installed.
    tracer: Option<Arc<BoxedTracer>>,
}

/// How often a request was sent before, kept in its extensions: a retry layer hands them to every attempt.
#[derive(Debug, Clone, Copy)]
struct Sent(i64);

impl std::fmt::Debug for AttemptSpans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttemptSpans").finish_non_exhaustive()
    }
}

impl AttemptSpans {
    /// Spans go to the global tracer provider, also when it is installed later.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Spans go to `provider`.
    #[must_use]
    pub fn with_tracer_provider<P, T, S>(provider: P) -> Self
    where
        P: TracerProvider<Tracer = T> + Send + Sync + 'static,
        T: Tracer<Span = S> + Send + Sync + 'static,
        S: Span + Send + Sync + 'static,
    {
        Self { tracer: Some(Arc::new(TracerFactory::new(provider).tracer(scope()))) }
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build()
}

#[async_trait::async_trait]
impl Middleware for AttemptSpans {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let sent = extensions.get::<Sent>().map_or(0, |sent| sent.0);
        extensions.insert(Sent(sent.saturating_add(1)));
        let builder = SpanBuilder::from_name(method(request.method()).unwrap_or(http_method::SPAN_NAME))
            .with_kind(SpanKind::Client)
            .with_attributes(at_creation(&request, sent));
        let parent = context::parent();
        let context = match &self.tracer {
            Some(tracer) => parent.with_span(tracer.build_with_context(builder, &parent)),
            None => parent.with_span(tracer_with_scope(scope()).build_with_context(builder, &parent)),
        };
        // A future dropped before the headers drops the context with it, and that ends the span.
        let result = next.run(request, extensions).with_context(context.clone()).await;
        let span = context.span();
        let error = match &result {
            Ok(response) => {
                let status = response.status();
                span.set_attribute(KeyValue::new(
                    attribute::HTTP_RESPONSE_STATUS_CODE,
                    i64::from(status.as_u16()),
                ));
                let refused = status.is_client_error() || status.is_server_error();
                refused.then(|| status.as_str().to_owned())
            }
            Err(Error::Reqwest(error)) => Some(failure(error).error_type().to_owned()),
            Err(Error::Middleware(_)) => Some(Failure::Middleware.error_type().to_owned()),
        };
        if let Some(error) = error {
            span.set_attribute(KeyValue::new(attribute::ERROR_TYPE, error));
            span.set_status(Status::error(""));
        }
        span.end();
        result
    }
}

fn at_creation(request: &Request, sent: i64) -> Vec<KeyValue> {
    let url = request.url();
    let mut attributes = vec![
        KeyValue::new(attribute::HTTP_REQUEST_METHOD, method(request.method()).unwrap_or(error_type::OTHER)),
        KeyValue::new(
            attribute::SERVER_ADDRESS,
            url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
        ),
        KeyValue::new(attribute::SERVER_PORT, i64::from(url.port_or_known_default().unwrap_or_default())),
        KeyValue::new(attribute::URL_FULL, url::redacted(url)),
    ];
    if sent > 0 {
        attributes.push(KeyValue::new(attribute::HTTP_REQUEST_RESEND_COUNT, sent));
    }
    attributes
}

/// A method of the HTTP standards, so that an invented one does not become a span name.
fn method(method: &Method) -> Option<&'static str> {
    http_method::ALL.into_iter().find(|known| *known == method.as_str())
}
