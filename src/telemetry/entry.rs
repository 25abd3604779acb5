//! What the journal gets of a call: all that its span carries, except content.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue, StringValue};

use super::{Telemetry, next_sequence};
use crate::call::Call;
use crate::journal::{self, Body, Closing, Entry};
use crate::semconv::attribute;

impl Telemetry {
    /// Notes in the journal that a call begins, with what is known of it. `None` where there is no journal, where the span is not
    /// sampled, and where it cannot be written.
    pub(super) fn write_down(
        &self,
        call: &Call,
        further: &[KeyValue],
        started: SystemTime,
        context: &Context,
        parent: &Context,
    ) -> Option<Entry> {
        let journal = match &self.journal {
            Some(journal) => journal,
            None => journal::installed()?,
        };
        let span = context.span();
        let span = span.span_context();
        if !span.is_sampled() {
            return None;
        }
        let mut body = Body::of_start(span, parent, self.semconv);
        let (destination, caller, request) = (&call.destination, &call.caller, &call.request);
        body.text(attribute::OPERATION_NAME, Some(destination.operation.as_str()));
        body.text(attribute::PROVIDER_NAME, Some(&destination.provider));
        body.text(attribute::SERVER_ADDRESS, Some(&destination.server_address));
        body.count(attribute::SERVER_PORT, i64::from(destination.server_port));
        body.text(attribute::REQUEST_MODEL, request.model.as_deref());
        if request.stream {
            body.flag(attribute::REQUEST_STREAM);
        }
        body.text(attribute::USER_ID, caller.user_id.as_deref());
        body.text(attribute::CLIENT_ADDRESS, caller.client_address.as_deref());
        let conversation = caller.conversation_id.as_deref().or(request.conversation_id.as_deref());
        body.text(attribute::CONVERSATION_ID, conversation);
        for (name, value) in caller.tags.pairs() {
            body.attribute(&KeyValue::new(Arc::clone(name), StringValue::from(Arc::clone(value))));
        }
        body.text(attribute::REQUEST_HASH, call.request_hash.as_deref());
        body.text(attribute::KEY_FINGERPRINT, call.key_fingerprint.as_deref());
        further.iter().for_each(|attribute| body.attribute(attribute));
        journal.open(started, &body)
    }
}

/// Takes the next sequence number, and notes that the call with it has ended. With a journal, it is written down once
/// [`Closing`] is dropped.
pub(super) fn close(
    entry: Option<Entry>,
    attributes: &[KeyValue],
    ended: SystemTime,
    is_error: bool,
) -> (u64, Option<Closing>) {
    let Some(entry) = entry else { return (next_sequence(), None) };
    let mut body = Body::of_end(is_error);
    attributes.iter().for_each(|attribute| body.attribute(attribute));
    let (sequence, closing) = entry.close(ended, &body, next_sequence);
    (sequence, Some(closing))
}
