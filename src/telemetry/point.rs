//! One instrument with one set of labels.
//!
//! The SDK looks the labels up for each measurement, which takes it longer than all else. An instrument that is bound to them
//! does so once. Only OpenTelemetry's own SDK is known to bind: what is bound to another one may be lost.

#[cfg(not(feature = "bound-instruments"))]
use std::convert::Infallible;

use opentelemetry::KeyValue;
#[cfg(feature = "bound-instruments")]
use opentelemetry::metrics::{BoundCounter, BoundHistogram};
use opentelemetry::metrics::{Counter, Histogram};

/// What records values with labels.
pub(super) trait Instrument {
    type Value: Copy;
    /// The instrument bound to labels.
    type Bound;

    fn record(&self, value: Self::Value, labels: &[KeyValue]);

    /// `None` without the feature.
    fn bound(&self, labels: &[KeyValue]) -> Option<Self::Bound>;

    fn record_bound(bound: &Self::Bound, value: Self::Value);
}

#[cfg(feature = "bound-instruments")]
impl<T: Copy> Instrument for Counter<T> {
    type Value = T;
    type Bound = BoundCounter<T>;

    fn record(&self, value: T, labels: &[KeyValue]) {
        self.add(value, labels);
    }

    fn bound(&self, labels: &[KeyValue]) -> Option<Self::Bound> {
        Some(self.bind(labels))
    }

    fn record_bound(bound: &Self::Bound, value: T) {
        bound.add(value);
    }
}

#[cfg(feature = "bound-instruments")]
impl<T: Copy> Instrument for Histogram<T> {
    type Value = T;
    type Bound = BoundHistogram<T>;

    fn record(&self, value: T, labels: &[KeyValue]) {
        self.record(value, labels);
    }

    fn bound(&self, labels: &[KeyValue]) -> Option<Self::Bound> {
        Some(self.bind(labels))
    }

    fn record_bound(bound: &Self::Bound, value: T) {
        bound.record(value);
    }
}

#[cfg(not(feature = "bound-instruments"))]
impl<T: Copy> Instrument for Counter<T> {
    type Value = T;
    type Bound = Infallible;

    fn record(&self, value: T, labels: &[KeyValue]) {
        self.add(value, labels);
    }

    fn bound(&self, _labels: &[KeyValue]) -> Option<Self::Bound> {
        None
    }

    fn record_bound(bound: &Self::Bound, _value: T) {
        match *bound {}
    }
}

#[cfg(not(feature = "bound-instruments"))]
impl<T: Copy> Instrument for Histogram<T> {
    type Value = T;
    type Bound = Infallible;

    fn record(&self, value: T, labels: &[KeyValue]) {
        self.record(value, labels);
    }

    fn bound(&self, _labels: &[KeyValue]) -> Option<Self::Bound> {
        None
    }

    fn record_bound(bound: &Self::Bound, _value: T) {
        match *bound {}
    }
}

/// The labels of an instrument, or the instrument bound to them.
pub(super) enum Point<I: Instrument> {
    Labels(Box<[KeyValue]>),
    Bound(I::Bound),
}

impl<I: Instrument> Point<I> {
    pub(super) fn new(instrument: &I, labels: Vec<KeyValue>, bind: bool) -> Self {
        let bound = if bind { instrument.bound(&labels) } else { None };
        bound.map_or_else(|| Self::Labels(labels.into()), Self::Bound)
    }

    pub(super) fn record(&self, instrument: &I, value: I::Value) {
        match self {
            Self::Labels(labels) => instrument.record(value, labels),
            Self::Bound(bound) => I::record_bound(bound, value),
        }
    }
}
