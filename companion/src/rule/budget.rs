//! Budgets: what some calls may cost within a day, a week or a month of a time zone.

mod config;
mod forecast;
mod period;
mod spending;
mod standing;

use std::sync::Arc;

pub(crate) use self::config::BudgetConfig;
pub(crate) use self::forecast::Forecast;
pub(super) use self::spending::Spending;
pub(crate) use self::standing::{Budgets, Standing};

use self::period::Period;
use super::{Inputs, Labels, Scope};
use crate::record::{NanoUsd, Timestamp, Window};
use crate::store::{Filter, Querier, StoreError, Totals};
use crate::text::terminal::plural;
use crate::text::unit::Unit;

/// A budget, as the rules about budgets read it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Budget {
    name: String,
    limit: NanoUsd,
    period: Period,
    filter: Filter,
    labels: Labels,
    /// Percent of the limit, in rising order.
    steps: Vec<u32>,
}

/// Where it is asked what was spent, and for which time.
pub(super) struct Books<'a> {
    spending: &'a Spending,
    ledger: &'a dyn Querier,
    now: Timestamp,
}

impl<'a> Books<'a> {
    pub(super) fn of(inputs: &Inputs<'a>) -> Self {
        Self { spending: &inputs.pasts.spending, ledger: inputs.ledger, now: inputs.now }
    }
}

/// What is spent of a budget.
pub(super) struct Spent {
    pub(super) budget: Arc<Budget>,
    /// The period in which the evaluation is.
    pub(super) period: Window,
    /// The date on which it began.
    pub(super) began: String,
    pub(super) totals: Totals,
}

impl Budget {
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    pub(super) fn steps(&self) -> &[u32] {
        &self.steps
    }

    /// The limit in dollars.
    pub(super) fn usd(&self) -> f64 {
        self.limit.as_usd()
    }

    /// Whether `cost` is `percent` of the limit or more: to the nano-dollar.
    pub(super) fn reaches(&self, cost: NanoUsd, percent: u32) -> bool {
        i128::from(cost.0) * 100 >= i128::from(self.limit.0) * i128::from(percent)
    }

    /// The period before the one that is `window`.
    pub(super) fn before(&self, window: Window) -> Option<Window> {
        self.period.window(Timestamp(window.from.0.saturating_sub(1)))
    }
}

impl Spent {
    /// What is spent of the budget of `scope`; `None` where it has none, or at the end of time.
    pub(super) fn of(scope: &Scope, inputs: &Inputs<'_>) -> Result<Option<Self>, StoreError> {
        let Some(budget) = &scope.budget else { return Ok(None) };
        let books = Books::of(inputs);
        let spent = Self::of_budget(budget, &books)?;
        Ok(spent.map(|spent| {
            let totals = books.spending.not_before(budget, spent.period, books.now, spent.totals);
            Self { totals, ..spent }
        }))
    }

    /// What is spent of `budget`; `None` at the end of time.
    pub(super) fn of_budget(budget: &Arc<Budget>, books: &Books<'_>) -> Result<Option<Self>, StoreError> {
        let Some(period) = budget.period.window(books.now) else { return Ok(None) };
        let so_far = Window { from: period.from, to: books.now };
        let totals = books.spending.current(budget, so_far, books.ledger)?;
        let began = budget.period.date(period.from);
        Ok(Some(Self { budget: Arc::clone(budget), period, began, totals }))
    }

    pub(super) fn cost(&self) -> NanoUsd {
        self.totals.cost
    }

    /// The share of the limit.
    pub(super) fn share(&self) -> f64 {
        self.cost().as_usd() / self.budget.usd()
    }

    /// One sentence with the numbers. Calls without a price are named, since no dollar counts them.
    pub(super) fn words(&self) -> String {
        let usd = |usd| Unit::Usd.format(usd);
        let mut words = format!(
            "{} of {} ({}) of the budget {:?} spent since {}",
            usd(self.cost().as_usd()),
            usd(self.budget.usd()),
            Unit::Share.format(self.share()),
            self.budget.name,
            self.began
        );
        match self.totals.unpriced {
            0 => {}
            calls => {
                words.push_str(&format!("; {calls} {} without a price not in it", plural(calls, "call")))
            }
        }
        words
    }

    /// The labels of an alert of this period.
    pub(super) fn labels(&self, more: &[(&str, String)]) -> Labels {
        let mut labels = self.budget.labels.clone();
        labels.insert("period".to_owned(), self.began.clone());
        labels.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        labels
    }
}
