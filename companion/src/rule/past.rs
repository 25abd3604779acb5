//! What rules learn from: how the calls of each service, user or model were in five-minute cells of the last eight days,
//! and around this time of day one, two and three weeks before those. A cell counts from fifteen minutes after its end, so
//! that what goes on now is not taken for usual at once.

pub(crate) mod cell;
pub(crate) mod history;
mod largest;
pub(crate) mod minutes;
mod piece;
mod regression;
mod silence;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::record::{Timestamp, Window};
use crate::rule::budget::Spending;
use crate::rule::{By, Inputs, RuleName};
use crate::store::sums::FIVE_MINUTES;
use crate::store::{Conversation, Filter, Querier, StoreError};

use self::cell::{Calls, Cell, Kept};
use self::history::{History, KEPT, NEAR, WEEKS};
use self::largest::LargestCalls;
use self::minutes::{Minutes, Pairs};
pub(crate) use self::piece::Piece;
use self::regression::Durations;

/// Cells a day.
pub(crate) const DAY: i64 = 288;
/// Cells an hour.
pub(crate) const HOUR: i64 = 12;
/// So many of the newest cells are not known yet.
pub(crate) const LAG: i64 = 3;
/// So many groups have a past of their own, those with the most calls; the others have one together.
const GROUPS: usize = 128;
/// A past that was not extended for so long is read from scratch.
const FORGOTTEN: i64 = KEPT + DAY;
/// So many cells may be known ahead of the clock. Of more, the clock was ahead and was set back: what was read then is empty, as
/// the calls had not come, so that the past is read from scratch.
const AHEAD: i64 = 1;
/// The ledger is asked for a quarter of an hour at a time, so that a long past of many names takes no more memory than a short
/// one.
const STEP: i64 = HOUR / 4;

/// The number of the five minutes that `at` is in, since 1970.
pub(crate) const fn slot_of(at: Timestamp) -> i64 {
    at.0.div_euclid(FIVE_MINUTES)
}

