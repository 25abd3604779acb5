//! Response ids past the newest. Accounts of one call come from exporters of two services, minutes apart, and many calls
//! come in a minute: an id takes four bytes here, a part of its hash and the range of rows in which it is. The store is
//! asked which of them have the id.
//!
//! An id has sixteen places, in one line of the processor's cache, so that looking for it and adding it cost one access to
//! memory. There it displaces the oldest.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::relation::RESPONSE_WINDOW;

/// Places of an id, and the bytes of them.
const PLACES: usize = 16;
const LINE: usize = PLACES * size_of::<u32>();
/// Ids of a line, on average, up to which hardly any is displaced before its time.
const EXPECTED: usize = 6;
/// Lines of the smallest table, and how many times larger the next one is.
const SMALLEST: usize = 1 << 12;
const GROWTH: usize = 4;

/// Rows of one range, as a power of two: in SQLite those of four milliseconds (see `sqlite/file/call_id`).
const ROWS: u32 = 21;
/// Bits of an entry that are the last of its range; the others are of its key. They repeat after 18 minutes: entries are
/// removed before.
const RANGE_BITS: u32 = 18;
const RANGES: i64 = 1 << RANGE_BITS;
/// Ranges of rows that are taken for later than the mean: some two minutes. All others are before it.
const AHEAD: i64 = RANGES / 8;
/// How old entries are when they are removed, from the latest range on.
const OLD: i64 = AHEAD + WINDOW + WINDOW / 20;
/// Ranges within [`RESPONSE_WINDOW`].
const WINDOW: i64 = (RESPONSE_WINDOW / 1_000) << 9 >> ROWS;
/// How far one row moves the mean, in ranges: a second.
const STEP: i64 = WINDOW / 600;

/// Tables, the largest and newest first. Older ones are kept until what they have is ten minutes old.
#[derive(Debug)]
pub(super) struct Earlier {
    largest: usize,
    tables: VecDeque<Table>,
    /// The range of about the rows that are added now; a few wrong clocks do not move it far.
    now: Option<i64>,
    forgotten: u64,
}

impl Earlier {
    /// In tables of at most `bytes`.
    pub(super) const fn new(bytes: usize) -> Self {
        Self { largest: bytes / LINE, tables: VecDeque::new(), now: None, forgotten: 0 }
    }

    /// Adds a row with this id at about `time`.
    pub(super) fn add(&mut self, key: u64, row: i64, time: i64) {
        let range = row >> ROWS;
        let now = self.now.map_or(range, |now| now + (range.saturating_sub(now) / 64).clamp(-STEP, STEP));
        self.now = Some(now);
        while self.tables.back().is_some_and(|table| table.is_past(time)) {
            self.tables.pop_back();
        }
        if self.tables.front_mut().is_none_or(|table| table.is_full(time, self.largest)) {
            self.grow(time);
        }
        self.tables.iter_mut().for_each(|table| table.clear_next(now + AHEAD));
        if let Some(table) = self.tables.front_mut()
            && table.add(key, range, now)
        {
            self.forgotten += 1;
        }
    }

    fn grow(&mut self, time: i64) {
        let lines = match self.tables.front_mut() {
            None => SMALLEST,
            Some(table) => {
                table.ended = Some(time);
                table.lines * GROWTH
            }
        };
        self.tables.push_front(Table::new(lines.min(self.largest.max(1)), time));
    }

    /// The ranges in which rows of this id may be.
    pub(super) fn ranges(&self, key: u64) -> impl Iterator<Item = RangeInclusive<i64>> {
        let latest = self.now.unwrap_or(0) + AHEAD;
        let tag = tag(key);
        let of_table = move |table: &Table| {
            let line = *table.line(key);
            let same = mask(&line, |entry| entry >> RANGE_BITS == tag && entry != 0);
            places(same).map(move |place| line[place])
        };
        let ages = self.tables.iter().flat_map(of_table).map(move |entry| i64::from(age(entry, latest)));
        ages.filter(|age| *age <= OLD).map(move |age| {
            let first = (latest - age) << ROWS;
            first..=first | ((1 << ROWS) - 1)
        })
    }

    /// Ids that were displaced too early, since this was asked.
    pub(super) const fn take_forgotten(&mut self) -> u64 {
        let forgotten = self.forgotten;
        self.forgotten = 0;
        forgotten
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.tables.iter().map(|table| table.lines * LINE).sum()
    }
}

