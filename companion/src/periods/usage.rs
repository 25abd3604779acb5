//! Usage and cost of each period, from the same queries as the report.

use spanledger::CostStatus;

use super::calendar::Slot;
use crate::record::{NanoUsd, Timestamp, Window};
use crate::store::{Dimension, Filter, Group, Querier, StoreError, Totals};
use crate::text::number::{counted, usd};

/// Groups named within a period; the others are one row.
const MOST_GROUPS: usize = 20;

/// Everything that is shown; `B` names the dimensions of the groups.
#[derive(Debug)]
pub(crate) struct Usage<B> {
    pub(crate) periods: Vec<OfPeriod<B>>,
    pub(crate) total: Figures,
    /// Calls that sequence numbers show to be missing in this time.
    pub(crate) missing: u64,
}

/// One period.
#[derive(Debug)]
pub(crate) struct OfPeriod<B> {
    pub(crate) slot: Slot,
    pub(crate) figures: Figures,
    pub(crate) groups: Vec<(B, Vec<Group>)>,
}

/// Totals, and what of them is not exact.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) totals: Totals,
    pub(crate) estimated_calls: u64,
    pub(crate) estimated: NanoUsd,
    pub(crate) without_usage: u64,
}

/// Asks for each period, and for each of `by` within it.
///
/// # Errors
/// [`StoreError`] when the ledger cannot answer.
pub(crate) fn gather<B: Copy>(
    querier: &dyn Querier,
    slots: Vec<Slot>,
    filter: &Filter,
    by: &[(B, Dimension)],
    now: Timestamp,
) -> Result<Usage<B>, StoreError> {
    let ends = slots.first().zip(slots.last());
    let whole = ends.map(|(first, last)| Window { from: first.window.from, to: last.window.to });
    let mut periods = Vec::with_capacity(slots.len());
    for slot in slots {
        let figures = figures(querier, slot.window, filter)?;
        let groups =
            by.iter().map(|(by, of)| Ok((*by, groups(querier, slot.window, filter, *of, &figures.totals)?)));
        let groups = groups.collect::<Result<_, StoreError>>()?;
        periods.push(OfPeriod { slot, figures, groups });
    }
    let Some(whole) = whole else {
        return Ok(Usage { periods, total: Figures::default(), missing: 0 });
    };
    let noticed = Window { from: whole.from, to: whole.to.min(now) };
    let missing = querier.sequence_gaps(noticed, now, filter, 0)?.numbers;
    Ok(Usage { periods, total: figures(querier, whole, filter)?, missing })
}

fn figures(querier: &dyn Querier, window: Window, filter: &Filter) -> Result<Figures, StoreError> {
    let totals = querier.totals(window, filter)?;
    let statuses = querier.breakdown(window, filter, Dimension::CostStatus, CostStatus::ALL.len())?;
    let of = |status: CostStatus| {
        statuses.iter().find(|group| group.name == status.as_str()).map(|group| group.totals)
    };
    let estimated = of(CostStatus::Estimated).unwrap_or_default();
    Ok(Figures {
        totals,
        estimated_calls: estimated.calls,
        estimated: estimated.cost,
        without_usage: of(CostStatus::NoUsage).unwrap_or_default().calls,
    })
}

/// The groups with the most calls, and a nameless one for the others, so that they add up to the period.
fn groups(
    querier: &dyn Querier,
    window: Window,
    filter: &Filter,
    by: Dimension,
    total: &Totals,
) -> Result<Vec<Group>, StoreError> {
    let mut groups = querier.breakdown(window, filter, by, MOST_GROUPS)?;
    let mut rest = *total;
    for group in &groups {
        rest = without(&rest, &group.totals);
    }
    if rest.calls > 0 {
        // Calls without a value of the dimension may already be a group of their own.
        match groups.iter_mut().find(|group| group.name.is_empty()) {
            Some(nameless) => nameless.totals = plus(&nameless.totals, &rest),
            None => groups.push(Group { name: String::new(), totals: rest }),
        }
    }
    Ok(groups)
}

/// The figures that are shown of a group.
fn each(left: &Totals, right: &Totals, of: fn(u64, u64) -> u64, cost: fn(i64, i64) -> i64) -> Totals {
    Totals {
        calls: of(left.calls, right.calls),
        failed: of(left.failed, right.failed),
        unpriced: of(left.unpriced, right.unpriced),
        input_tokens: of(left.input_tokens, right.input_tokens),
        output_tokens: of(left.output_tokens, right.output_tokens),
        cache_read_tokens: of(left.cache_read_tokens, right.cache_read_tokens),
        cache_write_tokens: of(left.cache_write_tokens, right.cache_write_tokens),
        reasoning_tokens: of(left.reasoning_tokens, right.reasoning_tokens),
        cost: NanoUsd(cost(left.cost.0, right.cost.0)),
        ..Totals::default()
    }
}

fn without(whole: &Totals, part: &Totals) -> Totals {
    each(whole, part, u64::saturating_sub, i64::saturating_sub)
}

fn plus(left: &Totals, right: &Totals) -> Totals {
    each(left, right, u64::saturating_add, i64::saturating_add)
}

/// What the figures rest on.
pub(crate) fn basis<B>(usage: &Usage<B>) -> String {
    let Figures { totals, estimated_calls, estimated, without_usage } = usage.total;
    if totals.calls == 0 && usage.missing == 0 {
        return "No call ended in this time.\n".to_owned();
    }
    let mut parts = Vec::new();
    if estimated_calls > 0 {
        parts.push(format!(
            "{} of the cost is estimated ({})",
            usd(estimated),
            counted(estimated_calls, "call")
        ));
    }
    if totals.unpriced > 0 {
        parts.push(format!("{} without a known price, in no cost", counted(totals.unpriced, "call")));
    }
    if without_usage > 0 {
        parts.push(format!("{} without usage", counted(without_usage, "call")));
    }
    parts.push(match usage.missing {
        0 => "no call is known to be missing".to_owned(),
        missing => format!("{} missing (spanledger report names them)", counted(missing, "call")),
    });
    format!("{}: {}.\n", counted(totals.calls, "call"), parts.join("; "))
}
