//! The text behind numbers, as a reader remembers it. Numbers are never given twice, so what is remembered
//! stays true.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use spanledger::{CostStatus, Outcome};

use crate::record::{ENVIRONMENT, Tags, deployment};
use crate::store::Filter;
use crate::store::sqlite::file::enum_codes::{self, damaged};

/// Bounds the memory of each map; past it the map starts from empty and the tables answer.
const REMEMBERED: usize = 16 * 1024;

/// The place of `tags` in a row of `series`.
const TAGS: usize = 8;

/// What a call is counted under.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) service: Arc<str>,
    /// The service in its environment.
    pub(crate) deployment: Arc<str>,
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
    pub(crate) outcome: Outcome,
    pub(crate) cost_status: CostStatus,
    pub(crate) error_type: Option<Arc<str>>,
    pub(crate) tags: Tags,
}

impl Series {
    /// Whether the fields of `filter` that a series decides all match.
    pub(crate) fn matches(&self, filter: &Filter) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&filter.service, &self.service)
            && is(&filter.model, &self.model)
            && is(&filter.provider, &self.provider)
            && filter.tags.iter().all(|(key, value)| self.tags.has(*key, value))
            && filter.error.as_deref().is_none_or(|wanted| self.error_type.as_deref() == Some(wanted))
            && filter.outcome.is_none_or(|outcome| outcome == self.outcome)
            && !filter.except_services.iter().any(|service| **service == *self.service)
            && !filter.except_models.iter().any(|model| **model == *self.model)
    }
}

/// Shared by all readers of one ledger.
#[derive(Debug, Default)]
pub(crate) struct Names {
    texts: Mutex<HashMap<i64, Arc<str>>>,
    series: Mutex<HashMap<i64, Arc<Series>>>,
}

impl Names {
    /// Forgets everything: after a transaction that was rolled back its numbers are given again.
    pub(crate) fn clear(&self) {
        lock(&self.texts).clear();
        lock(&self.series).clear();
    }

    /// The text of a number.
    pub(crate) fn text(&self, connection: &Connection, number: i64) -> rusqlite::Result<Arc<str>> {
        if let Some(text) = lock(&self.texts).get(&number) {
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> = connection
            .prepare_cached("SELECT value FROM text WHERE id = ?1")?
            .query_row([number], |row| row.get::<_, String>(0))?
            .into();
        remember(&self.texts, number, Arc::clone(&text));
        Ok(text)
    }

    /// The series of a number.
    pub(crate) fn series(&self, connection: &Connection, number: i64) -> rusqlite::Result<Arc<Series>> {
        if let Some(series) = lock(&self.series).get(&number) {
            return Ok(Arc::clone(series));
        }
        type Columns = (i64, i64, i64, i64, i64, Option<i64>, Option<i64>);
        // A file that no writer has brought up to date has no tags, and an older number of columns.
        let (service, provider, model, outcome, cost_status, error_type, tags): Columns =
            connection.prepare_cached("SELECT * FROM series WHERE id = ?1")?.query_row([number], |row| {
                let tags = if row.as_ref().column_count() > TAGS { row.get(TAGS)? } else { None };
                Ok((row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, tags))
            })?;
        let tags = match tags {
            Some(number) => {
                let text = self.text(connection, number)?;
                Tags::of_text(&text).ok_or_else(|| damaged("tags of a series".to_owned()))?
            }
            None => Tags::default(),
        };
        let service = self.text(connection, service)?;
        let deployment = match tags.get(ENVIRONMENT) {
            Some(environment) => deployment(&service, environment).into(),
            None => Arc::clone(&service),
        };
        let series = Arc::new(Series {
            service,
            deployment,
            provider: self.text(connection, provider)?,
            model: self.text(connection, model)?,
            outcome: enum_codes::outcome(outcome)?,
            cost_status: enum_codes::cost_status(cost_status)?,
            error_type: error_type.map(|number| self.text(connection, number)).transpose()?,
            tags,
        });
        remember(&self.series, number, Arc::clone(&series));
        Ok(series)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The maps are whole after every statement, whatever a panicking thread did.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember<T>(map: &Mutex<HashMap<i64, T>>, number: i64, value: T) {
    let mut map = lock(map);
    if map.len() >= REMEMBERED {
        map.clear();
    }
    map.insert(number, value);
}
