//! What happens now: the last minute, who makes the calls, what fires, and the newest calls. One view for the terminal,
//! over a ledger or asked of a running companion.

#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};

use crate::explain::CallRow;
use crate::record::{Timestamp, Window};
use crate::report::{RuleState, RuleStatus, known_cost};
use crate::store::{Dimension, Filter, Group, Page, Querier, StoreError, Totals};
use crate::text::number::or_dash;

/// The length of "now".
pub(crate) const MINUTE: i64 = 60;
/// Names per dimension.
const NAMES: usize = 50;
/// Newest calls.
const CALLS: usize = 100;

/// The present as the ledger has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Live {
    /// When it was asked, in nanoseconds since 1970 UTC.
    pub(crate) at_ns: i64,
    /// Calls that ended within the minute before.
    pub(crate) minute: Figures,
    pub(crate) models: Vec<Named>,
    pub(crate) users: Vec<Named>,
    pub(crate) services: Vec<Named>,
    pub(crate) providers: Vec<Named>,
    /// Keys of tags, each with its values.
    #[serde(default)]
    pub(crate) tags: Vec<Tagged>,
    /// Rules that fire or are about to, the most urgent first.
    pub(crate) rules: Vec<Firing>,
    /// Calls that never came, of the last 24 hours.
    pub(crate) missing: u64,
    /// The newest 100 calls.
    pub(crate) calls: Vec<CallRow>,
}

/// Figures of calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) unpriced: u64,
    pub(crate) tokens: u64,
    /// `None` when nothing is known of it.
    pub(crate) cost_nano_usd: Option<i64>,
    pub(crate) mean_seconds: Option<f64>,
    pub(crate) p50_seconds: Option<f64>,
    pub(crate) p95_seconds: Option<f64>,
    pub(crate) first_chunk_p50_seconds: Option<f64>,
}

/// Figures of one value of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) figures: Figures,
}

/// Figures of each value of a tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tagged {
    pub(crate) key: String,
    pub(crate) values: Vec<Named>,
}

/// A rule that is not at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Firing {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) severity: String,
    pub(crate) labels: Vec<(String, String)>,
    /// With its unit.
    pub(crate) value: String,
    pub(crate) threshold: String,
    /// In nanoseconds since 1970 UTC.
    pub(crate) since_ns: Option<i64>,
    /// One sentence with the numbers.
    pub(crate) detail: Option<String>,
    pub(crate) advice: String,
}

/// Asks the ledger. A few short questions, each in a transaction of its own, so that the writer is never held back.
pub(crate) fn read(
    querier: &dyn Querier,
    rules: &[RuleState],
    filter: &Filter,
    now: Timestamp,
) -> Result<Live, StoreError> {
    // Clocks of senders may be a little ahead.
    let window = Window { from: now.plus_seconds(-MINUTE), to: now.plus_seconds(1) };
    let latency = querier.latency(window, filter)?;
    let minute = Figures {
        p50_seconds: latency.duration.p50,
        p95_seconds: latency.duration.p95,
        first_chunk_p50_seconds: latency.first_chunk.p50,
        ..figures(&querier.totals(window, filter)?)
    };
    let named = |by| -> Result<Vec<Named>, StoreError> {
        let groups = querier.breakdown(window, filter, by, NAMES)?;
        Ok(groups
            .into_iter()
            .map(|Group { name, totals }| Named { name, figures: figures(&totals) })
            .collect())
    };
    let tagged = |key| named(Dimension::Tag(key)).map(|values| Tagged { key: key.to_string(), values });
    let settled = Window { from: now.plus_seconds(-86_400), to: now.plus_seconds(-120) };
    let page = Page { limit: CALLS, after: None };
    let day = Window { from: now.plus_seconds(-86_400), to: Timestamp(i64::MAX) };
    let mut firing: Vec<Firing> = rules.iter().filter_map(Firing::of).collect();
    firing.sort_by_key(|rule| (rule.state != "firing", severity(&rule.severity), rule.since_ns));
    Ok(Live {
        at_ns: now.0,
        minute,
        models: named(Dimension::Model)?,
        users: named(Dimension::User)?,
        services: named(Dimension::Service)?,
        providers: named(Dimension::Provider)?,
        tags: querier.tag_keys()?.into_iter().map(tagged).collect::<Result<_, _>>()?,
        rules: firing,
        missing: querier.sequence_gaps(settled, now, &Filter::default(), 0)?.numbers,
        calls: querier.calls(day, filter, page)?.calls.iter().map(|call| CallRow::of(call, true)).collect(),
    })
}

fn severity(name: &str) -> usize {
    ["critical", "warning", "info"].iter().position(|known| *known == name).unwrap_or(3)
}

#[expect(clippy::cast_precision_loss, reason = "a mean for display")]
fn figures(totals: &Totals) -> Figures {
    Figures {
        calls: totals.calls,
        failed: totals.failed,
        unpriced: totals.unpriced,
        tokens: totals.input_tokens.saturating_add(totals.output_tokens),
        cost_nano_usd: known_cost(totals).map(|cost| cost.0),
        mean_seconds: (totals.calls > 0).then(|| totals.duration_ns as f64 / totals.calls as f64 / 1e9),
        ..Figures::default()
    }
}

impl Firing {
    /// A rule that fires or is pending.
    pub(crate) fn of(rule: &RuleState) -> Option<Self> {
        let shown = matches!(rule.state, RuleStatus::Firing | RuleStatus::Pending);
        shown.then(|| Self {
            name: rule.name.clone(),
            state: rule.state.as_str().to_owned(),
            severity: rule.severity.clone(),
            labels: rule.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            value: or_dash(rule.value, |value| rule.unit.format(value)),
            threshold: rule.unit.format(rule.threshold),
            since_ns: rule.since.map(|since| since.0),
            detail: rule.detail.clone(),
            advice: rule.advice.clone(),
        })
    }
}
