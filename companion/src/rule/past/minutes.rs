//! What only the calls themselves know, read once: the newest whole minutes, and which names have come together within a day.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::Piece;
use crate::record::{Timestamp, Window};
use crate::rule::Inputs;
use crate::store::{Filter, Pairing, Querier, StoreError};
use crate::text::seconds::Seconds;

const MINUTE: i64 = 60 * Timestamp::SECOND;
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
            self.kept.push_back((minute, ask(window)?));
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

/// A service and what something came with there.
type Subject = (Arc<str>, Arc<str>);

/// What came with a subject, and in which minutes first and last.
#[derive(Debug)]
struct Known {
    value: Arc<str>,
    first: i64,
    last: i64,
}

/// Which values have come with a subject.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    minutes: Minutes<Pairing>,
    known: HashMap<Subject, Vec<Known>>,
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
            self.known.retain(|_, values| {
                values.retain(|known| now - known.last <= KNOWN_HOURS * 60);
                !values.is_empty()
            });
            self.pairs = self.known.values().map(Vec::len).sum();
        }
        extended
    }

    fn note(&mut self, found: &[Pairing], minute: i64) {
        for Pairing { deployment, subject, value, .. } in found {
            let subject: Subject = (deployment.as_str().into(), subject.as_str().into());
            let is_full = self.pairs >= MOST;
            if is_full && !self.known.contains_key(&subject) {
                continue;
            }
            let values = self.known.entry(subject).or_default();
            if let Some(known) = values.iter_mut().find(|known| *known.value == **value) {
                known.last = known.last.max(minute);
            } else if !is_full && values.len() < VALUES {
                values.push(Known { value: value.as_str().into(), first: minute, last: minute });
                self.pairs += 1;
            }
        }
    }

    /// The pairs of the newest minutes with their calls, in the order of their names.
    pub(crate) fn newest(&self) -> Vec<Pairing> {
        let mut all: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
        for Pairing { deployment, subject, value, calls } in self.minutes.iter() {
            *all.entry((deployment, subject, value)).or_default() += calls;
        }
        let pairing = |((deployment, subject, value), calls): ((&str, &str, &str), u64)| Pairing {
            deployment: deployment.to_owned(),
            subject: subject.to_owned(),
            value: value.to_owned(),
            calls,
        };
        all.into_iter().map(pairing).collect()
    }

    /// The values that are usual for a subject of a service: those that came long enough before `now`.
    pub(crate) fn usual(&self, deployment: &str, subject: &str, now: Timestamp) -> Vec<&str> {
        let long_ago = minute_of(now) - USUAL_AFTER;
        let known = self.known.get(&(deployment.into(), subject.into())).into_iter().flatten();
        known.filter(|known| known.first <= long_ago).map(|known| &*known.value).collect()
    }
}
