//! Numbers for text that repeats and for what calls are counted under, as the writer gives them out.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::record::{CallRecord, ENVIRONMENT, Tags};
use crate::store::NAMED;
use crate::store::sqlite::file::by_hash::ByHash;
use crate::store::sqlite::file::enum_codes;
use crate::store::sqlite::file::frequent::Frequent;
use crate::store::sqlite::file::known_names::{Admitted, KnownNames, OTHER};
use crate::store::sqlite::file::salt::Salt;
use crate::store::sqlite::file::texts::{self, TEXTS};

/// Bounds the memory of each cache; past it the cache starts from empty and the tables answer.
const CACHED: usize = 32 * 1024;
/// Places in [`NAMED`].
const TAG: usize = 4;
pub(crate) const USER: usize = 5;
pub(crate) const KEY: usize = 6;
const DAY_NS: i64 = 86_400_000_000_000;

/// What a number was given for, and the newest day on which the file says it was used.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: i64,
    last_day: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SeriesKey {
    service: i64,
    provider: i64,
    model: i64,
    outcome: i64,
    cost_status: i64,
    error_type: Option<i64>,
    tags: Option<i64>,
}

/// The writer's view of `text` and `series`. After a transaction that was rolled back it must be cleared.
#[derive(Debug)]
pub(crate) struct Dictionary {
    pub(crate) salt: Salt,
    frequent: Frequent<Entry>,
    texts: HashMap<String, Entry>,
    by_hash: ByHash,
    series: HashMap<SeriesKey, Entry>,
    known: KnownNames,
    others: [u64; NAMED.len()],
}

/// The day of a time, in days since 1970.
pub(crate) const fn day_of(end: i64) -> i64 {
    end.div_euclid(DAY_NS)
}

