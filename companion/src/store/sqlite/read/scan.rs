//! Reading calls row by row: the edges of windows, and questions no rollup can answer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::record::{NanoUsd, Window};
use crate::store::Filter;
use crate::store::sqlite::Limits;
use crate::store::sqlite::file::call_id::{end_id, end_of, first_id};
use crate::store::sqlite::file::names::{Names, Series};
use crate::store::sqlite::file::row::{Hash, NOT_COUNTED};
use crate::store::sqlite::file::salt::Salt;
use crate::store::sqlite::file::schema::{WITH_REPORTED_COSTS, WITH_TAGS};
use crate::store::sqlite::file::texts;
use crate::store::sqlite::file::watermarks::Watermarks;
use crate::store::sqlite::rollup::grain::minute_start;
use crate::store::sqlite::rollup::row::{OLDER_TOTALS, TOTALS};
use crate::store::sums::Measures;

/// One snapshot of the ledger: everything read through it fits together.
#[derive(Clone, Copy)]
pub(crate) struct Snapshot<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) names: &'a Names,
    pub(crate) watermarks: Watermarks,
    pub(crate) limits: Limits,
    pub(crate) columns: Columns,
}

/// What of the newest columns the file has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    /// As [`TOTALS`].
    pub(crate) totals: &'static str,
    computed_cost: &'static str,
    /// Whether series have tags.
    pub(crate) tags: bool,
}

impl Columns {
    /// Of the file that the writer has brought up to date.
    pub(crate) const NEWEST: Self = Self { totals: TOTALS, computed_cost: "computed_cost", tags: true };

    /// Of a file that may be older.
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let older = Self { totals: OLDER_TOTALS, computed_cost: "NULL", tags: false };
        Ok(match version {
            ..WITH_REPORTED_COSTS => older,
            WITH_REPORTED_COSTS..WITH_TAGS => Self { tags: false, ..Self::NEWEST },
            _ => Self::NEWEST,
        })
    }
}

/// What a scan hands out of each row.
pub(crate) struct Facts {
    pub(crate) series_id: i64,
    pub(crate) series: Arc<Series>,
    pub(crate) end: i64,
    pub(crate) measures: Measures,
}

/// What a scan of a few columns hands out of each row.
pub(crate) struct FewFacts<'a> {
    pub(crate) series_id: i64,
    pub(crate) series: &'a Arc<Series>,
    pub(crate) end: i64,
    duration_ns: i64,
}

/// The first of the columns that a scan is asked for.
pub(crate) const FIRST: usize = 3;
/// The columns of a scan; those behind `cost` are read by who needs them, see [`USER`] and those after it.
const FACTS: &str = "first_chunk, status_code, input_tokens, output_tokens, \
    cache_read_tokens, cache_write_tokens, reasoning_tokens, cost, user, hash";
/// The column after them.
const COMPUTED_COST: usize = 13;
pub(crate) const USER: usize = 11;
pub(crate) const HASH: usize = 12;

/// The conditions for rows that are counted and that match what only rows can answer of a filter, as SQL and its values;
/// `None` when nothing matches.
pub(crate) fn row_conditions(
    connection: &Connection,
    filter: &Filter,
) -> rusqlite::Result<Option<(String, Vec<Value>)>> {
    let mut sql = format!(" AND flags & {NOT_COUNTED} = 0");
    let mut values = Vec::new();
    if let Some(user) = &filter.user {
        let Some(number) = text_number(connection, user)? else { return Ok(None) };
        sql.push_str(" AND user = ?");
        values.push(Value::Integer(number));
    }
    if let Some(hash) = &filter.hash {
        sql.push_str(" AND hash = ?");
        values.push(match Hash::of(hash) {
            Hash::Bytes(bytes) => Value::Blob(bytes.to_vec()),
            Hash::Text(text) => Value::Text(text),
        });
    }
    if let Some(trace_id) = &filter.trace_id {
        sql.push_str(" AND trace_id = ?");
        values.push(Value::Blob(trace_id.to_vec()));
    }
    if let Some(status_code) = filter.status_code {
        sql.push_str(" AND status_code = ?");
        values.push(Value::Integer(i64::from(status_code)));
    }
    Ok(Some((sql, values)))
}

