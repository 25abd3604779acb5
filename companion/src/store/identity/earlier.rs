//! Response ids that are no longer among the newest. Accounts of one call come from exporters of two services, minutes
//! apart, and many calls come in a minute: an id takes four bytes here, a part of its hash and the range of rows in which
//! it is. The store is asked which of them have the id.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::relation::RESPONSE_WINDOW;

/// For how long one table takes ids, in nanoseconds: a quarter of the time for which they are remembered.
const PART: i64 = RESPONSE_WINDOW / 4;
/// Entries of the smallest and the largest table, as powers of two.
const SMALLEST: u32 = 11;
const LARGEST: u32 = 21;
/// Bits of an entry that are its range of rows; the others are of its key.
const RANGE_BITS: u32 = 18;
const RANGES: i64 = 1 << RANGE_BITS;
/// The fewest rows of a range, as a power of two: those of a millisecond (see `sqlite/file/call_id`).
const ROWS: u32 = 19;
/// Entries of one id in a table.
const SAME_ID: usize = 16;

/// Tables of the last ten minutes, the newest first, in a bounded number of bytes.
#[derive(Debug)]
pub(super) struct Earlier {
    most_bytes: usize,
    tables: VecDeque<Table>,
    forgotten: u64,
}

impl Earlier {
    pub(super) const fn new(most_bytes: usize) -> Self {
        Self { most_bytes, tables: VecDeque::new(), forgotten: 0 }
    }

    /// Takes ids that were among the newest until about `time`, with their rows. Rows far from most others are left out.
    pub(super) fn absorb(&mut self, mut ids: Vec<(u64, i64)>, time: i64) {
        while self.tables.back().is_some_and(|table| time.saturating_sub(table.ended) > RESPONSE_WINDOW) {
            self.tables.pop_back();
        }
        if ids.is_empty() {
            return;
        }
        let [low, middle, high] = quartiles(&mut ids);
        let fits = |table: &Table| {
            table.has_room(ids.len()) && table.holds_around(middle) && time.saturating_sub(table.began) < PART
        };
        if !self.tables.front().is_some_and(fits) {
            // Twice as many as came before: rates change slowly.
            let expected = self.tables.front().map_or(ids.len(), |table| table.used.max(ids.len()) * 2);
            self.tables.push_front(Table::new(expected, (low, middle, high), time));
            self.keep_within_bytes(time);
        }
        let Some(table) = self.tables.front_mut() else { return };
        table.ended = time;
        for (key, row) in ids {
            table.add(key, row);
        }
    }

    fn keep_within_bytes(&mut self, time: i64) {
        let bytes =
            |tables: &VecDeque<Table>| tables.iter().map(|table| table.entries.len() * 4).sum::<usize>();
        while self.tables.len() > 1 && bytes(&self.tables) > self.most_bytes {
            if let Some(table) = self.tables.pop_back()
                && time.saturating_sub(table.ended) <= RESPONSE_WINDOW
            {
                self.forgotten = self.forgotten.saturating_add(table.used as u64);
            }
        }
    }

    /// The ranges in which rows of this id may be.
    pub(super) fn ranges(&self, key: u64) -> impl Iterator<Item = RangeInclusive<i64>> {
        self.tables.iter().flat_map(move |table| table.ranges(key))
    }

    /// Ids that were forgotten too early, since this was asked.
    pub(super) const fn take_forgotten(&mut self) -> u64 {
        let forgotten = self.forgotten;
        self.forgotten = 0;
        forgotten
    }
}

/// A quarter, a half and three quarters of the rows are below these.
fn quartiles(ids: &mut [(u64, i64)]) -> [i64; 3] {
    [1, 2, 3].map(|quarter| {
        let place = (ids.len() - 1) * quarter / 4;
        ids.select_nth_unstable_by_key(place, |(_, row)| *row).1.1
    })
}

/// Open addressing: the upper bits of an entry are of its key, the lower ones its range, which is never zero.
#[derive(Debug)]
struct Table {
    entries: Box<[u32]>,
    used: usize,
    /// The first range, and the rows of each as a power of two.
    base: i64,
    rows: u32,
    /// When the first and the last ids came.
    began: i64,
    ended: i64,
}

impl Table {
    fn new(expected: usize, (low, middle, high): (i64, i64, i64), time: i64) -> Self {
        let entries = (expected * 4 / 3 + 1).next_power_of_two().clamp(1 << SMALLEST, 1 << LARGEST);
        // Half of the first ids are in a sixteenth of the ranges at most, so that later ones find theirs.
        let half = high.saturating_sub(low);
        let rows = (ROWS..62).find(|rows| half >> rows <= RANGES / 16).unwrap_or(62);
        Self {
            entries: vec![0; entries].into_boxed_slice(),
            used: 0,
            base: (middle >> rows).saturating_sub(RANGES / 4),
            rows,
            began: time,
            ended: time,
        }
    }

