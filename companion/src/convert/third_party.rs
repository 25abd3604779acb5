//! What other instrumentations call the facts of a call: one table per dialect. None of these names is ever written
//! here; they are the words of those projects, read only where the conventions' own name is absent.
//!
//! Who sent a span is known by its scope, else by its SDK, else by the module that `tracing` names. Words that only
//! one sender writes are read from every span; bare words (`model`, `input_tokens`) only from their sender's. A
//! sender's habits decide what its numbers mean: whether the input has the cache in it, the output the thoughts.

mod ai_sdk;
mod anthropic_sdk;
mod claude_code;
mod codex;
mod fact;
mod json;
mod langfuse;
pub(super) mod litellm;
mod logfire;
mod meaning;
mod mlflow;
mod older;
mod openinference;
mod openlit;
mod openllmetry;
mod otel;
pub(super) mod provider;
mod rust;
mod strands;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::attributes::{Field, Part};
pub(super) use fact::Fact;
pub(super) use json::Json;
pub(super) use meaning::{Meaning, meaning, streams};
pub(super) use usage::may_cost;

/// The resource attribute that names the sending SDK.
pub(super) const SDK_NAME: &str = "telemetry.sdk.name";

/// The attributes in which `tracing` names the module of a span.
const MODULES: [&str; 3] = ["target", "code.module.name", "code.namespace"];

/// The label of a sender without a scope.
const NO_SCOPE: &str = "(none)";

/// The words and the habits of one instrumentation.
#[derive(Debug)]
pub(super) struct Dialect {
    /// Its name in documents and in the price source of a cost that it reports.
    pub(super) name: &'static str,
    /// How its scopes begin, and whether those report cached tokens. The first that fits counts.
    scopes: &'static [(&'static str, Cached)],
    /// Names that mean the same from every sender.
    fields: &'static [(&'static str, Field)],
    /// Names that only this sender means so; they go before all others.
    own_fields: &'static [(&'static str, Field)],
    /// Events of which the first tells when the first chunk came.
    pub(super) first_chunk_events: &'static [&'static str],
    /// Where its events are the chunks of a stream.
    pub(super) chunks: Option<Chunks>,
    /// Whether a complete response has a finish reason, in the versions that report cached tokens: a stream without one, and
    /// without usage, ended before.
    pub(super) names_ends: bool,
    /// Whether a response that came has an id, a model, a finish reason or usage: a call that did not fail and has none of
    /// them was given up.
    pub(super) names_responses: bool,
    /// An event that has the finish reason.
    pub(super) finish_reason_event: Option<&'static str>,
    /// Log records that are about a call, by the name of the event.
    events: &'static [(&'static str, Event)],
    /// Whether all its calls stream.
    pub(super) always_streams: bool,
    /// Whether a cost that it reports is an estimate of its own.
    pub(super) estimates_cost: bool,
    /// Whether it is a gateway, whose cost is what it bills.
    pub(super) bills: bool,
    pub(super) input: Input,
    pub(super) thoughts: Thoughts,
    /// Whether usage without cache counts was counted by the sender.
    pub(super) estimates_without_cache_counts: bool,
    /// Whether a failed call may have no attribute but its name, `chat MODEL`.
    pub(super) names_calls: bool,
    /// Whether a status that is unset means that the application stopped reading the stream.
    pub(super) unset_means_dropped: bool,
    /// Whether it reports a stream that broke as failed. One without an end, usage and error was then dropped.
    pub(super) reports_broken_streams: bool,
    /// Whether it writes the end of a stream as a log line next to the call's own span.
    pub(super) logs_stream_ends: bool,
    /// The provider of all its calls.
    pub(super) provider: Option<&'static str>,
}

impl Dialect {
    const EMPTY: Self = Self {
        name: "",
        scopes: &[],
        fields: &[],
        own_fields: &[],
        first_chunk_events: &[],
        chunks: None,
        names_ends: false,
        names_responses: false,
        finish_reason_event: None,
        events: &[],
        always_streams: false,
        estimates_cost: false,
        bills: false,
        input: Input::WithCache,
        thoughts: Thoughts::Included,
        estimates_without_cache_counts: false,
        names_calls: false,
        unset_means_dropped: false,
        reports_broken_streams: false,
        logs_stream_ends: false,
        provider: None,
    };
}

/// Events that are the chunks of a stream, and what is read of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunks {
    /// How their names begin.
    pub(super) events: &'static str,
    /// The attribute that is the chunk.
    pub(super) attribute: &'static str,
    pub(super) first: &'static Json,
    /// What is read of those with usage; the last of them counts.
    pub(super) usage: &'static Json,
}

/// What a log record is to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A call that ended.
    Call,
    /// A call that failed.
    Failure,
    /// A step of a call, which is the call itself where it has tokens or an error.
    Step,
    /// A request, which is a call of its own where it failed.
    Request,
}

/// What a sender's input tokens are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// All of them, as the conventions have it.
    WithCache,
    /// What the provider's API counts, which is without the cache at Anthropic and Bedrock.
    AsTheApi,
    /// Without the cache.
    WithoutCache,
}

/// Whether a sender's output tokens have the thoughts in them that Gemini counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thoughts {
    Included,
    LeftOut,
}

/// Whether a sender reports cached tokens where there are any. A cost is exact only where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cached {
    Always,
    /// From this version on, which is the one that was tried. Of another one, or of none, a span shows it by having cache
    /// counts.
    Since(&'static [u16]),
    /// Reported, but not how long writes live, which decides their price.
    WithoutLifetime,
    Never,
    /// Not known: a span shows it by having cache counts.
    Unknown,
}