impl Dictionary {
    /// Keeps apart so many names of each dimension, and so many series.
    pub(crate) fn new(salt: Salt, names: usize, series: usize) -> Self {
        Self {
            salt,
            frequent: Frequent::default(),
            texts: HashMap::new(),
            by_hash: ByHash::new(TEXTS),
            series: HashMap::new(),
            known: KnownNames::new(names, series),
            others: Default::default(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.frequent.clear();
        self.texts.clear();
        self.by_hash.clear();
        self.series.clear();
    }

    /// Deletes at most `limit` series, and as many texts, that were last used before `day`; tells how many.
    pub(crate) fn forget(
        &mut self,
        connection: &Connection,
        day: i64,
        limit: i64,
    ) -> rusqlite::Result<usize> {
        let series = connection
            .prepare_cached(
                "DELETE FROM series WHERE id IN (SELECT id FROM series WHERE last_day < ?1 LIMIT ?2)",
            )?
            .execute([day, limit])?;
        let deleted = series + texts::forget(&mut self.by_hash, connection, day, limit)?;
        if deleted > 0 {
            self.clear();
        }
        Ok(deleted)
    }

    /// Does what is to be done from time to time, before a transaction is committed.
    pub(crate) fn settle(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.by_hash.settle(connection)
    }

    /// The number of `value`, used on `day`.
    pub(crate) fn text(&mut self, connection: &Connection, value: &str, day: i64) -> rusqlite::Result<i64> {
        if let Some(entry) = self.frequent.get(value).filter(|entry| entry.last_day >= day) {
            return Ok(entry.id);
        }
        let entry = self.entry(connection, value, day)?;
        self.frequent.insert(value, entry);
        Ok(entry.id)
    }

    fn entry(&mut self, connection: &Connection, value: &str, day: i64) -> rusqlite::Result<Entry> {
        if let Some(entry) = self.texts.get_mut(value) {
            if entry.last_day < day {
                touch(connection, "text", entry.id, day)?;
                entry.last_day = day;
            }
            return Ok(*entry);
        }
        let hash = self.salt.of_text(value);
        let found = texts::find(&mut self.by_hash, connection, hash, value)?;
        let found = found.map(|(id, last_day)| Entry { id, last_day });
        let texts = &mut self.by_hash;
        let entry =
            used(connection, "text", found, day, || texts::insert(texts, connection, hash, value, day))?;
        if self.texts.len() >= CACHED {
            self.texts.clear();
        }
        self.texts.insert(value.to_owned(), entry);
        Ok(entry)
    }

    /// The number of an optional text.
    pub(crate) fn maybe_text(
        &mut self,
        connection: &Connection,
        value: Option<&str>,
        day: i64,
    ) -> rusqlite::Result<Option<i64>> {
        value.map(|value| self.text(connection, value, day)).transpose()
    }

    /// What `call` is counted under. Of names beyond those that are kept apart all are one.
    pub(crate) fn series(
        &mut self,
        connection: &Connection,
        call: &CallRecord,
        day: i64,
    ) -> rusqlite::Result<Counted> {
        let own = SeriesKey {
            service: self.text(connection, &call.service, day)?,
            provider: self.text(connection, &call.provider, day)?,
            model: self.text(connection, call.model(), day)?,
            outcome: enum_codes::of_outcome(call.outcome),
            cost_status: enum_codes::of_cost_status(call.cost_status),
            error_type: self.maybe_text(connection, call.error_kind.as_deref(), day)?,
            tags: self.maybe_text(connection, call.tags.to_text().as_deref(), day)?,
        };
        if let Some(id) = self.cached(connection, &own, day)? {
            return Ok(Counted { series: id, model: true, error: true, own_tags: None });
        }
        let (key, found) = self.bounded(connection, own, &call.tags, day)?;
        let counted = |series| Counted {
            series,
            model: key.model == own.model,
            error: key.error_type == own.error_type,
            own_tags: own.tags.filter(|_| key.tags != own.tags),
        };
        // A name that is no other's makes the key one that may be cached.
        if key != own
            && let Some(id) = self.cached(connection, &key, day)?
        {
            return Ok(counted(id));
        }
        let found = if found { find(connection, &key)? } else { None };
        let entry = used(connection, "series", found, day, || insert(connection, &key, day))?;
        if self.series.len() >= CACHED {
            self.series.clear();
        }
        self.series.insert(key, entry);
        Ok(counted(entry.id))
    }

    fn cached(
        &mut self,
        connection: &Connection,
        key: &SeriesKey,
        day: i64,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(entry) = self.series.get_mut(key) else { return Ok(None) };
        if entry.last_day < day {
            touch(connection, "series", entry.id, day)?;
            entry.last_day = day;
        }
        Ok(Some(entry.id))
    }

    /// The key with names that are kept apart, and whether the file may have its series.
    fn bounded(
        &mut self,
        connection: &Connection,
        own: SeriesKey,
        tags: &Tags,
        day: i64,
    ) -> rusqlite::Result<(SeriesKey, bool)> {
        let other = self.text(connection, OTHER, day)?;
        self.known.begin(connection, day)?;
        let mut key = own;
        if own.tags.is_some() {
            let admitted = self.known.admitted_tags(tags);
            if admitted != *tags {
                key.tags = self.maybe_text(connection, admitted.to_text().as_deref(), day)?;
                self.others[TAG] += 1;
            }
        }
        let mut is_new = false;
        let (others, known) = (&mut self.others, &mut self.known);
        let mut bound = |dimension: usize, number: &mut i64| {
            if *number == other {
                return;
            }
            match known.admits(dimension, *number) {
                Admitted::Known => {}
                Admitted::New => is_new = true,
                Admitted::Other => {
                    others[dimension] += 1;
                    *number = other;
                }
            }
        };
        bound(0, &mut key.service);
        bound(1, &mut key.provider);
        bound(2, &mut key.model);
        if let Some(error) = &mut key.error_type {
            bound(3, error);
        }
        if !is_new && (self.series.contains_key(&key) || find(connection, &key)?.is_some()) {
            return Ok((key, true));
        }
        if self.known.admits_series(key.tags.is_some()) {
            return Ok((key, false));
        }
        // Tags have a series of their own only where there is room, so that they never cost a model its name.
        if key.tags.take().is_some() {
            self.others[TAG] += 1;
            // The environment goes last: what runs elsewhere is judged apart.
            let mut environment = Tags::default();
            if let Some(name) = tags.get(ENVIRONMENT) {
                environment.add(ENVIRONMENT.as_str(), name);
                let environment = self.known.admitted_tags(&environment);
                let own = SeriesKey {
                    tags: self.maybe_text(connection, environment.to_text().as_deref(), day)?,
                    ..key
                };
                if self.series.contains_key(&own) || find(connection, &own)?.is_some() {
                    return Ok((own, true));
                }
            }
            if self.series.contains_key(&key) || find(connection, &key)?.is_some() {
                return Ok((key, true));
            }
            if self.known.admits_series(false) {
                return Ok((key, false));
            }
        }
        // Each name is one of few, and their combinations are too many.
        let combined =
            SeriesKey { provider: other, model: other, error_type: key.error_type.map(|_| other), ..key };
        for (dimension, folded) in [
            (1, combined.provider != key.provider),
            (2, combined.model != key.model),
            (3, combined.error_type != key.error_type),
        ] {
            self.others[dimension] += u64::from(folded);
        }
        Ok((combined, true))
    }

    /// Notes calls that are counted under no name of their own in a dimension of [`NAMED`].
    pub(crate) fn count_others(&mut self, dimension: usize, calls: u64) {
        if let Some(others) = self.others.get_mut(dimension) {
            *others += calls;
        }
    }

    /// Calls that were counted under [`OTHER`] since this was last asked, by dimension.
    pub(crate) fn take_others(&mut self) -> [u64; NAMED.len()] {
        std::mem::take(&mut self.others)
    }
}

/// What a call is counted under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) series: i64,
    /// Whether the series has the call's own model and kind of failure.
    pub(crate) model: bool,
    pub(crate) error: bool,
    /// The number of the call's own tags, where the series has others.
    pub(crate) own_tags: Option<i64>,
}

fn find(connection: &Connection, key: &SeriesKey) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached(
            "SELECT id, last_day FROM series WHERE service = ?1 AND provider = ?2 AND model = ?3 \
             AND outcome = ?4 AND cost_status = ?5 AND error_type IS ?6 AND tags IS ?7",
        )?
        .query_row(
            params![
                key.service,
                key.provider,
                key.model,
                key.outcome,
                key.cost_status,
                key.error_type,
                key.tags
            ],
            |row| Ok(Entry { id: row.get(0)?, last_day: row.get(1)? }),
        )
        .optional()
}

fn insert(connection: &Connection, key: &SeriesKey, day: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO series (service, provider, model, outcome, cost_status, error_type, tags, last_day) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .insert(params![
            key.service,
            key.provider,
            key.model,
            key.outcome,
            key.cost_status,
            key.error_type,
            key.tags,
            day
        ])
}

/// The entry found, with its day moved on, or a new one.
fn used(
    connection: &Connection,
    table: &str,
    found: Option<Entry>,
    day: i64,
    insert: impl FnOnce() -> rusqlite::Result<i64>,
) -> rusqlite::Result<Entry> {
    match found {
        None => Ok(Entry { id: insert()?, last_day: day }),
        Some(entry) if entry.last_day >= day => Ok(entry),
        Some(entry) => {
            touch(connection, table, entry.id, day)?;
            Ok(Entry { last_day: day, ..entry })
        }
    }
}

fn touch(connection: &Connection, table: &str, id: i64, day: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!("UPDATE {table} SET last_day = ?2 WHERE id = ?1"))?
        .execute([id, day])?;
    Ok(())
}
