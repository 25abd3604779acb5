//! What a call costs: the figure its span brought, else the one our tables give.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use spanledger::{Billing, Cost, CostStatus, PriceQuery, PriceTable, UsageSource};

use super::draft::{Draft, Reading};
use super::timestamps::CallTime;
use super::value::{self, NAME_BYTES};
use crate::record::NanoUsd;

/// With what the price source of a figure begins that the sender of a third-party span brought along.
const SENDER: &str = "sender";

/// A cost as the ledger keeps it. A source that begins with `companion/` says that the call was priced here.
pub(super) struct Priced {
    pub(super) amount: Option<NanoUsd>,
    /// What the tables give, where the amount was reported.
    pub(super) computed: Option<NanoUsd>,
    pub(super) status: CostStatus,
    pub(super) source: Option<String>,
}

impl Draft<'_> {
    /// The cost the span brought, else the one our tables give.
    ///
    /// A figure of ours is exact only where the sender reports all that costs. The sender's own is taken, unless it left
    /// tokens out that are known here.
    pub(super) fn cost(
        &mut self,
        usage_source: UsageSource,
        reading: Reading,
        time: CallTime,
        prices: &PriceTable,
    ) -> Priced {
        let brought = self.cost.filter(|_| !reading.added).and_then(NanoUsd::from_usd);
        match (self.own, brought, self.cost_status) {
            (true, Some(_), Some(status)) => {
                let computed = self.computed_cost.and_then(NanoUsd::from_usd);
                return Priced {
                    amount: brought,
                    computed,
                    status,
                    source: self.price_source.take().map(Cow::into_owned),
                };
            }
            // Others write 0 for a model they have no price of; only a figure above it is a figure.
            (false, Some(amount), _) if amount.0 > 0 => {
                let status = match usage_source {
                    UsageSource::Provider
                        if self.sender.dialect.bills
                            || reading.complete && !self.sender.dialect.estimates_cost =>
                    {
                        CostStatus::Exact
                    }
                    _ => CostStatus::Estimated,
                };
                let computed = self.priced(usage_source, time, prices).usd.and_then(NanoUsd::from_usd);
                return Priced { amount: brought, computed, status, source: Some(self.sender_source()) };
            }
            _ => {}
        }
        let cost = self.priced(usage_source, time, prices);
        let status = match cost.status {
            CostStatus::Exact if !reading.complete => CostStatus::Estimated,
            status => status,
        };
        Priced {
            amount: cost.usd.and_then(NanoUsd::from_usd),
            computed: None,
            status,
            source: cost.source.map(|source| value::cut(format!("companion/{source}"), NAME_BYTES)),
        }
    }

    /// What the tables give for the call.
    fn priced(&self, usage_source: UsageSource, time: CallTime, prices: &PriceTable) -> Cost {
        prices.price(&PriceQuery {
            provider: self.provider.as_deref().unwrap_or_default(),
            server_address: self.server_address.as_deref(),
            response_model: self.response_model.as_deref(),
            request_model: self.request_model.as_deref(),
            service_tier: self.service_tier.as_deref(),
            requested_service_tier: self
                .either_service_tier
                .as_ref()
                .or(self.request_service_tier.as_ref())
                .map(AsRef::as_ref),
            usage: &self.usage,
            usage_source,
            billing: &Billing::parse(self.factors()),
            at: SystemTime::UNIX_EPOCH + Duration::from_nanos(time.start.0.unsigned_abs()),
        })
    }

    /// Who computed a cost that the span brought: `sender`, and its name where it is known.
    fn sender_source(&self) -> String {
        match self.sender.dialect.name {
            "" => SENDER.to_owned(),
            name => format!("{SENDER}/{name}"),
        }
    }
}
