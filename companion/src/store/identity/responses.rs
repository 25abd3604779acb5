//! Rows by response id. Accounts of one call come from exporters of two services, minutes apart, and many calls come in
//! a minute: a row takes eight bytes here. Two ids in four thousand million look alike, so that what is found is compared
//! in the store.

use super::relation::RESPONSE_WINDOW;

/// Rows of one id; the oldest is forgotten for a further one.
const SAME_ID: usize = 16;
/// Places of a table at first.
const PLACES: usize = 1024;

/// The rows of the ids of the last [`RESPONSE_WINDOW`], of the newest `least` in any case, and of `limit` at most: a
/// response that is fetched may come a day after its call.
#[derive(Debug)]
pub(super) struct Responses {
    limit: usize,
    least: usize,
    newer: Table,
    older: Table,
    /// The end of the first account in `newer`.
    began: i64,
}

impl Responses {
    pub(super) const fn new(least: usize, limit: usize) -> Self {
        Self { limit, least, newer: Table::new(0), older: Table::new(0), began: i64::MIN }
    }

    /// Adds the row of an account that ended at `end`. Returns whether the id has other rows.
    pub(super) fn add(&mut self, key: u64, row: i64, end: i64) -> bool {
        let old = end.saturating_sub(self.began) > RESPONSE_WINDOW && self.newer.used >= self.least;
        if self.newer.used >= self.limit || old || self.newer.place_of(row).is_none() {
            self.older = std::mem::replace(&mut self.newer, Table::new(row));
            self.began = end;
        }
        let others = self.older.rows(key).any(|other| other != row);
        self.newer.add(key, row) || others
    }

    /// The rows that may have this id.
    pub(super) fn rows(&self, key: u64) -> impl Iterator<Item = i64> {
        let newer = move |row: &i64| self.newer.rows(key).any(|known| known == *row);
        self.newer.rows(key).chain(self.older.rows(key).filter(move |row| !newer(row)))
    }
}

/// Open addressing: the upper half of an entry is that of its key, the lower half its row, which is never zero.
#[derive(Debug)]
struct Table {
    /// Rows are counted from here.
    base: i64,
    places: Vec<u64>,
    used: usize,
}

impl Table {
    /// An empty table, whose first row is `row`: others may be somewhat older.
    const fn new(row: i64) -> Self {
        Self { base: row.saturating_sub(1 << 30), places: Vec::new(), used: 0 }
    }

    /// A row as an entry has it.
    fn place_of(&self, row: i64) -> Option<u32> {
        u32::try_from(row.checked_sub(self.base)?).ok().filter(|place| *place > 0)
    }

    /// Whether the key has other rows.
    fn add(&mut self, key: u64, row: i64) -> bool {
        let Some(place) = self.place_of(row) else { return false };
        if self.used * 4 >= self.places.len() * 3 {
            self.grow();
        }
        let entry = key & TAG | u64::from(place);
        let mut at = self.start(key);
        let (mut same, mut first) = (0, None);
        while self.places[at] != 0 {
            if self.places[at] == entry {
                return same > 0 || self.rows(key).count() > 1;
            }
            if self.places[at] & TAG == key & TAG {
                same += 1;
                first = first.or(Some(at));
            }
            at = (at + 1) % self.places.len();
        }
        if let Some(first) = first.filter(|_| same >= SAME_ID) {
            self.places[first] = entry;
        } else {
            self.places[at] = entry;
            self.used += 1;
        }
        same > 0
    }

    fn rows(&self, key: u64) -> impl Iterator<Item = i64> {
        let places = self.places.len();
        let start = if places == 0 { 0 } else { self.start(key) };
        let entries = (0..places).map(move |step| self.places[(start + step) % places]);
        let rows = entries.take_while(|entry| *entry != 0).filter(move |entry| entry & TAG == key & TAG);
        rows.map(|entry| self.base + i64::from(entry as u32))
    }

    /// Where the search for a key begins: its tag, spread over the table.
    fn start(&self, key: u64) -> usize {
        (((key >> 32) * self.places.len() as u64) >> 32) as usize
    }

    fn grow(&mut self) {
        let places = (self.places.len() * 2).max(PLACES);
        let old = std::mem::replace(&mut self.places, vec![0; places]);
        for entry in old.into_iter().filter(|entry| *entry != 0) {
            let mut at = self.start(entry);
            while self.places[at] != 0 {
                at = (at + 1) % places;
            }
            self.places[at] = entry;
        }
    }
}

/// The part of an entry that is of its key.
const TAG: u64 = !0 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys as salted hashes are.
    fn key(number: u64) -> u64 {
        number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn rows(responses: &Responses, number: u64) -> Vec<i64> {
        responses.rows(key(number)).collect()
    }

    #[test]
    fn finds_the_rows_of_the_newest_ids() {
        let mut responses = Responses::new(10, 10_000);
        for number in 0..100_000_u64 {
            let row = 7 + number as i64;
            assert!(!responses.add(key(number), row, 0), "{number}");
            assert!(!responses.add(key(number), row, 0), "{number}: the same row again is no other");
            let oldest = number.saturating_sub(9_999);
            for known in [oldest, (oldest + number) / 2, number] {
                assert_eq!(rows(&responses, known), [7 + known as i64], "{known} after {number}");
            }
            assert!(responses.newer.places.len() + responses.older.places.len() <= 2 * 16_384);
        }
        assert!(rows(&responses, 0).is_empty(), "what is older than two generations is forgotten");
    }

    #[test]
    fn tells_whether_an_id_has_other_rows_also_of_the_generation_before() {
        let mut responses = Responses::new(100, 100);
        assert!(!responses.add(key(1), 1, 0));
        assert!(responses.add(key(1), 2, 1));
        assert_eq!(rows(&responses, 1), [1, 2]);
        // A minute of other calls, and then the same id once more.
        for number in 2..102 {
            responses.add(key(number), number as i64 + 10, 2);
        }
        assert!(responses.add(key(1), 500, 3));
        assert_eq!(rows(&responses, 1), [500, 1, 2]);
    }

    #[test]
    fn keeps_the_ids_of_the_window_and_no_more_where_few_calls_come() {
        let mut responses = Responses::new(100, 1_000_000);
        for number in 0..1000_u64 {
            let end = number as i64 * (RESPONSE_WINDOW / 100);
            responses.add(key(number), number as i64 + 1, end);
            let since = number.saturating_sub(100);
            assert_eq!(rows(&responses, since), [since as i64 + 1], "{since} after {number}");
        }
        assert!(responses.newer.used + responses.older.used <= 204);
    }

    #[test]
    fn keeps_the_newest_however_old_they_are() {
        let mut responses = Responses::new(100, 1000);
        for number in 0..100_u64 {
            responses.add(key(number), number as i64 + 1, number as i64 * 10 * RESPONSE_WINDOW);
        }
        assert_eq!(rows(&responses, 0), [1]);
    }

    #[test]
    fn an_id_that_every_call_repeats_takes_few_places() {
        let mut responses = Responses::new(10, 1000);
        for row in 1..=10_000 {
            responses.add(key(5), row, 0);
        }
        assert!(rows(&responses, 5).len() <= 2 * SAME_ID);
        assert!(rows(&responses, 5).contains(&10_000));
    }

    #[test]
    fn rows_far_apart_begin_a_table_of_their_own() {
        let mut responses = Responses::new(10, 1000);
        for (number, row) in [1, i64::from(u32::MAX) * 3, 5, i64::MAX].into_iter().enumerate() {
            responses.add(key(number as u64), row, 0);
            assert_eq!(rows(&responses, number as u64), [row]);
        }
    }
}
