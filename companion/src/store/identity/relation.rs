//! Whether two accounts are of the same call, judged by the two alone.

use spanledger::semconv::{operation, provider};
use spanledger::{Outcome, UsageSource};

use crate::record::{CallRecord, Origin, Timestamp};

/// How far apart two accounts with the same response id may end.
pub(crate) const RESPONSE_WINDOW: i64 = 600 * Timestamp::SECOND;
/// As above, when one of them is pending or was fetched: how long providers keep a response for fetching.
const PENDING_WINDOW: i64 = 86_400 * Timestamp::SECOND;
/// How far clocks of two hosts may differ when times are compared.
const SKEW: i64 = 2 * Timestamp::SECOND;
/// How far an inner account may reach out of its outer one in the same process.
const JITTER: i64 = 2_000_000;
/// How much earlier a wrapper without a link begins, and how much later it ends, when tokens are the same.
pub(super) const SAME_TOKENS_GAP: i64 = 2 * Timestamp::SECOND;
/// As above, without tokens to compare.
const NO_TOKENS_GAP: i64 = 50_000_000;

/// From when to when a call lasted, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeSpan {
    start: i64,
    end: i64,
}

impl TimeSpan {
    pub(super) const fn of(call: &CallRecord) -> Self {
        Self { start: call.start.0, end: end(call) }
    }

    /// By how much the longer one is longer, when the other is within it and neither end is more than `most` apart.
    pub(super) fn gap(self, other: Self, most: i64) -> Option<i64> {
        let length = |span: Self| span.end.saturating_sub(span.start);
        let (outer, inner) = if length(self) >= length(other) { (self, other) } else { (other, self) };
        let (before, after) = (inner.start.saturating_sub(outer.start), outer.end.saturating_sub(inner.end));
        ((-JITTER..=most).contains(&before) && (-JITTER..=most).contains(&after))
            .then(|| before.saturating_add(after))
    }
}

/// When the call ended; saturates.
pub(super) const fn end(call: &CallRecord) -> i64 {
    call.start.0.saturating_add(call.duration_ns)
}

pub(super) fn is_witness(call: &CallRecord) -> bool {
    call.origin == Origin::Witness
}

pub(super) fn is_own(call: &CallRecord) -> bool {
    call.origin == Origin::Spanledger
}

/// A response that is still to be fetched.
fn is_pending(call: &CallRecord) -> bool {
    call.outcome == Outcome::Pending
}

/// Whether other accounts of the response may come hours later: it is still to be fetched, or may be fetched again.
pub(crate) fn is_kept(call: &CallRecord) -> bool {
    is_pending(call) || call.fetched && response_id(call).is_some()
}

/// Operations that one call may have in several instrumentations: all that generate text are one kind.
pub(super) fn kind(call: &CallRecord) -> &str {
    kind_of(&call.operation)
}

pub(super) fn kind_of(operation: &str) -> &str {
    match operation {
        "" | operation::TEXT_COMPLETION | operation::GENERATE_CONTENT => operation::CHAT,
        other => other,
    }
}

pub(super) fn has_usage(call: &CallRecord) -> bool {
    known_tokens(call) > 0
}

/// How many kinds of tokens are known.
pub(super) fn known_tokens(call: &CallRecord) -> usize {
    tokens(call).into_iter().flatten().count()
}

fn tokens(call: &CallRecord) -> [Option<u64>; 5] {
    [
        call.input_tokens,
        call.output_tokens,
        call.cache_read_tokens,
        call.cache_write_tokens,
        call.reasoning_tokens,
    ]
}

/// Whether no kind of tokens is known to both with different numbers.
fn tokens_agree(a: &CallRecord, b: &CallRecord) -> bool {
    tokens(a).into_iter().zip(tokens(b)).all(|(a, b)| agree(a, b))
}

fn agree<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    a.is_none() || b.is_none() || a == b
}

/// The response's id, when there is one.
pub(super) fn response_id(call: &CallRecord) -> Option<&str> {
    call.response_id.as_deref().filter(|id| !id.is_empty())
}

/// Providers whose names stay apart. Every other name may be a gateway, a host of others' models, a framework, or the
/// interface that the server imitates, and so be the same provider as any.
const DIRECT: [&str; 9] = [
    provider::ANTHROPIC,
    provider::COHERE,
    provider::DEEPSEEK,
    provider::GCP_GEMINI,
    provider::GROQ,
    provider::MISTRAL_AI,
    provider::MOONSHOT_AI,
    provider::PERPLEXITY,
    provider::X_AI,
];

fn providers_agree(a: &CallRecord, b: &CallRecord) -> bool {
    let direct = |call: &CallRecord| DIRECT.contains(&call.provider.as_str());
    a.provider == b.provider || !direct(a) || !direct(b)
}

/// Whether some model that one names is a model that the other names, with or without its date.
fn models_agree(a: &CallRecord, b: &CallRecord) -> bool {
    let names = |call: &'_ CallRecord| [call.request_model.clone(), call.response_model.clone()];
    let (of_a, of_b) = (names(a), names(b));
    let named = |names: &[Option<String>]| names.iter().any(Option::is_some);
    !named(&of_a)
        || !named(&of_b)
        || of_a.iter().flatten().any(|a| of_b.iter().flatten().any(|b| same_model(a, b)))
}

