//! Metric labels that no untrusted text can multiply.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry::{KeyValue, StringValue};

use crate::call::Call;
use crate::cost::PriceTable;
use crate::semconv::{attribute, error_type};

/// How many names of models outside the price table may become labels.
const MODELS: usize = 256;

/// How many error types may. Fewer, since they multiply with the models, and an SDK that has reached its own limit of
/// 2,000 sets of labels folds all others into one without outcome or status.
const ERRORS: usize = 64;

/// How many shapes of paths may.
const SHAPES: usize = 64;

/// How many names of the price table are kept ready; it has some 2,000.
const KNOWN: usize = 4096;

/// Decides which model names and error types may stand on a metric.
///
/// Names are shared, not copied: a call records a dozen measurements with them.
pub(crate) struct Labels {
    prices: Arc<PriceTable>,
    known: Names,
    models: Names,
    errors: Names,
    shapes: Names,
    other: Arc<str>,
}

impl Labels {
    pub(crate) fn new(prices: Arc<PriceTable>) -> Self {
        Self {
            prices,
            known: Names::new(KNOWN),
            models: Names::new(MODELS),
            errors: Names::new(ERRORS),
            shapes: Names::new(SHAPES),
            other: Arc::from(error_type::OTHER),
        }
    }

    /// The attributes the conventions put on every metric of a call.
    pub(crate) fn of(&self, call: &Call) -> Vec<KeyValue> {
        let destination = &call.destination;
        let mut labels = Vec::with_capacity(12);
        labels.push(KeyValue::new(attribute::OPERATION_NAME, destination.operation.as_str()));
        labels.push(KeyValue::new(attribute::PROVIDER_NAME, destination.provider.clone()));
        labels.push(shared(attribute::SERVER_ADDRESS, Arc::clone(&destination.server_address)));
        labels.push(KeyValue::new(attribute::SERVER_PORT, i64::from(destination.server_port)));
        let answered = call.response.model.as_deref();
        if let Some(model) = answered {
            let label = self.known(&destination.provider, model).or_else(|| self.models.admit(model));
            labels.push(self.label(attribute::RESPONSE_MODEL, label.or_else(|| self.priced_as(call, model))));
        }
        if let Some(model) = call.request.model.as_deref() {
            // A name that only a request gave is unconfirmed: a typo must not become a series.
            let label = self
                .known(&destination.provider, model)
                .or_else(|| (answered == Some(model)).then(|| self.models.admit(model)).flatten())
                // Bedrock's answers name no model, and its requests one of a region and a version.
                .or_else(|| self.priced_as(call, model));
            labels.push(self.label(attribute::REQUEST_MODEL, label));
        }
        labels
    }

    /// `error.type` as a label.
    pub(crate) fn error(&self, error: &str) -> KeyValue {
        self.label(attribute::ERROR_TYPE, self.errors.admit(error))
    }

    /// The labels of a request that no wire format takes, and whether its shape is new.
    pub(crate) fn unrecognised(&self, provider: &'static str, shape: &str) -> (Vec<KeyValue>, bool) {
        let new = self.shapes.get(shape).is_none();
        let label = self.shapes.admit(shape);
        let new = new && label.is_some();
        let labels =
            vec![KeyValue::new(attribute::PROVIDER_NAME, provider), self.label(attribute::PATH_SHAPE, label)];
        (labels, new)
    }

    /// The name, if the price table has it.
    fn known(&self, provider: &str, model: &str) -> Option<Arc<str>> {
        self.known.get(model).or_else(|| {
            let known = self.prices.knows(provider, model);
            known.then(|| self.known.admit(model).unwrap_or_else(|| Arc::from(model)))
        })
    }

    /// The price table's own name of the model.
    fn priced_as(&self, call: &Call, model: &str) -> Option<Arc<str>> {
        let destination = &call.destination;
        self.prices.name_of(&destination.provider, &destination.server_address, model)
    }

    fn label(&self, name: &'static str, value: Option<Arc<str>>) -> KeyValue {
        shared(name, value.unwrap_or_else(|| Arc::clone(&self.other)))
    }
}

fn shared(name: &'static str, value: Arc<str>) -> KeyValue {
    KeyValue::new(name, StringValue::from(value))
}

/// Names seen, up to a budget.
struct Names {
    budget: usize,
    seen: RwLock<HashSet<Arc<str>>>,
}

impl Names {
    fn new(budget: usize) -> Self {
        Self { budget, seen: RwLock::default() }
    }

    fn get(&self, name: &str) -> Option<Arc<str>> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The name, if it has a place or takes one of those left.
    fn admit(&self, name: &str) -> Option<Arc<str>> {
        if let Some(name) = self.get(name) {
            return Some(name);
        }
        if self.seen.read().unwrap_or_else(PoisonError::into_inner).len() >= self.budget {
            return None;
        }
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < self.budget {
            seen.insert(Arc::from(name));
        }
        seen.get(name).cloned()
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Labels")
    }
}
