//! Ids with the range of time in which each is, in lines of the processor's cache. An entry has 36 bits: a part of a key, and the
//! last bits of its range.
//!
//! An id has fourteen places in each of two lines, and takes one in the line that has more room: so lines are nearly full before
//! any has none, and looking for an id costs two accesses to memory. Where both lines are full, it displaces the oldest.

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
pub(super) const ROWS: u32 = 21;
/// Bits of an entry that are the last of its range; the others are of its key. They repeat after 18 minutes: entries are
/// removed before.
const RANGE_BITS: u32 = 18;
const RANGES: i64 = 1 << RANGE_BITS;
/// Ranges of rows that are taken for later than the mean: some two minutes. All others are before it.
pub(super) const AHEAD: i64 = RANGES / 8;
/// How old entries are when they are removed, from the latest range on.
const OLD: i64 = AHEAD + WINDOW + WINDOW / 20;
/// Ranges within [`RESPONSE_WINDOW`].
pub(super) const WINDOW: i64 = (RESPONSE_WINDOW / 1_000) << 9 >> ROWS;

/// Lines whose number doubles. What decides between the two lines that come of one is a bit of the tag, so that each entry is
/// put into its new line without its key.
#[derive(Debug)]
pub(super) struct Lines {
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

impl Lines {
    /// In at most `bytes`.
    pub(super) const fn new(bytes: usize) -> Self {
        let most = bytes / LINE;
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

    /// The ranges in which this id may be: mostly none.
    pub(super) fn ranges(&self, key: u64, latest: i64) -> Vec<i64> {
        let (tag, more) = (tag(key), more_of(key));
        let mut found = Vec::new();
        for line in self.lines_of(key) {
            let same = mask(line, |entry| entry >> RANGE_BITS == tag);
            for place in places(same).filter(|place| more_at(line, *place) == more) {
                let age = i64::from(age(line.0[place], latest));
                found.extend((age <= OLD).then_some(latest - age));
            }
        }
        found
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

    /// Adds an id at a range, where `latest` is the end of what is remembered. Returns whether another had to go that is younger
    /// than ten minutes.
    pub(super) fn add(&mut self, key: u64, range: i64, latest: i64) -> bool {
        self.make_room();
        self.clear_next(latest);
        let entry = tag(key) << RANGE_BITS | (range & (RANGES - 1)) as u32;
        let more = more_of(key);
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

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.len() * LINE).sum()
    }

    /// The most entries that are in its lines.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.lines * PLACES
    }

    #[cfg(test)]
    pub(super) const fn used(&self) -> usize {
        self.used
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
