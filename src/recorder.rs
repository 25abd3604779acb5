//! Owns one call while it is on its way and ends it exactly once, however it ends.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::{HeaderMap, StatusCode};
use opentelemetry::{Context, KeyValue};

use crate::call::{Call, Ending, Retrieval};
use crate::charge::Reported;
use crate::clock;
use crate::cost::{Cost, PriceQuery};
use crate::deferred;
use crate::form::Passing;
use crate::json::Json;
use crate::outcome::{Outcome, Verdict, judge};
use crate::provider::{Reading, WireFormat};
use crate::reader::{ChunkClock, Reader};
use crate::settings::Settings;
use crate::telemetry::{Begun, ChunkRecorder, Ended, Telemetry};
use crate::usage::UsageSource;

/// The record of one call. Dropping it ends the call: as cancelled before [`Recorder::receive`], as dropped
/// after it.
pub(crate) struct Recorder {
    settings: Arc<Settings>,
    format: &'static dyn WireFormat,
    call: Call,
    begun: Begun,
    started: SystemTime,
    clock: Instant,
    chunk_clock: ChunkClock,
    chunk_recorder: Option<ChunkRecorder>,
    further: Vec<KeyValue>,
    /// The request is a form that passes as a stream.
    form: Option<Passing>,
    /// Present between the headers and the end.
    reader: Option<Reader>,
    done: bool,
}

impl Recorder {
    /// Begins the call: its span starts now. On the heap, as it passes from future to future.
    pub(crate) fn start(
        settings: Arc<Settings>,
        format: &'static dyn WireFormat,
        call: Call,
        further: Vec<KeyValue>,
        parent: &Context,
    ) -> Box<Self> {
        let (started, clock) = (clock::timestamp(), clock::now());
        // Whether a fetch is a call is known at its end: it may bring a response that was recorded before, or none.
        let begun = match call.retrieval {
            Retrieval::Fetch(_) => Begun::later(parent.clone()),
            Retrieval::Once | Retrieval::Kept => settings.telemetry.start(&call, &further, started, parent),
        };
        Box::new(Self {
            settings,
            format,
            call,
            begun,
            started,
            clock,
            chunk_clock: ChunkClock::new(clock),
            chunk_recorder: None,
            further,
            form: None,
            reader: None,
            done: false,
        })
    }

    /// The context in which the request runs: inner spans become children of the call's.
    pub(crate) fn context(&self) -> Context {
        self.begun.context.clone()
    }

    /// Waits until the beginning of the call is written down as the journal promises.
    #[cfg(feature = "journal")]
    pub(crate) async fn written_down(&self) {
        if let Some(entry) = &self.begun.entry {
            entry.written().await;
        }
    }

    /// Awaits the parameters of a request that is a form and passes as a stream.
    pub(crate) fn await_form(&mut self, form: Option<Passing>) {
        self.form = form;
    }

    /// Reads what has passed of a form.
    fn read_form(&mut self) {
        let fields = self.form.as_ref().map(Passing::take).filter(|fields| !fields.is_empty());
        let Some(text) = fields.map(|fields| fields.json()) else { return };
        let Some(fields) = Json::read(text.as_bytes()) else { return };
        let named = self.call.request.model.is_some();
        self.format.read_request(&fields, &mut self.call.request);
        self.call.request.bound();
        self.call.request_unparsed = false;
        if !named {
            Telemetry::name_model(&self.begun, &self.call);
        }
    }

    /// Notes the response's head. From here on the body decides.
    pub(crate) fn receive(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.read_form();
        self.call.status_code = Some(status.as_u16());
        self.call.ending = Ending::Dropped;
        let reading = Reading { content: self.settings.capture.output(), ..Reading::default() };
        let limit = self.settings.memory_limit;
        self.reader =
            Some(Reader::new(self.format, self.call.request.stream, status, headers, reading, limit));
    }

