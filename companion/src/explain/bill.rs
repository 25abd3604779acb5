//! The bill of a call, line by line, next to what the ledger has.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use spanledger::{Bill, Billing, CostStatus, Modality, PriceQuery, PriceTable, Usage};

use super::estimate;
use crate::record::{CallRecord, NanoUsd, Parts};
use crate::text::number::{percent, share};

/// How the price source of a call begins that was priced by the companion.
const HERE: &str = "companion/";

/// A bill as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BillView {
    /// Tokens and fees. Their amounts add up to `computed_nano_usd`.
    pub(crate) lines: Vec<LineView>,
    /// What the lines add up to; `None` without a price.
    pub(crate) computed_nano_usd: Option<i64>,
    /// The table and revision of the lines.
    pub(crate) table: Option<String>,
    /// What the ledger has as the cost of the call; `None` where none is known.
    pub(crate) cost_nano_usd: Option<i64>,
    /// What it was priced by, with the revision; `provider` for a charge that the response reports.
    pub(crate) price_source: Option<String>,
    /// How far the cost can be trusted.
    pub(crate) cost_status: String,
    /// Whether the lines explain the cost to the nano-dollar.
    pub(crate) adds_up: bool,
    /// What a reader must know of it.
    pub(crate) notes: Vec<String>,
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LineView {
    pub(crate) item: String,
    /// How many of it.
    pub(crate) quantity: u64,
    /// How many of it the price is for.
    pub(crate) per: u64,
    /// US dollars for so many.
    pub(crate) price_usd: f64,
    pub(crate) nano_usd: i64,
}

/// All nine decimals of an amount.
pub(crate) fn money(nano_usd: i64) -> String {
    let sign = if nano_usd < 0 { "-" } else { "" };
    let nanos = nano_usd.unsigned_abs();
    let billion = 1_000_000_000;
    format!("{sign}${}.{:09}", crate::text::number::count(nanos / billion), nanos % billion)
}

pub(crate) fn bill(call: &CallRecord, prices: &PriceTable) -> BillView {
    let usage = usage_of(call);
    let billing = Billing::parse(&call.price_factors);
    let query = PriceQuery {
        provider: &call.provider,
        server_address: call.server_address.as_deref(),
        response_model: call.response_model.as_deref(),
        request_model: call.request_model.as_deref(),
        service_tier: call.service_tier.as_deref(),
        requested_service_tier: None,
        usage: &usage,
        usage_source: call.usage_source,
        billing: &billing,
        at: SystemTime::UNIX_EPOCH + Duration::from_nanos(call.start.0.unsigned_abs()),
    };
    let bill = prices.bill(&query);
    let computed = bill.cost.usd.and_then(NanoUsd::from_usd);
    let mut view = BillView {
        lines: lines(&bill, computed),
        computed_nano_usd: computed.map(|amount| amount.0),
        table: bill.cost.source.as_deref().map(str::to_owned),
        cost_nano_usd: call.cost.map(|cost| cost.0),
        price_source: call.price_source.clone(),
        cost_status: call.cost_status.as_str().to_owned(),
        adds_up: call.cost.is_some() && call.cost == computed,
        notes: Vec::new(),
    };
    view.notes = notes(call, &view, prices, &query);
    view
}

fn usage_of(call: &CallRecord) -> Usage {
    let modality = |parts: Parts| Modality { text: parts.text, image: parts.image, audio: parts.audio };
    let tokens = call.modality_tokens.as_deref().copied().unwrap_or_default();
    Usage {
        input_tokens: call.input_tokens,
        output_tokens: call.output_tokens,
        cache_read_tokens: call.cache_read_tokens,
        cache_write_tokens: call.cache_write_tokens,
        reasoning_tokens: call.reasoning_tokens,
        input_modality: modality(tokens.input),
        cache_read_modality: modality(tokens.cache_read),
        output_modality: modality(tokens.output),
    }
}

/// The lines in whole nano-dollars: each is what it adds to the rounded total so far, so that they add up.
fn lines(bill: &Bill, total: Option<NanoUsd>) -> Vec<LineView> {
    let (mut sum, mut shown) = (0.0, 0);
    let last = bill.lines.len().saturating_sub(1);
    let line = |(index, line): (usize, &spanledger::BillLine)| {
        sum += line.usd;
        let so_far = match total {
            Some(total) if index == last => total.0,
            _ => NanoUsd::from_usd(sum).map_or(shown, |amount| amount.0),
        };
        let nano_usd = so_far.saturating_sub(shown);
        shown = so_far;
        let item = match &line.pass {
            Some(pass) => format!("{} ({pass})", line.item),
            None => line.item.to_owned(),
        };
        LineView { item, quantity: line.quantity, per: line.per, price_usd: line.price, nano_usd }
    };
    bill.lines.iter().enumerate().map(line).collect()
}

/// Why there is no cost, why the lines are not the cost, and what multiplies the prices.
fn notes(call: &CallRecord, view: &BillView, prices: &PriceTable, query: &PriceQuery<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let source = call.price_source.as_deref().unwrap_or_default();
    let reported = call.computed_cost.is_some() || source == "provider" || source.starts_with("sender");
    match call.cost_status {
        CostStatus::NoUsage => notes.push("no usage is known, so that there is no cost".to_owned()),
        CostStatus::Unpriced => {
            notes.push("no price was known when the call was recorded, so that it is in no total".to_owned());
            notes.extend(prices.explain(query));
        }
        // A report may be an estimate for reasons of its own.
        CostStatus::Estimated if reported => notes.push("the cost is an estimate".to_owned()),
        CostStatus::Estimated => {
            notes.push(format!("the cost is an estimate: {}", estimate::reason(prices, query)));
        }
        CostStatus::Free => notes.push("the model costs nothing".to_owned()),
        CostStatus::Exact => {}
    }
    if call.cost.is_some_and(|cost| cost.0 != 0) && view.computed_nano_usd.is_none() {
        let remedy = match reported || source.is_empty() {
            true => String::new(),
            false => format!("; for its lines, set prices.file to the table that priced it ({source})"),
        };
        notes.push(format!("no table of this companion has a price for the call{remedy}"));
    }
    if let (Some(cost), Some(computed)) = (call.cost, view.computed_nano_usd)
        && !view.adds_up
    {
        let (cost_text, computed_text) = (money(cost.0), money(computed));
        let table = view.table.as_deref().unwrap_or_default();
        notes.push(match reported {
            true => format!(
                "{} reported {cost_text}; the lines are what {table} gives: {computed_text}{}",
                if source == "provider" { "the provider" } else { "the sender" },
                drift(cost.0, computed)
            ),
            false if source.strip_prefix(HERE).unwrap_or(source) == table => {
                format!(
                    "the ledger has {cost_text}, and the lines of the same table add up to {computed_text}"
                )
            }
            false => format!(
                "the ledger has {cost_text} by {}; the lines are what {table} gives now: {computed_text}",
                if source.is_empty() { "an unknown table" } else { source }
            ),
        });
    }
    if let Some(tier) = &call.service_tier {
        notes.push(format!("service tier {tier}"));
    }
    if !call.price_factors.is_empty() {
        notes.push(format!("also decides the price: {}", call.price_factors.join(", ")));
    }
    notes
}

/// How far a reported cost is from the computed one.
fn drift(reported: i64, computed: i64) -> String {
    if computed <= 0 {
        return String::new();
    }
    let apart = share(reported.abs_diff(computed), computed.unsigned_abs()).map_or_else(String::new, percent);
    format!(" ({apart} {})", if reported >= computed { "more" } else { "less" })
}
