//! Sets of numbers that mostly follow one another.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::codec::{Cursor, put_number};

/// A set of numbers, kept as ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// From the first number of a range to its last. Ranges neither overlap nor touch.
    ranges: BTreeMap<u64, u64>,
    count: u64,
}

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The numbers in the set.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        self.ranges.iter().map(|(first, last)| *first..=*last)
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, last)| *last >= number)
    }

    /// Adds a range.
    pub(super) fn insert(&mut self, range: RangeInclusive<u64>) {
        let (mut first, mut last) = range.into_inner();
        if first > last {
            return;
        }
        // What overlaps or touches becomes part of the new range.
        while let Some((&from, &to)) = self.ranges.range(..=last.saturating_add(1)).next_back() {
            if to.saturating_add(1) < first {
                break;
            }
            self.ranges.remove(&from);
            self.count = self.count.saturating_sub(length(from, to));
            (first, last) = (first.min(from), last.max(to));
        }
        self.ranges.insert(first, last);
        self.count = self.count.saturating_add(length(first, last));
    }

    /// Removes one number. Whether it was there.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let there = self.contains(number);
        self.remove_range(number..=number);
        there
    }

    /// Removes all numbers of a range.
    pub(super) fn remove_range(&mut self, range: RangeInclusive<u64>) {
        let (first, last) = range.into_inner();
        while let Some((&from, &to)) = self.ranges.range(..=last).next_back() {
            if to < first {
                break;
            }
            self.ranges.remove(&from);
            self.count = self.count.saturating_sub(length(from, to));
            // What is left of it on both sides stays.
            if from < first {
                self.ranges.insert(from, first - 1);
                self.count = self.count.saturating_add(length(from, first - 1));
            }
            if to > last {
                self.ranges.insert(last + 1, to);
                self.count = self.count.saturating_add(length(last + 1, to));
            }
        }
    }

    /// Writes at most `most` ranges, the newest where there are more.
    pub(super) fn encode(&self, out: &mut Vec<u8>, most: usize) {
        let skipped = self.ranges.len().saturating_sub(most);
        put_number(out, (self.ranges.len() - skipped) as u64);
        let mut before = 0;
        for (first, last) in self.ranges.iter().skip(skipped) {
            put_number(out, first - before);
            put_number(out, last - first);
            before = *last;
        }
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut ranges = Self::default();
        let mut before = 0_u64;
        for _ in 0..cursor.number()? {
            let first = before.checked_add(cursor.number()?)?;
            let last = first.checked_add(cursor.number()?)?;
            ranges.insert(first..=last);
            before = last;
        }
        Some(ranges)
    }
}

impl FromIterator<u64> for Ranges {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut ranges = Self::default();
        numbers.into_iter().for_each(|number| ranges.insert(number..=number));
        ranges
    }
}

/// The numbers of a range. All 2^64 of them are one less, which no sequence reaches.
const fn length(first: u64, last: u64) -> u64 {
    (last - first).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_the_set_it_stands_for(steps in prop::collection::vec((0..3, 0_u64..60, 0_u64..6), 0..80)) {
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for (step, first, more) in steps {
                match step {
                    0 => {
                        ranges.insert(first..=first + more);
                        model.extend(first..=first + more);
                    }
                    1 => prop_assert_eq!(ranges.remove(first), model.remove(&first)),
                    _ => {
                        ranges.remove_range(first..=first + more);
                        model.retain(|number| !(first..=first + more).contains(number));
                    }
                }
                prop_assert_eq!(ranges.count(), model.len() as u64);
            }
            let listed: Vec<u64> = ranges.iter().flatten().collect();
            prop_assert_eq!(&listed, &model.iter().copied().collect::<Vec<_>>());
            for number in 0..70 {
                prop_assert_eq!(ranges.contains(number), model.contains(&number));
            }
            for pair in ranges.iter().collect::<Vec<_>>().windows(2) {
                prop_assert!(pair[0].end() + 1 < *pair[1].start());
            }
            let mut out = Vec::new();
            ranges.encode(&mut out, usize::MAX);
            prop_assert_eq!(Ranges::decode(&mut Cursor(&out)), Some(ranges));
        }

        #[test]
        fn reads_any_bytes(bytes: Vec<u8>) {
            let _read = Ranges::decode(&mut Cursor(&bytes));
        }
    }

    #[test]
    fn the_ends_of_the_numbers_are_numbers() {
        let mut ranges: Ranges = [0, u64::MAX].into_iter().collect();
        assert_eq!(ranges.count(), 2);
        assert!(ranges.contains(u64::MAX) && ranges.remove(u64::MAX) && ranges.remove(0));
        assert!(ranges.is_empty());
    }

    #[test]
    fn of_too_many_ranges_the_newest_are_written() {
        let ranges: Ranges = [1, 3, 5].into_iter().collect();
        let mut out = Vec::new();
        ranges.encode(&mut out, 2);
        let read = Ranges::decode(&mut Cursor(&out)).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [3..=3, 5..=5]);
    }
}
