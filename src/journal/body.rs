//! What the records say.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};

use super::attributes;
use super::codec::{Cursor, put_bytes, put_number};
use super::ranges::Ranges;
use crate::semconv::Semconv;

/// Ranges of lost calls that are kept: the newest.
const MAX_RANGES: usize = 1000;

/// Bits of the flags of [`Open`].
const SAMPLED: u8 = 1;
const REMOTE_PARENT: u8 = 2;
const OLDER_CONVENTIONS: u8 = 4;
const TRACE_STATE: u8 = 8;

/// A call that has begun: which span it is, and what is known of it so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Open {
    pub(super) number: u64,
    pub(super) context: SpanContext,
    pub(super) parent: SpanId,
    pub(super) parent_is_remote: bool,
    pub(super) semconv: Semconv,
    /// Unix time in nanoseconds: the time of the record.
    pub(super) started: u64,
    pub(super) attributes: Vec<KeyValue>,
}

/// Writes the body of an OPEN record before its number, up to the attributes.
pub(super) fn put_open(out: &mut Vec<u8>, span: &SpanContext, parent: &Context, semconv: Semconv) {
    let parent = parent.span().span_context().clone();
    let state = span.trace_state().header();
    let mut flags = 0;
    if span.is_sampled() {
        flags |= SAMPLED;
    }
    if parent.is_remote() {
        flags |= REMOTE_PARENT;
    }
    if semconv == Semconv::V1_41 {
        flags |= OLDER_CONVENTIONS;
    }
    if !state.is_empty() {
        flags |= TRACE_STATE;
    }
    out.push(flags);
    out.extend_from_slice(&span.trace_id().to_bytes());
    out.extend_from_slice(&span.span_id().to_bytes());
    out.extend_from_slice(&parent.span_id().to_bytes());
    if !state.is_empty() {
        put_bytes(out, state.as_bytes());
    }
}

pub(super) fn read_open(body: &[u8], started: u64) -> Option<Open> {
    let mut cursor = Cursor(body);
    let number = cursor.number()?;
    let flags = cursor.byte()?;
    let trace = TraceId::from_bytes(cursor.array()?);
    let span = SpanId::from_bytes(cursor.array()?);
    let parent = SpanId::from_bytes(cursor.array()?);
    let state = if flags & TRACE_STATE == 0 {
        TraceState::NONE
    } else {
        cursor.text()?.parse().unwrap_or(TraceState::NONE)
    };
    let sampled = if flags & SAMPLED == 0 { TraceFlags::default() } else { TraceFlags::SAMPLED };
    Some(Open {
        number,
        context: SpanContext::new(trace, span, sampled, false, state),
        parent,
        parent_is_remote: flags & REMOTE_PARENT != 0,
        semconv: if flags & OLDER_CONVENTIONS == 0 { Semconv::Latest } else { Semconv::V1_41 },
        started,
        attributes: attributes::read(cursor.0),
    })
}

/// A call that has ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Close {
    pub(super) number: u64,
    pub(super) sequence: u64,
    /// Unix time in nanoseconds: the time of the record.
    pub(super) ended: u64,
    pub(super) is_error: bool,
    /// What the span got at its end, without instance and sequence.
    pub(super) attributes: Vec<KeyValue>,
}

pub(super) fn read_close(body: &[u8], ended: u64) -> Option<Close> {
    let mut cursor = Cursor(body);
    Some(Close {
        number: cursor.number()?,
        sequence: cursor.number()?,
        ended,
        is_error: cursor.byte()? != 0,
        attributes: attributes::read(cursor.0),
    })
}

/// The account of a process.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct State {
    /// Calls with an OPEN, and those of them with a CLOSE.
    pub(super) opened: u64,
    pub(super) closed: u64,
    /// Calls that a receiver has acknowledged.
    pub(super) sent: u64,
    /// The last sequence number given out.
    pub(super) last_sequence: u64,
    /// Calls that the journal could not write down. They were exported like any other.
    pub(super) skipped: u64,
    /// Sequence numbers of calls that were dropped before a receiver took them.
    pub(super) lost: Ranges,
    /// Dropped calls that were too many to be named, where it was read.
    pub(super) lost_unnamed: u64,
    /// When the first and the last of them began or ended, in unix nanoseconds.
    pub(super) lost_between: Option<(u64, u64)>,
    /// The attributes of the process's resource.
    pub(super) resource: Vec<KeyValue>,
    /// The version of the library that wrote it, where it was read.
    pub(super) version: String,
}

