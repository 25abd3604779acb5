//! What only the calls themselves know, read once: the newest whole minutes, and which names have come together within a day.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Piece;
use crate::record::{Timestamp, Window};
use crate::rule::Inputs;
use crate::store::{Filter, Pairing, Querier, StoreError};
use crate::text::seconds::Seconds;

const MINUTE: i64 = 60 * Timestamp::SECOND;
/// To read a name takes as long as to read so many calls.
const NAMED: u64 = 10;
/// A minute is read so many minutes after its end, when nearly all of its calls have come.
const LAG: i64 = 1;

/// So many minutes may be known ahead of the clock.
const AHEAD: i64 = 5;

/// The number of the minute that `at` is in, since 1970.
pub(super) const fn minute_of(at: Timestamp) -> i64 {
    at.0.div_euclid(MINUTE)
}

fn window(from: i64, to: i64) -> Window {
    Window { from: Timestamp(from * MINUTE), to: Timestamp(to * MINUTE) }
}

/// The newest whole minutes, each with what the ledger said of it.
#[derive(Debug)]
pub(crate) struct Minutes<T> {
    kept: VecDeque<(i64, Vec<T>)>,
    /// The first minute that was not read.
    until: Option<i64>,
}

impl<T> Default for Minutes<T> {
    fn default() -> Self {
        Self { kept: VecDeque::new(), until: None }
    }
}

impl<T> Minutes<T> {
    /// Reads the minutes of `length` before `now` that were not read, the oldest first, and forgets those before.
    ///
    /// # Errors
    /// [`StoreError::Reading`] when the piece of this evaluation is used up before.
    pub(crate) fn extend(
        &mut self,
        filter: &Filter,
        inputs: &Inputs<'_>,
        length: Seconds,
        mut ask: impl FnMut(Window) -> Result<Vec<T>, StoreError>,
    ) -> Result<(), StoreError> {
        let to = minute_of(inputs.now) - LAG;
        let first = to - (length.0 / 60).max(1);
        if self.was_ahead(inputs.now) {
            *self = Self::default();
        }
        let from = self.until.map_or(first, |until| until.max(first));
        while self.kept.front().is_some_and(|(minute, _)| *minute < first) {
            self.kept.pop_front();
        }
        let mut piece = inputs.pasts.piece();
        for minute in from..to {
            let window = window(minute, minute + 1);
            // One minute is read in any case.
            if minute + 1 < to && piece != Piece::Whole {
                if piece.is_used_up() {
                    return Err(StoreError::Reading);
                }
                piece.take(inputs.querier.totals(window, filter)?.calls);
            }
            let found = ask(window)?;
            piece.take(NAMED * found.len() as u64);
            self.kept.push_back((minute, found));
            self.until = Some(minute + 1);
        }
        Ok(())
    }

    /// Whether the clock was ahead and was set back since: what was read then is empty, as the calls had not come.
    fn was_ahead(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until > minute_of(now) - LAG + AHEAD)
    }

    /// Everything of the minutes that are kept.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.kept.iter().flat_map(|(_, found)| found)
    }
}

/// How far back a pair that came is usual: longer than an alert about it lasts.
const KNOWN_HOURS: i64 = 24;
/// From when on it is.
const USUAL_AFTER: i64 = 12 * 60;
/// An hour of more calls is known by its first minute.
const MANY: u64 = 10_000;
/// Pairs remembered; of further ones nothing is usual.
const MOST: usize = 10_000;
/// Pairs looked at in each piece of time.
pub(crate) const PAIRINGS: usize = 1_000;

/// Values remembered of one subject; a further one is not usual.
const VALUES: usize = 64;

/// What came with a subject, and in which minutes first and last.
#[derive(Debug)]
struct Known {
    value: Arc<str>,
    first: i64,
    last: i64,
}

/// A pair of the newest minutes: see [`Pairing`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest<'a> {
    pub(crate) deployment: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) value: &'a str,
    pub(crate) calls: u64,
}

impl<'a> Newest<'a> {
    const fn names(&self) -> (&'a str, &'a str, &'a str) {
        (self.deployment, self.subject, self.value)
    }
}

