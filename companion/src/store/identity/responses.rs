//! Rows by response id: those of the newest accounts one by one, those of the last ten minutes before them in
//! [`Earlier`]. An id that many requests repeat (a mock's, or a broken gateway's) identifies no call: only that is
//! remembered of it. Different calls with it show that, or more accounts than one call has: without that bound each further one
//! would be compared with as many as are remembered.

use std::ops::RangeInclusive;

use super::earlier::Earlier;
use crate::store::newest::{Few, Held, Newest};

/// Rows of one id among the newest, and accounts that one call may have. Where a response was fetched it may have more, and the
/// oldest row is forgotten for a further one.
const SAME_ID: usize = 32;

/// What is known of an id.
#[derive(Debug)]
enum Ids {
    Rows(Few<Row>),
    Repeated,
}

/// A row among the newest.
#[derive(Debug, Clone, Copy)]
struct Row {
    row: i64,
    /// Whether the id may have rows before the newest. Accounts of one call end together, so that their ranges are the same as
    /// well: what is true of the first row is true of all.
    earlier: bool,
    /// Whether it may be fetched again and again.
    fetched: bool,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.row == other.row
    }
}

impl Default for Ids {
    fn default() -> Self {
        Self::Rows(Few::default())
    }
}

impl Held for Ids {
    fn held(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.held(),
            Self::Repeated => 1,
        }
    }
}

#[derive(Debug)]
pub(super) struct Responses {
    newest: Newest<Ids>,
    earlier: Earlier,
}

impl Responses {
    pub(super) fn new(limit: usize, earlier_bytes: usize) -> Self {
        Self { newest: Newest::new(limit), earlier: Earlier::new(earlier_bytes) }
    }

    /// Adds the row of an account, of a response that is `fetched` or not. Returns whether the id may have other rows.
    pub(super) fn add(&mut self, key: u64, row: i64, fetched: bool) -> bool {
        let ids = self.newest.get_or_new(key);
        let Ids::Rows(rows) = ids else { return false };
        if !fetched && rows.as_slice().len() >= SAME_ID && !rows.as_slice().iter().any(|row| row.fetched) {
            *ids = Ids::Repeated;
            return false;
        }
        let earlier = match rows.as_slice().first() {
            Some(first) => first.earlier,
            None => self.earlier.ranges(key).next().is_some(),
        };
        let others = rows.add(Row { row, earlier, fetched }, SAME_ID);
        if others {
            self.newest.grew();
        }
        self.earlier.add(key, row);
        others || earlier
    }

    /// Adds the row of an account that is older than all others.
    pub(super) fn recall(&mut self, key: u64, row: i64) {
        self.earlier.recall(key, row);
    }

    /// The rows of this id among the newest, none where many requests repeat it; `None` where it is not known.
    fn among_newest(&self, key: u64) -> Option<&[Row]> {
        match self.newest.get(key)? {
            Ids::Rows(rows) => Some(rows.as_slice()),
            Ids::Repeated => Some(&[]),
        }
    }

    /// The rows of this id among the newest.
    pub(super) fn rows(&self, key: u64) -> impl Iterator<Item = i64> {
        self.among_newest(key).unwrap_or_default().iter().map(|row| row.row)
    }

    /// Where rows of this id may be that are not among [`Self::rows`], at most [`SAME_ID`] ranges.
    pub(super) fn ranges(&self, key: u64) -> impl Iterator<Item = RangeInclusive<i64>> {
        let newest = self.among_newest(key);
        let earlier = newest.is_none_or(|rows| rows.first().is_some_and(|first| first.earlier));
        earlier.then(|| self.earlier.ranges(key)).into_iter().flatten().take(SAME_ID)
    }

    /// Notes that different requests repeat the id.
    pub(super) fn repeat(&mut self, key: u64) {
        *self.newest.get_or_new(key) = Ids::Repeated;
    }

    pub(super) fn is_repeated(&self, key: u64) -> bool {
        matches!(self.newest.get(key), Some(Ids::Repeated))
    }

