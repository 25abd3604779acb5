//! Response ids past the newest. Accounts of one call come from exporters of two services, minutes apart, and many calls
//! come in a minute: an id takes 36 bits here, a part of its hash and the range of rows in which it is. The store is
//! asked which of them have the id.
//!
//! An id has fourteen places in each of two lines of the processor's cache, and takes one in the line that has more room: so
//! lines are nearly full before any has none, and looking for an id costs two accesses to memory. Where both lines are full, it
//! displaces the oldest.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::relation::RESPONSE_WINDOW;

/// A line: its entries, and in the last words four bits more for each of them.
type Line = [u32; WORDS];
const WORDS: usize = 16;
const PLACES: usize = 14;
const LINE: usize = size_of::<Line>();
/// Ids of a line, on average, up to which hardly any is displaced before its time.
const EXPECTED: usize = 12;
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
        self.put(key, range, (now, time));
    }

    /// Adds a row that is older than all others; `time` is that of the first one.
    pub(super) fn recall(&mut self, key: u64, row: i64, time: i64) {
        let now = *self.now.get_or_insert(row >> ROWS);
        self.put(key, row >> ROWS, (now, time));
    }

    fn put(&mut self, key: u64, range: i64, (now, time): (i64, i64)) {
        while self.tables.back().is_some_and(|table| table.is_past(time)) {
            self.tables.pop_back();
        }
        if self.tables.front().is_none_or(|table| table.is_full(self.largest)) {
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
        self.tables.push_front(Table::new(lines.min(self.largest.max(1))));
    }

    /// The ranges in which rows of this id may be: mostly none.
    pub(super) fn ranges(&self, key: u64) -> impl Iterator<Item = RangeInclusive<i64>> + use<> {
        let latest = self.now.unwrap_or(0) + AHEAD;
        let (tag, more) = (tag(key), more_of(key));
        let mut found = Vec::new();
        for table in &self.tables {
            for line in table.lines_of(key) {
                let same = mask(line, |entry| entry >> RANGE_BITS == tag && entry != 0);
                for place in places(same).filter(|place| more_at(line, *place) == more) {
                    let age = i64::from(age(line[place], latest));
                    let first = (latest - age) << ROWS;
                    found.extend((age <= OLD).then_some(first..=first | ((1 << ROWS) - 1)));
                }
            }
        }
        found.into_iter()
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

/// Removes what is old, and returns how many that were.
fn clear(line: &mut Line, latest: i64) -> usize {
    let old = mask(line, |entry| age(entry, latest) > OLD as u32 && entry != 0);
    places(old).for_each(|place| line[place] = 0);
    old.count_ones() as usize
}

/// A bit for each place of a line whose entry is such. All words are looked at, without a branch, which processors do at once.
fn mask(line: &Line, is: impl Fn(u32) -> bool) -> u32 {
    let words = line.iter().enumerate();
    words.fold(0, |found, (word, entry)| found | u32::from(is(*entry)) << word) & ((1 << PLACES) - 1)
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

/// Four more bits of a key.
const fn more_of(key: u64) -> u32 {
    (key >> (28 + RANGE_BITS)) as u32 & 15
}

/// The word and the bit from which on a line has them.
const fn more_place(place: usize) -> (usize, usize) {
    (PLACES + place / 8, place % 8 * 4)
}

const fn more_at(line: &Line, place: usize) -> u32 {
    let (word, bit) = more_place(place);
    line[word] >> bit & 15
}

#[derive(Debug)]
struct Table {
    entries: Vec<u32>,
    /// Where the first line begins: at the beginning of one of the cache.
    start: usize,
    /// A power of two.
    lines: usize,
    /// Entries that were not removed.
    used: usize,
    /// The line that is cleared next.
    clears: usize,
    /// When the next table began.
    ended: Option<i64>,
}

impl Table {
    fn new(lines: usize) -> Self {
        let lines = if lines.is_power_of_two() { lines } else { lines.next_power_of_two() / 2 };
        let entries = vec![0; (lines + 1) * WORDS];
        let start = (LINE - entries.as_ptr().addr() % LINE) % LINE / size_of::<u32>();
        Self { entries, start, lines, used: 0, clears: 0, ended: None }
    }

    /// Whether so many ids came within ten minutes that they need a larger table.
    const fn is_full(&self, largest: usize) -> bool {
        self.used >= self.lines * EXPECTED && self.lines * 2 <= largest
    }

    const fn is_past(&self, time: i64) -> bool {
        match self.ended {
            Some(ended) => time.saturating_sub(ended) > RESPONSE_WINDOW,
            None => false,
        }
    }

    /// Where the lines of a key begin, from bits that are not those of its tag. Both may be the same line.
    fn at(&self, key: u64) -> [usize; 2] {
        let line = |bits: u64| self.start + (bits as usize & (self.lines - 1)) * WORDS;
        [line(key), line(key >> 25)]
    }

    fn lines_of(&self, key: u64) -> impl Iterator<Item = &Line> {
        let at = self.at(key);
        let different = if at[0] == at[1] { 1 } else { 2 };
        at.into_iter().take(different).filter_map(|at| self.entries[at..].first_chunk())
    }

    /// Puts an entry of a key into a place of the line that begins there.
    fn put(&mut self, at: usize, place: usize, (entry, more): (u32, u32)) {
        let (word, bit) = more_place(place);
        self.entries[at + place] = entry;
        let others = self.entries[at + word] & !(15 << bit);
        self.entries[at + word] = others | more << bit;
    }

    /// Removes what is old from the line that begins there, and returns its places.
    fn cleared(&mut self, at: usize, latest: i64) -> Line {
        let Some(line) = self.entries[at..].first_chunk_mut() else { return [0; WORDS] };
        self.used -= clear(line, latest);
        *line
    }

    /// Removes what is old from the next line: all lines come round in minutes.
    fn clear_next(&mut self, latest: i64) {
        let at = self.start + self.clears * WORDS;
        self.clears = (self.clears + 1) & (self.lines - 1);
        self.cleared(at, latest);
    }

    /// Returns whether another id had to go that is younger than ten minutes.
    fn add(&mut self, key: u64, range: i64, now: i64) -> bool {
        let entry = tag(key) << RANGE_BITS | (range & (RANGES - 1)) as u32;
        let more = more_of(key);
        let latest = now + AHEAD;
        let at = self.at(key);
        let lines = at.map(|at| self.cleared(at, latest));
        let is_in =
            |line: &Line| places(mask(line, |known| known == entry)).any(|at| more_at(line, at) == more);
        if lines.iter().any(is_in) {
            return false;
        }
        let empty = lines.map(|line| mask(&line, |known| known == 0));
        let line = usize::from(empty[1].count_ones() > empty[0].count_ones());
        if let Some(place) = places(empty[line]).next() {
            self.put(at[line], place, (entry, more));
            self.used += 1;
            return false;
        }
        let all = (0..2).flat_map(|line| (0..PLACES).map(move |place| (line, place)));
        let of = |(line, place): (usize, usize)| age(lines[line][place], latest);
        let (line, place) = all.max_by_key(|place| of(*place)).unwrap_or((0, 0));
        self.put(at[line], place, (entry, more));
        i64::from(of((line, place))) < AHEAD + WINDOW
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
    fn keeps_ten_minutes_of_ten_thousand_calls_per_second_in_thirty_two_mebibytes() {
        // A sixteenth of both.
        let earlier = busy(625, 1_300, 2 << 20);
        assert_eq!(earlier.forgotten, 0);
        assert_eq!(earlier.bytes(), 2 << 20);
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
        assert!(strange < 10, "{strange} ranges for ids that never came");
    }

    #[test]
    fn recalls_ten_minutes_from_the_newest_on() {
        let mut earlier = Earlier::new(2 << 20);
        let newest = 600 * 625;
        for number in (0..newest).rev() {
            earlier.recall(key(number as u64), row(number, 625), newest * SECOND / 625);
        }
        for number in newest..newest + 300 * 625 {
            earlier.add(key(number as u64), row(number, 625), number * SECOND / 625);
        }
        assert_eq!(earlier.forgotten, 0);
        for number in (300 * 625..900 * 625).step_by(61) {
            let mut found = earlier.ranges(key(number as u64));
            assert!(found.any(|range| range.contains(&row(number, 625))), "{number}");
        }
    }

    /// What is allocated for the tables.
    fn allocated(earlier: &Earlier) -> usize {
        earlier.tables.iter().map(|table| table.entries.capacity() * size_of::<u32>()).sum()
    }

    #[test]
    fn takes_no_more_memory_at_any_time_than_is_documented() {
        // While the rate grows to 2,500 per second, and then falls to a hundred.
        let bytes = super::super::RESPONSE_IDS;
        let mut earlier = Earlier::new(bytes);
        let (mut peak, mut time) = (0, 0);
        for number in 0..1_500_000_i64 {
            time += match number {
                ..100_000 => SECOND / 100,
                100_000..1_400_000 => SECOND / 2_500,
                _ => SECOND / 100,
            };
            earlier.add(key(number as u64), (time / 1_000) << 9, time);
            peak = peak.max(allocated(&earlier));
        }
        assert!(peak > bytes, "the largest table was never made: {peak}");
        assert!(peak <= (53 << 18) + (1 << 19), "{peak}");
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