/// Which values have come with a subject.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    minutes: Minutes<Pairing>,
    /// By service and subject.
    known: HashMap<Arc<str>, HashMap<Arc<str>, Vec<Known>>>,
    /// Pairs in `known`.
    pairs: usize,
    /// The first minute of the day before that was not read.
    learned: Option<i64>,
}

impl Pairs {
    /// Reads what has happened since the last time, at first a day, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Reading`] when the piece of this evaluation is used up before.
    pub(crate) fn extend(
        &mut self,
        filter: &Filter,
        inputs: &Inputs<'_>,
        length: Seconds,
        ask: impl Fn(&dyn Querier, Window) -> Result<Vec<Pairing>, StoreError>,
    ) -> Result<(), StoreError> {
        if self.minutes.was_ahead(inputs.now) {
            *self = Self::default();
        }
        let now = minute_of(inputs.now);
        let mut piece = inputs.pasts.piece();
        if self.minutes.until.is_none() {
            let from = self.learned.unwrap_or(now - LAG - KNOWN_HOURS * 60);
            // The hour that has not ended is among the newest minutes.
            for from in (from..now - LAG - 59).step_by(60) {
                if piece.is_used_up() {
                    return Err(StoreError::Reading);
                }
                let calls = inputs.ledger.totals(window(from, from + 60), filter)?.calls;
                let to = from + if calls > MANY { 1 } else { 60 };
                piece.take(if calls > MANY { calls / 60 } else { calls });
                let found = ask(inputs.ledger, window(from, to))?;
                piece.take(NAMED * found.len() as u64);
                self.note(&found, from);
                self.learned = Some(from + 60);
            }
        }
        let (before, mut found) = (self.minutes.until, Vec::new());
        let extended = self.minutes.extend(filter, inputs, length, |window| {
            let pairings = ask(inputs.querier, window)?;
            found.push((minute_of(window.from), pairings.clone()));
            Ok(pairings)
        });
        for (minute, pairings) in found {
            self.note(&pairings, minute);
        }
        if before != self.minutes.until {
            self.known.retain(|_, subjects| {
                subjects.retain(|_, values| {
                    values.retain(|known| now - known.last <= KNOWN_HOURS * 60);
                    !values.is_empty()
                });
                !subjects.is_empty()
            });
            self.pairs = self.known.values().flat_map(HashMap::values).map(Vec::len).sum();
        }
        extended
    }

    fn note(&mut self, found: &[Pairing], minute: i64) {
        for Pairing { deployment, subject, value, .. } in found {
            let is_full = self.pairs >= MOST;
            let subjects = self.known.get_mut(&**deployment);
            let values = match subjects.and_then(|subjects| subjects.get_mut(&**subject)) {
                Some(values) => values,
                None if is_full => continue,
                None => {
                    let subjects = self.known.entry(deployment.as_str().into()).or_default();
                    subjects.entry(subject.as_str().into()).or_default()
                }
            };
            if let Some(known) = values.iter_mut().find(|known| *known.value == **value) {
                known.last = known.last.max(minute);
            } else if !is_full && values.len() < VALUES {
                values.push(Known { value: value.as_str().into(), first: minute, last: minute });
                self.pairs += 1;
            }
        }
    }

    /// The pairs of the newest minutes with their calls, in the order of their names.
    pub(crate) fn newest(&self) -> Vec<Newest<'_>> {
        let newest = self.minutes.iter().map(|Pairing { deployment, subject, value, calls }| Newest {
            deployment,
            subject,
            value,
            calls: *calls,
        });
        let mut newest: Vec<Newest<'_>> = newest.collect();
        newest.sort_by_key(Newest::names);
        newest.dedup_by(|next, one| {
            let same = next.names() == one.names();
            one.calls += if same { next.calls } else { 0 };
            same
        });
        newest
    }

    /// The values that are usual for a subject of a service: those that came long enough before `now`.
    pub(crate) fn usual(&self, deployment: &str, subject: &str, now: Timestamp) -> Vec<&str> {
        let long_ago = minute_of(now) - USUAL_AFTER;
        let known =
            self.known.get(deployment).and_then(|subjects| subjects.get(subject)).into_iter().flatten();
        known.filter(|known| known.first <= long_ago).map(|known| &*known.value).collect()
    }
}