/// All tables, in the order in which scopes are matched: the longer of two that begin alike first.
const DIALECTS: [&Dialect; 20] = [
    &older::DIALECT,
    &otel::GENAI,
    &otel::OPENAI_V2,
    &openllmetry::DIALECT,
    &openlit::DIALECT,
    &openinference::DIALECT,
    &logfire::LOGFIRE,
    &logfire::PYDANTIC_AI,
    &langfuse::DIALECT,
    &mlflow::DIALECT,
    &litellm::DIALECT,
    &ai_sdk::OLDER,
    &ai_sdk::NEWER,
    &strands::DIALECT,
    &otel::ADK,
    &anthropic_sdk::DIALECT,
    &claude_code::DIALECT,
    &codex::DIALECT,
    &rust::RIG,
    &rust::GENAI,
];

/// The fact that `key` states on any span.
static FIELDS: LazyLock<HashMap<&'static str, Field>> = LazyLock::new(|| {
    let all = DIALECTS.iter().flat_map(|dialect| dialect.fields);
    all.rev().map(|(name, field)| (*name, *field)).collect()
});

/// Who sent a span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    /// The name of its scope; empty when it has none.
    pub(super) scope: &'a str,
    pub(super) dialect: &'static Dialect,
    cached: Cached,
    /// The provider that the scope's last word names, as in `openlit.instrumentation.anthropic`.
    pub(super) provider: Option<&'static str>,
}

impl Default for Sender<'_> {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl<'a> Sender<'a> {
    /// A sender that no table knows.
    pub(super) const UNKNOWN: Self =
        Self { scope: "", dialect: &Dialect::EMPTY, cached: Cached::Unknown, provider: None };

    /// The sender whose scope is `scope` of `version`, else the one whose SDK is `sdk`.
    pub(super) fn of(scope: &'a str, version: &str, sdk: &str) -> Self {
        let known = Sender::named(scope, version).or_else(|| Sender::named(sdk, "")).unwrap_or_default();
        Self { scope: if scope.is_empty() { NO_SCOPE } else { scope }, ..known }
    }

    /// Its scope as a label.
    pub(super) const fn label(&self) -> &'a str {
        if self.scope.is_empty() { NO_SCOPE } else { self.scope }
    }

    /// This sender, or the one whose module the attribute `key` names.
    pub(super) fn in_module(self, key: &str, module: &str) -> Self {
        let named = MODULES.contains(&key).then(|| Sender::named(module, "")).flatten();
        named.map_or(self, |named| Self { scope: self.scope, ..named })
    }

    fn named(scope: &str, version: &str) -> Option<Sender<'static>> {
        DIALECTS.iter().find_map(|dialect| {
            let (_, cached) = dialect.scopes.iter().find(|(name, _)| begins(scope, name))?;
            let cached = match cached {
                Cached::Since(first) if numbers(version).as_slice() < *first => Cached::Unknown,
                Cached::Since(_) => Cached::Always,
                other => *other,
            };
            let last = scope.rsplit(['.', '-']).next().unwrap_or_default();
            Some(Sender { scope: "", dialect, cached, provider: provider::known(last) })
        })
    }

    /// This sender, or where no table knows it the one whose scopes begin as `name` does.
    pub(super) fn or_named(self, name: &str) -> Self {
        let known = !self.dialect.name.is_empty();
        let named = (!known).then(|| Sender::named(name, "")).flatten();
        named.map_or(self, |named| Self { scope: self.scope, ..named })
    }

    /// What its log record of the event `name` is, which may have the sender's name before it.
    pub(super) fn event(&self, name: &str) -> Option<Event> {
        let bare = name.rsplit('.').next().unwrap_or(name);
        self.dialect.events.iter().find_map(|(event, is)| (*event == bare).then_some(*is))
    }

    /// The fact that `key` states on one of its spans, before all other names.
    pub(super) fn own_field(&self, key: &str) -> Option<Field> {
        self.dialect.own_fields.iter().find_map(|(name, field)| (*name == key).then_some(*field))
    }

    /// Whether it reports cached tokens where there are any.
    pub(super) const fn reports_cached(&self) -> bool {
        matches!(self.cached, Cached::Always | Cached::WithoutLifetime)
    }

    /// Whether it reports how long cache writes live.
    pub(super) const fn reports_lifetime(&self) -> bool {
        !matches!(self.cached, Cached::WithoutLifetime)
    }
}

/// The fact that `key` states on any span.
pub(super) fn field(key: &str) -> Option<Field> {
    FIELDS.get(key).copied()
}

/// How the keys of LLM work begin. A span with one of them that is not recorded is counted by its scope.
pub(super) const WORK: [&str; 9] = [
    "gen_ai.",
    "llm.",
    "ai.",
    "langfuse.",
    "mlflow.",
    "claude_code.",
    "codex.",
    "openinference.",
    "traceloop.",
];

/// Whether `key` shows that its span is about work with a model.
pub(super) fn is_llm_work(key: &str) -> bool {
    WORK.iter().any(|start| key.starts_with(start))
}

/// Whether `scope` is `name` or is within it: `ai` is no beginning of `aiohttp`.
fn begins(scope: &str, name: &str) -> bool {
    scope.strip_prefix(name).is_some_and(|rest| {
        rest.is_empty() || name.ends_with(['.', '/', '-']) || rest.starts_with(['.', '/', ':', '-', '_'])
    })
}

/// The numbers with which a version begins: `2.4b0` is 2 and 4.
fn numbers(version: &str) -> Vec<u16> {
    version
        .split('.')
        .map_while(|part| part.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .collect()
}
