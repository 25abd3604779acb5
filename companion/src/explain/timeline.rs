//! When what happened within a call.

use serde::{Deserialize, Serialize};

use crate::record::CallRecord;
use crate::text::number::{in_seconds, number};

/// A time within a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Nanoseconds after the request.
    pub(crate) at_ns: i64,
    /// What happened then.
    pub(crate) what: String,
}

/// Request, first chunk and end.
pub(super) fn marks(call: &CallRecord) -> Vec<Mark> {
    let mark = |at_ns, what: &str| Mark { at_ns, what: what.to_owned() };
    let mut marks = vec![mark(0, "request")];
    let end = call.duration_ns.max(0);
    let last = match call.first_chunk_ns {
        Some(first) => {
            marks.push(mark(first, "first chunk"));
            match rate(call, end - first) {
                Some(rate) => format!("last chunk, {rate} tokens/s since the first"),
                None => "last chunk".to_owned(),
            }
        }
        None => "end of the call".to_owned(),
    };
    marks.push(mark(end, &last));
    marks
}

/// Output tokens per second while chunks came.
#[expect(clippy::cast_precision_loss, reason = "a rate for display")]
fn rate(call: &CallRecord, nanos: i64) -> Option<String> {
    let tokens = call.output_tokens.filter(|tokens| *tokens > 0)?;
    (nanos > 0).then(|| number(tokens as f64 / in_seconds(nanos)))
}
