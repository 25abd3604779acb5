//! From OTLP spans and log records to calls: which of them are LLM calls, and what they say. Which of several accounts of one call counts
//! is decided by the store (`store::identity`).
//!
//! A span is our **own** when it carries any `spanledger.*` fact, whatever its scope is named: a Collector may have
//! passed it on. Any other span of an inference operation is **third-party** and is read by the tables of
//! `third_party`. All other spans are counted and left.

mod attributes;
mod draft;
pub(crate) mod failure;
mod kind;
mod log;
mod price;
mod process;
pub(crate) mod secrets;
mod stream_ends;
mod tags;
#[cfg(test)]
mod tests;
mod third_party;
mod timestamps;
mod unrecognised;
mod value;

pub(crate) use tags::{TagSource, TagSources};
pub(crate) use unrecognised::{MetricsSender, Unrecognised};
pub(crate) use value::cut;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use spanledger::PriceTable;
use spanledger::semconv::attribute;

use crate::otlp::json::Json;
use crate::otlp::protobuf::Protobuf;
use crate::otlp::{Encoded, Encoding, Logs, Malformed, Signal, SpanView, Spans, Text, Value};
use crate::record::{CallRecord, Ends, Passage, ProcessReport, Receipt, SkippedHours, Timestamp};
use draft::Draft;
use stream_ends::StreamEnds;
use tags::TagDraft;
use third_party::Sender;
use timestamps::{CallTime, Moved};
use value::NAME_BYTES;

/// Turns batches of spans into records. Shared by all receivers.
#[derive(Debug)]
pub(crate) struct Converter {
    prices: Arc<PriceTable>,
    stream_ends: Mutex<StreamEnds>,
    unrecognised: Mutex<unrecognised::Counters>,
    tags: TagSources,
}

/// What became of one batch. Each of its spans is a record, ignored, refused or malformed.
#[derive(Debug, Default)]
pub(crate) struct Converted {
    /// The calls, in the order of the batch.
    pub records: Vec<CallRecord>,
    /// Spans that are no calls and may connect accounts of one call.
    pub passages: Vec<Passage>,
    /// What journals report of their processes.
    pub processes: Vec<ProcessReport>,
    /// Spans and log records that are no LLM calls.
    pub ignored: u64,
    /// Which of the ignored spans are about work with a model, and why they are no calls.
    pub skipped: SkippedHours,
    /// Calls that cannot be kept, because their ids are missing or malformed.
    pub refused: u64,
    /// Spans that cannot be read. Where the list around them breaks off, what is left of it counts as one.
    pub malformed: u64,
    /// Why the first of those cannot be read.
    pub reason: Option<Malformed>,
    /// Calls of which a value was out of its range and was bounded or left out.
    pub clamped: u64,
    /// Tags that were left out or shortened.
    pub tags_cut: u64,
    /// Calls that end too far ahead of the time.
    pub ahead: u64,
    /// What the ends of the calls say of the clock of the ledger.
    pub ends: Ends,
    /// Calls that are kept with the time of their start, since their end cannot be right.
    pub moved_to_start: u64,
    /// Calls that are kept with the time of their receipt, since neither can be right.
    pub moved_to_receipt: u64,
}

impl Converted {
    fn note_time(&mut self, when: CallTime) {
        self.ahead += u64::from(when.ahead);
        self.moved_to_start += u64::from(when.moved == Some(Moved::ToStart));
        self.moved_to_receipt += u64::from(when.moved == Some(Moved::ToReceipt));
        self.ends.beyond += u64::from(when.ahead && when.moved.is_none());
        self.ends.before |= when.before;
        self.ends.agree |= when.agrees;
    }

    fn refuse(&mut self, reason: Malformed) {
        self.malformed += 1;
        self.reason.get_or_insert(reason);
    }
}

impl Converter {
    /// A converter that prices calls without a cost by `prices`.
    #[must_use]
    pub(crate) fn new(prices: Arc<PriceTable>) -> Self {
        Self {
            prices,
            stream_ends: Mutex::default(),
            unrecognised: Mutex::default(),
            tags: TagSources::default(),
        }
    }

    /// Sets which attributes are tags, next to our own.
    #[must_use]
    pub(crate) fn tagging(mut self, tags: TagSources) -> Self {
        self.tags = tags;
        self
    }

    /// Sets when this process began: what a cumulative counter counted before was seen by the process before.
    #[must_use]
    pub(crate) fn since(mut self, now: Timestamp) -> Self {
        self.unrecognised.get_mut().unwrap_or_else(PoisonError::into_inner).since = now;
        self
    }

