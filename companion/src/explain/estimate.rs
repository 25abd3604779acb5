//! Why the cost of a call is an estimate, as far as the ledger and the price tables show it.

use spanledger::{Billing, CostStatus, PriceQuery, PriceTable, Usage, UsageSource};

/// The reason as the end of a sentence.
pub(super) fn reason(prices: &PriceTable, query: &PriceQuery<'_>) -> String {
    match query.usage_source {
        UsageSource::Partial => return "the provider's counts are not final".to_owned(),
        UsageSource::Estimated => return "the tokens are estimated from bytes".to_owned(),
        UsageSource::Provider | UsageSource::None => {}
    }
    let estimated = |query: &PriceQuery<'_>| prices.bill(query).cost.status == CostStatus::Estimated;
    if !estimated(query) {
        return "something in the response may cost more and was not understood (`spanledger.usage.unparsed` on its span)"
            .to_owned();
    }
    if let Some(step) = prices.explain(query).into_iter().find(|step| step.ends_with("an estimate")) {
        return step;
    }
    // What is exact without a part has no exact price for it.
    let all = || query.usage.clone();
    let parts: [(&str, Usage); 4] = [
        ("the cached tokens", Usage { cache_read_tokens: None, ..all() }),
        ("the tokens written to the cache", Usage { cache_write_tokens: None, ..all() }),
        ("the reasoning tokens", Usage { reasoning_tokens: None, ..all() }),
        (
            "images and sound",
            Usage {
                input_modality: Default::default(),
                cache_read_modality: Default::default(),
                output_modality: Default::default(),
                ..all()
            },
        ),
    ];
    for (what, usage) in &parts {
        if !estimated(&PriceQuery { usage, ..*query }) {
            return format!("the table has no exact price for {what}");
        }
    }
    if !estimated(&PriceQuery { billing: Billing::NONE, ..*query }) {
        return "the table has no exact price for what is billed next to the tokens".to_owned();
    }
    if !estimated(&PriceQuery { service_tier: None, ..*query }) {
        return "the table has no exact price for the service tier".to_owned();
    }
    "the table has no exact price for all that it depends on".to_owned()
}
