//! Response ids past the newest. Accounts of one call come from exporters of two services, minutes apart, and many calls
//! come in a minute: an id is remembered by a part of its hash and the range of rows in which it is. The store is asked which of
//! them have the id.

use std::ops::RangeInclusive;

use super::lines::{AHEAD, Lines, ROWS, WINDOW};

/// How far one row moves the mean, in ranges: a second.
const STEP: i64 = WINDOW / 600;

#[derive(Debug)]
pub(super) struct Earlier {
    lines: Lines,
    /// The range of about the rows that are added now; a few wrong clocks do not move it far.
    now: Option<i64>,
    forgotten: u64,
}

impl Earlier {
    /// In at most `bytes`.
    pub(super) const fn new(bytes: usize) -> Self {
        Self { lines: Lines::new(bytes), now: None, forgotten: 0 }
    }

    /// Adds a row with this id.
    pub(super) fn add(&mut self, key: u64, row: i64) {
        let range = row >> ROWS;
        let now = self.now.map_or(range, |now| now + (range.saturating_sub(now) / 64).clamp(-STEP, STEP));
        self.now = Some(now);
        self.put(key, range, now);
    }

    /// Adds a row that is older than all others.
    pub(super) fn recall(&mut self, key: u64, row: i64) {
        let now = *self.now.get_or_insert(row >> ROWS);
        self.put(key, row >> ROWS, now);
    }

    fn put(&mut self, key: u64, range: i64, now: i64) {
        if self.lines.add(key, range, now + AHEAD) {
            self.forgotten += 1;
        }
    }

    /// The ranges in which rows of this id may be: mostly none.
    pub(super) fn ranges(&self, key: u64) -> impl Iterator<Item = RangeInclusive<i64>> + use<> {
        let latest = self.now.unwrap_or(0) + AHEAD;
        self.lines.ranges(key, latest).into_iter().map(|range| {
            let first = range << ROWS;
            first..=first | ((1 << ROWS) - 1)
        })
    }

    /// Ids that were displaced too early, since this was asked.
    pub(super) const fn take_forgotten(&mut self) -> u64 {
        let forgotten = self.forgotten;
        self.forgotten = 0;
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Spread as salted hashes are, by the finalizer of SplitMix64: even multiples of one number would fill all lines alike.
    fn key(number: u64) -> u64 {
        let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ number >> 31
    }

    /// Ids at `per_second` for `seconds`.
    fn busy(per_second: i64, seconds: i64, bytes: usize) -> Earlier {
        let mut earlier = Earlier::new(bytes);
        for number in 0..seconds * per_second {
            earlier.add(key(number as u64), row(number, per_second));
        }
        earlier
    }

    fn row(number: i64, per_second: i64) -> i64 {
        (number * 1_000_000 / per_second) << 9 | 5
    }

    #[test]
    fn keeps_ten_minutes_of_nine_thousand_calls_per_second_in_thirty_two_mebibytes() {
        // A sixteenth of both.
        const RATE: i64 = 575;
        let newest = 3_000 * RATE;
        let earlier = busy(RATE, 3_000, 2 << 20);
        assert!(earlier.forgotten * 10_000 < newest.cast_unsigned(), "{}", earlier.forgotten);
        assert_eq!(earlier.lines.bytes(), 2 << 20);
        let (mut ranges, mut asked) = (0, 0);
        for number in (newest - 600 * RATE..newest).step_by(61) {
            let found: Vec<_> = earlier.ranges(key(number as u64)).collect();
            assert!(found.iter().any(|range| range.contains(&row(number, RATE))), "{number}");
            ranges += found.len();
            asked += 1;
        }
        assert!(ranges <= asked + asked / 100, "{ranges} ranges for {asked} ids");
        let strange: usize = (0..10_000).map(|number| earlier.ranges(!key(number)).count()).sum();
        assert!(strange < 20, "{strange} ranges for ids that never came");
    }

    #[test]
    fn recalls_ten_minutes_from_the_newest_on() {
        let mut earlier = Earlier::new(2 << 20);
        let newest = 600 * 575;
        for number in (0..newest).rev() {
            earlier.recall(key(number as u64), row(number, 575));
        }
        for number in newest..newest + 300 * 575 {
            earlier.add(key(number as u64), row(number, 575));
        }
        assert!(earlier.forgotten < 20, "{}", earlier.forgotten);
        for number in (300 * 575..900 * 575).step_by(61) {
            let mut found = earlier.ranges(key(number as u64));
            assert!(found.any(|range| range.contains(&row(number, 575))), "{number}");
        }
    }

    #[test]
    fn takes_no_more_memory_at_any_time_than_is_documented() {
        // While the rate grows to 2,500 per second, and then falls to a hundred.
        let bytes = super::super::RESPONSE_IDS;
        let mut earlier = Earlier::new(bytes);
        let mut time = 0;
        for number in 0..1_500_000_i64 {
            time += match number {
                ..100_000 => SECOND / 100,
                100_000..1_400_000 => SECOND / 2_500,
                _ => SECOND / 100,
            };
            earlier.add(key(number as u64), (time / 1_000) << 9);
            assert!(earlier.lines.bytes() <= bytes, "{number}");
        }
        assert_eq!(earlier.lines.bytes(), bytes, "it was never full");
    }

    #[test]
    fn no_clock_and_no_burst_takes_more_memory() {
        // Whatever the rows: all at once, backwards, far apart.
        let rows: [fn(i64) -> i64; 5] = [
            |number| number << 9,
            |_| 0,
            |number| -number << 30,
            |number| if number % 2 == 0 { i64::MAX } else { i64::MIN },
            |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64),
        ];
        for (kind, row) in rows.iter().enumerate() {
            for bytes in [0, 1_000, 1 << 20, 3 << 19] {
                let mut earlier = Earlier::new(bytes);
                for number in 0..100_000 {
                    earlier.add(key(number as u64), row(number));
                }
                assert!(earlier.lines.bytes() <= bytes.max(64), "{kind}: {}", earlier.lines.bytes());
                assert!(earlier.lines.used() <= earlier.lines.places(), "{kind}");
            }
        }
    }