/// How many times as much a limit is that was made from the largest of less than a week, of `age` cells, but at least a day.
///
/// The next day is beyond the largest of `n` days with a chance of 1 in n + 1. Where large values become rarer with their square, as
/// bursts and silences do, it is beyond `c` times that with a chance of about 1 in n c²: with this `c` as rarely as after a week.
#[expect(clippy::cast_precision_loss, reason = "ages are weeks")]
pub(crate) fn widening(age: i64) -> f64 {
    (7.0 / (age as f64 / DAY as f64).clamp(1.0, 7.0)).sqrt()
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
    /// Whether an evaluation reads no more than one piece of each.
    in_pieces: bool,
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
    /// Reads a long past in pieces, one at each evaluation or call of [`Pasts::learn`], so that none takes long. What needs a past
    /// that is not whole fails with [`StoreError::Reading`] until it is.
    pub(crate) fn in_pieces() -> Self {
        Self { in_pieces: true, ..Self::default() }
    }

    /// How much may be read for one past at one evaluation.
    fn piece(&self) -> Piece {
        if self.in_pieces { Piece::NEXT } else { Piece::Whole }
    }

    /// Reads the next piece of a past that is not whole and returns whether there is one. What rules remember of minutes they read
    /// themselves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn learn(&self, ledger: &dyn Querier, now: Timestamp) -> Result<bool, StoreError> {
        if extend_one(&self.cells, ledger, now)? || extend_one(&self.calls, ledger, now)? {
            return Ok(true);
        }
        let mut list = self.largest.lock().unwrap_or_else(PoisonError::into_inner);
        for (filter, largest) in &mut *list {
            if !largest.is_current(now) {
                largest.extend(ledger, filter, now, Piece::NEXT)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The past of the calls that match `filter`, as far as it can be known now.
    pub(crate) fn of(
        &self,
        filter: &Filter,
        by: Option<By>,
        inputs: &Inputs<'_>,
    ) -> Result<Arc<SharedPast<Cell>>, StoreError> {
        self.current(&self.cells, filter, by, inputs)
    }

    /// The same where the number of calls is enough.
    pub(crate) fn calls(
        &self,
        filter: &Filter,
        by: Option<By>,
        inputs: &Inputs<'_>,
    ) -> Result<Arc<SharedPast<Calls>>, StoreError> {
        self.current(&self.calls, filter, by, inputs)
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
        match largest.extend(inputs.ledger, filter, inputs.now, self.piece())? {
            true => Ok(read(largest)),
            false => Err(StoreError::Reading),
        }
    }

    /// The past of this kind, extended by what has happened since the last time.
    fn current<C: Kept>(
        &self,
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
            if !past.is_current(inputs.now) && !past.extend(inputs.ledger, inputs.now, self.piece())? {
                return Err(StoreError::Reading);
            }
        }
        Ok(found)
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

/// Reads the next piece of the first past that is not whole and returns whether there is one.
fn extend_one<C: Kept>(list: &List<C>, ledger: &dyn Querier, now: Timestamp) -> Result<bool, StoreError> {
    let pasts = list.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(shared) = pasts.iter().find(|shared| !shared.read().is_current(now)) else { return Ok(false) };
    shared.past.write().unwrap_or_else(PoisonError::into_inner).extend(ledger, now, Piece::NEXT)?;
    Ok(true)
}

/// What one rule made of each past: of the groups with one of their own, and of the others together.
#[derive(Debug, Default)]
struct Memo {
    groups: HashMap<Arc<str>, Usual>,
    rest: Option<Usual>,
}

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
    /// The first cell of the eight days that was not read; nothing was read without.
    until: Option<i64>,
    /// What was not read of the like hours of weeks ago, and up to which time that was planned.
    older: VecDeque<Range<i64>>,
    planned: Option<i64>,
    /// What rules made of it, until the next cell.
    memo: Mutex<BTreeMap<RuleName, Memo>>,
}

impl<C: Kept> Past<C> {
    pub(crate) fn new(filter: Filter, by: Option<By>) -> Self {
        let (groups, memo, older) = (HashMap::new(), Mutex::default(), VecDeque::new());
        let (rest, all) = (History::default(), History::default());
        Self { filter, by, groups, rest, all, until: None, older, planned: None, memo }
    }

    /// Whether nothing is missing that can be known at `now`.
    pub(crate) fn is_current(&self, now: Timestamp) -> bool {
        let target = slot_of(now) - LAG;
        self.until.is_some_and(|until| (target..=target + AHEAD).contains(&until)) && self.older.is_empty()
    }

    /// Reads what has happened since the last time, at first all that is kept, until `piece` is used up. Returns whether nothing is
    /// missing.
    pub(crate) fn extend(
        &mut self,
        querier: &dyn Querier,
        now: Timestamp,
        mut piece: Piece,
    ) -> Result<bool, StoreError> {
        let target = slot_of(now) - LAG;
        let mut until = match self.until {
            Some(until) if (-AHEAD..FORGOTTEN).contains(&(target - until)) => until,
            _ => {
                *self = Self::new(self.filter.clone(), self.by);
                target - KEPT
            }
        };
        // The like hours of weeks ago, which the eight days do not reach, move on with the time. They are read up to an hour ahead.
        let from = self.planned.map_or(target - NEAR, |planned| planned + NEAR);
        if self.planned.is_none_or(|planned| target - planned >= HOUR - LAG) {
            let back = WEEKS.map(|week| week * 7 * DAY);
            self.older.extend(back.map(|back| from - back..target + NEAR - back));
            self.planned = Some(target);
        }
        self.until = Some(until);
        while let Some(slots) = self.older.front().filter(|_| !piece.is_used_up()).cloned() {
            let next = (slots.start + STEP).min(slots.end);
            piece.take(self.read(querier, slots.start..next)?);
            match self.older.front_mut().filter(|_| next < slots.end) {
                Some(slots) => slots.start = next,
                None => drop(self.older.pop_front()),
            }
        }
        while until < target && !piece.is_used_up() {
            let next = (until + STEP).min(target);
            piece.take(self.read(querier, until..next)?);
            until = next;
            self.until = Some(until);
        }
        for history in self.groups.values_mut().chain([&mut self.rest, &mut self.all]) {
            history.forget(target);
        }
        self.groups.retain(|_, history| !history.is_empty());
        self.memo.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(self.is_current(now))
    }

    /// Reads some cells and returns how many calls there were.
    fn read(&mut self, querier: &dyn Querier, slots: Range<i64>) -> Result<u64, StoreError> {
        let at = |slot: i64| Timestamp(slot.saturating_mul(FIVE_MINUTES));
        let window = Window { from: at(slots.start), to: at(slots.end) };
        let mut calls = 0.0_f64;
        for (at, name, cell) in C::ask(querier, window, &self.filter, self.by.map(By::dimension))? {
            let slot = slot_of(at);
            calls += f64::from(cell.calls());
            self.all.push(slot, cell);
            let Some(name) = name else {
                self.rest.push(slot, cell);
                continue;
            };
            self.groups.entry(name).or_default().push(slot, cell);
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
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        Ok(calls as u64)
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
        let memo = || self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |memo: &Memo| match name {
            Some(name) => memo.groups.get(name).copied(),
            None => memo.rest,
        };
        if let Some(known) = memo().get(&rule).and_then(known) {
            return Some(known);
        }
        let made = make(history);
        let mut memo = memo();
        let memo = memo.entry(rule).or_default();
        match name {
            Some(name) => drop(memo.groups.insert(name.into(), made)),
            None => memo.rest = Some(made),
        }
        Some(made)
    }
}
