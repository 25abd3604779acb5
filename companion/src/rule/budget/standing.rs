//! What is spent of budgets, for reports, the page and metrics.

use std::sync::Arc;

use super::{Books, Budget, Forecast, Spending, Spent};
use crate::record::{NanoUsd, Timestamp, Window};
use crate::rule::Labels;
use crate::store::{Querier, StoreError};

/// One budget in the period of a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) name: String,
    /// Whose calls it is for: `service`, `user`, `model` or a tag; nothing for all.
    pub(crate) labels: Labels,
    pub(crate) period: Window,
    /// The date on which the period began, in the zone of the budget.
    pub(crate) began: String,
    pub(crate) limit: NanoUsd,
    /// By the calls that have a price.
    pub(crate) spent: NanoUsd,
    /// Calls whose cost is missing from that.
    pub(crate) unpriced: u64,
    /// How much of the period is over, from 0 to 1.
    pub(crate) elapsed: f64,
    /// Only where it is worth something.
    pub(crate) forecast: Option<Forecast>,
}

impl Standing {
    /// The share of the limit that is spent.
    pub(crate) fn share(&self) -> f64 {
        self.spent.as_usd() / self.limit.as_usd()
    }
}

/// The budgets of a configuration, with what is remembered of earlier periods.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    list: Vec<Arc<Budget>>,
    spending: Spending,
}

impl Budgets {
    pub(crate) fn new(list: Vec<Arc<Budget>>) -> Self {
        Self { list, spending: Spending::default() }
    }

    /// What is spent of each at `now`, in the order of the configuration.
    ///
    /// # Errors
    /// [`StoreError`] when the ledger cannot answer.
    pub(crate) fn standings(
        &self,
        ledger: &dyn Querier,
        now: Timestamp,
    ) -> Result<Vec<Standing>, StoreError> {
        let books = Books { spending: &self.spending, ledger, now };
        let standings = self.list.iter().filter_map(|budget| {
            let spent = Spent::of_budget(budget, &books).transpose()?;
            Some(spent.and_then(|spent| standing(&spent, &books)))
        });
        standings.collect()
    }
}

fn standing(spent: &Spent, books: &Books<'_>) -> Result<Standing, StoreError> {
    let budget = &spent.budget;
    let mut labels = budget.labels.clone();
    labels.remove("budget");
    #[expect(clippy::cast_precision_loss, reason = "a share of a month")]
    let elapsed =
        (books.now.0 - spent.period.from.0) as f64 / (spent.period.to.0 - spent.period.from.0).max(1) as f64;
    Ok(Standing {
        name: budget.name.clone(),
        labels,
        period: spent.period,
        began: spent.began.clone(),
        limit: budget.limit,
        spent: spent.cost(),
        unpriced: spent.totals.unpriced,
        elapsed,
        forecast: Forecast::of(spent, books)?,
    })
}