/// How many ranges an entry is before the latest.
const fn age(entry: u32, latest: i64) -> u32 {
    (latest as u32).wrapping_sub(entry) & (RANGES - 1) as u32
}

/// Removes what is old.
fn clear(line: &mut [u32; PLACES], latest: i64) {
    for entry in line {
        *entry = if age(*entry, latest) > OLD as u32 { 0 } else { *entry };
    }
}

/// A bit for each place of a line whose entry is such. All are looked at, without a branch, which processors do at once.
fn mask(line: &[u32; PLACES], is: impl Fn(u32) -> bool) -> u32 {
    let places = line.iter().enumerate();
    places.fold(0, |found, (place, entry)| found | u32::from(is(*entry)) << place)
}

fn places(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (place < u32::BITS).then_some(place as usize)
    })
}

/// The part of a key that an entry has: other bits than its line.
const fn tag(key: u64) -> u32 {
    (key >> (32 + RANGE_BITS)) as u32
}

#[derive(Debug)]
struct Table {
    entries: Vec<u32>,
    /// Where the first line begins: at the beginning of one of the cache.
    start: usize,
    /// A power of two.
    lines: usize,
    /// Ids that came since `began`, for ten minutes.
    used: usize,
    began: i64,
    /// The line that is cleared next.
    clears: usize,
    /// When the next table began.
    ended: Option<i64>,
}

impl Table {
    fn new(lines: usize, time: i64) -> Self {
        let lines = if lines.is_power_of_two() { lines } else { lines.next_power_of_two() / 2 };
        let entries = vec![0; (lines + 1) * PLACES];
        let start = (LINE - entries.as_ptr().addr() % LINE) % LINE / size_of::<u32>();
        Self { entries, start, lines, used: 0, clears: 0, began: time, ended: None }
    }

    /// Whether so many ids came within ten minutes that they need a larger table.
    const fn is_full(&mut self, time: i64, largest: usize) -> bool {
        if time.saturating_sub(self.began) >= RESPONSE_WINDOW {
            (self.began, self.used) = (time, 0);
        }
        self.used >= self.lines * EXPECTED && self.lines * 2 <= largest
    }

    const fn is_past(&self, time: i64) -> bool {
        match self.ended {
            Some(ended) => time.saturating_sub(ended) > RESPONSE_WINDOW,
            None => false,
        }
    }

    fn at(&self, key: u64) -> usize {
        self.start + (key as usize & (self.lines - 1)) * PLACES
    }

    fn line(&self, key: u64) -> &[u32; PLACES] {
        let at = self.at(key);
        self.entries[at..].first_chunk().unwrap_or(&[0; PLACES])
    }

    /// Removes what is old from the next line: all lines come round in minutes.
    fn clear_next(&mut self, latest: i64) {
        let at = self.start + self.clears * PLACES;
        self.clears = (self.clears + 1) & (self.lines - 1);
        if let Some(line) = self.entries[at..].first_chunk_mut() {
            clear(line, latest);
        }
    }