fn same_model(a: &str, b: &str) -> bool {
    let dated = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| {
            let mut rest = rest.bytes();
            rest.next().is_none_or(|first| matches!(first, b'-' | b'@' | b':'))
                && rest.next().is_none_or(|second| second.is_ascii_digit())
        })
    };
    dated(a, b) || dated(b, a)
}

/// Whether both spans were made by one instrumentation in one process, as far as is known.
fn same_sender(a: &CallRecord, b: &CallRecord) -> bool {
    a.service == b.service && a.scope == b.scope && a.instance == b.instance
}

/// Requests that one process hashed one by one are separate, whatever id their responses carry.
fn two_requests(a: &CallRecord, b: &CallRecord) -> bool {
    let hashed = |call: &CallRecord| call.request_hash.is_some() && !is_pending(call);
    a.instance.is_some() && a.instance == b.instance && hashed(a) && hashed(b)
}

fn overlap(a: &CallRecord, b: &CallRecord) -> bool {
    a.start.0 <= end(b).saturating_add(SKEW) && b.start.0 <= end(a).saturating_add(SKEW)
}

/// Whether both name the same response. Some servers repeat their ids, so other facts must not contradict: either the
/// tokens agree, or two senders describe the same time.
pub(super) fn same_response(a: &CallRecord, b: &CallRecord) -> bool {
    if kind(a) != kind(b) || response_id(a).is_none() || response_id(a) != response_id(b) {
        return false;
    }
    let window = if is_kept(a) || is_kept(b) { PENDING_WINDOW } else { RESPONSE_WINDOW };
    end(a).abs_diff(end(b)) <= window.unsigned_abs()
        && providers_agree(a, b)
        && !two_requests(a, b)
        && (tokens_agree(a, b) || !same_sender(a, b) && overlap(a, b))
}

/// Whether both name the same id, and yet are different calls.
pub(super) fn contradict(a: &CallRecord, b: &CallRecord) -> bool {
    response_id(a).is_some() && response_id(a) == response_id(b) && kind(a) == kind(b) && !same_response(a, b)
}

/// Whether `outer`, which has `inner` below it in the trace without an agent, a tool or a workflow between them, tells
/// of the same call, or of several of which `inner` is one.
pub(super) fn nested(outer: &CallRecord, inner: &CallRecord) -> bool {
    if kind(outer) != kind(inner) {
        return false;
    }
    if is_witness(outer) || is_witness(inner) {
        return true;
    }
    // A failed attempt within a call that succeeded by another one.
    if inner.failed() && !has_usage(inner) && !outer.failed() && has_usage(outer) {
        return false;
    }
    // What this project's library saw is a request of its own, unless the inner one is the same request passed on.
    !is_own(outer) || passed_on(outer, inner)
}

fn passed_on(outer: &CallRecord, inner: &CallRecord) -> bool {
    match (response_id(outer), response_id(inner)) {
        (Some(outer_id), Some(inner_id)) if outer_id == inner_id => true,
        _ => !has_usage(outer) || !has_usage(inner) || tokens_agree(outer, inner),
    }
}

/// For two accounts that no link connects, in two traces or with the same parent: by how much the outer one is longer, when one is within the other's time in
/// the same service and nothing contradicts. `None` when they are different calls.
pub(super) fn unlinked(a: &CallRecord, b: &CallRecord) -> Option<i64> {
    let others = |call: &CallRecord| call.origin == Origin::ThirdParty && !call.scope.is_empty();
    let possible = others(a)
        && others(b)
        && a.service == b.service
        && a.scope != b.scope
        && (a.trace_id != b.trace_id || a.parent_span_id == b.parent_span_id)
        && kind(a) == kind(b)
        && (response_id(a).is_none() || response_id(b).is_none())
        && a.failed() == b.failed()
        && providers_agree(a, b)
        && models_agree(a, b)
        && tokens_agree(a, b);
    if !possible {
        return None;
    }
    let compared = known_tokens(a).min(known_tokens(b)) >= 2;
    TimeSpan::of(a).gap(TimeSpan::of(b), if compared { SAME_TOKENS_GAP } else { NO_TOKENS_GAP })
}

/// Whether a witness and a client's account of one trace, without a known link, are of the same call: the witness is
/// within the other's time.
pub(super) fn witnessed(witness: &CallRecord, client: &CallRecord) -> bool {
    witness.trace_id == client.trace_id
        && kind(witness) == kind(client)
        && providers_agree(witness, client)
        && models_agree(witness, client)
        && witness.start.0.saturating_add(SKEW) >= client.start.0
        && end(witness) <= end(client).saturating_add(SKEW)
}

/// How complete the tokens are: the larger the better.
pub(super) fn usage_rank(call: &CallRecord) -> u8 {
    match call.usage_source {
        _ if !has_usage(call) => 0,
        UsageSource::None => 1,
        UsageSource::Estimated => 2,
        UsageSource::Partial => 3,
        UsageSource::Provider => 4,
    }
}
