//! The story of one call.

use std::sync::Arc;

use http::Extensions;
use opentelemetry::Context;
use opentelemetry::context::FutureExt;
use opentelemetry::propagation::Injector;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::body::{failure, observe};
use crate::call::{Call, Ending, Failure};
use crate::context::{self, CallContext, CallGuard};
use crate::form;
use crate::provider::{self, Recognised};
use crate::recorder::Recorder;
use crate::request;
use crate::settings::Settings;

/// Turns every LLM call of a client into one OpenTelemetry span and one set of metrics.
///
/// ```
/// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
///     .with(spanledger::GenAiMiddleware::new())
///     .build();
/// ```
///
/// Requests that are no inference calls pass through untouched and unrecorded. Put it **outside** a retry
/// layer (before it, in the order of `with`), so that a call is one span however often it is sent.
#[derive(Debug, Clone)]
pub struct GenAiMiddleware {
    settings: Arc<Settings>,
}

impl GenAiMiddleware {
    pub(crate) fn with_settings(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }

    /// What comes of a request before it leaves. All that is needed for that is gone when this returns, since what a future
    /// holds while it waits is allocated with it.
    fn start(&self, request: &mut Request, extensions: &mut Extensions) -> Started {
        let Some(recognised) = provider::recognise(request.method(), request.url()) else {
            if let Some((provider, shape)) = provider::unrecognised(request.method(), request.url()) {
                self.settings.telemetry.count_unrecognised(provider, &shape);
            }
            return Started::default();
        };
        let guard = context::claim(extensions);
        let call = guard.as_ref().and_then(|_| self.start_call(recognised, request, extensions));
        Started { guard, call }
    }

    /// Begins the call, and changes the request only as far as the application opted in. `None` when an outer client has
    /// the call, or the body shows that there is none.
    fn start_call(
        &self,
        recognised: Recognised,
        request: &mut Request,
        extensions: &Extensions,
    ) -> Option<StartedCall> {
        let settings = &self.settings;
        let parent = context::parent();
        let mut about = CallContext::of(extensions, settings.read_baggage.then_some(&parent));
        about.caller.tags.complete(&settings.tags);
        let format = recognised.format;
        let read = request::read(settings, recognised, request, about.caller)?;
        let identity = identity(&read.call, request.url().path());
        if context::is_in_flight(&identity) {
            return None;
        }
        let asked_for_usage = read.asking_for_usage.is_some();
        if let Some(body) = read.asking_for_usage {
            request::replace_body(request, body);
        }
        let mut further = about.attributes;
        further.extend(read.content);
        let mut recorder = Recorder::start(Arc::clone(settings), format, read.call, further, &parent);
        if let Some(boundary) = read.form_boundary {
            recorder.await_form(form::observe(request, &boundary));
        }
        if settings.propagate {
            inject(&recorder.context(), request);
        }
        Some(StartedCall { recorder, identity, asked_for_usage })
    }
}

/// What is asked, and where: tells a call from another inside it, such as a guard's or a copy to a second provider.
fn identity(call: &Call, path: &str) -> String {
    let (hash, destination) = (call.request_hash.as_deref().unwrap_or_default(), &call.destination);
    let mut identity = String::with_capacity(hash.len() + destination.server_address.len() + path.len() + 8);
    for part in [hash, " ", &destination.server_address, path, ":"] {
        identity.push_str(part);
    }
    identity.extend(destination.server_port.to_be_bytes().map(char::from));
    identity
}

/// A request that is about to leave.
#[derive(Default)]
struct Started {
    /// The claim on an inference call, also where it is none after all: layers below step aside.
    guard: Option<CallGuard>,
    call: Option<StartedCall>,
}

/// A call whose request is about to leave.
struct StartedCall {
    recorder: Box<Recorder>,
    identity: String,
    asked_for_usage: bool,
}

impl Default for GenAiMiddleware {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait::async_trait]
impl Middleware for GenAiMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let (guard, call) = match self.start(&mut request, extensions) {
            Started { guard: Some(guard), call: Some(call) } => (guard, call),
            Started { guard: _guard, .. } => return next.run(request, extensions).await,
        };
        let StartedCall { mut recorder, identity, asked_for_usage } = call;
        #[cfg(feature = "journal")]
        recorder.written_down().await;
        let context = guard.mark(&recorder.context(), identity);
        match next.run(request, extensions).with_context(context).await {
            Ok(response) => Ok(observe(response, recorder, asked_for_usage)),
            Err(error) => {
                recorder.end(Ending::NoResponse(match &error {
                    Error::Reqwest(error) => failure(error),
                    Error::Middleware(error) => {
                        error.chain().find_map(transport).unwrap_or(Failure::Middleware)
                    }
                }));
                Err(error)
            }
        }
    }
}

/// The transport error inside another layer's error, if this is one.
fn transport(cause: &(dyn std::error::Error + 'static)) -> Option<Failure> {
    if let Some(error) = cause.downcast_ref::<reqwest::Error>() {
        return Some(failure(error));
    }
    match cause.downcast_ref::<Error>() {
        Some(Error::Reqwest(error)) => Some(failure(error)),
        _ => None,
    }
}

fn inject(context: &Context, request: &mut Request) {
    struct Headers<'a>(&'a mut http::HeaderMap);
    impl Injector for Headers<'_> {
        fn set(&mut self, key: &str, value: String) {
            if let (Ok(name), Ok(value)) = (key.parse::<http::HeaderName>(), value.parse()) {
                self.0.insert(name, value);
            }
        }
    }
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(context, &mut Headers(request.headers_mut()));
    });
}
