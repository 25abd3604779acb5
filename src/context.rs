//! Facts only the application knows about a call, handed over in the request's extensions.

use std::sync::{Arc, Weak};

use http::Extensions;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::{Context, KeyValue};

use crate::call::Caller;
use crate::semconv::attribute;

/// At most this many further attributes of a call are recorded, so that a loop cannot grow a span.
const MAX_ATTRIBUTES: usize = 32;

/// On whose behalf a call is made. Put it into the request's extensions:
///
/// ```
/// use spanledger::CallContext;
///
/// # fn with(client: &reqwest_middleware::ClientWithMiddleware) -> reqwest_middleware::RequestBuilder {
/// client
///     .post("https://api.openai.com/v1/chat/completions")
///     .with_extension(CallContext::new().user_id("alice").conversation_id("thread-7"))
/// # }
/// ```
///
/// Everything here is recorded on the span only and never becomes a metric label.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    pub(crate) caller: Caller,
    pub(crate) attributes: Vec<KeyValue>,
}

impl CallContext {
    /// An empty context.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `user.id`: the application's user on whose behalf the call is made.
    #[must_use]
    pub fn user_id(mut self, id: impl Into<String>) -> Self {
        self.caller.user_id = Some(id.into());
        self
    }

    /// Sets `client.address`: the address of that user, not of this process.
    #[must_use]
    pub fn client_address(mut self, address: impl Into<String>) -> Self {
        self.caller.client_address = Some(address.into());
        self
    }

    /// Sets `gen_ai.conversation.id`: the thread this call continues.
    #[must_use]
    pub fn conversation_id(mut self, id: impl Into<String>) -> Self {
        self.caller.conversation_id = Some(id.into());
        self
    }

    /// Sets the tag `key`, such as `team` or `feature`: what calls are added up by, next to service and user. It is the
    /// attribute `spanledger.tag.<key>`, and goes before a default of
    /// [`GenAiMiddlewareBuilder::tag`](crate::GenAiMiddlewareBuilder::tag). A call has at most 8 tags; a key is 1 to 32 ASCII
    /// letters, digits, `.`, `_` or `-`, and a value at most 128 bytes, the rest of which is cut off. What does not fit is
    /// counted in `spanledger.tags.cut`.
    #[must_use]
    pub fn tag(mut self, key: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.caller.tags.set(key.as_ref(), value);
        self
    }

    /// Adds an attribute of the application's own. The first 32 are recorded.
    #[must_use]
    pub fn attribute(mut self, attribute: KeyValue) -> Self {
        if self.attributes.len() < MAX_ATTRIBUTES {
            self.attributes.push(attribute);
        }
        self
    }

    /// What the request's extensions say, completed from W3C baggage where the application opted in.
    pub(crate) fn of(extensions: &Extensions, baggage: Option<&Context>) -> Self {
        let mut context = extensions.get::<Self>().cloned().unwrap_or_default();
        if let Some(current) = baggage {
            let baggage = current.baggage();
            let entry = |name: &str| baggage.get(name).map(|value| value.as_str().to_owned());
            let caller = &mut context.caller;
            caller.user_id = caller.user_id.take().or_else(|| entry(attribute::USER_ID));
            caller.client_address = caller.client_address.take().or_else(|| entry(attribute::CLIENT_ADDRESS));
            caller.conversation_id =
                caller.conversation_id.take().or_else(|| entry(attribute::CONVERSATION_ID));
        }
        context
    }
}

/// Marks a request as claimed, so that a second layer on the same client steps aside. It is tied to the life
/// of the first layer's call: a retry layer above hands the same extensions to the next attempt, and that
/// attempt is a call of its own.
#[derive(Clone)]
struct Claimed(Weak<()>);

/// Marks the context in which inner layers run with the call in flight. A client inside a client has extensions
/// of its own, and runs in the same context.
struct InFlight {
    claimed: Claimed,
    call: String,
}

/// Keeps [`Claimed`] and [`InFlight`] in force while the call is in flight.
pub(crate) struct CallGuard(Arc<()>);

impl CallGuard {
    /// `context`, marked with this call.
    pub(crate) fn mark(&self, context: &Context, call: String) -> Context {
        context.with_value(InFlight { claimed: Claimed(Arc::downgrade(&self.0)), call })
    }
}

/// Whether `call` is in flight already, in an outer client.
pub(crate) fn is_in_flight(call: &str) -> bool {
    Context::map_current(|context| {
        context
            .get::<InFlight>()
            .is_some_and(|outer| outer.claimed.0.strong_count() > 0 && outer.call == call)
    })
}

/// Claims the request, unless an outer layer has it.
pub(crate) fn claim(extensions: &mut Extensions) -> Option<CallGuard> {
    if extensions.get::<Claimed>().is_some_and(|claimed| claimed.0.strong_count() > 0) {
        return None;
    }
    let guard = Arc::new(());
    extensions.insert(Claimed(Arc::downgrade(&guard)));
    Some(CallGuard(guard))
}

/// The context a new span hangs on: the current one, or that of the current `tracing` span where the layer
/// keeps contexts to itself.
pub(crate) fn parent() -> Context {
    let current = Context::current();
    #[cfg(feature = "tracing")]
    {
        use opentelemetry::trace::TraceContextExt;
        use tracing_opentelemetry::OpenTelemetrySpanExt;
        if !current.has_active_span() {
            let bridged = tracing::Span::current().context();
            if bridged.has_active_span() {
                return bridged;
            }
        }
    }
    current
}
