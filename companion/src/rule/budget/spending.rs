//! What was spent in a stretch of time, remembered: a month is not added up again at each evaluation.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Budget;
use crate::record::{Timestamp, Window};
use crate::store::{Querier, StoreError, Totals};

const HOUR: i64 = 3_600 * Timestamp::SECOND;
/// Stretches that are remembered; past it the memory starts from empty.
const REMEMBERED: usize = 4_096;

/// A budget's name, and the stretch.
type Key = (String, i64, i64);

/// What is known, each with the hour in which it was asked: calls that arrive late are in it from the next hour on.
#[derive(Debug, Default)]
pub(in crate::rule) struct Spending {
    known: Mutex<HashMap<Key, (i64, Totals)>>,
    /// By budget: the newest evaluation, its period's start, and what was spent.
    newest: Mutex<HashMap<String, (Timestamp, Timestamp, Totals)>>,
}

impl Spending {
    /// What is spent at `now` as the rules see it: of what was spent in a period, a clock that was set back within it takes
    /// nothing away, so that no step is reported twice.
    pub(super) fn not_before(
        &self,
        budget: &Budget,
        period: Window,
        now: Timestamp,
        totals: Totals,
    ) -> Totals {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match newest.get(&budget.name) {
            Some((at, from, known)) if *from == period.from && now < *at => *known,
            _ => {
                newest.insert(budget.name.clone(), (now, period.from, totals));
                totals
            }
        }
    }

    /// The totals of a budget's calls up to now, the end of `window`.
    pub(super) fn current(
        &self,
        budget: &Budget,
        window: Window,
        ledger: &dyn Querier,
    ) -> Result<Totals, StoreError> {
        let whole = Timestamp(window.to.0.div_euclid(HOUR) * HOUR);
        if whole <= window.from {
            return ledger.totals(window, budget.filter());
        }
        let mut totals = self.past(budget, Window { from: window.from, to: whole }, window.to, ledger)?;
        totals.absorb(&ledger.totals(Window { from: whole, to: window.to }, budget.filter())?);
        Ok(totals)
    }

    /// The totals of a stretch that is over at `now`.
    pub(super) fn past(
        &self,
        budget: &Budget,
        window: Window,
        now: Timestamp,
        ledger: &dyn Querier,
    ) -> Result<Totals, StoreError> {
        let (key, hour) = ((budget.name.clone(), window.from.0, window.to.0), now.0.div_euclid(HOUR));
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some((_, totals)) = known.filter(|(asked, _)| *asked == hour) {
            return Ok(totals);
        }
        let totals = ledger.totals(window, budget.filter())?;
        let mut remembered = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // What was asked in an earlier hour is asked again, so it may go.
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, (asked, _)| *asked == hour);
        }
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(key, (hour, totals));
        Ok(totals)
    }
}
