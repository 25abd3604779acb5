//! Log records that are about a call: Claude Code and Codex report their calls as events, with spans or without.
//!
//! The table of the sender names the events that are calls. All other records state nothing that the ledger keeps. A record
//! has no span of its own: it becomes an account below the span during which it was written, in its trace, so that a span
//! of the same call and the record are counted once; without a span it is a call of a trace of its own.

use sha2::{Digest as _, Sha256};

use super::draft::Draft;
use super::kind::Kind;
use super::third_party::Sender;
use super::timestamps::{self, CallTime};
use super::value::NAME_BYTES;
use super::{Converted, Converter, Ids, Resource};
use crate::otlp::{Encoding, LogView, Malformed, Text, Value};
use crate::record::{Receipt, Timestamp};

/// The attribute that names the event, before `event_name` was a field of records.
const EVENT_NAME: &str = "event.name";

impl Converter {
    /// Reads one log record into `result`.
    pub(super) fn read_log<'s, 'a: 's, E: Encoding>(
        &self,
        record: E::Item<'a>,
        from: &Resource<'_>,
        sender: Sender<'s>,
        receipt: Receipt,
        result: &mut Converted,
    ) -> Result<(), Malformed> {
        let mut stated = Text::EMPTY;
        let log = E::log(record, |key, value| match value {
            Value::Text(name) if key.head(NAME_BYTES) == EVENT_NAME => stated = name,
            _ => {}
        })?;
        let names = [stated, log.body, log.event_name].map(|name| name.head(NAME_BYTES));
        // A Collector may have dropped the scope; the body has the sender's name before the event's.
        let sender = names.iter().fold(sender, |sender, name| sender.or_named(name));
        let Some(event) = names.iter().find_map(|name| sender.event(name)) else {
            result.ignored += 1;
            return Ok(());
        };
        let service = &*from.service;
        let mut draft = Draft::of(sender, &self.tags.attributes);
        E::log(record, |key, value| draft.note(key, value))?;
        if !draft.is_event_of_a_call(event) {
            result.ignored += 1;
            return Ok(());
        }
        let when = lasting(timestamps::bounded(log.time, log.time, receipt), draft.lasted_ns());
        let ids = ids(&log, service, &names, &draft);
        let (tags, cut) = draft.take_tags(&from.tags);
        let (mut call, clamped) = draft.finish(ids, when, service, Kind::Generation, &self.prices);
        call.tags = tags;
        result.tags_cut += cut;
        result.clamped += u64::from(clamped);
        result.note_time(when);
        result.records.push(call);
        Ok(())
    }
}

/// The time of a call that was reported at its end.
fn lasting(end: CallTime, ns: Option<i64>) -> CallTime {
    let ns = ns.filter(|ns| (0..=timestamps::LONGEST).contains(ns)).unwrap_or(0);
    CallTime { start: Timestamp(end.start.0.saturating_sub(ns)), duration_ns: ns, ..end }
}

/// The ids of the account: the same for a record that is sent again.
fn ids(log: &LogView<'_>, service: &str, names: &[std::borrow::Cow<'_, str>], draft: &Draft<'_>) -> Ids {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    part(service.as_bytes());
    part(&log.time.to_le_bytes());
    names.iter().for_each(|name| part(name.as_bytes()));
    draft.identify(&mut part);
    let hash = hash.finalize();
    let (mut trace, mut span) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&hash[..16]);
    span.copy_from_slice(&hash[16..24]);
    match log.trace_id {
        Some(trace) => Ids { trace, span, parent: log.span_id },
        None => Ids { trace, span, parent: None },
    }
}
