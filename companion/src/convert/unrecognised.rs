//! Requests to known providers that no format of the library takes, from the one counter that the library has for them.
//!
//! A counter may be cumulative: what is new is the difference to the value before. A process that began before this one
//! was counted before; its first value is where the difference begins.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash, RandomState};

use spanledger::semconv::{attribute, metric};

use super::value::{self, NAME_BYTES};
use super::{Resource, cut};
use crate::otlp::{Encoding, Malformed, Metrics, PointView};
use crate::record::{SkipReason, SkippedHours, Timestamp};

/// Counters that are followed, and those of one sender: of who sends with a token of its own, or else of one service. Of
/// more, those that were not sent for an hour are forgotten, and then no further one is followed.
const MOST: usize = 4_096;
const OF_ONE: usize = MOST / 2;
const QUIET: i64 = 3_600 * Timestamp::SECOND;
/// How long nothing is looked for that is quiet, after that was done.
const BETWEEN: i64 = 10 * Timestamp::SECOND;

/// Who sends a request of metrics.
#[derive(Clone, Copy)]
pub(crate) struct MetricsSender<'a> {
    /// Its number, where it has a token of its own.
    pub(crate) number: Option<usize>,
    /// Which services it may write.
    pub(crate) may_write: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for MetricsSender<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsSender").field("number", &self.number).finish_non_exhaustive()
    }
}

/// What a request of metrics counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unrecognised {
    pub(crate) counted: SkippedHours,
    /// Data points of services that the sender may not write.
    pub(crate) strange: u64,
    /// Data points of counters that are not followed, since there are too many.
    pub(crate) unfollowed: u64,
}

/// The counters of all processes.
#[derive(Debug, Default)]
pub(super) struct Counters {
    salt: RandomState,
    /// When this process began.
    pub(super) since: Timestamp,
    known: HashMap<u64, Counter>,
    /// How many of them each sender has.
    of_sender: HashMap<u64, usize>,
    swept: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    start: u64,
    value: u64,
    seen: Timestamp,
    sender: u64,
}

impl Counters {
    /// Counts what is new in one request.
    pub(super) fn read<E: Encoding>(
        &mut self,
        request: &[u8],
        sender: MetricsSender<'_>,
        now: Timestamp,
    ) -> Result<Unrecognised, Malformed> {
        let mut found = Unrecognised::default();
        E::resources::<Metrics>(request, |resource| {
            let Ok(from) = Resource::read::<E>(resource, &[]) else { return };
            let may_write = (sender.may_write)(&from.service);
            let number = match sender.number {
                Some(number) => self.salt.hash_one(number),
                None => self.salt.hash_one(&from.service),
            };
            let process = (from.service, from.instance);
            // What is malformed in it is not counted.
            let _malformed = E::scopes::<Metrics>(resource, |scope| {
                let _malformed = E::items::<Metrics>(scope, |metric| {
                    let _malformed = E::points(metric, metric::UNRECOGNISED, |point| match may_write {
                        true => self.count(&process, number, point, now, &mut found),
                        false => found.strange += 1,
                    });
                });
            });
        })?;
        Ok(found)
    }

    fn count(
        &mut self,
        process: &impl Hash,
        sender: u64,
        point: PointView<'_>,
        now: Timestamp,
        found: &mut Unrecognised,
    ) {
        let (mut provider, mut shape) = (String::new(), String::new());
        let read = point.attributes(|key, value| {
            let text = || value::text(value, NAME_BYTES).unwrap_or_default().into_owned();
            match &*key.head(NAME_BYTES) {
                attribute::PROVIDER_NAME => provider = text(),
                attribute::PATH_SHAPE => shape = text(),
                _ => {}
            }
        });
        if read.is_err() {
            return;
        }
        let more = if point.cumulative {
            let key = self.salt.hash_one((process, &provider, &shape));
            let Some(more) = self.since(key, sender, point, now) else {
                found.unfollowed += 1;
                return;
            };
            more
        } else {
            point.value
        };
        let label = cut(format!("{provider} {shape}"), NAME_BYTES);
        found.counted.add_many(now, &label, SkipReason::Unrecognised, more);
    }

    /// What a cumulative counter counted since it was seen last; `None` where it is not followed.
    fn since(&mut self, key: u64, sender: u64, point: PointView<'_>, now: Timestamp) -> Option<u64> {
        if !self.known.contains_key(&key) && self.is_full(sender) {
            self.forget_quiet(now);
            if self.is_full(sender) {
                return None;
            }
        }
        let counter = Counter { start: point.start, value: point.value, seen: now, sender };
        let since = self.since.0;
        Some(match self.known.entry(key) {
            Entry::Occupied(mut known) => {
                let before = known.insert(counter);
                let goes_on = before.start == point.start && before.value <= point.value;
                if goes_on { point.value - before.value } else { point.value }
            }
            Entry::Vacant(new) => {
                new.insert(counter);
                *self.of_sender.entry(sender).or_default() += 1;
                let began_here = i64::try_from(point.start).is_ok_and(|start| start >= since);
                if began_here { point.value } else { 0 }
            }
        })
    }

    fn is_full(&self, sender: u64) -> bool {
        self.known.len() >= MOST || self.of_sender.get(&sender).is_some_and(|counters| *counters >= OF_ONE)
    }

    fn forget_quiet(&mut self, now: Timestamp) {
        if now.0.saturating_sub(self.swept.0).unsigned_abs() < BETWEEN.unsigned_abs() {
            return;
        }
        self.swept = now;
        self.known.retain(|_, counter| now.0.saturating_sub(counter.seen.0) < QUIET);
        self.of_sender.clear();
        for counter in self.known.values() {
            *self.of_sender.entry(counter.sender).or_default() += 1;
        }
    }
}