    /// Ids that were forgotten within ten minutes, since this was asked.
    pub(super) const fn forgotten(&mut self) -> u64 {
        self.earlier.take_forgotten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys as salted hashes are.
    fn key(number: u64) -> u64 {
        number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    const LIMIT: usize = 1_024;

    fn rows(responses: &Responses, number: u64) -> Vec<i64> {
        responses.rows(key(number)).collect()
    }

    #[test]
    fn an_entry_is_no_larger_than_a_row_and_what_is_known_of_it() {
        assert_eq!(size_of::<Ids>(), size_of::<Row>());
    }

    fn finds(responses: &Responses, number: u64, row: i64) -> bool {
        rows(responses, number).contains(&row)
            || responses.ranges(key(number)).any(|range| range.contains(&row))
    }

    /// One id each `every` nanoseconds, with the row that SQLite gives it.
    fn filled(ids: u64, every: i64) -> Responses {
        let mut responses = Responses::new(LIMIT, 64 << 20);
        for number in 0..ids {
            let end = number as i64 * every;
            responses.add(key(number), row(end), false);
        }
        responses
    }

    fn row(end: i64) -> i64 {
        (end / 1_000) << 9 | 77
    }

    #[test]
    fn finds_the_ids_of_ten_minutes_at_every_rate() {
        for per_second in [1_i64, 30, 100, 400] {
            let every = 1_000_000_000 / per_second;
            let ids = (per_second * 1_500).max(4 * LIMIT as i64);
            let responses = filled(ids as u64, every);
            let oldest = (ids - per_second * 599).min(ids - LIMIT as i64).max(0);
            for number in (oldest..ids).step_by(17) {
                assert!(finds(&responses, number as u64, row(number * every)), "{number} at {per_second}/s");
            }
        }
    }

    #[test]
    fn wrong_clocks_and_old_calls_displace_none() {
        let mut responses = Responses::new(LIMIT, 64 << 20);
        let second = 1_000_000_000;
        for number in 0..60_000_u64 {
            let end = 1_000_000 * second + number as i64 * second / 100;
            let end = match number % 50 {
                7 => end + 500 * second,
                8 => end - 900_000 * second,
                _ => end,
            };
            responses.add(key(number), row(end), false);
        }
        for number in (500..60_000_u64).filter(|number| ![7, 8].contains(&(number % 50))).step_by(13) {
            let end = 1_000_000 * second + number as i64 * second / 100;
            assert!(finds(&responses, number, row(end)), "{number}");
        }
    }

    #[test]
    fn an_id_with_more_accounts_than_a_call_has_is_repeated() {
        let mut responses = Responses::new(LIMIT, 1 << 20);
        for row in 0..SAME_ID as i64 {
            assert_eq!(responses.add(key(1), row, false), row > 0);
            assert_eq!(responses.add(key(2), row, row == 7), row > 0);
        }
        assert!(!responses.add(key(1), 99, false) && responses.is_repeated(key(1)));
        // One that is fetched may be fetched again.
        assert!(responses.add(key(2), 99, false) && !responses.is_repeated(key(2)));
        assert_eq!(rows(&responses, 2).len(), SAME_ID);
    }

    #[test]
    fn of_a_repeated_id_nothing_else_is_remembered() {
        let mut responses = Responses::new(LIMIT, 1 << 20);
        assert!(!responses.add(key(1), 1, false));
        assert!(responses.add(key(1), 2, false));
        assert_eq!(rows(&responses, 1), [1, 2]);
        responses.repeat(key(1));
        assert!(!responses.add(key(1), 3, false));
        assert!(rows(&responses, 1).is_empty() && responses.is_repeated(key(1)));
        // As long as it comes, it stays so.
        for number in 2..10_000 {
            responses.add(key(number), number as i64, false);
            assert!(number % 500 != 0 || !responses.add(key(1), number as i64, false), "{number}");
        }
        assert!(responses.is_repeated(key(1)));
    }
}
