//! One instrument with one set of labels.
//!
//! The SDK looks the labels up for each measurement, which takes it longer than all else. An instrument that is bound to them
//! does so once. Only OpenTelemetry's own SDK is known to bind: what is bound to another one may be lost.

use opentelemetry::KeyValue;
#[cfg(feature = "bound-instruments")]
use opentelemetry::metrics::{BoundCounter, BoundHistogram};
use opentelemetry::metrics::{Counter, Histogram};

/// What records values with labels.
pub(super) trait Instrument {
    type Value: Copy;
    #[cfg(feature = "bound-instruments")]
    type Bound;

    fn record(&self, value: Self::Value, labels: &[KeyValue]);

    #[cfg(feature = "bound-instruments")]
    fn bind(&self, labels: &[KeyValue]) -> Self::Bound;

    #[cfg(feature = "bound-instruments")]
    fn record_bound(bound: &Self::Bound, value: Self::Value);
}

impl<T: Copy> Instrument for Counter<T> {
    type Value = T;
    #[cfg(feature = "bound-instruments")]
    type Bound = BoundCounter<T>;

    fn record(&self, value: T, labels: &[KeyValue]) {
        self.add(value, labels);
    }

    #[cfg(feature = "bound-instruments")]
    fn bind(&self, labels: &[KeyValue]) -> Self::Bound {
        self.bind(labels)
    }

    #[cfg(feature = "bound-instruments")]
    fn record_bound(bound: &Self::Bound, value: T) {
        bound.add(value);
    }
}

impl<T: Copy> Instrument for Histogram<T> {
    type Value = T;
    #[cfg(feature = "bound-instruments")]
    type Bound = BoundHistogram<T>;

    fn record(&self, value: T, labels: &[KeyValue]) {
        self.record(value, labels);
    }

    #[cfg(feature = "bound-instruments")]
    fn bind(&self, labels: &[KeyValue]) -> Self::Bound {
        self.bind(labels)
    }

    #[cfg(feature = "bound-instruments")]
    fn record_bound(bound: &Self::Bound, value: T) {
        bound.record(value);
    }
}

/// The labels of an instrument, or the instrument bound to them.
pub(super) enum Point<I: Instrument> {
    Labels(Box<[KeyValue]>),
    #[cfg(feature = "bound-instruments")]
    Bound(I::Bound),
    #[cfg(not(feature = "bound-instruments"))]
    Never(std::marker::PhantomData<I>, std::convert::Infallible),
}

impl<I: Instrument> Point<I> {
    #[cfg_attr(
        not(feature = "bound-instruments"),
        expect(unused_variables, reason = "nothing is bound without the feature")
    )]
    pub(super) fn new(instrument: &I, labels: Vec<KeyValue>, bind: bool) -> Self {
        #[cfg(feature = "bound-instruments")]
        if bind {
            return Self::Bound(instrument.bind(&labels));
        }
        Self::Labels(labels.into())
    }

    pub(super) fn record(&self, instrument: &I, value: I::Value) {
        match self {
            Self::Labels(labels) => instrument.record(value, labels),
            #[cfg(feature = "bound-instruments")]
            Self::Bound(bound) => I::record_bound(bound, value),
            #[cfg(not(feature = "bound-instruments"))]
            Self::Never(_, never) => match *never {},
        }
    }
}