/// Numbers of the fields of [`State`]. A reader skips those that it does not know.
mod field {
    pub(super) const OPENED: u64 = 1;
    pub(super) const CLOSED: u64 = 2;
    pub(super) const SENT: u64 = 3;
    pub(super) const LAST_SEQUENCE: u64 = 4;
    pub(super) const SKIPPED: u64 = 5;
    pub(super) const LOST: u64 = 6;
    pub(super) const RESOURCE: u64 = 7;
    pub(super) const VERSION: u64 = 8;
    pub(super) const LOST_BETWEEN: u64 = 9;
    pub(super) const LOST_CALLS: u64 = 10;
}

impl State {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut scratch = Vec::new();
        let mut field = |number: u64, fill: &dyn Fn(&mut Vec<u8>)| {
            scratch.clear();
            fill(&mut scratch);
            put_number(&mut out, number);
            put_bytes(&mut out, &scratch);
        };
        field(field::VERSION, &|out| out.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes()));
        field(field::OPENED, &|out| put_number(out, self.opened));
        field(field::CLOSED, &|out| put_number(out, self.closed));
        field(field::SENT, &|out| put_number(out, self.sent));
        field(field::LAST_SEQUENCE, &|out| put_number(out, self.last_sequence));
        field(field::SKIPPED, &|out| put_number(out, self.skipped));
        field(field::LOST, &|out| self.lost.encode(out, MAX_RANGES));
        field(field::LOST_CALLS, &|out| put_number(out, self.lost_calls()));
        if let Some((first, last)) = self.lost_between {
            field(field::LOST_BETWEEN, &|out| {
                put_number(out, first);
                put_number(out, last);
            });
        }
        field(field::RESOURCE, &|out| {
            self.resource.iter().for_each(|attribute| attributes::put(out, attribute))
        });
        out
    }

    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        let (mut cursor, mut state, mut lost_calls) = (Cursor(body), Self::default(), 0);
        while !cursor.is_empty() {
            let number = cursor.number()?;
            let mut value = Cursor(cursor.bytes()?);
            match number {
                field::OPENED => state.opened = value.number()?,
                field::CLOSED => state.closed = value.number()?,
                field::SENT => state.sent = value.number()?,
                field::LAST_SEQUENCE => state.last_sequence = value.number()?,
                field::SKIPPED => state.skipped = value.number()?,
                field::LOST => state.lost = Ranges::decode(&mut value)?,
                field::LOST_CALLS => lost_calls = value.number()?,
                field::LOST_BETWEEN => state.lost_between = Some((value.number()?, value.number()?)),
                field::VERSION => state.version = String::from_utf8_lossy(value.0).into_owned(),
                field::RESOURCE => state.resource = attributes::read(value.0),
                _ => {}
            }
        }
        state.lost_unnamed = lost_calls.saturating_sub(state.lost.count());
        Some(state)
    }

    /// Calls that were dropped before a receiver took them.
    pub(super) const fn lost_calls(&self) -> u64 {
        self.lost.count().saturating_add(self.lost_unnamed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_as_it_was_written_and_unknown_fields_are_skipped() {
        let state = State {
            opened: 5,
            closed: 4,
            sent: 3,
            last_sequence: 1_000,
            skipped: 1,
            lost: [1, 2, 3, 9].into_iter().collect(),
            lost_unnamed: 7,
            lost_between: Some((7, u64::MAX)),
            resource: vec![KeyValue::new("service.name", "shop"), KeyValue::new("n", 3)],
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut bytes = state.encode();
        assert_eq!(State::decode(&bytes), Some(state.clone()));
        put_number(&mut bytes, 99);
        put_bytes(&mut bytes, b"of a newer version");
        assert_eq!(State::decode(&bytes), Some(state));
        assert_eq!(State::decode(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn an_open_call_reads_as_it_was_written() {
        let state = TraceState::from_key_value([("vendor", "value")]).unwrap();
        let parent = SpanContext::new(
            TraceId::from_bytes([1; 16]),
            SpanId::from_bytes([2; 8]),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        );
        let parent = Context::new().with_remote_span_context(parent);
        for state in [state, TraceState::NONE] {
            let span = SpanContext::new(
                TraceId::from_bytes([1; 16]),
                SpanId::from_bytes([3; 8]),
                TraceFlags::SAMPLED,
                false,
                state,
            );
            let mut body = Vec::new();
            put_number(&mut body, 300);
            put_open(&mut body, &span, &parent, Semconv::V1_41);
            let attribute = KeyValue::new("user.id", "ada");
            attributes::put(&mut body, &attribute);
            let open = read_open(&body, 12).unwrap();
            assert_eq!((open.number, open.started, open.semconv), (300, 12, Semconv::V1_41));
            assert_eq!(
                (open.context, open.parent, open.parent_is_remote),
                (span, SpanId::from_bytes([2; 8]), true)
            );
            assert_eq!(open.attributes, [attribute]);
        }
    }
}
