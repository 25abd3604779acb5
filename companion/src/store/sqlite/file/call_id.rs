//! The row id of a call: its end in microseconds, then a slot given by its identity.
//!
//! Ids in the order of time make every append an append to the end of the file and every window one range of
//! rows, without an index. A repeated span ends at the same time, so it leads to the same slot: comparing
//! the identity found there is all that idempotence costs.

use crate::record::Timestamp;

/// 512 slots per microsecond is what remains next to 54 bits of microseconds (the years 1677 to 2262).
const SLOT_BITS: u32 = 9;
const SLOTS: i64 = 1 << SLOT_BITS;
/// Slots looked at before moving on; with half the slots taken, fewer than one call in a million needs more.
const PROBES: i64 = 32;
/// When a microsecond is full (a clock that does not advance), its calls spill over whole regions after it.
const REGION_US: i64 = 2048;
const REGION_SLOTS: i64 = REGION_US << SLOT_BITS;
/// Bounds the probing. 64 regions hold more than 60 million calls of one microsecond.
const REGIONS: i64 = 64;

/// When a call ended; saturates.
pub(crate) const fn end_of(start: i64, duration_ns: i64) -> i64 {
    start.saturating_add(duration_ns)
}

/// The first id that a call which ends at `end` or later can have.
pub(crate) const fn first_id(end: Timestamp) -> i64 {
    micros(end.0) << SLOT_BITS
}

/// An id above those of all calls that end before `to`, when calls were spilled by at most `spill_us`.
pub(crate) const fn end_id(to: Timestamp, spill_us: i64) -> i64 {
    // A bound within a microsecond still has calls before it in that microsecond.
    let us = micros(to.0.saturating_sub(1)) + 1 + spill_us;
    us << SLOT_BITS
}

/// The minute in which the call with this id ended, unless it was spilled.
pub(crate) const fn minute_of_id(id: i64) -> i64 {
    (id >> SLOT_BITS).div_euclid(60_000_000)
}

/// The microsecond in which the call with this id is placed.
pub(crate) const fn micros_of_id(id: i64) -> i64 {
    id >> SLOT_BITS
}

const fn micros(ns: i64) -> i64 {
    ns.div_euclid(1000)
}

/// A place where a call may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) id: i64,
    /// How far from its own microsecond the place is.
    pub(crate) spill_us: i64,
}

/// The places of the call of this identity that ended at `end`, in the order in which they are tried.
pub(crate) fn places(end: i64, identity: i64) -> impl Iterator<Item = Place> {
    let us = micros(end);
    // 29 bits are used.
    let hash = identity & 0xff_ffff_ffff;
    let own = (0..PROBES).map(move |probe| {
        let slot = (hash + probe) % SLOTS;
        Place { id: (us << SLOT_BITS) + slot, spill_us: 0 }
    });
    let spilled = (0..REGIONS).flat_map(move |region| {
        let base = (us + 1 + region * REGION_US) << SLOT_BITS;
        (0..PROBES).map(move |probe| {
            let slot = ((hash >> SLOT_BITS) + probe) % REGION_SLOTS;
            Place { id: base + slot, spill_us: 1 + (region + 1) * REGION_US }
        })
    });
    own.chain(spilled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::file::salt::Salt;

    #[test]
    fn keeps_the_order_of_time_from_the_first_to_the_last_nanosecond() {
        let times = [i64::MIN, -1_000_001, -1, 0, 999, 1_000, 7_258_118_400_000_000_000, i64::MAX];
        for pair in times.windows(2) {
            assert!(first_id(Timestamp(pair[0])) <= first_id(Timestamp(pair[1])), "{pair:?}");
        }
        for time in times {
            for place in places(time, Salt::NONE.of_call(&[1; 16], &[2; 8])) {
                assert!(place.id >= first_id(Timestamp(time)));
                if time < i64::MAX {
                    assert!(place.id < end_id(Timestamp(time + 1), place.spill_us), "{time}");
                }
            }
        }
    }

    #[test]
    fn tries_no_place_twice() {
        let ids: Vec<_> =
            places(1_000, Salt::NONE.of_call(&[7; 16], &[9; 8])).map(|place| place.id).collect();
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
