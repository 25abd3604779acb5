//! Options of the middleware.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, Tracer, TracerProvider};

use crate::content::Capture;
use crate::cost::PriceTable;
use crate::hash::HashKey;
#[cfg(feature = "journal")]
use crate::journal::Journal;
use crate::memory;
use crate::middleware::GenAiMiddleware;
use crate::provider::ProviderNames;
use crate::semconv::Semconv;
use crate::settings::Settings;
use crate::tags::Tags;
use crate::telemetry::{Meters, Telemetry, TracerFactory};

/// Builds a [`GenAiMiddleware`]. Every option has a default, and the defaults record no content, change no
/// request and send nothing to a provider that the application did not send.
#[derive(Default)]
pub struct GenAiMiddlewareBuilder {
    semconv: Semconv,
    tracers: Option<TracerFactory>,
    meters: Option<Meters>,
    prices: Option<PriceTable>,
    hash_key: HashKey,
    key_fingerprint: bool,
    capture: Option<Capture>,
    provider_names: ProviderNames,
    estimate_usage: bool,
    ask_for_usage: bool,
    read_baggage: bool,
    tags: Tags,
    tags_from_resource: Option<Vec<String>>,
    propagate: bool,
    #[cfg(feature = "journal")]
    journal: Option<Journal>,
    memory_limit: Option<usize>,
}

impl GenAiMiddleware {
    /// With the defaults of [`GenAiMiddleware::builder`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Options, each with its default.
    #[must_use]
    pub fn builder() -> GenAiMiddlewareBuilder {
        GenAiMiddlewareBuilder::default()
    }
}

impl GenAiMiddlewareBuilder {
    /// The generation of the GenAI conventions to emit. Defaults to [`Semconv::Latest`].
    ///
    /// With [`Semconv::V1_41`] the panels of `dashboards/spanledger.json` about tokens and chunks stay empty, since they read
    /// the newest metrics (`dashboards/README.md` lists them); calls, outcomes, durations, cost and the rules do not depend on it.
    #[must_use]
    pub const fn semconv(mut self, semconv: Semconv) -> Self {
        self.semconv = semconv;
        self
    }

    /// Where spans go. Defaults to the global tracer provider, also when it is installed later.
    #[must_use]
    pub fn tracer_provider<P, T, S>(mut self, provider: P) -> Self
    where
        P: TracerProvider<Tracer = T> + Send + Sync + 'static,
        T: Tracer<Span = S> + Send + Sync + 'static,
        S: Span + Send + Sync + 'static,
    {
        self.tracers = Some(TracerFactory::new(provider));
        self
    }

    /// Where metrics go. Defaults to the global meter provider, also when it is installed later. Given the SDK's own provider, and with
    /// the feature `bound-instruments`, a measurement looks no labels up, as with the one that `otlp` installs.
    #[must_use]
    pub fn meter_provider(mut self, provider: impl MeterProvider + Send + Sync + 'static) -> Self {
        self.meters = Some(Meters::new(provider));
        self
    }