    #[test]
    fn takes_little_memory_where_few_calls_come() {
        assert_eq!(busy(10, 20_000, 8 << 20).lines.bytes(), 1 << 20);
        assert_eq!(busy(500, 1_500, 64 << 20).lines.bytes(), 8 << 20);
        assert_eq!(Earlier::new(8 << 20).lines.bytes(), 0);
    }

    #[test]
    fn grows_when_more_calls_come_and_finds_those_before() {
        let mut earlier = busy(10, 2_000, 8 << 20);
        assert_eq!(earlier.lines.bytes(), 1 << 20);
        let row = |number: i64| ((2_000 * SECOND + number * SECOND / 1_000) / 1_000) << 9;
        let found = |earlier: &Earlier, number: i64| {
            earlier.ranges(key(number as u64 + 50_000)).any(|range| range.contains(&row(number)))
        };
        let mut sizes = vec![earlier.lines.bytes()];
        for number in 0..900_000_i64 {
            earlier.add(key(number as u64 + 50_000), row(number));
            if sizes.last() != Some(&earlier.lines.bytes()) {
                sizes.push(earlier.lines.bytes());
                let lost = (0..=number).filter(|number| !found(&earlier, *number)).count();
                assert!(lost < 20, "{lost} of {number} after {} bytes", earlier.lines.bytes());
            }
        }
        assert_eq!(sizes, [1 << 20, 2 << 20, 4 << 20]);
        assert!(earlier.forgotten < 20, "{}", earlier.forgotten);
        assert!((300_000..900_000).step_by(17).all(|number| found(&earlier, number)));
        assert!((900_000..1_000_000).filter(|number| found(&earlier, *number)).count() < 100);
    }

    #[test]
    fn counts_what_does_not_fit() {
        let earlier = busy(1_000, 300, 1 << 16);
        assert!(earlier.forgotten > 200_000, "{}", earlier.forgotten);
        assert!(earlier.lines.bytes() <= 1 << 16);
    }

    #[test]
    fn finds_what_comes_after_a_long_silence() {
        let mut earlier = busy(500, 100, 64 << 20);
        let night = 36_000 * SECOND;
        for number in 50_000..150_000 {
            let after = number * SECOND / 500 + night;
            earlier.add(key(number as u64), (after / 1_000) << 9);
        }
        for number in (110_000..150_000_i64).step_by(101) {
            let row = ((number * SECOND / 500 + night) / 1_000) << 9;
            assert!(earlier.ranges(key(number as u64)).any(|range| range.contains(&row)), "{number}");
        }
    }

    #[test]
    fn takes_rows_at_both_ends_of_the_numbers() {
        for row in [i64::MIN, -1, 0, i64::MAX] {
            let mut earlier = Earlier::new(1 << 20);
            earlier.add(key(row as u64), row);
            let found: Vec<_> = earlier.ranges(key(row as u64)).collect();
            assert!(found.iter().any(|range| range.contains(&row)), "{row}: {found:?}");
        }
    }
}
