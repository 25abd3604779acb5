//! Response ids past the newest. Accounts of one call come from exporters of two services, minutes apart, and many calls
//! come in a minute: an id takes 36 bits here, a part of its hash and the range of rows in which it is. The store is
//! asked which of them have the id.
//!
//! An id has fourteen places in each of two lines of the processor's cache, and takes one in the line that has more room: so
//! lines are nearly full before any has none, and looking for an id costs two accesses to memory. Where both lines are full, it
//! displaces the oldest.

use std::ops::RangeInclusive;

use super::relation::RESPONSE_WINDOW;

/// A line: its entries, and in the last words four bits more for each of them.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line([u32; WORDS]);
const WORDS: usize = 16;
const PLACES: usize = 14;
const LINE: usize = size_of::<Line>();
const EMPTY: Line = Line([0; WORDS]);
/// Ids of a line, on average, up to which hardly any is displaced before its time.
const EXPECTED: usize = 12;
/// Lines at the start, at least; and how often their number doubles, at most. Each time an entry tells one bit less of its key.
const SMALLEST: usize = 1 << 12;
const DOUBLINGS: usize = 3;

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

#[derive(Debug)]
pub(super) struct Earlier {
    table: Table,
    /// The range of about the rows that are added now; a few wrong clocks do not move it far.
    now: Option<i64>,
    forgotten: u64,
}

impl Earlier {
    /// In a table of at most `bytes`.
    pub(super) const fn new(bytes: usize) -> Self {
        Self { table: Table::new(bytes / LINE), now: None, forgotten: 0 }
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
        self.table.make_room();
        self.table.clear_next(now + AHEAD);
        if self.table.add(key, range, now) {
            self.forgotten += 1;
        }
    }

    /// The ranges in which rows of this id may be: mostly none.
    pub(super) fn ranges(&self, key: u64) -> impl Iterator<Item = RangeInclusive<i64>> + use<> {
        let latest = self.now.unwrap_or(0) + AHEAD;
        let (tag, more) = (tag(key), more_of(key));
        let mut found = Vec::new();
        for line in self.table.lines_of(key) {
            let same = mask(line, |entry| entry >> RANGE_BITS == tag);
            for place in places(same).filter(|place| more_at(line, *place) == more) {
                let age = i64::from(age(line.0[place], latest));
                let first = (latest - age) << ROWS;
                found.extend((age <= OLD).then_some(first..=first | ((1 << ROWS) - 1)));
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
        self.table.lines * LINE
    }
}

/// How many ranges an entry is before the latest.
const fn age(entry: u32, latest: i64) -> u32 {
    (latest as u32).wrapping_sub(entry) & (RANGES - 1) as u32
}

/// Removes what is old, and returns how many that were.
fn clear(line: &mut Line, latest: i64) -> usize {
    let old = mask(line, |entry| age(entry, latest) > OLD as u32 && entry != 0);
    places(old).for_each(|place| line.0[place] = 0);
    old.count_ones() as usize
}

/// A bit for each place of a line whose entry is such. All words are looked at, without a branch, which processors do at once.
fn mask(line: &Line, is: impl Fn(u32) -> bool) -> u32 {
    let words = line.0.iter().enumerate();
    words.fold(0, |found, (word, entry)| found | u32::from(is(*entry)) << word) & ((1 << PLACES) - 1)
}

fn places(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (place < u32::BITS).then_some(place as usize)
    })
}

/// The part of a key that an entry has: other bits than those of its line among the first ones.
const fn tag(key: u64) -> u32 {
    let tag = (key >> (32 + RANGE_BITS)) as u32;
    // An entry of nothing but zeros is none.
    if tag == 0 { 1 } else { tag }
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
    line.0[word] >> bit & 15
}

/// Puts an entry and its four bits more into a place of a line.
const fn put(line: &mut Line, place: usize, (entry, more): (u32, u32)) {
    let (word, bit) = more_place(place);
    line.0[place] = entry;
    line.0[word] = line.0[word] & !(15 << bit) | more << bit;
}

/// Lines whose number doubles. What decides between the two lines that come of one is a bit of the tag, so that each entry is
/// put into its new line without its key.
#[derive(Debug)]
struct Table {
    /// Powers of two, all of them.
    largest: usize,
    smallest: usize,
    lines: usize,
    /// The first lines, and as many again as all before them each time.
    parts: Vec<Box<[Line]>>,
    /// Entries that were not removed.
    used: usize,
    /// The line that is cleared next.
    clears: usize,
}

impl Table {
    const fn new(most: usize) -> Self {
        let largest = if most == 0 { 1 } else { 1 << most.ilog2() };
        let eighth = largest >> DOUBLINGS;
        let smallest = if eighth > SMALLEST { eighth } else { SMALLEST };
        let smallest = if smallest < largest { smallest } else { largest };
        Self { largest, smallest, lines: 0, parts: Vec::new(), used: 0, clears: 0 }
    }

