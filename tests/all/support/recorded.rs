//! What the tests ask of the telemetry that was kept.

use std::collections::BTreeMap;

use opentelemetry::Value;
use opentelemetry_sdk::trace::SpanData;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use super::observed::Observed;

impl Observed {
    pub(crate) fn client(&self) -> ClientWithMiddleware {
        self.client_of(reqwest::Client::builder().no_proxy().build().unwrap())
    }

    pub(crate) fn client_of(&self, client: reqwest::Client) -> ClientWithMiddleware {
        ClientBuilder::new(client).with(self.builder().build()).build()
    }

    pub(crate) fn client_with(&self, options: spanledger::GenAiMiddlewareBuilder) -> ClientWithMiddleware {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        ClientBuilder::new(client).with(options.build()).build()
    }

    /// All spans that ended.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    /// The one span there must be.
    pub(crate) fn span(&self) -> Recorded {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "one call is one span");
        Recorded(spans.remove(0))
    }

    /// Totals of counters and counts of histograms by metric name.
    pub(crate) fn metrics(&self) -> BTreeMap<String, f64> {
        self.points().into_iter().fold(BTreeMap::new(), |mut sums, (name, _, value)| {
            *sums.entry(name).or_default() += value;
            sums
        })
    }
}

/// One ended span.
#[derive(Debug)]
pub(crate) struct Recorded(pub(crate) SpanData);

impl Recorded {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.to_string())
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        let mut found = self.0.attributes.iter().filter(|attribute| attribute.key.as_str() == name);
        let first = found.next().map(|attribute| &attribute.value);
        assert!(found.next().is_none(), "{name} stands twice");
        first
    }

    pub(crate) fn outcome(&self) -> String {
        self.get("spanledger.outcome").unwrap()
    }
}
