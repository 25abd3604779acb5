//! The companion's own numbers, in the Prometheus text format. Labels are closed sets or bounded by the caller.

pub(crate) mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use text::{Kind, Text};

use crate::net::token::WrongTokens;
use crate::record::{SkippedHours, SkippedSpans};
use crate::text::text_enum::text_enum;

text_enum! {
    /// What became of a span that reached a receiver.
    pub(crate) enum SpanResult {
        /// A call, new in the ledger and durable.
        Accepted = "accepted",
        /// A call the ledger had already.
        Duplicate = "duplicate",
        /// A call from before what retention has deleted; it was left out.
        TooOld = "too_old",
        /// No LLM call.
        Ignored = "ignored",
        /// Another account of a call that is counted: a wrapper, a second instrumentation, or a witness.
        OtherAccount = "other_account",
        /// A call without usable ids, or a span that cannot be read.
        Refused = "refused",
        /// A call the ledger could not take; it was refused as retryable.
        Dropped = "dropped",
    }
}

text_enum! {
    /// Why a whole request was answered with an error.
    pub(crate) enum RequestError {
        /// No token, or a wrong one.
        Unauthenticated = "unauthenticated",
        /// Over capacity, the ledger failed, or it took too long: refused as retryable.
        Retryable = "retryable",
        /// Bytes over a limit, or that are no OTLP.
        Malformed = "malformed",
    }
}

/// Counters and latencies since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    spans: [AtomicU64; SpanResult::ALL.len()],
    log_records: [AtomicU64; SpanResult::ALL.len()],
    errors: [AtomicU64; RequestError::ALL.len()],
    clamped: AtomicU64,
    tags_cut: AtomicU64,
    ahead: AtomicU64,
    /// To their start, and to their receipt.
    moved: [AtomicU64; 2],
    undone: AtomicU64,
    forgotten: AtomicU64,
    metrics_requests: AtomicU64,
    unfollowed: AtomicU64,
    skipped: Mutex<SkippedSpans>,
    /// At all listeners.
    pub(crate) wrong_tokens: WrongTokens,
}

impl Metrics {
    /// Counts `number` spans.
    pub(crate) fn count_spans(&self, result: SpanResult, number: u64) {
        self.spans[result as usize].fetch_add(number, Ordering::Relaxed);
    }

    /// Counts `number` log records.
    pub(crate) fn count_log_records(&self, result: SpanResult, number: u64) {
        self.log_records[result as usize].fetch_add(number, Ordering::Relaxed);
    }

