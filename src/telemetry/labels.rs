//! Metric labels that no foreign text can multiply.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry::KeyValue;

use crate::call::Call;
use crate::cost::PriceTable;
use crate::semconv::{attribute, error_type};

/// How many names outside the price table may become labels, each of models and of error types.
const BUDGET: usize = 256;

/// Decides which model names and error types may stand on a metric.
pub(crate) struct Labels {
    prices: Arc<PriceTable>,
    models: Names,
    errors: Names,
}

impl Labels {
    pub(crate) fn new(prices: Arc<PriceTable>) -> Self {
        Self { prices, models: Names::default(), errors: Names::default() }
    }

    /// The attributes the conventions put on every metric of a call.
    pub(crate) fn of(&self, call: &Call) -> Vec<KeyValue> {
        let destination = &call.destination;
        let mut labels = Vec::with_capacity(12);
        labels.push(KeyValue::new(attribute::OPERATION_NAME, destination.operation.as_str()));
        labels.push(KeyValue::new(attribute::PROVIDER_NAME, destination.provider.clone()));
        labels.push(KeyValue::new(attribute::SERVER_ADDRESS, destination.server_address.clone()));
        labels.push(KeyValue::new(attribute::SERVER_PORT, i64::from(destination.server_port)));
        let answered = call.response.model.as_deref();
        if let Some(model) = answered {
            let known = self.prices.knows(&destination.provider, model) || self.models.admits(model);
            labels.push(KeyValue::new(attribute::RESPONSE_MODEL, label(known, model)));
        }
        if let Some(model) = call.request.model.as_deref() {
            // A name that only a request gave is nobody's word: a typo must not become a series.
            let known = self.prices.knows(&destination.provider, model)
                || (answered == Some(model) && self.models.admits(model));
            labels.push(KeyValue::new(attribute::REQUEST_MODEL, label(known, model)));
        }
        labels
    }

    /// `error.type` as a label.
    pub(crate) fn error(&self, error: &str) -> String {
        label(self.errors.admits(error), error)
    }
}

fn label(known: bool, name: &str) -> String {
    if known { name.to_owned() } else { error_type::OTHER.to_owned() }
}

/// Names seen, up to a budget.
#[derive(Default)]
struct Names(RwLock<HashSet<Cow<'static, str>>>);

impl Names {
    /// Whether `name` has a place, or takes one of those left.
    fn admits(&self, name: &str) -> bool {
        {
            let seen = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if seen.contains(name) {
                return true;
            }
            if seen.len() >= BUDGET {
                return false;
            }
        }
        let mut seen = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < BUDGET {
            seen.insert(Cow::Owned(name.to_owned()));
        }
        seen.contains(name)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Labels")
    }
}
