//! A call in one line.

use serde::{Deserialize, Serialize};

use crate::record::ids::hex;
use crate::record::{CallRecord, NanoUsd};
use crate::store::CallId;
use crate::text::number::in_seconds;
use crate::text::time::rfc3339;

/// The facts of a call that a list shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallRow {
    /// Trace id and span id.
    pub(crate) id: String,
    pub(crate) span_id: String,
    pub(crate) start: String,
    /// Nanoseconds since 1970 UTC.
    pub(crate) start_ns: i64,
    pub(crate) duration_seconds: f64,
    pub(crate) first_chunk_seconds: Option<f64>,
    pub(crate) service: String,
    pub(crate) provider: String,
    pub(crate) operation: String,
    pub(crate) model: String,
    pub(crate) user: Option<String>,
    pub(crate) outcome: String,
    pub(crate) failed: bool,
    pub(crate) status_code: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    pub(crate) cost_nano_usd: Option<i64>,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) cost_status: String,
    /// Whether it counts: of several accounts of one call only one does.
    pub(crate) counted: bool,
}

impl CallRow {
    pub(crate) fn of(call: &CallRecord, counted: bool) -> Self {
        Self {
            id: CallId::of(call),
            span_id: hex(&call.span_id),
            start: rfc3339(call.start),
            start_ns: call.start.0,
            duration_seconds: in_seconds(call.duration_ns),
            first_chunk_seconds: call.first_chunk_ns.map(in_seconds),
            service: call.service.clone(),
            provider: call.provider.clone(),
            operation: call.operation.clone(),
            model: call.model().to_owned(),
            user: call.user.clone(),
            outcome: call.outcome.as_str().to_owned(),
            failed: call.failed(),
            status_code: call.status_code,
            error: call.error_kind.clone().or_else(|| call.error_type.clone()),
            input_tokens: call.input_tokens,
            output_tokens: call.output_tokens,
            cost_nano_usd: call.cost.map(|cost| cost.0),
            cost_usd: call.cost.map(NanoUsd::as_usd),
            cost_status: call.cost_status.as_str().to_owned(),
            counted,
        }
    }

    /// The cost, where it is known.
    pub(crate) fn cost(&self) -> Option<NanoUsd> {
        self.cost_nano_usd.map(NanoUsd)
    }

    /// How it ended, with the status where that says more.
    pub(crate) fn ending(&self) -> String {
        match self.status_code {
            Some(status) if status != 200 => format!("{} {status}", self.outcome),
            _ => self.outcome.clone(),
        }
    }
}