    /// Counts a request that was answered with an error.
    pub(crate) fn count_error(&self, error: RequestError) {
        self.errors[error as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts calls of which a value was bounded or left out.
    pub(crate) fn count_clamped(&self, number: u64) {
        self.clamped.fetch_add(number, Ordering::Relaxed);
    }

    /// Counts tags that were left out or shortened.
    pub(crate) fn count_tags_cut(&self, number: u64) {
        self.tags_cut.fetch_add(number, Ordering::Relaxed);
    }

    /// Counts calls that ended too far ahead.
    pub(crate) fn count_ahead(&self, number: u64) {
        self.ahead.fetch_add(number, Ordering::Relaxed);
    }

    /// Counts calls that were kept with the time of their start, or of their receipt.
    pub(crate) fn count_moved(&self, to_start: u64, to_receipt: u64) {
        self.moved[0].fetch_add(to_start, Ordering::Relaxed);
        self.moved[1].fetch_add(to_receipt, Ordering::Relaxed);
    }

    /// Counts calls that are not counted any more.
    pub(crate) fn count_undone(&self, number: u64) {
        self.undone.fetch_add(number, Ordering::Relaxed);
    }

    /// Counts accounts of which others may be counted as well.
    pub(crate) fn count_forgotten(&self, number: u64) {
        self.forgotten.fetch_add(number, Ordering::Relaxed);
    }

    /// Counts a request of metrics, of which next to nothing is kept.
    pub(crate) fn count_metrics_request(&self) {
        self.metrics_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts data points of counters that are not followed.
    pub(crate) fn count_unfollowed(&self, number: u64) {
        self.unfollowed.fetch_add(number, Ordering::Relaxed);
    }

    /// Counts spans about work with a model that were not recorded.
    pub(crate) fn count_skipped(&self, skipped: &SkippedHours) {
        for (_, skipped) in skipped.iter() {
            self.skipped.lock().unwrap_or_else(PoisonError::into_inner).absorb(skipped);
        }
    }

    /// Writes all of them.
    pub(crate) fn write(&self, out: &mut Text) {
        out.family("spanledger_build_info", Kind::Gauge, "The version that runs.");
        out.sample("spanledger_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        let name = "spanledger_receiver_spans_total";
        out.family(name, Kind::Counter, "Spans received, by what became of them.");
        for result in SpanResult::ALL {
            let number = self.spans[result as usize].load(Ordering::Relaxed);
            out.count(name, &[("result", result.as_str())], number);
        }
        let name = "spanledger_receiver_log_records_total";
        out.family(name, Kind::Counter, "Log records received, by what became of them.");
        for result in SpanResult::ALL {
            let number = self.log_records[result as usize].load(Ordering::Relaxed);
            out.count(name, &[("result", result.as_str())], number);
        }
        let name = "spanledger_receiver_request_errors_total";
        out.family(name, Kind::Counter, "Requests answered with an error.");
        for error in RequestError::ALL {
            let number = self.errors[error as usize].load(Ordering::Relaxed);
            out.count(name, &[("error", error.as_str())], number);
        }
        let name = "spanledger_wrong_tokens_total";
        out.family(name, Kind::Counter, "Requests with a wrong token, at all listeners.");
        out.count(name, &[], self.wrong_tokens.number());
        let name = "spanledger_receiver_clamped_calls_total";
        out.family(
            name,
            Kind::Counter,
            "Calls of which a value was out of range and was bounded or left out.",
        );
        out.count(name, &[], self.clamped.load(Ordering::Relaxed));
        let name = "spanledger_receiver_cut_tags_total";
        out.family(
            name,
            Kind::Counter,
            "Tags that were left out or shortened, by the library or on receipt.",
        );
        out.count(name, &[], self.tags_cut.load(Ordering::Relaxed));
        let name = "spanledger_receiver_ahead_calls_total";
        out.family(
            name,
            Kind::Counter,
            "Calls that ended more than 10 min ahead of the clock, and were kept with an earlier time if the clock is believed.",
        );
        out.count(name, &[], self.ahead.load(Ordering::Relaxed));
        let name = "spanledger_receiver_moved_calls_total";
        out.family(
            name,
            Kind::Counter,
            "Calls whose end cannot be right and that were kept with the time of their start or of their receipt.",
        );
        for (to, number) in ["start", "receipt"].into_iter().zip(&self.moved) {
            out.count(name, &[("to", to)], number.load(Ordering::Relaxed));
        }
        let name = "spanledger_receiver_undone_calls_total";
        out.family(
            name,
            Kind::Counter,
            "Calls that were accepted and are not counted any more: another account of the call came later.",
        );
        out.count(name, &[], self.undone.load(Ordering::Relaxed));
        let name = "spanledger_receiver_forgotten_accounts_total";
        out.family(
            name,
            Kind::Counter,
            "Accounts that may be forgotten too early: another account of their call may be counted as well.",
        );
        out.count(name, &[], self.forgotten.load(Ordering::Relaxed));
        let name = "spanledger_receiver_skipped_spans_total";
        out.family(
            name,
            Kind::Counter,
            "Spans about work with a model that are no calls, by scope and reason.",
        );
        for (scope, reason, spans) in self.skipped.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            out.count(name, &[("scope", scope), ("reason", reason.as_str())], spans);
        }
        let name = "spanledger_receiver_unfollowed_counters_total";
        out.family(
            name,
            Kind::Counter,
            "Data points about requests that no format takes that were not counted, since their sender has too many counters.",
        );
        out.count(name, &[], self.unfollowed.load(Ordering::Relaxed));
        let name = "spanledger_receiver_unsupported_requests_total";
        out.family(
            name,
            Kind::Counter,
            "Requests of metrics, of which one counter is kept and the rest discarded.",
        );
        let number = self.metrics_requests.load(Ordering::Relaxed);
        out.count(name, &[("signal", "metrics")], number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{SkipReason, Timestamp};

    #[test]
    fn counts_skipped_spans_by_scope_and_reason() {
        let metrics = Metrics::default();
        let mut skipped = SkippedHours::default();
        skipped.add(Timestamp(0), "an.agent", SkipReason::Agent);
        skipped.add(Timestamp(i64::MAX), "an.agent", SkipReason::Agent);
        skipped.add(Timestamp(0), "x\"y", SkipReason::Unknown);
        metrics.count_skipped(&skipped);
        metrics.count_skipped(&skipped);
        let mut text = Text::default();
        metrics.write(&mut text);
        let text = text.finish();
        for line in [
            "spanledger_receiver_skipped_spans_total{scope=\"an.agent\",reason=\"agent\"} 4\n",
            "spanledger_receiver_skipped_spans_total{scope=\"x\\\"y\",reason=\"unknown\"} 2\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