    /// Converts one batch that arrived at `now`.
    ///
    /// # Errors
    /// [`Malformed`] when `request` is no export request. What is wrong within a span costs that span alone.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn convert(
        &self,
        request: Encoded<&[u8]>,
        now: impl Into<Receipt>,
    ) -> Result<Converted, Malformed> {
        self.parts::<Spans>(request, now, usize::MAX, |_, _, _| {})
    }

    /// Converts one batch, and gives its calls, passages and reports to `part` whenever there are `most`;
    /// the rest is in the result.
    ///
    /// # Errors
    /// [`Malformed`] when `request` is no export request, as far as it was read. What is wrong within a span costs that
    /// span alone.
    pub(crate) fn parts<S: Items>(
        &self,
        request: Encoded<&[u8]>,
        receipt: impl Into<Receipt>,
        most: usize,
        mut part: impl FnMut(Vec<CallRecord>, Vec<Passage>, Vec<ProcessReport>),
    ) -> Result<Converted, Malformed> {
        let full = |result: &mut Converted| {
            if result.records.len() + result.passages.len() + result.processes.len() >= most {
                part(
                    std::mem::take(&mut result.records),
                    std::mem::take(&mut result.passages),
                    std::mem::take(&mut result.processes),
                );
            }
        };
        let receipt = receipt.into();
        match request {
            Encoded::Protobuf(request) => self.read::<Protobuf, S>(request, receipt, full),
            Encoded::Json(request) => self.read::<Json, S>(request, receipt, full),
        }
    }

    /// What a request of metrics, which arrived at `now`, counts of requests that the library did not recognise.
    ///
    /// # Errors
    /// [`Malformed`] when `request` is no export request.
    pub(crate) fn unrecognised(
        &self,
        request: Encoded<&[u8]>,
        sender: MetricsSender<'_>,
        now: Timestamp,
    ) -> Result<Unrecognised, Malformed> {
        let mut counters = self.unrecognised.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            Encoded::Protobuf(request) => counters.read::<Protobuf>(request, sender, now),
            Encoded::Json(request) => counters.read::<Json>(request, sender, now),
        }
    }

    /// Reads a request, and calls `after` after every item.
    fn read<E: Encoding, S: Items>(
        &self,
        request: &[u8],
        receipt: Receipt,
        mut after: impl FnMut(&mut Converted),
    ) -> Result<Converted, Malformed> {
        let mut result = Converted::default();
        E::resources::<S>(request, |resource| {
            let from = Resource::read::<E>(resource, &self.tags.resource);
            let whole = E::scopes::<S>(resource, |scope| {
                // Without its service or its scope an item would be taken for another's.
                let named = from.as_ref().map_err(|error| *error).and_then(|from| {
                    let (name, version) = E::name_and_version(scope)?;
                    Ok((from, name.head(NAME_BYTES), version.head(NAME_BYTES)))
                });
                let known =
                    named.as_ref().map(|(from, name, version)| (*from, Sender::of(name, version, &from.sdk)));
                let whole = E::items::<S>(scope, |item| {
                    let read = match known {
                        Ok((from, sender)) => S::read::<E>(self, item, from, sender, receipt, &mut result),
                        Err(error) => Err(*error),
                    };
                    if let Err(reason) = read {
                        result.refuse(reason);
                    }
                    after(&mut result);
                });
                if let Err(reason) = whole {
                    result.refuse(reason);
                }
            });
            if let Err(reason) = whole {
                result.refuse(reason);
            }
        })?;
        Ok(result)
    }

    /// Reads one span into `result`.
    fn read_span<'s, 'a: 's, E: Encoding>(
        &self,
        span: E::Item<'a>,
        from: &Resource<'_>,
        sender: Sender<'s>,
        receipt: Receipt,
        result: &mut Converted,
    ) -> Result<(), Malformed> {
        let mut draft = Draft::of(sender, &self.tags.attributes);
        let service = &*from.service;
        let span = E::span(span, |key, value| draft.note(key, value))?;
        draft.note_span(&span)?;
        let ids = Ids::read(&span);
        let when = timestamps::bounded(span.start, span.end, receipt);
        let kind = match draft.kind() {
            Ok(kind) => kind,
            Err(reason) => {
                result.ignored += 1;
                result.processes.extend(draft.process(service, when.end()));
                if draft.work {
                    result.skipped.add(when.end(), draft.sender.label(), reason);
                }
                result.passages.extend(ids.and_then(|ids| ids.passage(reason.is_boundary())));
                return Ok(());
            }
        };
        let Some(ids) = ids else {
            result.refused += 1;
            return Ok(());
        };
        let (opens, lasted) = (draft.opens_stream(), draft.log_duration());
        let (tags, cut) = draft.take_tags(&from.tags);
        let (mut record, clamped) = draft.finish(ids, when, service, kind, &self.prices);
        record.tags = tags;
        result.tags_cut += cut;
        result.clamped += u64::from(clamped);
        result.note_time(when);
        if opens || lasted.is_some() {
            let mut ends = self.stream_ends.lock().unwrap_or_else(PoisonError::into_inner);
            match lasted {
                Some(lasted) => ends.close(&mut record, lasted),
                None => ends.open(&record, receipt.time),
            }
        }
        result.records.push(record);
        Ok(())
    }
}

