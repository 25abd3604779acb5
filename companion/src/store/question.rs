//! What questions are about.

use crate::record::ids::{hex, parse_hex};
use crate::record::{CallRecord, TagKey};

/// Which calls a question is about. An absent field matches all; several must all match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Exact `service.name`.
    pub service: Option<String>,
    /// Exact model, as [`CallRecord::model`](crate::record::CallRecord::model) names it.
    pub model: Option<String>,
    /// Exact provider.
    pub provider: Option<String>,
    /// Exact values of tags; an empty one asks for calls without the tag.
    pub tags: Vec<(TagKey, String)>,
    /// Exact user id. Questions with this or a later field read rows, not rollups.
    pub user: Option<String>,
    /// Exact request hash.
    pub hash: Option<String>,
    /// Exact trace id.
    pub trace_id: Option<[u8; 16]>,
    /// Exact kind of failure, as [`Dimension::Error`] names it.
    pub error: Option<String>,
    /// Exact outcome.
    pub outcome: Option<spanledger::Outcome>,
    /// Exact HTTP status.
    pub status_code: Option<u16>,
    /// Services whose calls are left out.
    pub except_services: Vec<String>,
    /// Models whose calls are left out.
    pub except_models: Vec<String>,
}

/// What totals can be taken by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// [`CallRecord::model`](crate::record::CallRecord::model).
    Model,
    /// The provider.
    Provider,
    /// The service.
    Service,
    /// The service in its environment, or the service alone where a call has none.
    Deployment,
    /// The user; calls without one are left out.
    User,
    /// `error.type`; calls without one are left out.
    Error,
    /// The outcome.
    Outcome,
    /// The cost status.
    CostStatus,
    /// The tag of a key; calls without it are left out.
    Tag(TagKey),
}

/// What is asked about the repetition of request hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepetitionQuestion {
    /// Each value of this dimension by itself; `None` is all calls together. Calls without a user are in no group of
    /// [`Dimension::User`].
    pub by: Option<Dimension>,
    /// At most this many groups, those with the most calls.
    pub groups: usize,
    /// Hashes that came more often than this are named,
    pub more_than: u64,
    /// and of each group at most this many.
    pub hashes: usize,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most this many rows.
    pub limit: usize,
    /// The `next` of the page before; `None` for the first.
    pub after: Option<i64>,
}

/// The beginning of an id of calls, or the ids of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallId {
    /// As it was given, without white space around it.
    pub(crate) text: String,
    /// Trace id and span id, where it has the form `TRACE-SPAN`.
    pub(crate) pair: Option<([u8; 16], [u8; 8])>,
}

impl CallId {
    /// Reads hex digits of either case, the text of a response id, or a trace id and a span id with a `-` between them.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let pair = text.split_once('-').and_then(|(trace, span)| {
            Some((parse_hex(trace)?.try_into().ok()?, parse_hex(span)?.try_into().ok()?))
        });
        Self { text: text.to_owned(), pair }
    }

    /// The ids of `call`, as [`CallId::new`] reads them.
    #[must_use]
    pub fn of(call: &CallRecord) -> String {
        format!("{}-{}", hex(&call.trace_id), hex(&call.span_id))
    }

    /// Its hex digits in lower case, where it has nothing else and no more than a trace id.
    pub(crate) fn digits(&self) -> Option<String> {
        let digits = self.text.len() <= 32 && self.text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (digits && !self.text.is_empty()).then(|| self.text.to_ascii_lowercase())
    }

    /// Whether the trace id, the span id or the response id of `call` begins with it.
    #[must_use]
    pub fn matches(&self, call: &CallRecord) -> bool {
        if self.text.is_empty() {
            return false;
        }
        let begins = |id: &[u8]| self.digits().is_some_and(|digits| hex(id).starts_with(&digits));
        self.pair.is_some_and(|pair| pair == (call.trace_id, call.span_id))
            || begins(&call.trace_id)
            || begins(&call.span_id)
            || call.response_id.as_ref().is_some_and(|id| id.starts_with(&self.text))
    }

    /// Whether it is the whole of an id of `call`.
    #[must_use]
    pub fn is_whole(&self, call: &CallRecord) -> bool {
        let length = self.text.len();
        self.matches(call)
            && (self.pair.is_some()
                || call.response_id.as_ref().is_some_and(|id| id.len() == length)
                || self
                    .digits()
                    .is_some_and(|digits| digits == hex(&call.trace_id) || digits == hex(&call.span_id)))
    }
}
