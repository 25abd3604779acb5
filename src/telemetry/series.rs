//! What alike calls have in common: the labels of their measurements, made once, and the instruments bound to them.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

use super::labels::Labels;
use super::point::{Instrument, Point};
use crate::call::{Call, Operation};
use crate::cost::CostStatus;
use crate::outcome::{Outcome, Verdict};
use crate::semconv::attribute;
use crate::usage::UsageSource;

/// Series that are kept. A full memory is emptied: names come from outside, and a bound instrument keeps its place in the SDK,
/// which has 2,000 for each.
const SERIES: usize = 128;

/// Ways to end that are kept for each series: with those the places in the SDK are at most half of what it has.
const ENDINGS: usize = 8;

/// Token counts by kind and modality.
const KINDS: usize = 5;
const MODALITIES: usize = 4;

/// The series of all calls, by what decides their labels.
#[derive(Default)]
pub(super) struct AllSeries {
    hasher: RandomState,
    kept: RwLock<HashMap<u64, Arc<Series>>>,
}

/// What decides the labels that all measurements of a call have.
#[derive(PartialEq, Eq)]
struct Subject {
    operation: Operation,
    provider: Box<str>,
    server_address: Arc<str>,
    server_port: u16,
    answered: Option<Box<str>>,
    asked: Option<Box<str>>,
}

/// Calls of one kind to one place, of one model.
pub(super) struct Series {
    subject: Subject,
    pub(super) labels: Vec<KeyValue>,
    pub(super) duration: Slot<Histogram<f64>>,
    pub(super) first_chunk: Slot<Histogram<f64>>,
    pub(super) per_chunk: Slot<Histogram<f64>>,
    pub(super) tokens: [[Slot<Counter<u64>>; MODALITIES]; KINDS],
    pub(super) input_each: Slot<Histogram<u64>>,
    pub(super) output_each: Slot<Histogram<u64>>,
    /// Of the older conventions: input and output.
    pub(super) both: [Slot<Histogram<u64>>; 2],
    endings: RwLock<Vec<Arc<Alike>>>,
}

/// How a call without an error ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) usage_source: UsageSource,
    pub(super) cost_status: CostStatus,
    pub(super) status_code: Option<u16>,
}

/// What the calls of a series that ended alike are measured by.
pub(super) struct Alike {
    ending: Ending,
    pub(super) cost: Slot<Counter<f64>>,
    pub(super) calls: Slot<Counter<u64>>,
}

/// What measures a call: its series, and how.
pub(super) struct Found {
    pub(super) series: Arc<Series>,
    pub(super) how: How,
}

/// How measurements are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// Whether what is made for a measurement is kept: what a series needs once is not worth it.
    pub(super) keep: bool,
    /// Whether instruments may be bound.
    pub(super) bind: bool,
}

impl AllSeries {
    /// The series of a call, with labels from `labels`.
    pub(super) fn of(&self, call: &Call, labels: &Labels, bind: bool) -> Found {
        let key = self.hasher.hash_one(parts(call));
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(series) = kept.filter(|series| series.subject.is_of(call)) {
            return Found { series, how: How { keep: true, bind } };
        }
        let series = Arc::new(Series::new(call, labels.of(call)));
        let mut all = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SERIES {
            all.clear();
        }
        all.insert(key, Arc::clone(&series));
        Found { series, how: How { keep: false, bind } }
    }
}

type Parts<'a> = (Operation, &'a str, &'a str, u16, Option<&'a str>, Option<&'a str>);

fn parts(call: &Call) -> Parts<'_> {
    let to = &call.destination;
    let (answered, asked) = (call.response.model.as_deref(), call.request.model.as_deref());
    (to.operation, &to.provider, &to.server_address, to.server_port, answered, asked)
}

impl Subject {
    fn is_of(&self, call: &Call) -> bool {
        let own = (
            self.operation,
            &*self.provider,
            &*self.server_address,
            self.server_port,
            self.answered.as_deref(),
            self.asked.as_deref(),
        );
        own == parts(call)
    }
}