/// What calls are read from: spans, or log records.
pub(crate) trait Items: Signal {
    /// Reads one item into `result`.
    fn read<'s, 'a: 's, E: Encoding>(
        converter: &Converter,
        item: E::Item<'a>,
        from: &Resource<'_>,
        sender: Sender<'s>,
        receipt: Receipt,
        result: &mut Converted,
    ) -> Result<(), Malformed>;
}

impl Items for Spans {
    fn read<'s, 'a: 's, E: Encoding>(
        converter: &Converter,
        item: E::Item<'a>,
        from: &Resource<'_>,
        sender: Sender<'s>,
        receipt: Receipt,
        result: &mut Converted,
    ) -> Result<(), Malformed> {
        converter.read_span::<E>(item, from, sender, receipt, result)
    }
}

impl Items for Logs {
    fn read<'s, 'a: 's, E: Encoding>(
        converter: &Converter,
        item: E::Item<'a>,
        from: &Resource<'_>,
        sender: Sender<'s>,
        receipt: Receipt,
        result: &mut Converted,
    ) -> Result<(), Malformed> {
        converter.read_log::<E>(item, from, sender, receipt, result)
    }
}

/// What the resource says of all its items.
pub(crate) struct Resource<'a> {
    service: Cow<'a, str>,
    /// The SDK that sent them.
    sdk: Cow<'a, str>,
    /// The process that sent them.
    instance: Cow<'a, str>,
    /// Tags of all its calls.
    tags: TagDraft,
}

impl<'a> Resource<'a> {
    fn read<E: Encoding>(resource: E::Resource<'a>, sources: &[TagSource]) -> Result<Self, Malformed> {
        let mut tags = TagDraft::default();
        let (mut service, mut sdk, mut instance) = (Text::EMPTY, Text::EMPTY, Text::EMPTY);
        let (mut environment, mut older) = (Text::EMPTY, Text::EMPTY);
        E::resource_attributes(resource, |key, value| {
            let key = &*key.head(NAME_BYTES);
            if !tags.note_own(key, value) && !sources.is_empty() {
                tags.note(sources, key, value);
            }
            let Value::Text(text) = value else { return };
            match key {
                attribute::SERVICE_NAME => service = text,
                attribute::SERVICE_INSTANCE_ID => instance = text,
                attribute::DEPLOYMENT_ENVIRONMENT_NAME => environment = text,
                attribute::DEPLOYMENT_ENVIRONMENT => older = text,
                third_party::SDK_NAME => sdk = text,
                _ => {}
            }
        })?;
        let [service, sdk, instance] = [service, sdk, instance].map(|text| text.head(NAME_BYTES));
        for name in [environment, older].map(|text| text.head(NAME_BYTES)) {
            tags.note_environment(&name);
        }
        Ok(Self { service, sdk, instance, tags })
    }
}

/// The ids of a span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    trace: [u8; 16],
    span: [u8; 8],
    parent: Option<[u8; 8]>,
}

impl Ids {
    fn read(span: &SpanView<'_>) -> Option<Self> {
        // A malformed parent is no reason to lose the call.
        Some(Self { trace: span.trace_id?, span: span.span_id?, parent: span.parent_span_id })
    }

    /// The span as a passage between accounts of a call; `None` when nothing is above it and nothing ends at it.
    fn passage(self, boundary: bool) -> Option<Passage> {
        let passage =
            Passage { trace_id: self.trace, span_id: self.span, parent_span_id: self.parent, boundary };
        (boundary || self.parent.is_some()).then_some(passage)
    }
}
