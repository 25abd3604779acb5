//! The record of a call, made of all facts of its span.

use std::borrow::Cow;

use spanledger::semconv::{error_type, operation};
use spanledger::{Outcome, PriceTable, UsageSource};

use super::usage::Reading;
use super::{Draft, SpanStatus};
use crate::convert::Ids;
use crate::convert::failure::{self, Failure, Kind as FailureKind};
use crate::convert::kind::Kind;
use crate::convert::secrets;
use crate::convert::third_party::{Meaning, litellm};
use crate::convert::timestamps::CallTime;
use crate::convert::value::{NAME_BYTES, TEXT_BYTES};
use crate::record::{CallRecord, ModalityTokens, Origin, Tags};

impl Draft<'_> {
    /// The record, and whether a value had to be bounded.
    pub(in crate::convert) fn finish(
        mut self,
        ids: Ids,
        time: CallTime,
        service: &str,
        kind: Kind,
        prices: &PriceTable,
    ) -> (CallRecord, bool) {
        let failure = self.failure();
        let stream = self.streams();
        let mut reading = Reading { complete: true, ..Reading::default() };
        if !self.own {
            self.settle_names(self.has_failed());
            reading = self.settle_usage(kind == Kind::Generation);
            self.operation = Some(match self.stated() {
                Some(Meaning::Call(_, name)) => Cow::Borrowed(name),
                _ if kind == Kind::Embeddings => Cow::Borrowed(operation::EMBEDDINGS),
                _ => Cow::Borrowed(operation::CHAT),
            });
            self.status_code = failure.status;
        }
        let outcome = self.outcome.unwrap_or_else(|| self.inferred_outcome(failure.kind, stream));
        if self.own && outcome == Outcome::Failed && self.status_code.is_some_and(|code| code < 300) {
            self.status_code = failure.status;
        }
        let error_kind = outcome.is_error().then(|| self.name_failure(outcome, failure));
        let usage_source = self.usage_source.unwrap_or(match (self.usage.is_empty(), outcome) {
            (true, _) => UsageSource::None,
            _ if reading.counted_by_sender => UsageSource::Estimated,
            (false, Outcome::Completed) => UsageSource::Provider,
            (false, _) => UsageSource::Partial,
        });
        let cost = self.cost(usage_source, reading, time, prices);
        let price_factors = self.factors().to_vec();
        let first_chunk_ns = self.first_chunk_ns(time, stream);
        // What an application or an SDK fills in freely; all other facts are numbers and names.
        let text =
            |text: Option<Cow<'_, str>>, bytes| text.map(|text| secrets::removed(text.into_owned(), bytes));
        let record = CallRecord {
            trace_id: ids.trace,
            span_id: ids.span,
            parent_span_id: ids.parent,
            origin: match (self.witness, self.own) {
                (true, _) => Origin::Witness,
                (false, true) => Origin::Spanledger,
                (false, false) => Origin::ThirdParty,
            },
            start: time.start,
            duration_ns: time.duration_ns,
            first_chunk_ns,
            service: service.to_owned(),
            provider: self.provider.unwrap_or_default().into_owned(),
            operation: self.operation.unwrap_or_default().into_owned(),
            request_model: self.request_model.map(Cow::into_owned),
            response_model: self.response_model.map(Cow::into_owned),
            response_id: self.response_id.map(litellm::provider_response_id).map(Cow::into_owned),
            stream,
            outcome,
            status_code: self.status_code,
            error_type: text(self.error_type, NAME_BYTES),
            error_kind: text(error_kind.map(Cow::Owned), NAME_BYTES),
            finish_reasons: self.finish_reasons.unwrap_or_default(),
            input_tokens: self.usage.input_tokens,
            output_tokens: self.usage.output_tokens,
            cache_read_tokens: self.usage.cache_read_tokens,
            cache_write_tokens: self.usage.cache_write_tokens,
            reasoning_tokens: self.usage.reasoning_tokens,
            usage_source,
            cost: cost.amount,
            cost_status: cost.status,
            price_source: cost.source,
            service_tier: self
                .service_tier
                .or(self.either_service_tier)
                .or(self.request_service_tier)
                .map(Cow::into_owned),
            server_address: self.server_address.map(Cow::into_owned),
            modality_tokens: ModalityTokens::of(&self.usage),
            price_factors,
            computed_cost: cost.computed,
            tags: Tags::default(),
            // A server's user is at best the application's account with it.
            user: text(self.more.account.or(self.user).filter(|_| !self.witness), NAME_BYTES),
            client_address: self.client_address.map(Cow::into_owned),
            conversation_id: text(self.conversation, NAME_BYTES),
            key_fingerprint: text(self.key_fingerprint, NAME_BYTES),
            request_hash: self.request_hash.map(Cow::into_owned),
            instance: self.instance.map(Cow::into_owned),
            sequence: self.sequence,
            fetched: self.fetched,
            response_preview: text(self.response_preview, TEXT_BYTES),
            error_message: text(self.error_message, TEXT_BYTES),
            scope: if self.own { String::new() } else { self.sender.scope.to_owned() },
        };
        (record, self.clamped || time.clamped)
    }

    /// When the first chunk came. Only streams have one, and a time beyond the call's end is of something else: it is
    /// refused, since cut to the end it would pass for a measurement.
    fn first_chunk_ns(&mut self, time: CallTime, stream: bool) -> Option<i64> {
        let more = &self.more;
        let since_start = |at: i64| at.checked_sub(time.start.0);
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, then the range is checked")]
        let nanos = |seconds: f64| (seconds * 1e9) as i64;
        let stated = self.first_chunk.or(more.first_chunk).map(nanos);
        let found =
            stated.or_else(|| more.first_chunk_at.and_then(since_start)).or(more.first_token.map(nanos))?;
        if !self.own && !stream {
            return None;
        }
        let kept = Some(found).filter(|nanos| (0..=time.duration_ns).contains(nanos));
        self.clamped |= kept.is_none();
        kept
    }

    /// What the call failed of, by all that the span has on it.
    fn failure(&self) -> Failure {
        let failed = self.has_failed() || self.outcome.is_some_and(Outcome::is_error);
        let text = self.error_message.as_deref().filter(|_| failed);
        let failure = Failure::read(self.status_code, self.error_type.as_deref(), text.into_iter());
        match (self.provider.as_deref(), self.error_type.as_deref()) {
            (Some(provider), Some(code)) => failure.coded(provider, code),
            _ => failure,
        }
    }

    /// Whether anything on the span marks the call as failed.
    pub(super) fn has_failed(&self) -> bool {
        self.status == SpanStatus::Error
            || self.more.failed
            || self.error_type.is_some()
            || self.status_code.is_some_and(|code| code >= 400)
    }

    /// How a call ended whose span has no outcome of this project's library.
    fn inferred_outcome(&self, failure: Option<FailureKind>, stream: bool) -> Outcome {
        if !self.has_failed() {
            let dropped = stream && self.was_dropped() || self.was_given_up();
            return if dropped { Outcome::Dropped } else { Outcome::Completed };
        }
        let code = self.status_code.filter(|code| *code >= 400);
        let begun = self.has_begun();
        match failure {
            Some(FailureKind::Timeout) if code.is_none() => Outcome::TimedOut,
            Some(FailureKind::Cancelled) if code.is_none() => {
                if begun {
                    Outcome::Dropped
                } else {
                    Outcome::Cancelled
                }
            }
            Some(FailureKind::Connection) if begun => Outcome::Truncated,
            _ => Outcome::Failed,
        }
    }

    /// Whether the application stopped reading a stream that did not fail, where the sender lets that be seen.
    fn was_dropped(&self) -> bool {
        let dialect = self.sender.dialect;
        let silent = self.finish_reasons.is_none() && !self.has_usage();
        let without_end = silent && self.status != SpanStatus::Ok;
        // Log lines that name the response name the reason for its end as well.
        let names_ends = dialect.reports_broken_streams || self.is_log() && self.response_id.is_some();
        dialect.unset_means_dropped && self.status == SpanStatus::Unset
            || names_ends && without_end
            || silent && dialect.names_ends && self.sender.reports_cached()
    }

    /// Whether no response came although nothing failed, where the sender lets that be seen.
    fn was_given_up(&self) -> bool {
        self.sender.dialect.names_responses
            && self.status == SpanStatus::Unset
            && self.response_id.is_none()
            && self.response_model.is_none()
            && self.finish_reasons.is_none()
            && !self.has_usage()
    }

    /// Makes sure that a failed call has an error type, and names the kind of its failure.
    fn name_failure(&mut self, outcome: Outcome, failure: Failure) -> String {
        let kind = match outcome {
            Outcome::Truncated => Some(FailureKind::Truncated),
            Outcome::TimedOut => Some(FailureKind::Timeout),
            _ => failure.kind,
        };
        let own = self.error_type.get_or_insert_with(|| {
            let class = self.error_message.as_deref().and_then(failure::class_in).map(str::to_owned);
            let code = || failure.status.filter(|code| *code >= 400).map(|code| code.to_string());
            Cow::Owned(class.or_else(code).unwrap_or_else(|| error_type::OTHER.to_owned()))
        });
        kind.map_or_else(|| own.clone().into_owned(), |kind| kind.as_str().to_owned())
    }
}
