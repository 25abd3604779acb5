//! Usage by period as JSON.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::Period;
use super::usage::{Figures, Usage};
use crate::record::NanoUsd;
use crate::report::{known_cost, known_tokens};
use crate::store::Totals;
use crate::text::time::rfc3339;

/// The form of the document. Fields are added, never renamed.
const SCHEMA: u32 = 1;

pub(super) fn render(usage: &Usage, period: Period, zone: &TimeZone) -> Result<String, serde_json::Error> {
    let document = Document {
        schema: SCHEMA,
        period: period.name(),
        timezone: zone.iana_name().unwrap_or("UTC"),
        periods: usage
            .periods
            .iter()
            .map(|one| Row {
                label: Some(&one.slot.label),
                from: Some(rfc3339(one.slot.window.from)),
                to: Some(rfc3339(one.slot.window.to)),
                figures: Numbers::of(&one.figures.totals),
                quality: Quality::of(&one.figures),
                groups: one
                    .groups
                    .iter()
                    .flat_map(|(by, groups)| {
                        groups.iter().map(|group| OfGroup {
                            by: by.to_string(),
                            name: (!group.name.is_empty()).then_some(&*group.name),
                            figures: Numbers::of(&group.totals),
                        })
                    })
                    .collect(),
            })
            .collect(),
        totals: Row {
            label: None,
            from: usage.periods.first().map(|one| rfc3339(one.slot.window.from)),
            to: usage.periods.last().map(|one| rfc3339(one.slot.window.to)),
            figures: Numbers::of(&usage.total.totals),
            quality: Quality::of(&usage.total),
            groups: Vec::new(),
        },
        missing_calls: usage.missing,
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    period: &'static str,
    timezone: &'a str,
    periods: Vec<Row<'a>>,
    totals: Row<'a>,
    missing_calls: u64,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    from: Option<String>,
    to: Option<String>,
    #[serde(flatten)]
    figures: Numbers,
    #[serde(flatten)]
    quality: Quality,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<OfGroup<'a>>,
}

/// One value of a dimension; `name` is null for calls without one and for all values that are not named.
#[derive(Serialize)]
struct OfGroup<'a> {
    by: String,
    name: Option<&'a str>,
    #[serde(flatten)]
    figures: Numbers,
}

/// Of calls; null is unknown, as in the report.
#[derive(Serialize)]
struct Numbers {
    calls: u64,
    failed_calls: u64,
    input_tokens: Option<u64>,
    cache_read_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    output_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    cost_usd: Option<f64>,
    unpriced_calls: u64,
}

impl Numbers {
    fn of(totals: &Totals) -> Self {
        let tokens = |sum| known_tokens(totals, sum);
        Self {
            calls: totals.calls,
            failed_calls: totals.failed,
            input_tokens: tokens(totals.input_tokens),
            cache_read_tokens: tokens(totals.cache_read_tokens),
            cache_write_tokens: tokens(totals.cache_write_tokens),
            output_tokens: tokens(totals.output_tokens),
            reasoning_tokens: tokens(totals.reasoning_tokens),
            cost_usd: known_cost(totals).map(NanoUsd::as_usd),
            unpriced_calls: totals.unpriced,
        }
    }
}

#[derive(Serialize)]
struct Quality {
    estimated_calls: u64,
    estimated_cost_usd: f64,
    calls_without_usage: u64,
}

impl Quality {
    fn of(figures: &Figures) -> Self {
        Self {
            estimated_calls: figures.estimated_calls,
            estimated_cost_usd: figures.estimated.as_usd(),
            calls_without_usage: figures.without_usage,
        }
    }
}
