//! What a period will have cost at its end, by what was spent after the same time of earlier ones.

use super::{Books, Spent};
use crate::record::{Timestamp, Window};
use crate::store::StoreError;

const HOUR: i64 = 3_600 * Timestamp::SECOND;
/// Periods that are looked back at, and how many of them are needed.
const MOST: usize = 8;
const LEAST: usize = 3;
/// How much more or less than usual a period may run.
const LEVELS: (f64, f64) = (0.25, 4.0);

/// A forecast of a period's spend, in dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Forecast {
    pub(crate) usd: f64,
    /// By how much such forecasts of the earlier periods were wrong: the median share.
    pub(crate) error: f64,
}

/// One earlier period.
#[derive(Debug, Clone, Copy)]
struct Earlier {
    /// Spent by the same time after its start.
    by_then: f64,
    rest: f64,
}

impl Forecast {
    /// The forecast for a budget. `None` before half of what is usual is spent, where nothing is worth much, and with fewer
    /// than three whole periods in the ledger.
    pub(in crate::rule) fn of(spent: &Spent, books: &Books<'_>) -> Result<Option<Self>, StoreError> {
        let elapsed = books.now.0.saturating_sub(spent.period.from.0);
        let elapsed = elapsed.div_euclid(HOUR) * HOUR;
        let (mut earlier, mut window) = (Vec::new(), spent.period);
        while earlier.len() <= MOST {
            let Some(before) = spent.budget.before(window) else { break };
            window = before;
            let total = books.spending.past(&spent.budget, window, books.now, books.ledger)?;
            if total.calls == 0 {
                break;
            }
            let then = Timestamp(window.from.0.saturating_add(elapsed)).min(window.to);
            let until = Window { from: window.from, to: then };
            let by_then = books.spending.past(&spent.budget, until, books.now, books.ledger)?.cost.as_usd();
            earlier.push(Earlier { by_then, rest: total.cost.as_usd() - by_then });
        }
        // The ledger may have begun in the middle of the oldest.
        earlier.pop();
        if earlier.len() < LEAST {
            return Ok(None);
        }
        let cost = spent.cost().as_usd();
        if cost < 0.5 * median(earlier.iter().map(|one| one.by_then + one.rest)) {
            return Ok(None);
        }
        let wrong = (0..earlier.len()).filter_map(|index| {
            let mut others = earlier.clone();
            let one = others.remove(index);
            let whole = one.by_then + one.rest;
            (whole > 0.0).then(|| (forecast(one.by_then, &others) - whole).abs() / whole)
        });
        let error = median(wrong);
        Ok(Some(Self { usd: forecast(cost, &earlier), error }))
    }
}

fn forecast(spent: f64, earlier: &[Earlier]) -> f64 {
    let usual = median(earlier.iter().map(|one| one.by_then));
    let level = if usual > 0.0 { (spent / usual).clamp(LEVELS.0, LEVELS.1) } else { 1.0 };
    spent + level * median(earlier.iter().map(|one| one.rest))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