impl Series {
    fn new(call: &Call, labels: Vec<KeyValue>) -> Self {
        let to = &call.destination;
        let subject = Subject {
            operation: to.operation,
            provider: (*to.provider).into(),
            server_address: Arc::clone(&to.server_address),
            server_port: to.server_port,
            answered: call.response.model.as_deref().map(Into::into),
            asked: call.request.model.as_deref().map(Into::into),
        };
        Self {
            subject,
            labels,
            duration: Slot::default(),
            first_chunk: Slot::default(),
            per_chunk: Slot::default(),
            tokens: Default::default(),
            input_each: Slot::default(),
            output_each: Slot::default(),
            both: Default::default(),
            endings: RwLock::default(),
        }
    }

    /// The labels of the series and further ones.
    pub(super) fn with(&self, further: impl IntoIterator<Item = KeyValue>) -> Vec<KeyValue> {
        let mut labels = Vec::with_capacity(self.labels.len() + 5);
        labels.extend_from_slice(&self.labels);
        labels.extend(further);
        labels
    }

    /// What measures calls that ended so; `None` where too many ways are kept already.
    pub(super) fn ended(&self, ending: Ending, how: How) -> Option<Arc<Alike>> {
        let is_it = |known: &&Arc<Alike>| known.ending == ending;
        if let Some(known) = self.endings.read().unwrap_or_else(PoisonError::into_inner).iter().find(is_it) {
            return Some(Arc::clone(known));
        }
        if !how.keep {
            return None;
        }
        let mut endings = self.endings.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = endings.iter().find(is_it) {
            return Some(Arc::clone(known));
        }
        if endings.len() >= ENDINGS {
            return None;
        }
        let new = Arc::new(Alike { ending, cost: Slot::default(), calls: Slot::default() });
        endings.push(Arc::clone(&new));
        Some(new)
    }
}

impl Ending {
    pub(super) fn of(call: &Call, verdict: &Verdict, cost_status: CostStatus) -> Self {
        let Verdict { outcome, usage_source, .. } = *verdict;
        Self { outcome, usage_source, cost_status, status_code: call.status_code }
    }

    /// The labels of the counter of costs: what failed calls cost, and how much of the money is estimated.
    pub(super) fn of_cost(self) -> [KeyValue; 2] {
        [
            KeyValue::new(attribute::OUTCOME, self.outcome.as_str()),
            KeyValue::new(attribute::COST_STATUS, self.cost_status.as_str()),
        ]
    }

    /// The labels of the counter of calls.
    pub(super) fn of_calls(self) -> impl Iterator<Item = KeyValue> {
        let status = self.status_code;
        [
            KeyValue::new(attribute::OUTCOME, self.outcome.as_str()),
            KeyValue::new(attribute::USAGE_SOURCE, self.usage_source.as_str()),
            KeyValue::new(attribute::COST_STATUS, self.cost_status.as_str()),
        ]
        .into_iter()
        .chain(status.map(|status| KeyValue::new(attribute::HTTP_RESPONSE_STATUS_CODE, i64::from(status))))
    }
}

/// The place of one instrument in a series: made when it is first measured by.
pub(super) struct Slot<I: Instrument>(OnceLock<Point<I>>);

impl<I: Instrument> Default for Slot<I> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<I: Instrument> Slot<I> {
    /// Records a measurement with the labels that `labels` makes, always the same for one slot.
    pub(super) fn record(
        &self,
        how: How,
        instrument: &I,
        value: I::Value,
        labels: impl FnOnce() -> Vec<KeyValue>,
    ) {
        if !how.keep && self.0.get().is_none() {
            return instrument.record(value, &labels());
        }
        self.0.get_or_init(|| Point::new(instrument, labels(), how.bind)).record(instrument, value);
    }
}