    /// Returns whether another id had to go that is younger than ten minutes.
    fn add(&mut self, key: u64, range: i64, now: i64) -> bool {
        self.used = self.used.saturating_add(1);
        let entry = tag(key) << RANGE_BITS | (range & (RANGES - 1)) as u32;
        let latest = now + AHEAD;
        let at = self.at(key);
        let Some(line) = self.entries[at..].first_chunk_mut::<PLACES>() else { return false };
        clear(line, latest);
        if let Some(place) = places(mask(line, |known| known == 0 || known == entry)).next() {
            line[place] = entry;
            return false;
        }
        let oldest = (0..PLACES).max_by_key(|place| age(line[*place], latest)).unwrap_or(0);
        let early = i64::from(age(line[oldest], latest)) < AHEAD + WINDOW;
        line[oldest] = entry;
        early
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn key(number: u64) -> u64 {
        number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    }

    /// Ids at `per_second` for `seconds`.
    fn busy(per_second: i64, seconds: i64, bytes: usize) -> Earlier {
        let mut earlier = Earlier::new(bytes);
        for number in 0..seconds * per_second {
            earlier.add(key(number as u64), row(number, per_second), number * SECOND / per_second);
        }
        earlier
    }

    fn row(number: i64, per_second: i64) -> i64 {
        (number * 1_000_000 / per_second) << 9 | 5
    }

    #[test]
    fn keeps_ten_minutes_of_ten_thousand_calls_per_second_in_sixty_four_mebibytes() {
        // A sixteenth of both.
        let earlier = busy(625, 1_300, 4 << 20);
        assert_eq!(earlier.forgotten, 0);
        assert!(earlier.bytes() <= 86 << 16, "{}", earlier.bytes());
        let newest = 1_300 * 625;
        let (mut ranges, mut asked) = (0, 0);
        for number in (newest - 600 * 625..newest).step_by(61) {
            let found: Vec<_> = earlier.ranges(key(number as u64)).collect();
            assert!(found.iter().any(|range| range.contains(&row(number, 625))), "{number}");
            ranges += found.len();
            asked += 1;
        }
        assert!(ranges <= asked + asked / 100, "{ranges} ranges for {asked} ids");
        let strange: usize = (0..10_000).map(|number| earlier.ranges(!key(number)).count()).sum();
        assert!(strange < 50, "{strange} ranges for ids that never came");
    }

    /// What is allocated for the tables.
    fn allocated(earlier: &Earlier) -> usize {
        earlier.tables.iter().map(|table| table.entries.capacity() * size_of::<u32>()).sum()
    }

    #[test]
    fn takes_no_more_memory_at_any_time_than_is_documented() {
        // At the real size, while the rate grows to 10,000 per second, and then falls to one.
        let bytes = super::super::EARLIER_BYTES;
        let mut earlier = Earlier::new(bytes);
        let (mut peak, mut time) = (0, 0);
        for number in 0..2_600_000_i64 {
            time += match number {
                ..100_000 => SECOND / 100,
                100_000..2_500_000 => SECOND / 10_000,
                _ => SECOND / 100,
            };
            earlier.add(key(number as u64), (time / 1_000) << 9, time);
            peak = peak.max(allocated(&earlier));
        }
        assert!(peak > bytes, "the largest table was never made: {peak}");
        assert!(peak <= (85 << 20) + (1 << 19), "{peak}");
        assert!(
            earlier.tables.len() == 1 && allocated(&earlier) <= bytes + 2 * LINE,
            "{}",
            allocated(&earlier)
        );
    }

    #[test]
    fn no_clock_and_no_burst_takes_more_memory() {
        // Whatever the times: all at once, backwards, far apart.
        let times: [fn(i64) -> i64; 4] = [
            |_| 0,
            |number| -number * SECOND,
            |number| if number % 2 == 0 { i64::MAX } else { i64::MIN },
            |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64),
        ];
        for (kind, time) in times.iter().enumerate() {
            let mut earlier = Earlier::new(1 << 20);
            for number in 0..100_000 {
                earlier.add(key(number as u64), number << 9, time(number));
                // Each table is four times the one before: together a third more than the largest.
                assert!(allocated(&earlier) <= (4 << 20) / 3 + 8 * LINE, "{kind}: {}", allocated(&earlier));
            }
        }
    }

    #[test]
    fn takes_little_memory_where_few_calls_come() {
        assert_eq!(busy(10, 20_000, 64 << 20).bytes(), SMALLEST * LINE);
        assert!(busy(500, 1_500, 64 << 20).bytes() <= 6 << 20);
    }

    #[test]
    fn grows_when_more_calls_come_than_for_long_before() {
        let mut earlier = busy(10, 2_000, 64 << 20);
        assert_eq!(earlier.bytes(), SMALLEST * LINE);
        for number in 0..900_000_i64 {
            let after = 2_000 * SECOND + number * SECOND / 1_000;
            earlier.add(key(number as u64 + 50_000), (after / 1_000) << 9, after);
        }
        assert!(earlier.forgotten == 0 && earlier.tables.len() <= 2, "{}", earlier.tables.len());
        assert!((4 << 20..32 << 20).contains(&earlier.bytes()), "{}", earlier.bytes());
    }

    #[test]
    fn counts_what_does_not_fit() {
        let earlier = busy(1_000, 300, 1 << 16);
        assert!(earlier.forgotten > 200_000, "{}", earlier.forgotten);
        assert!(earlier.bytes() <= 1 << 16);
    }

    #[test]
    fn finds_what_comes_after_a_long_silence() {
        let mut earlier = busy(500, 100, 64 << 20);
        let night = 36_000 * SECOND;
        for number in 50_000..150_000 {
            let after = number * SECOND / 500 + night;
            earlier.add(key(number as u64), (after / 1_000) << 9, after);
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
            earlier.add(key(row as u64), row, 0);
            let found: Vec<_> = earlier.ranges(key(row as u64)).collect();
            assert!(found.iter().any(|range| range.contains(&row)), "{row}: {found:?}");
        }
    }
}