    const fn has_room(&self, number: usize) -> bool {
        self.used + number <= self.entries.len() / 4 * 3
    }

    /// Whether a row has enough ranges on both sides.
    const fn holds_around(&self, row: i64) -> bool {
        let range = (row >> self.rows).saturating_sub(self.base);
        range > RANGES / 8 && range < RANGES / 8 * 7
    }

    fn add(&mut self, key: u64, row: i64) {
        let range = (row >> self.rows).saturating_sub(self.base);
        let Some(range) = u32::try_from(range).ok().filter(|range| *range > 0 && i64::from(*range) < RANGES)
        else {
            return;
        };
        if self.used + 1 >= self.entries.len() {
            return;
        }
        let entry = tag(key) << RANGE_BITS | range;
        let mut same = 0;
        let mut place = self.place(key);
        while self.entries[place] != 0 {
            same += usize::from(self.entries[place] >> RANGE_BITS == tag(key));
            if self.entries[place] == entry || same >= SAME_ID {
                return;
            }
            place = (place + 1) & (self.entries.len() - 1);
        }
        self.entries[place] = entry;
        self.used += 1;
    }

    fn ranges(&self, key: u64) -> impl Iterator<Item = RangeInclusive<i64>> {
        let start = self.place(key);
        let last = self.entries.len() - 1;
        let entries = (start..=start + last).map(move |place| self.entries[place & last]);
        let same =
            entries.take_while(|entry| *entry != 0).filter(move |entry| entry >> RANGE_BITS == tag(key));
        same.map(|entry| {
            let first = (self.base + i64::from(entry) % RANGES) << self.rows;
            first..=first | ((1 << self.rows) - 1)
        })
    }

    /// Where the search for a key begins.
    const fn place(&self, key: u64) -> usize {
        key as usize & (self.entries.len() - 1)
    }
}

/// The part of a key that an entry has: other bits than its place.
const fn tag(key: u64) -> u32 {
    (key >> (32 + RANGE_BITS)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn key(number: u64) -> u64 {
        number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    }

    /// Ten thousand calls per second for `seconds`, taken in generations as the newest are.
    fn busy(seconds: i64, most_bytes: usize) -> Earlier {
        let mut earlier = Earlier::new(most_bytes);
        for generation in 0..seconds * 10_000 / 65_536 {
            let numbers = generation * 65_536..(generation + 1) * 65_536;
            let time = numbers.end * SECOND / 10_000;
            earlier.absorb(numbers.map(|number| (key(number as u64), row(number))).collect(), time);
        }
        earlier
    }

    fn row(number: i64) -> i64 {
        (number * 100) << 9
    }

    #[test]
    fn keeps_ten_minutes_of_ten_thousand_calls_per_second_in_sixty_four_mebibytes() {
        let earlier = busy(1_500, 64 << 20);
        let bytes: usize = earlier.tables.iter().map(|table| table.entries.len() * 4).sum();
        assert!(bytes <= 64 << 20, "{bytes}");
        assert_eq!(earlier.forgotten, 0);
        let newest = 1_500 * 10_000 / 65_536 * 65_536;
        let (mut ranges, mut asked) = (0, 0);
        for number in (newest - 6_000_000..newest).step_by(611) {
            let found: Vec<_> = earlier.ranges(key(number as u64)).collect();
            assert!(found.iter().any(|range| range.contains(&row(number))), "{number}");
            assert!(found.iter().all(|range| range.end() - range.start() < 1 << ROWS));
            ranges += found.len();
            asked += 1;
        }
        assert!(ranges <= asked + asked / 100, "{ranges} ranges for {asked} ids");
        let strange = (0..10_000_u64).map(|number| earlier.ranges(!key(number)).count()).sum::<usize>();
        assert!(strange < 50, "{strange} ranges for ids that never came");
    }

    #[test]
    fn counts_what_does_not_fit() {
        let earlier = busy(300, 8 << 20);
        assert!(earlier.forgotten > 1_000_000, "{}", earlier.forgotten);
        let bytes: usize = earlier.tables.iter().map(|table| table.entries.len() * 4).sum();
        assert!(bytes <= 8 << 20);
    }

    #[test]
    fn an_id_of_many_rows_takes_few_entries() {
        let mut earlier = Earlier::new(1 << 20);
        earlier.absorb((0..1_000).map(|number| (key(1), row(number * 1_000))).collect(), 0);
        assert_eq!(earlier.ranges(key(1)).count(), SAME_ID);
    }

    #[test]
    fn takes_rows_at_both_ends_of_the_numbers() {
        let mut earlier = Earlier::new(1 << 20);
        for row in [i64::MIN, -1, 0, i64::MAX] {
            earlier.absorb(vec![(key(row as u64), row)], 0);
            let found: Vec<_> = earlier.ranges(key(row as u64)).collect();
            assert!(found.iter().any(|range| range.contains(&row)), "{row}: {found:?}");
        }
    }
}
