//! What the exporting thread tells the journals of this process, and what it gets from them. It does not know which of
//! them has a call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::Journal;
use super::book::Book;
use super::log::this_time;
use super::process::{End, Process};
use super::registry::all;
use super::span::{self, Origin};
use crate::instance::instance;
use crate::semconv::{SCOPE, attribute};

/// The attributes of the resource of this process, once they are known.
static RESOURCE: Mutex<Vec<KeyValue>> = Mutex::new(Vec::new());

/// A segment could not be read, which was logged.
static UNREADABLE: AtomicBool = AtomicBool::new(false);

/// Writes the resource into every journal, also into those that are opened later.
pub(crate) fn set_resource(resource: &Resource) {
    let attributes: Vec<KeyValue> =
        resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    RESOURCE.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&attributes);
    all().iter().for_each(|journal| journal.log.set_resource(attributes.clone()));
}

/// Writes the resource into a journal that was opened after it was known.
pub(super) fn introduce(journal: &Journal) {
    let resource = RESOURCE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if !resource.is_empty() {
        journal.inner.log.set_resource(resource);
    }
}

/// The sequence numbers of this process's calls among spans.
fn sequences(spans: &[SpanData]) -> Vec<u64> {
    spans.iter().filter_map(sequence).collect()
}

fn sequence(span: &SpanData) -> Option<u64> {
    if span.instrumentation_scope.name() != SCOPE {
        return None;
    }
    // They are the last attributes of a call.
    let value = |name| {
        let found = span.attributes.iter().rev().find(|attribute| attribute.key.as_str() == name);
        found.map(|attribute| &attribute.value)
    };
    let (Some(Value::I64(number)), Some(Value::String(of))) =
        (value(attribute::SEQUENCE), value(attribute::INSTANCE))
    else {
        return None;
    };
    (of.as_str() == instance()).then(|| u64::try_from(*number).ok()).flatten()
}

/// Marks the calls among spans that a receiver has acknowledged.
pub(crate) fn delivered(spans: &[SpanData]) {
    let journals = all();
    if journals.is_empty() {
        return;
    }
    let sequences = sequences(spans);
    journals.iter().for_each(|journal| journal.log.sent(&sequences));
}

/// Notes that a span is no longer with the exporter. Whether a journal has it.
pub(crate) fn returned(span: &SpanData) -> bool {
    let journals = all();
    if journals.is_empty() {
        return false;
    }
    let Some(sequence) = sequence(span) else { return false };
    journals.iter().any(|journal| journal.log.returned(sequence))
}

/// Notes that no receiver will ever take these spans.
pub(crate) fn refused(spans: &[SpanData]) {
    let journals = all();
    for sequence in sequences(spans) {
        journals.iter().for_each(|journal| journal.log.refused(sequence));
    }
}

/// Whether a journal has calls that no exporter has.
pub(crate) fn has_backlog() -> bool {
    all().iter().any(|journal| journal.log.lock().index.has_backlog())
}

/// At most so many of those calls, the oldest first, as the spans they were. Empty while none can be read.
pub(crate) fn backlog(most: usize) -> Vec<SpanData> {
    let mut spans = Vec::new();
    for journal in all() {
        let Some((calls, segments)) = journal.log.backlog(most - spans.len()) else { continue };
        let book = match Book::of(&journal.owned.path, &journal.owned.name, segments) {
            Ok(book) => book,
            // Not for good: the process may have no file descriptor left.
            Err(error) => {
                if !UNREADABLE.swap(true, Ordering::Relaxed) {
                    let directory = journal.owned.path.display();
                    tracing::warn!(%directory, %error, "the journal cannot be read now; its calls are sent when it can be");
                }
                continue;
            }
        };
        UNREADABLE.store(false, Ordering::Relaxed);
        for sequence in calls {
            match book.ended(sequence) {
                Some((open, close)) => spans.push(span::ended(Origin::here(), open, close)),
                // Its record is damaged, or its file is gone.
                None => journal.log.refused(sequence),
            }
        }
        if spans.len() >= most {
            break;
        }
    }
    spans
}

/// What there is to report of this process while it runs: that calls were lost since the last report.
pub(crate) fn news() -> Vec<SpanData> {
    let journals = all();
    let news = journals.iter().filter_map(|journal| journal.log.news());
    news.map(|state| {
        Process { origin: Origin::here(), state: &state, end: None, skipped: 0, time: this_time() }.span()
    })
    .collect()
}

/// The process is about to end: every journal gets its BYE, once no call is open. Gives the last reports of those that
/// have it.
pub(crate) fn finish() -> Vec<SpanData> {
    let journals = all();
    let ended = journals.iter().filter_map(|journal| journal.log.finish());
    let time = this_time();
    ended
        .map(|state| {
            let end = Some(End::Orderly);
            Process { origin: Origin::here(), state: &state, end, skipped: 0, time }.span()
        })
        .collect()
}

/// The last reports were delivered: journals with nothing left in them are removed.
pub(crate) fn conclude() {
    for journal in all() {
        if journal.log.conclude()
            && let Err(error) = journal.owned.remove()
        {
            tracing::warn!(%error, "the journal of this process is delivered, and could not be removed");
        }
    }
}
