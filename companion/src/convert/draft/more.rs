//! Facts that only third-party spans state, and from which facts of the call follow.

use std::borrow::Cow;

use crate::convert::third_party::Fact;
use crate::convert::value::{self, NAME_BYTES};
use crate::otlp::Value;

/// Nanoseconds in a second, and milliseconds.
const NANOS: f64 = 1e9;
const MILLIS: f64 = 1e3;

#[derive(Debug, Default)]
pub(super) struct More<'a> {
    /// The one model of a sender that names the request's until a response came.
    pub(super) model: Option<Cow<'a, str>>,
    /// The model asked for, where the conventions' name for it has the response's.
    pub(super) asked_model: Option<Cow<'a, str>>,
    /// The model with its provider before it.
    pub(super) provider_model: Option<Cow<'a, str>>,
    /// Seconds.
    pub(super) first_chunk: Option<f64>,
    /// Nanoseconds since 1970.
    pub(super) first_chunk_at: Option<i64>,
    /// Seconds; of a sender that writes it also where nothing streams.
    pub(super) first_token: Option<f64>,
    pub(super) total_tokens: Option<u64>,
    /// Input and output of a sender that counts every kind of tokens apart from them.
    pub(super) input_apart: Option<u64>,
    pub(super) output_apart: Option<u64>,
    pub(super) input_has_cache: bool,
    /// What decides the price next to tokens, tier and host, as the library's `Billing` has it.
    pub(super) factors: Vec<String>,
    pub(super) compaction_input: Option<u64>,
    pub(super) compaction_output: Option<u64>,
    /// What Logfire writes of a span: `span`, `log` or `pending_span`.
    pub(super) span_type: Option<Cow<'a, str>>,
    /// Nanoseconds.
    pub(super) log_duration: Option<i64>,
    /// Milliseconds.
    pub(super) duration: Option<f64>,
    pub(super) account: Option<Cow<'a, str>>,
    pub(super) codex_response: bool,
    /// Whether the response came in chunks, whatever the request's parameters say.
    pub(super) streamed: bool,
    /// Whether an attribute marks the call as failed.
    pub(super) failed: bool,
}

impl<'a> More<'a> {
    pub(super) fn set<'v>(
        &mut self,
        fact: Fact,
        value: Value<'v>,
        keep: impl Fn(Cow<'v, str>) -> Cow<'a, str>,
    ) {
        let name = || value::text(value, NAME_BYTES).map(&keep);
        let word = |wanted: &str| matches!(value, Value::Text(text) if text.head(NAME_BYTES).eq_ignore_ascii_case(wanted));
        match fact {
            Fact::Model => first(&mut self.model, name()),
            Fact::AskedModel => first(&mut self.asked_model, name()),
            Fact::ProviderModel => first(&mut self.provider_model, name()),
            Fact::FirstChunkMs => {
                first(&mut self.first_chunk, value::number(value).map(|millis| millis / MILLIS))
            }
            Fact::FirstChunkAt => first(&mut self.first_chunk_at, time(value)),
            Fact::FirstToken => first(&mut self.first_token, value::number(value)),
            Fact::TotalTokens => first(&mut self.total_tokens, value::tokens(value)),
            Fact::InputApart => first(&mut self.input_apart, value::tokens(value)),
            Fact::OutputApart => first(&mut self.output_apart, value::tokens(value)),
            Fact::InputHasCache => self.input_has_cache = true,
            Fact::Billed(key) => {
                if let Some(count) = value::tokens(value).filter(|count| *count > 0) {
                    self.bill(key, &count.to_string());
                }
            }
            Fact::BilledBy(key) => {
                if let Some(word) = value::text(value, NAME_BYTES).filter(|word| !is_usual(word)) {
                    self.bill(key, &word);
                }
            }
            Fact::Unparsed => self.bill("unparsed", "1"),
            Fact::CompactionInput => first(&mut self.compaction_input, value::tokens(value)),
            Fact::CompactionOutput => first(&mut self.compaction_output, value::tokens(value)),
            Fact::SpanType => first(&mut self.span_type, name()),
            Fact::GenerationType => {
                let ends = matches!(value, Value::Text(text) if text.head(NAME_BYTES).ends_with("Chunk"));
                self.streamed |= ends;
            }
            Fact::DurationMs => first(&mut self.duration, value::number(value)),
            Fact::Account => first(&mut self.account, name()),
            Fact::LogDuration => {
                #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
                let nanos =
                    value::number(value).filter(|seconds| *seconds >= 0.0).map(|s| (s * NANOS) as i64);
                first(&mut self.log_duration, nanos);
            }
            Fact::CodexResponse => self.codex_response = true,
            Fact::Level => self.failed |= word("error"),
            Fact::Success => self.failed |= value::flag(value) == Some(false),
        }
    }

    /// Notes a factor of the price; of several values for one the first counts.
    fn bill(&mut self, key: &str, value: &str) {
        let known = |factor: &String| factor.strip_prefix(key).is_some_and(|rest| rest.starts_with('='));
        if !self.factors.iter().any(known) {
            self.factors.push(format!("{key}={value}"));
        }
    }
}

/// Speeds and regions that cost nothing more.
fn is_usual(word: &str) -> bool {
    ["", "standard", "normal", "default", "global", "not_available"].contains(&word)
}

/// A timestamp as RFC 3339 has it, in nanoseconds since 1970.
fn time(value: Value<'_>) -> Option<i64> {
    let Value::Text(text) = value else { return None };
    let time: jiff::Timestamp = text.head(NAME_BYTES).trim_matches('"').parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// Sets what is not known yet.
fn first<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}
