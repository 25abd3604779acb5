//! Rows that land late: those of an insert that was given up here and succeeded there all the same, and those of a companion
//! that has lost the lease and did not know it yet, or has ended. All have versions from before what this writer read, and were not
//! there then. They are found by that, taken for accounts that arrive, and their rollups are made again.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use clickhouse::Row;
use serde::Deserialize;

use super::super::lease::LASTS;
use super::super::plan::{MINUTE, down};
use super::super::row::CallRow;
use super::ClickHouseAppender;
use crate::clock;
use crate::store::{Appended, StoreError};

/// Added to the time in which rows may land, for what a server does after it stopped answering.
const SLACK: Duration = Duration::from_secs(30);
/// Late rows that are taken in at a time.
const MOST: usize = 20_000;
/// Ranges of versions that one query names.
const RANGES: usize = 500;

/// Versions, both ends included.
type Range = (u64, u64);

/// What may land late.
#[derive(Debug)]
pub(super) struct Late {
    after: u64,
    up_to: u64,
    /// Of them, the versions that were there or are taken in, in order.
    there: Vec<Range>,
    until: Instant,
}

impl ClickHouseAppender {
    /// Notes what was there when the tables were read. What may land late has versions after those that have landed, also of
    /// writers that ended while they expected some.
    pub(super) fn expect_late(&mut self) -> Result<(), StoreError> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let now = clock::instant();
        let earlier = self.late.take().filter(|earlier| now < earlier.until);
        let after = earlier.as_ref().map_or(memory.rolled, |earlier| earlier.after.min(memory.rolled));
        memory.rolled = after;
        let mut there = self.versions(after, self.version)?;
        if let Some(earlier) = earlier {
            // What has landed since the tables were read before is still to be taken in.
            let landed = without(&within(&there, earlier.after, earlier.up_to), &earlier.there);
            there = without(&there, &landed);
        }
        let lasts = LASTS + self.connection.deadline() + SLACK;
        self.late = Some(Late { after, up_to: self.version, there, until: now + lasts });
        Ok(())
    }

    /// Takes in what has landed late.
    pub(super) fn take_late(&mut self) -> Result<(), StoreError> {
        let Some(late) = &self.late else { return Ok(()) };
        let over = clock::instant() >= late.until;
        let landed = without(&self.versions(late.after, late.up_to)?, &late.there);
        if !landed.is_empty() {
            return self.take_rows(&landed);
        }
        if over {
            self.late = None;
        }
        Ok(())
    }

    fn take_rows(&mut self, landed: &[Range]) -> Result<(), StoreError> {
        let asked = landed.get(..landed.len().min(RANGES)).unwrap_or(landed);
        let ranges: Vec<String> = asked
            .iter()
            .map(|(first, last)| format!("c.version >= {first} AND c.version <= {last}"))
            .collect();
        let rows: Vec<CallRow> = self.connection.rows(&format!(
            "SELECT c.* FROM {}.calls AS c FINAL WHERE ({}) ORDER BY c.version LIMIT {MOST}",
            self.options.database,
            ranges.join(" OR ")
        ))?;
        // Those that are replaced by newer ones are not among them.
        let last = match (rows.len() < MOST, rows.last()) {
            (false, Some(row)) => row.version,
            _ => asked.last().map_or(0, |(_, last)| *last),
        };
        if let Some(oldest) = rows.iter().map(|row| row.end).min() {
            self.before_change(oldest)?;
            self.after_change(oldest);
        }
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let mut minutes = BTreeSet::new();
        let mut unsettled = Vec::new();
        for row in rows {
            if row.end < memory.closed {
                minutes.insert(down(row.end, MINUTE));
            }
            let id = memory.restore(row);
            if let Some(call) = memory.rows.get(id).map(|kept| kept.account.call.clone()) {
                unsettled.extend(memory.known.arrive(id, &call, &memory.rows)?);
            }
        }
        let mut changed = BTreeSet::new();
        self.settle(unsettled, &HashSet::new(), &mut changed, &mut Appended::default())?;
        self.write_rows(&changed)?;
        self.remake(minutes)?;
        if let Some(late) = &mut self.late {
            let taken = within(landed, 0, last);
            late.there = joined(&late.there, &taken);
        }
        Ok(())
    }

    /// The versions of rows, after the one and up to the other, as ranges in order.
    fn versions(&self, after: u64, up_to: u64) -> Result<Vec<Range>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            first: u64,
            last: u64,
        }
        let found: Vec<Found> = self.connection.rows(&format!(
            "SELECT toUInt64(min(v)) AS first, toUInt64(max(v)) AS last FROM (SELECT v, v - rowNumberInAllBlocks() AS island \
             FROM (SELECT c.version AS v FROM {}.calls AS c WHERE c.version > {after} AND c.version <= {up_to} \
             GROUP BY v ORDER BY v)) GROUP BY island ORDER BY first",
            self.options.database
        ))?;
        Ok(found.into_iter().map(|found| (found.first, found.last)).collect())
    }
}

/// The parts of `ranges` that are after the one version, and up to the other.
fn within(ranges: &[Range], after: u64, up_to: u64) -> Vec<Range> {
    let part = |(first, last): &Range| ((*first).max(after.saturating_add(1)), (*last).min(up_to));
    ranges.iter().map(part).filter(|(first, last)| first <= last).collect()
}

/// The parts of `ranges` that are not in `others`. Both are in order.
fn without(ranges: &[Range], others: &[Range]) -> Vec<Range> {
    let mut left = Vec::new();
    let mut others = others.iter().peekable();
    for (first, last) in ranges {
        let mut next = *first;
        while others.next_if(|(_, ends)| *ends < next).is_some() {}
        let mut overlapping = others.clone();
        while let Some((begins, ends)) = overlapping.next_if(|(begins, _)| begins <= last) {
            if next < *begins {
                left.push((next, *begins - 1));
            }
            next = next.max(ends.saturating_add(1));
        }
        if next <= *last {
            left.push((next, *last));
        }
    }
    left
}

/// All of both, in order.
fn joined(one: &[Range], other: &[Range]) -> Vec<Range> {
    let mut all: Vec<Range> = one.iter().chain(other).copied().collect();
    all.sort_unstable();
    let mut joined: Vec<Range> = Vec::with_capacity(all.len());
    for (first, last) in all {
        match joined.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_versions_are_subtracted_and_joined() {
        assert_eq!(without(&[(1, 10), (20, 30)], &[(3, 4), (8, 22), (29, 40)]), [(1, 2), (5, 7), (23, 28)]);
        assert_eq!(without(&[(1, 10)], &[]), [(1, 10)]);
        assert_eq!(without(&[(1, 2), (4, 5)], &[(0, 9)]), []);
        assert_eq!(without(&[(5, 9)], &[(1, 5), (7, 7)]), [(6, 6), (8, 9)]);
        assert_eq!(joined(&[(1, 2), (9, 9)], &[(3, 4), (7, 7)]), [(1, 4), (7, 7), (9, 9)]);
        assert_eq!(within(&[(1, 5), (7, 9)], 3, 7), [(4, 5), (7, 7)]);
    }
}
