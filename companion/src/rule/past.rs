//! What rules learn from: how the calls of each service, user or model were in five-minute cells of the last eight days,
//! and around this time of day one, two and three weeks before those. A cell counts from fifteen minutes after its end, so
//! that what goes on now is not taken for usual at once.

pub(crate) mod cell;
pub(crate) mod history;
mod largest;
pub(crate) mod minutes;
mod regression;
mod silence;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::record::{Timestamp, Window};
use crate::rule::budget::Spending;
use crate::rule::{By, Inputs, RuleName};
use crate::store::sums::FIVE_MINUTES;
use crate::store::{Conversation, Filter, FiveMinutes, Querier, StoreError};

use self::cell::{Calls, Cell, Kept};
use self::history::{History, KEPT, NEAR, WEEKS};
use self::largest::LargestCalls;
use self::minutes::{Minutes, Pairs};
use self::regression::Durations;

/// Cells a day.
pub(crate) const DAY: i64 = 288;
/// Cells an hour.
pub(crate) const HOUR: i64 = 12;
/// So many of the newest cells are not known yet.
pub(crate) const LAG: i64 = 3;
/// So many groups have a past of their own, those with the most calls; the others have one together.
const GROUPS: usize = 128;
/// The ledger is read in pieces of a quarter of an hour, so that a long past of many names takes no more memory than a short
/// one.
const PIECE: i64 = HOUR / 4;

/// The number of the five minutes that `at` is in, since 1970.
pub(crate) const fn slot_of(at: Timestamp) -> i64 {
    at.0.div_euclid(FIVE_MINUTES)
}

/// What a rule compares with: made once for each five minutes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usual {
    /// The largest value that is usual.
    pub(crate) peak: f64,
    /// The smallest and the largest value of the like hours: this time of day on other days.
    pub(crate) like: Option<(f64, f64)>,
    /// The largest value of the day before.
    pub(crate) day: Option<f64>,
    /// The mean of the day before, for a rule that compares with that.
    pub(crate) mean: Option<f64>,
    /// The largest value of the week, for a rule that compares with its hours.
    pub(crate) week: Option<f64>,
    /// The mean of the hour before, for a rule about what begins suddenly.
    pub(crate) hour: Option<f64>,
    /// Whether its calls come on most days at the same hours; only asked where a rule needs it.
    pub(crate) regular: bool,
    /// How much past there is, in cells.
    pub(crate) age: i64,
    /// How long calls take by their tokens, for a rule about that.
    pub(crate) durations: Option<Durations>,
}

/// Calls come regularly from this share on; see [`history::History::regularity`]. What is usual says little about a service that
/// comes and goes.
pub(crate) const REGULAR: f64 = 0.7;

impl Usual {
    /// Nothing but a largest value.
    pub(crate) const fn of(peak: f64, age: i64) -> Self {
        Self {
            peak,
            like: None,
            day: None,
            mean: None,
            week: None,
            hour: None,
            regular: false,
            age,
            durations: None,
        }
    }
}

/// Every past that the rules have asked for.
#[derive(Debug, Default)]
pub struct Pasts {
    cells: List<Cell>,
    calls: List<Calls>,
    largest: Mutex<Vec<(Filter, LargestCalls)>>,
    pairs: Mutex<Vec<((RuleName, Filter), Pairs)>>,
    conversations: Mutex<Vec<(Filter, Minutes<Conversation>)>>,
    /// Of budgets.
    pub(super) spending: Spending,
}

/// Pasts by what they are of.
type List<C> = Mutex<Vec<Arc<SharedPast<C>>>>;

/// A past that several rules read.
#[derive(Debug)]
pub(crate) struct SharedPast<C> {
    filter: Filter,
    by: Option<By>,
    past: RwLock<Past<C>>,
}

