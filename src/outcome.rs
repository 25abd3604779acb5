//! How a call ended: the terminal facts every call gets exactly once.

use std::borrow::Cow;
use std::fmt;

use crate::call::{Call, Ending, Failure};
use crate::semconv::error_type;
use crate::text_enum::text_enum;
use crate::usage::UsageSource;

text_enum! {
    /// How a call ended.
    pub enum Outcome of "spanledger.outcome" {
        /// The whole answer arrived.
        Completed = "completed",
        /// The body ended, or its transport failed, before the provider's end marker.
        Truncated = "truncated",
        /// The caller stopped reading the body.
        Dropped = "dropped",
        /// The caller dropped the future before the response headers arrived, or the provider says that the response
        /// was cancelled.
        Cancelled = "cancelled",
        /// An HTTP error status, an error inside a 200 answer, or no connection.
        Failed = "failed",
        /// A connect, read or total timeout.
        TimedOut = "timed_out",
        /// The provider accepted the request; its response is to be fetched later.
        Pending = "pending",
        /// The process died while the call was in flight, and its journal had written down that it
        /// began. No usage is known.
        Interrupted = "interrupted",
    }
}

impl Outcome {
    /// Whether the call carries `error.type` and span status Error. `Dropped` and `Cancelled` do not: the caller chose
    /// them. Nor does `Interrupted`: what failed is not the call.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Truncated | Self::Failed | Self::TimedOut)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is decided about a call at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    /// Present exactly when the outcome is an error.
    pub(crate) error_type: Option<Cow<'static, str>>,
    pub(crate) usage_source: UsageSource,
}

/// Finish reasons of a choice that failed, whatever their case. Sources, 2026-11: docs.z.ai (`network_error`),
/// api-docs.deepseek.com (`insufficient_system_resource`), docs.cohere.com (`TIMEOUT`, `ERROR` and its kinds); `error` of
/// docs.mistral.ai, openrouter.ai/docs and cloud.ibm.com, "watsonx.ai".
const FAILURES: [&str; 6] =
    ["error", "error_limit", "error_toxic", "insufficient_system_resource", "network_error", "timeout"];

/// Decides outcome, `error.type` and usage source from the facts of a call.
pub(crate) fn judge(call: &Call) -> Verdict {
    let outcome = outcome(call);
    Verdict {
        outcome,
        error_type: outcome.is_error().then(|| error_type_of(call)),
        usage_source: match (call.response.usage.is_empty(), outcome) {
            (true, _) => UsageSource::None,
            // Numbers of a stream that ended early are a running count, not the bill.
            (false, Outcome::Completed) => UsageSource::Provider,
            (false, _) if !call.request.stream => UsageSource::Provider,
            (false, _) => UsageSource::Partial,
        },
    }
}

impl Verdict {
    /// Fills in tokens counted from bytes, where the provider gave none or fewer than arrived.
    pub(crate) fn estimate_usage(&mut self, call: &mut Call) {
        let answered = call.response.output || call.response.complete();
        if self.usage_source != UsageSource::Provider
            && answered
            && call.response.usage.estimate(call.request_bytes, call.response.output_bytes)
        {
            self.usage_source = UsageSource::Estimated;
        }
    }
}

fn outcome(call: &Call) -> Outcome {
    match call.ending {
        Ending::Cancelled => return Outcome::Cancelled,
        Ending::NoResponse(Failure::Timeout) => return Outcome::TimedOut,
        Ending::NoResponse(_) => return Outcome::Failed,
        Ending::End | Ending::Dropped | Ending::Broken(_) => {}
    }
    let refused = call.status_code.is_some_and(|status| !(200..300).contains(&status));
    if refused || call.response.error.is_some() || failing_reason(call).is_some() {
        return Outcome::Failed;
    }
    if call.response.cancelled {
        return Outcome::Cancelled;
    }
    // Of a document only the transport knows the end; a stream marks its own.
    if let (Ending::Broken(failure), true) = (call.ending, call.response.document) {
        return if failure == Failure::Timeout { Outcome::TimedOut } else { Outcome::Truncated };
    }
    // A body that came to its end after the finish reason of every choice is whole, marked or not.
    if call.response.complete() || (call.ending == Ending::End && call.response.finished()) {
        return if call.response.pending { Outcome::Pending } else { Outcome::Completed };
    }
    match call.ending {
        Ending::Dropped => Outcome::Dropped,
        Ending::Broken(Failure::Timeout) => Outcome::TimedOut,
        _ => Outcome::Truncated,
    }
}

/// The finish reason of a choice that failed.
fn failing_reason(call: &Call) -> Option<&str> {
    let reasons = call.response.finish_reasons.values().map(String::as_str);
    reasons.into_iter().find(|reason| FAILURES.iter().any(|failure| failure.eq_ignore_ascii_case(reason)))
}

fn error_type_of(call: &Call) -> Cow<'static, str> {
    if let Some(code) = call.response.error.as_ref().and_then(|error| error.code.as_deref()) {
        return Cow::Owned(bounded(code));
    }
    let reason = failing_reason(call).filter(|reason| !reason.eq_ignore_ascii_case("error"));
    match (call.ending, call.status_code) {
        (_, Some(status)) if !(200..300).contains(&status) => Cow::Owned(status.to_string()),
        _ if call.response.error.is_some() => Cow::Borrowed(error_type::OTHER),
        _ if failing_reason(call).is_some() => {
            reason.map_or(Cow::Borrowed(error_type::OTHER), |reason| Cow::Owned(bounded(reason)))
        }
        (Ending::NoResponse(failure) | Ending::Broken(failure), _) => Cow::Borrowed(failure.error_type()),
        _ => Cow::Borrowed(error_type::UNEXPECTED_END),
    }
}

/// An error code is an identifier: 64 bytes of printable ASCII. Anything else in its place is a sentence, and
/// sentences quote requests.
fn bounded(code: &str) -> String {
    let plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { code.to_owned() } else { error_type::OTHER.to_owned() }
}
