//! Requests to known providers that no format of the library takes, from the one counter that the library has for them.
//!
//! A counter may be cumulative: what is new is the difference to the value before. A process that began before this one
//! was counted before; its first value is where the difference begins.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};

use spanledger::semconv::{attribute, metric};

use super::value::{self, NAME_BYTES};
use super::{Resource, cut};
use crate::otlp::{Encoding, Malformed, Metrics, PointView};
use crate::record::{SkipReason, SkippedHours, Timestamp};

/// Counters that are followed. Of more, those that were not sent for an hour are forgotten, and then no further one is.
const MOST: usize = 4_096;
const QUIET: i64 = 3_600 * Timestamp::SECOND;

/// The counters of all processes.
#[derive(Debug, Default)]
pub(super) struct Counters {
    salt: RandomState,
    /// When this process began.
    pub(super) since: Timestamp,
    known: HashMap<u64, Counter>,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    start: u64,
    value: u64,
    seen: Timestamp,
}

impl Counters {
    /// Counts what is new in one request.
    pub(super) fn read<E: Encoding>(
        &mut self,
        request: &[u8],
        now: Timestamp,
        found: &mut SkippedHours,
    ) -> Result<(), Malformed> {
        E::resources::<Metrics>(request, |resource| {
            let Ok(from) = Resource::read::<E>(resource, &[]) else { return };
            let process = (from.service, from.instance);
            // What is malformed in it is not counted.
            let _malformed = E::scopes::<Metrics>(resource, |scope| {
                let _malformed = E::items::<Metrics>(scope, |metric| {
                    let _malformed = E::points(metric, metric::UNRECOGNISED, |point| {
                        self.count(&process, point, now, found);
                    });
                });
            });
        })
    }

    fn count(
        &mut self,
        process: &impl std::hash::Hash,
        point: PointView<'_>,
        now: Timestamp,
        found: &mut SkippedHours,
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
            self.since(key, point, now)
        } else {
            point.value
        };
        let label = cut(format!("{provider} {shape}"), NAME_BYTES);
        found.add_many(now, &label, SkipReason::Unrecognised, more);
    }

    /// What a cumulative counter counted since it was seen last.
    fn since(&mut self, key: u64, point: PointView<'_>, now: Timestamp) -> u64 {
        let full = self.known.len() >= MOST && !self.known.contains_key(&key);
        if full {
            self.known.retain(|_, counter| now.0.saturating_sub(counter.seen.0) < QUIET);
            if self.known.len() >= MOST {
                return 0;
            }
        }
        let counter = Counter { start: point.start, value: point.value, seen: now };
        let since = self.since.0;
        match self.known.entry(key) {
            Entry::Occupied(mut known) => {
                let before = known.insert(counter);
                let goes_on = before.start == point.start && before.value <= point.value;
                if goes_on { point.value - before.value } else { point.value }
            }
            Entry::Vacant(new) => {
                new.insert(counter);
                let began_here = i64::try_from(point.start).is_ok_and(|start| start >= since);
                if began_here { point.value } else { 0 }
            }
        }
    }
}