/// The number of a text that the file has.
pub(crate) fn text_number(connection: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    texts::number(connection, Salt::load(connection)?.of_text(text), text)
}

/// Whether rollups can answer a question with this filter.
pub(crate) const fn needs_rows(filter: &Filter) -> bool {
    filter.user.is_some()
        || filter.hash.is_some()
        || filter.trace_id.is_some()
        || filter.status_code.is_some()
}

impl Snapshot<'_> {
    /// The part of a window whose calls are still there.
    pub(crate) fn kept(&self, window: Window) -> Window {
        let from = window.from.max(minute_start(self.watermarks.calls_from));
        Window { from, to: window.to }
    }

    /// Hands every call of the window that matches to `each`, in no order that matters.
    pub(crate) fn scan(
        &self,
        window: Window,
        filter: &Filter,
        mut each: impl FnMut(&Facts, &Row<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let columns = format!("{FACTS}, {}", self.columns.computed_cost);
        self.scan_columns(window, filter, &columns, |few, row| {
            let unsigned = |column: usize| {
                Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
            };
            let measures = Measures {
                outcome: few.series.outcome,
                status_code: row.get(4)?,
                input_tokens: unsigned(5)?,
                output_tokens: unsigned(6)?,
                cache_read_tokens: unsigned(7)?,
                cache_write_tokens: unsigned(8)?,
                reasoning_tokens: unsigned(9)?,
                cost: row.get::<_, Option<i64>>(10)?.map(NanoUsd),
                computed_cost: row.get::<_, Option<i64>>(COMPUTED_COST)?.map(NanoUsd),
                duration_ns: few.duration_ns,
                first_chunk_ns: row.get(3)?,
            };
            let facts =
                Facts { series_id: few.series_id, series: Arc::clone(few.series), end: few.end, measures };
            each(&facts, row)
        })
    }

    /// The same with the given columns alone, of which the first is column [`FIRST`] of the row. Three times as fast with a few
    /// of them.
    pub(crate) fn scan_columns(
        &self,
        window: Window,
        filter: &Filter,
        columns: &str,
        mut each: impl FnMut(&FewFacts<'_>, &Row<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let window = self.kept(window);
        if window.from >= window.to {
            return Ok(());
        }
        let Some((conditions, values)) = row_conditions(self.connection, filter)? else { return Ok(()) };
        let mut matching = SeriesMemo::new(self, filter);
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT series, start, duration, {columns} FROM calls WHERE id >= ? AND id < ?{conditions}"
        ))?;
        let range = [first_id(window.from), end_id(window.to, self.watermarks.spill_us)];
        let mut rows =
            statement.query(params_from_iter(range.into_iter().map(Value::Integer).chain(values)))?;
        while let Some(row) = rows.next()? {
            let (start, duration_ns): (i64, i64) = (row.get(1)?, row.get(2)?);
            let end = end_of(start, duration_ns);
            if end < window.from.0 || end >= window.to.0 {
                continue;
            }
            let series_id = row.get(0)?;
            let Some(series) = matching.get(series_id)? else { continue };
            each(&FewFacts { series_id, series, end, duration_ns }, row)?;
        }
        Ok(())
    }
}

/// Which series match a filter, asked once a series and question.
pub(crate) struct SeriesMemo<'a> {
    snapshot: &'a Snapshot<'a>,
    filter: &'a Filter,
    known: HashMap<i64, Option<Arc<Series>>>,
}

impl<'a> SeriesMemo<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot<'a>, filter: &'a Filter) -> Self {
        Self { snapshot, filter, known: HashMap::new() }
    }

    /// The series of a number if it matches.
    pub(crate) fn get(&mut self, number: i64) -> rusqlite::Result<Option<&Arc<Series>>> {
        match self.known.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut().as_ref()),
            Entry::Vacant(place) => {
                let series = self.snapshot.names.series(self.snapshot.connection, number)?;
                Ok(place.insert(series.matches(self.filter).then_some(series)).as_ref())
            }
        }
    }
}