impl<C> SharedPast<C> {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Past<C>> {
        self.past.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pasts {
    /// The past of the calls that match `filter`, as far as it can be known now.
    pub(crate) fn of(
        &self,
        filter: &Filter,
        by: Option<By>,
        inputs: &Inputs<'_>,
    ) -> Result<Arc<SharedPast<Cell>>, StoreError> {
        current(&self.cells, filter, by, inputs)
    }

    /// The same where the number of calls is enough.
    pub(crate) fn calls(
        &self,
        filter: &Filter,
        by: Option<By>,
        inputs: &Inputs<'_>,
    ) -> Result<Arc<SharedPast<Calls>>, StoreError> {
        current(&self.calls, filter, by, inputs)
    }

    /// Hands the largest calls of those that match `filter` to `read`, as far as they are known.
    pub(crate) fn largest<T>(
        &self,
        filter: &Filter,
        inputs: &Inputs<'_>,
        read: impl FnOnce(&LargestCalls) -> T,
    ) -> Result<T, StoreError> {
        let mut list = self.largest.lock().unwrap_or_else(PoisonError::into_inner);
        let largest = entry(&mut list, filter);
        largest.extend(inputs.ledger, filter, inputs.now)?;
        Ok(read(largest))
    }

    /// Hands `read` the pairs that a rule remembers of the calls that match `filter`.
    pub(crate) fn pairs<T>(&self, rule: RuleName, filter: &Filter, read: impl FnOnce(&mut Pairs) -> T) -> T {
        let mut list = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        read(entry(&mut list, &(rule, filter.clone())))
    }

    /// Hands `read` the conversations of the newest minutes.
    pub(crate) fn conversations<T>(
        &self,
        filter: &Filter,
        read: impl FnOnce(&mut Minutes<Conversation>) -> T,
    ) -> T {
        let mut list = self.conversations.lock().unwrap_or_else(PoisonError::into_inner);
        read(entry(&mut list, filter))
    }
}

/// What a list has under a key.
fn entry<'a, K: PartialEq + Clone, T: Default>(list: &'a mut Vec<(K, T)>, key: &K) -> &'a mut T {
    let at = list.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
        list.push((key.clone(), T::default()));
        list.len() - 1
    });
    &mut list[at].1
}

/// The past of this kind, extended by what has happened since the last time.
fn current<C: Kept>(
    list: &List<C>,
    filter: &Filter,
    by: Option<By>,
    inputs: &Inputs<'_>,
) -> Result<Arc<SharedPast<C>>, StoreError> {
    let found = {
        let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
        let known = list.iter().find(|shared| shared.by == by && shared.filter == *filter);
        known.cloned().unwrap_or_else(|| {
            let past = RwLock::new(Past::new(filter.clone(), by));
            let shared = Arc::new(SharedPast { filter: filter.clone(), by, past });
            list.push(Arc::clone(&shared));
            shared
        })
    };
    if !found.read().is_current(inputs.now) {
        let mut past = found.past.write().unwrap_or_else(PoisonError::into_inner);
        // Another rule may have been first.
        if !past.is_current(inputs.now) {
            past.extend(inputs.ledger, inputs.now)?;
        }
    }
    Ok(found)
}

/// What is usual, by rule and group.
type Memo = HashMap<(RuleName, Option<Arc<str>>), Usual>;

/// The past of the calls that match a filter, by one dimension or all together.
#[derive(Debug)]
pub(crate) struct Past<C = Cell> {
    filter: Filter,
    by: Option<By>,
    groups: HashMap<Arc<str>, History<C>>,
    /// Of the groups beyond [`GROUPS`].
    rest: History<C>,
    /// Of all groups together.
    all: History<C>,
    /// The first cell that was not read; nothing was read without.
    until: Option<i64>,
    /// What rules made of it, until the next cell.
    memo: Mutex<Memo>,
}

impl<C: Kept> Past<C> {
    pub(crate) fn new(filter: Filter, by: Option<By>) -> Self {
        let (groups, memo) = (HashMap::new(), Mutex::default());
        Self { filter, by, groups, rest: History::default(), all: History::default(), until: None, memo }
    }

