//! How many names totals are kept apart by. Names come from senders: a code that holds a request id is enough to make one
//! with every call, and each would be a series of its own in every rollup, rule and report.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use crate::record::{ENVIRONMENT, TagKey, Tags};
use crate::store::sqlite::file::enum_codes::damaged;

/// The name of what is counted together.
pub(crate) const OTHER: &str = "_OTHER";

/// Keys of tags that totals are kept apart by, next to the environment. Calls have further ones, and are not added up by them.
const TAG_KEYS: usize = 16;

/// One of so many of the bound may come new each day when it is reached, so that names of today are not shut out for
/// good by those of yesterday.
const DAILY: usize = 10;

/// The names and series that the file has.
#[derive(Debug)]
pub(super) struct KnownNames {
    /// Names of each dimension, and series, that are kept apart.
    most: [usize; 2],
    names: [Count; 4],
    /// Values of each key.
    tags: HashMap<TagKey, Count<String>>,
    series: Count,
    /// Those with tags, which leave the room of the others alone.
    tagged: Count,
    today: i64,
    is_loaded: bool,
}

/// What there is, and how much of it is new today.
#[derive(Debug)]
struct Count<T = i64> {
    numbers: HashSet<T>,
    all: usize,
    new: usize,
}

impl<T> Default for Count<T> {
    fn default() -> Self {
        Self { numbers: HashSet::new(), all: 0, new: 0 }
    }
}

impl<T> Count<T> {
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
        Self {
            most,
            names: Default::default(),
            tags: HashMap::new(),
            series: Count::default(),
            tagged: Count::default(),
            today: i64::MIN,
            is_loaded: false,
        }
    }

    /// The file has changed by more than what was admitted.
    pub(super) fn clear(&mut self) {
        self.is_loaded = false;
    }

    /// Reads what the file has, once, and begins a new day.
    pub(super) fn begin(&mut self, sql: &Connection, day: i64) -> rusqlite::Result<()> {
        if day > self.today {
            self.today = day;
            let counts = self.names.iter_mut().chain([&mut self.series, &mut self.tagged]);
            counts.for_each(|count| count.new = 0);
            self.tags.values_mut().for_each(|count| count.new = 0);
        }
        if self.is_loaded {
            return Ok(());
        }
        self.names.iter_mut().for_each(|count| count.numbers.clear());
        self.tags.values_mut().for_each(|count| count.numbers.clear());
        (self.series.all, self.tagged.all) = (0, 0);
        let mut statement =
            sql.prepare_cached("SELECT service, provider, model, error_type, tags FROM series")?;
        let mut rows = statement.query([])?;
        let mut sets = HashSet::new();
        while let Some(row) = rows.next()? {
            let tags: Option<i64> = row.get(4)?;
            sets.extend(tags);
            let series = if tags.is_some() { &mut self.tagged } else { &mut self.series };
            series.all += 1;
            for (column, count) in self.names.iter_mut().enumerate() {
                count.numbers.extend(row.get::<_, Option<i64>>(column)?);
            }
        }
        for number in sets {
            let text: String = sql
                .prepare_cached("SELECT value FROM text WHERE id = ?1")?
                .query_row([number], |row| row.get(0))?;
            let tags = Tags::of_text(&text).ok_or_else(|| damaged("tags of a series".to_owned()))?;
            for (key, value) in tags.iter() {
                self.tags.entry(key).or_default().numbers.insert(value.to_owned());
            }
        }
        self.names.iter_mut().for_each(|count| count.all = count.numbers.len());
        self.tags.values_mut().for_each(|count| count.all = count.numbers.len());
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

    /// The tags that a call is counted under: keys that are kept apart, with [`OTHER`] for values that are not.
    pub(super) fn admitted_tags(&mut self, tags: &Tags) -> Tags {
        let most = self.most[0];
        tags.map(|key, value| {
            let is_full = self.tags.keys().filter(|key| **key != ENVIRONMENT).count() >= TAG_KEYS;
            if is_full && key != ENVIRONMENT && !self.tags.contains_key(&key) {
                return None;
            }
            let count = self.tags.entry(key).or_default();
            if !count.numbers.contains(value) {
                if value == OTHER || !count.admit(most) {
                    return Some(OTHER.to_owned());
                }
                count.numbers.insert(value.to_owned());
            }
            Some(value.to_owned())
        })
    }

    /// Whether one more series is kept apart.
    pub(super) fn admits_series(&mut self, is_tagged: bool) -> bool {
        let series = if is_tagged { &mut self.tagged } else { &mut self.series };
        series.admit(self.most[1])
    }
}

/// What becomes of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admitted {
    Known,
    New,
    Other,
}