    /// Reads bytes of the body as they pass.
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        let fetches = matches!(self.call.retrieval, Retrieval::Fetch(_));
        let Some(reader) = &mut self.reader else { return };
        let seen = reader.push(bytes);
        if seen.chunks == 0 || !self.call.request.stream || fetches {
            return;
        }
        for since_last in self.chunk_clock.tick(seen.chunks, clock::now()) {
            let recorder = self.chunk_recorder.get_or_insert_with(|| {
                // The model that answers is known from the first chunk on.
                self.call.response.model.clone_from(&reader.facts().model);
                self.settings.telemetry.chunks(&self.call)
            });
            recorder.record(since_last);
        }
    }

    /// Ends the call. Later endings change nothing.
    pub(crate) fn end(&mut self, ending: Ending) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let duration = self.clock.elapsed();
        self.read_form();
        self.call.ending = ending;
        self.call.first_chunk = self.chunk_clock.first_chunk;
        if let Some(reader) = self.reader.take() {
            let reading = reader.finish(ending == Ending::End);
            self.call.response = reading.facts;
            self.call.expect_choices();
            self.call.settle();
            if let Some(content) = reading.content {
                self.further.extend(self.settings.capture.response_attributes(content));
            }
        }
        let mut verdict = judge(&self.call);
        if !self.is_call(&verdict) {
            return;
        }
        if self.settings.estimate_usage {
            verdict.estimate_usage(&mut self.call);
        }
        let cost = self.price(&verdict);
        let further = std::mem::take(&mut self.further);
        let ended = Ended {
            call: &self.call,
            verdict: &verdict,
            cost: &cost,
            started: self.started,
            duration,
            further,
        };
        self.settings.telemetry.finish(&mut self.begun, ended);
    }

    /// Whether this exchange is a call of its own. One that fetches is when it brings the response of a call that
    /// comes later, for the first time: its span begins here.
    fn is_call(&mut self, verdict: &Verdict) -> bool {
        let response = &self.call.response;
        match &self.call.retrieval {
            Retrieval::Once | Retrieval::Kept if verdict.outcome == Outcome::Pending => {
                if let Some(id) = &response.id {
                    let operation = self.call.destination.operation;
                    deferred::memory().expect(id, operation, self.call.request.model.as_deref());
                }
            }
            Retrieval::Once => {}
            Retrieval::Kept => {
                if let Some(id) = response.id.as_ref().filter(|_| response.deferred != Some(false)) {
                    deferred::memory().record(id);
                }
            }
            Retrieval::Fetch(id) => {
                let fetched = self.call.status_code.is_some_and(|status| (200..300).contains(&status))
                    && verdict.outcome != Outcome::Pending
                    && response.deferred != Some(false);
                let mut memory = deferred::memory();
                // Without counts it tells at most that a call of this process has failed.
                let ended = verdict.usage_source != UsageSource::None
                    || response.is_billed()
                    || memory.expects(id) && (response.error.is_some() || response.cancelled);
                let Some(asked) = (fetched && ended).then(|| memory.record(id)).flatten() else {
                    return false;
                };
                drop(memory);
                if let Some(asked) = asked {
                    self.call.destination.operation = asked.operation;
                    self.call.request.model =
                        self.call.request.model.take().or(asked.model.map(String::from));
                }
                let parent = self.begun.context.clone();
                self.begun = self.settings.telemetry.start(&self.call, &self.further, self.started, &parent);
            }
        }
        true
    }

    fn price(&self, verdict: &Verdict) -> Cost {
        let (request, response) = (&self.call.request, &self.call.response);
        let computed = self.settings.prices.price(&PriceQuery {
            provider: &self.call.destination.provider,
            server_address: Some(&self.call.destination.server_address),
            response_model: response.model.as_deref(),
            request_model: request.model.as_deref(),
            service_tier: response.service_tier.as_deref(),
            requested_service_tier: request.service_tier.as_deref(),
            usage: &response.usage,
            usage_source: verdict.usage_source,
            billing: &response.billing,
            at: self.started,
        });
        match response.charge.reported() {
            // Counts may have been in what was lost.
            Reported::Nothing if response.is_read_in_part() => computed.uncertain(),
            Reported::Nothing => computed,
            Reported::Unclear => computed.uncertain(),
            Reported::Usd(usd) => {
                let last =
                    verdict.usage_source == UsageSource::Provider || verdict.outcome == Outcome::Completed;
                let whole = response.coverage.is_whole() && !response.is_read_in_part();
                // Where no one knows the host, nothing tells the unit of an amount but its size.
                let unknown_host = *self.call.destination.provider == *self.call.destination.server_address;
                let odd = unknown_host && computed.is_far_from(usd);
                computed.replaced(usd, last && whole && !odd)
            }
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end(self.call.ending);
    }
}