    /// What models cost. Defaults to [`PriceTable::bundled`].
    #[must_use]
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Makes the request hash an HMAC-SHA-256 under `key`, so that short prompts cannot be guessed from it.
    /// Services that should recognise each other's repeats share a key. Defaults to plain SHA-256.
    #[must_use]
    pub fn hash_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.hash_key = HashKey(Some(key.into()));
        self
    }

    /// Records which credential made a call, as 12 hex digits of an HMAC-SHA-256 of it under the [hash
    /// key](Self::hash_key), so that the key that is revoked or spends too much can be identified. Needs a
    /// hash key: without one nothing is recorded. Defaults to off.
    #[must_use]
    pub const fn key_fingerprint(mut self, on: bool) -> Self {
        self.key_fingerprint = on;
        self
    }

    /// What of the messages is recorded. Defaults to what `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`
    /// says, and without it to nothing.
    #[must_use]
    pub fn capture(mut self, capture: Capture) -> Self {
        self.capture = Some(capture);
        self
    }

    /// `gen_ai.provider.name` of unknown hosts. Defaults to the host's name.
    #[must_use]
    pub fn provider(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.provider_names.default = Some(name.into());
        self
    }

    /// `gen_ai.provider.name` of one host, before anything else that is known of it.
    #[must_use]
    pub fn provider_of_host(mut self, host: impl Into<String>, name: impl Into<Cow<'static, str>>) -> Self {
        self.provider_names.of_host.insert(host.into().to_ascii_lowercase(), name.into());
        self
    }

    /// Counts tokens from bytes (four to a token) where the provider gives none, or where a stream ended before the
    /// count did, marked `estimated` and left out of the token metrics. Defaults to off: what was not reported stays
    /// absent.
    #[must_use]
    pub const fn estimate_usage(mut self, on: bool) -> Self {
        self.estimate_usage = on;
        self
    }

    /// Asks OpenAI-style providers for usage in streams (`stream_options.include_usage`) and hides the extra
    /// chunk from a caller who did not ask. The only option that changes what is sent. Mistral, which tells usage
    /// unasked, and Azure's chat with data sources are left alone: they refuse a request that asks. Defaults to off.
    #[must_use]
    pub const fn ask_for_usage(mut self, on: bool) -> Self {
        self.ask_for_usage = on;
        self
    }

    /// Takes `user.id`, `client.address` and `gen_ai.conversation.id` from W3C baggage where a
    /// [`CallContext`](crate::CallContext) does not give them. Defaults to off.
    #[must_use]
    pub const fn read_baggage(mut self, on: bool) -> Self {
        self.read_baggage = on;
        self
    }

    /// Sets a tag of every call that has no other value for `key`, within the bounds of
    /// [`CallContext::tag`](crate::CallContext::tag). Defaults to none.
    #[must_use]
    pub fn tag(mut self, key: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.tags.set(key.as_ref(), value);
        self
    }

    /// Makes those resource attributes of `OTEL_RESOURCE_ATTRIBUTES` that `keys` name a tag of every call, under the same
    /// key. A tag that the application sets goes before them. Defaults to what `SPANLEDGER_TAGS_FROM_RESOURCE` names
    /// (`team,deployment.environment.name`), and without it to none.
    #[must_use]
    pub fn tags_from_resource<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.tags_from_resource = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Sends the trace context to the provider through the global propagator. Defaults to off: providers are
    /// third parties.
    #[must_use]
    pub const fn propagate(mut self, on: bool) -> Self {
        self.propagate = on;
        self
    }

    /// Writes each call down in a [journal](crate::journal) before its request leaves, and again when it ends. Defaults to the one
    /// that `SPANLEDGER_JOURNAL_DIR` names where the feature `otlp` sets telemetry up, else to none.
    #[cfg(feature = "journal")]
    #[must_use]
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Bytes that all calls of the process together may hold while requests and responses are read. A body that would
    /// exceed them passes unparsed: the call is recorded without what it says, `spanledger.unparsed` is `memory` (`request`
    /// for a request), and `spanledger.client.unparsed` counts it. What another middleware of the process holds counts as
    /// well. Defaults to 256 MiB.
    ///
    /// One response holds at most 16 MiB: a document, or a piece of a stream until it is whole; a stream whose events
    /// arrive whole holds nothing. A request takes at most 24 MiB while it is read: of its body at most 65,536 members of
    /// objects or 524,288 elements of arrays are read, a member counting as eight elements. Beyond them it has no hash and
    /// no content, and only parameters at the top level.
    #[must_use]
    pub const fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// The middleware. Share it and its client: the first in a process decodes the bundled prices, as
    /// [`PriceTable::bundled`] says.
    #[must_use]
    pub fn build(self) -> GenAiMiddleware {
        // Now, since the first call would wait for it.
        PriceTable::decode();
        let prices = Arc::new(self.prices.unwrap_or_default());
        let mut tags = self.tags;
        tags.read_environment(self.tags_from_resource);
        let telemetry = Telemetry::new(self.semconv, self.tracers, self.meters, Arc::clone(&prices));
        #[cfg(feature = "journal")]
        let telemetry = telemetry.with_journal(self.journal);
        GenAiMiddleware::with_settings(Settings {
            telemetry,
            prices,
            hash_key: self.hash_key,
            key_fingerprint: self.key_fingerprint,
            capture: self.capture.unwrap_or_else(Capture::from_env),
            provider_names: self.provider_names,
            estimate_usage: self.estimate_usage,
            ask_for_usage: self.ask_for_usage,
            read_baggage: self.read_baggage,
            tags,
            propagate: self.propagate,
            memory_limit: self.memory_limit.unwrap_or(memory::DEFAULT_LIMIT),
        })
    }
}

impl std::fmt::Debug for GenAiMiddlewareBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GenAiMiddlewareBuilder").field("semconv", &self.semconv).finish_non_exhaustive()
    }
}