    /// Doubles the lines when so many ids came within ten minutes that they need more.
    fn make_room(&mut self) {
        let part = |lines| vec![EMPTY; lines].into_boxed_slice();
        if self.lines == 0 {
            self.parts.push(part(self.smallest));
            self.lines = self.smallest;
        } else if self.used >= self.lines * EXPECTED && self.lines < self.largest {
            let mut new = part(self.lines);
            let bit = RANGE_BITS + (self.lines / self.smallest).ilog2();
            for (old, new) in self.parts.iter_mut().flatten().zip(&mut new) {
                for place in places(mask(old, |entry| entry >> bit & 1 == 1)) {
                    put(new, place, (old.0[place], more_at(old, place)));
                    old.0[place] = 0;
                }
            }
            self.parts.push(new);
            self.lines *= 2;
        }
    }

    /// The lines of a key, from other bits than those of its tag, but for the last. Both may be the same.
    const fn of(&self, key: u64) -> [usize; 2] {
        let last = (tag(key) as usize & (self.lines / self.smallest - 1)) * self.smallest;
        let first = self.smallest - 1;
        [last | key as usize & first, last | (key >> 25) as usize & first]
    }

    /// In which part a line is, and where in it.
    const fn at(&self, line: usize) -> (usize, usize) {
        match (line / self.smallest).checked_ilog2() {
            None => (0, line),
            Some(doubled) => (doubled as usize + 1, line - (self.smallest << doubled)),
        }
    }

    fn line(&mut self, line: usize) -> &mut Line {
        let (part, line) = self.at(line);
        &mut self.parts[part][line]
    }

    fn lines_of(&self, key: u64) -> impl Iterator<Item = &Line> {
        let of = if self.lines == 0 { [0, 0] } else { self.of(key) };
        let different = if self.lines == 0 { 0 } else { 1 + usize::from(of[0] != of[1]) };
        of.into_iter().take(different).map(|line| {
            let (part, line) = self.at(line);
            &self.parts[part][line]
        })
    }

    /// Removes what is old from a line, and returns it.
    fn cleared(&mut self, line: usize, latest: i64) -> Line {
        let line = self.line(line);
        let cleared = clear(line, latest);
        let line = *line;
        self.used -= cleared;
        line
    }

    /// Removes what is old from the next line: all lines come round in minutes.
    fn clear_next(&mut self, latest: i64) {
        let line = self.clears & (self.lines - 1);
        self.clears = line + 1;
        self.cleared(line, latest);
    }

    /// Returns whether another id had to go that is younger than ten minutes.
    fn add(&mut self, key: u64, range: i64, now: i64) -> bool {
        let entry = tag(key) << RANGE_BITS | (range & (RANGES - 1)) as u32;
        let more = more_of(key);
        let latest = now + AHEAD;
        let of = self.of(key);
        let lines = of.map(|line| self.cleared(line, latest));
        let is_in =
            |line: &Line| places(mask(line, |known| known == entry)).any(|at| more_at(line, at) == more);
        if lines.iter().any(is_in) {
            return false;
        }
        let empty = lines.map(|line| mask(&line, |known| known == 0));
        let line = usize::from(empty[1].count_ones() > empty[0].count_ones());
        if let Some(place) = places(empty[line]).next() {
            put(self.line(of[line]), place, (entry, more));
            self.used += 1;
            return false;
        }
        let all = (0..2).flat_map(|line| (0..PLACES).map(move |place| (line, place)));
        let age_of = |(line, place): (usize, usize)| age(lines[line].0[place], latest);
        let (line, place) = all.max_by_key(|place| age_of(*place)).unwrap_or((0, 0));
        put(self.line(of[line]), place, (entry, more));
        i64::from(age_of((line, place))) < AHEAD + WINDOW
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
        assert_eq!(earlier.bytes(), 2 << 20);
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

    /// What is allocated for the lines.
    fn allocated(earlier: &Earlier) -> usize {
        earlier.table.parts.iter().map(|part| part.len() * LINE).sum()
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
            assert!(allocated(&earlier) <= bytes, "{number}");
        }
        assert_eq!(allocated(&earlier), bytes, "it was never full");
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
                assert!(allocated(&earlier) <= bytes.max(LINE), "{kind}: {}", allocated(&earlier));
                assert!(earlier.table.used <= allocated(&earlier) / LINE * PLACES, "{kind}");
            }
        }
    }

    #[test]
    fn takes_little_memory_where_few_calls_come() {
        assert_eq!(busy(10, 20_000, 8 << 20).bytes(), 1 << 20);
        assert_eq!(busy(500, 1_500, 64 << 20).bytes(), 8 << 20);
        assert_eq!(Earlier::new(8 << 20).bytes(), 0);
    }

    #[test]
    fn grows_when_more_calls_come_and_finds_those_before() {
        let mut earlier = busy(10, 2_000, 8 << 20);
        assert_eq!(earlier.bytes(), 1 << 20);
        let row = |number: i64| ((2_000 * SECOND + number * SECOND / 1_000) / 1_000) << 9;
        let found = |earlier: &Earlier, number: i64| {
            earlier.ranges(key(number as u64 + 50_000)).any(|range| range.contains(&row(number)))
        };
        let mut sizes = vec![earlier.bytes()];
        for number in 0..900_000_i64 {
            earlier.add(key(number as u64 + 50_000), row(number));
            if sizes.last() != Some(&earlier.bytes()) {
                sizes.push(earlier.bytes());
                let lost = (0..=number).filter(|number| !found(&earlier, *number)).count();
                assert!(lost < 20, "{lost} of {number} after {} bytes", earlier.bytes());
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
        assert!(earlier.bytes() <= 1 << 16);
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
