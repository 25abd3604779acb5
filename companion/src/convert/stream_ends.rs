//! Streams whose end is a log line of its own: the call's span ends when the stream begins, and knows neither tokens
//! nor the response id. The line is made an account of that call below it in its trace, so that the store counts
//! one call.
//!
//! The two have the same parent, or each is a root of its own trace in the same service. They have the same model, and the
//! line gives how long the stream lasted, so that it began where the call's span ended. The span ends first and so
//! comes first; at most 10,000 are remembered, for 10 to 20 minutes. A line without its span counts by itself.

use std::collections::HashMap;

use crate::record::{CallRecord, Timestamp};

/// How far the end of a call's span and the begin of its stream may be apart.
const APART: u64 = 2_000_000_000;
/// Spans in one generation; two are kept.
const MOST: usize = 5_000;
/// Age of a generation at which it is retired.
const GENERATION: i64 = 600 * Timestamp::SECOND;

/// The parent in its trace, if any, the service and the model.
type Key = (Option<([u8; 16], [u8; 8])>, String, Option<String>);

/// A call whose stream has not ended, or ended with the line that is named: what is sent twice is joined alike.
#[derive(Debug, Clone, Copy)]
struct Opening {
    trace: [u8; 16],
    span: [u8; 8],
    start: i64,
    end: i64,
    line: Option<[u8; 8]>,
}

/// The bounded memory of streams that have not ended.
#[derive(Debug, Default)]
pub(super) struct StreamEnds {
    newer: HashMap<Key, Vec<Opening>>,
    older: HashMap<Key, Vec<Opening>>,
    kept: usize,
    since: Timestamp,
}

impl StreamEnds {
    /// Remembers a call whose stream is to end.
    pub(super) fn open(&mut self, call: &CallRecord, now: Timestamp) {
        if self.kept >= MOST || now.0.saturating_sub(self.since.0) >= GENERATION {
            self.older = std::mem::take(&mut self.newer);
            self.kept = 0;
            self.since = now;
        }
        self.kept += 1;
        let (trace, span) = (call.trace_id, call.span_id);
        let opening = Opening { trace, span, start: call.start.0, end: end(call), line: None };
        self.newer.entry(key(call)).or_default().push(opening);
    }

    /// Makes a log line, whose stream lasted `lasted` nanoseconds, an account of its call below it.
    pub(super) fn close(&mut self, line: &mut CallRecord, lasted: i64) {
        let begun = line.start.0.saturating_sub(lasted);
        let key = key(line);
        let free = |opening: &&mut Opening| opening.line.is_none_or(|other| other == line.span_id);
        let openings =
            [&mut self.newer, &mut self.older].into_iter().filter_map(|kept| kept.get_mut(&key)).flatten();
        let nearest = openings.filter(free).min_by_key(|opening| opening.end.abs_diff(begun));
        let found = nearest.filter(|opening| opening.end.abs_diff(begun) <= APART).map(|opening| {
            opening.line = Some(line.span_id);
            *opening
        });
        let until = end(line);
        let start = found.map_or(begun, |opening| opening.start);
        line.start = Timestamp(start);
        line.duration_ns = until.saturating_sub(start);
        if let Some(opening) = found {
            line.trace_id = opening.trace;
            line.parent_span_id = Some(opening.span);
        }
    }
}

fn key(call: &CallRecord) -> Key {
    (
        call.parent_span_id.map(|parent| (call.trace_id, parent)),
        call.service.clone(),
        call.request_model.clone(),
    )
}

const fn end(call: &CallRecord) -> i64 {
    call.start.0.saturating_add(call.duration_ns)
}