    /// Whether nothing is missing that can be known at `now`.
    pub(crate) fn is_current(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until >= slot_of(now) - LAG)
    }

    /// Reads what has happened since the last time, at first all that is kept.
    pub(crate) fn extend(&mut self, querier: &dyn Querier, now: Timestamp) -> Result<(), StoreError> {
        let target = slot_of(now) - LAG;
        let known = self.until.filter(|until| target - until < KEPT);
        let mut from = known.unwrap_or_else(|| {
            self.groups.clear();
            (self.rest, self.all) = (History::default(), History::default());
            target - KEPT
        });
        // The like hours of weeks ago, which the eight days do not reach.
        for week in WEEKS {
            let back = week * 7 * DAY;
            let start = known.map_or(target - NEAR, |until| until + NEAR);
            self.read_pieces(querier, start - back, target + NEAR - back)?;
        }
        while from < target {
            let to = (from + PIECE).min(target);
            self.read(querier, from, to)?;
            from = to;
            self.until = Some(to);
        }
        for history in self.groups.values_mut().chain([&mut self.rest, &mut self.all]) {
            history.forget(target);
        }
        self.groups.retain(|_, history| !history.is_empty());
        self.memo.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    fn read_pieces(&mut self, querier: &dyn Querier, mut from: i64, to: i64) -> Result<(), StoreError> {
        while from < to {
            let next = (from + PIECE).min(to);
            self.read(querier, from, next)?;
            from = next;
        }
        Ok(())
    }

    fn read(&mut self, querier: &dyn Querier, from: i64, to: i64) -> Result<(), StoreError> {
        let at = |slot: i64| Timestamp(slot.saturating_mul(FIVE_MINUTES));
        let window = Window { from: at(from), to: at(to) };
        for found in querier.five_minutes(window, &self.filter, self.by.map(By::dimension))? {
            let FiveMinutes { at, ref name, .. } = found;
            let cell = C::from(&found);
            self.all.push(slot_of(at), cell);
            match self.groups.get_mut(name) {
                Some(history) => history.push(slot_of(at), cell),
                None => {
                    let mut history = History::default();
                    history.push(slot_of(at), cell);
                    self.groups.insert(Arc::clone(name), history);
                }
            }
        }
        if self.groups.len() > GROUPS {
            let mut ranked: Vec<_> =
                self.groups.drain().map(|(name, history)| (history.calls(), name, history)).collect();
            ranked
                .sort_by(|(calls, name, _), (other, b, _)| other.total_cmp(calls).then_with(|| name.cmp(b)));
            for (_, _, history) in ranked.drain(GROUPS..) {
                self.rest.merge(history);
            }
            self.groups.extend(ranked.into_iter().map(|(_, name, history)| (name, history)));
        }
        Ok(())
    }

    /// The past of one group; without a name that of those that have none of their own.
    pub(crate) fn history(&self, name: Option<&str>) -> Option<&History<C>> {
        match name {
            Some(name) => self.groups.get(name),
            None => Some(&self.rest).filter(|rest| !rest.is_empty()),
        }
    }

    /// The past of all calls together.
    pub(crate) const fn all(&self) -> &History<C> {
        &self.all
    }

    /// Whether there were more groups than have a past of their own.
    pub(crate) fn overflows(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Every group with a past, in no order.
    pub(crate) fn histories(&self) -> impl Iterator<Item = (&Arc<str>, &History<C>)> {
        self.groups.iter()
    }

    /// What `make` makes of a group's past. It is kept until the next cell.
    pub(crate) fn usual(
        &self,
        rule: RuleName,
        name: Option<&str>,
        make: impl FnOnce(&History<C>) -> Usual,
    ) -> Option<Usual> {
        let history = self.history(name)?;
        let key = (rule, name.map(Arc::from));
        if let Some(known) = self.memo.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(*known);
        }
        let made = make(history);
        self.memo.lock().unwrap_or_else(PoisonError::into_inner).insert(key, made);
        Some(made)
    }
}
