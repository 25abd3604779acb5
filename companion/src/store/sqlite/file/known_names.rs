//! How many names totals are kept apart by. Names come from senders: a code that holds a request id is enough to make one
//! with every call, and each would be a series of its own in every rollup, rule and report.

use std::collections::HashSet;

use rusqlite::Connection;

/// The name of what is counted together.
pub(crate) const OTHER: &str = "_OTHER";

/// What a series is made of, in the order of its names.
pub(crate) const DIMENSIONS: [&str; 4] = ["service", "provider", "model", "error"];

/// One of so many of the bound may come new each day when it is reached, so that names of today are not shut out for
/// good by those of yesterday.
const DAILY: usize = 10;

/// The names and series that the file has.
#[derive(Debug)]
pub(super) struct KnownNames {
    /// Names of each dimension, and series, that are kept apart.
    most: [usize; 2],
    names: [Count; 4],
    series: Count,
    today: i64,
    is_loaded: bool,
}

/// What there is, and how much of it is new today.
#[derive(Debug, Default)]
struct Count {
    numbers: HashSet<i64>,
    all: usize,
    new: usize,
}

impl Count {
    /// Counts one more, if there is room.
    fn admit(&mut self, most: usize) -> bool {
        let room = self.all < most || self.new < most / DAILY;
        if room {
            (self.all, self.new) = (self.all + 1, self.new + 1);
        }
        room
    }
}

impl KnownNames {
    /// Keeps apart at most `names` of each dimension and `series` of them together, and a tenth more per day.
    pub(super) fn new(names: usize, series: usize) -> Self {
        let most = [names, series];
        Self { most, names: Default::default(), series: Count::default(), today: i64::MIN, is_loaded: false }
    }

    /// The file has changed by more than what was admitted.
    pub(super) fn clear(&mut self) {
        self.is_loaded = false;
    }

    /// Reads what the file has, once, and begins a new day.
    pub(super) fn begin(&mut self, sql: &Connection, day: i64) -> rusqlite::Result<()> {
        if day > self.today {
            self.today = day;
            self.names.iter_mut().chain([&mut self.series]).for_each(|count| count.new = 0);
        }
        if self.is_loaded {
            return Ok(());
        }
        self.names.iter_mut().for_each(|count| count.numbers.clear());
        self.series.all = 0;
        let mut statement = sql.prepare_cached("SELECT service, provider, model, error_type FROM series")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.series.all += 1;
            for (column, count) in self.names.iter_mut().enumerate() {
                count.numbers.extend(row.get::<_, Option<i64>>(column)?);
            }
        }
        self.names.iter_mut().for_each(|count| count.all = count.numbers.len());
        self.is_loaded = true;
        Ok(())
    }

    /// Whether the name with this number is kept apart in a dimension, and whether the file may have it.
    pub(super) fn admits(&mut self, dimension: usize, number: i64) -> Admitted {
        let Some(count) = self.names.get_mut(dimension) else { return Admitted::Other };
        if count.numbers.contains(&number) {
            Admitted::Known
        } else if count.admit(self.most[0]) {
            count.numbers.insert(number);
            Admitted::New
        } else {
            Admitted::Other
        }
    }

    /// Whether one more series is kept apart.
    pub(super) fn admits_series(&mut self) -> bool {
        self.series.admit(self.most[1])
    }
}

/// What becomes of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admitted {
    Known,
    New,
    Other,
}
