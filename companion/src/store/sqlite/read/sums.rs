//! Totals and latencies over windows.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Row};

use crate::record::{TagKey, Tags, Window};
use crate::store::overview::steps;
use crate::store::sqlite::file::call_id::{end_id, first_id};
use crate::store::sqlite::file::enum_codes::damaged;
use crate::store::sqlite::file::known_names::OTHER;
use crate::store::sqlite::file::names::Series;
use crate::store::sqlite::read::scan::{SeriesMemo, Snapshot, needs_rows, text_number};
use crate::store::sqlite::rollup::grain::{FIVE, HOUR, MINUTE_NS, minute_start};
use crate::store::sqlite::rollup::plan::{Part, all_parts, series_parts, user_parts};
use crate::store::sqlite::rollup::row::{Latencies, NUMBERS, Table, read_totals, row_id, row_key, row_range};
use crate::store::sums::Measures;
use crate::store::{Breakdown, Dimension, Filter, Group, LatencySummary, Step, Totals};

/// Totals of calls with their latencies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    pub(crate) totals: Totals,
    latencies: Latencies,
}

impl Sum {
    pub(crate) fn count(&mut self, call: &Measures) {
        self.totals.count(call);
        self.latencies.count(call);
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.totals.absorb(&other.totals);
        self.latencies.absorb(&other.latencies);
    }

    /// Adds the columns of totals, of which the first is `first`, and after them `latency`.
    fn read(&mut self, row: &Row<'_>, first: usize) -> rusqlite::Result<()> {
        let more = read_totals(row, first)?;
        self.totals.absorb(&more);
        let bytes = row.get_ref(first + NUMBERS)?.as_blob().map_err(|error| damaged(error.to_string()))?;
        self.latencies.read(bytes, more.duration_ns)
    }

    pub(crate) fn latency(&self) -> LatencySummary {
        self.latencies.summary()
    }
}

/// Totals by the number of their series.
pub(crate) type BySeries = HashMap<i64, (Arc<Series>, Totals)>;

impl Snapshot<'_> {
    pub(crate) fn totals(&self, window: Window, filter: &Filter) -> rusqlite::Result<Totals> {
        // Where calls are deleted, all that is asked of a user must be of the same calls: those that are kept.
        if let Some(user) = &filter.user
            && window.from >= minute_start(self.watermarks.calls_from)
            && *filter == (Filter { user: Some(user.clone()), ..Filter::default() })
        {
            return self.totals_of_user(window, user, filter);
        }
        let mut totals = Totals::default();
        for part in self.parts(self.whole_last_minute(window)?, filter) {
            match part {
                Part::Calls(window) => self.scan(window, filter, |facts, _| {
                    totals.count(&facts.measures);
                    Ok(())
                })?,
                Part::Rollup(table, minutes) => {
                    let mut matching = SeriesMemo::new(self, filter);
                    self.each_row(table, minutes, |number, more| {
                        if table.of_all() || matching.get(number)?.is_some() {
                            totals.absorb(&more);
                        }
                        Ok(())
                    })?;
                }
            }
        }
        Ok(totals)
    }

    /// One row of each whole bucket, but where a bucket has users that are not kept apart, its calls.
    fn totals_of_user(&self, window: Window, user: &str, filter: &Filter) -> rusqlite::Result<Totals> {
        let mut totals = Totals::default();
        let Some(number) = text_number(self.connection, user)? else { return Ok(totals) };
        let other = text_number(self.connection, OTHER)?;
        let mut calls = Vec::new();
        for part in user_parts(window, &self.watermarks) {
            let (table, minutes) = match part {
                Part::Calls(window) => {
                    calls.push(window);
                    continue;
                }
                Part::Rollup(table, minutes) => (table, minutes),
            };
            let size = if table == Table::UserHour { HOUR } else { FIVE };
            let sql = format!("SELECT {} FROM {} WHERE id = ?1", self.columns.totals, table.name());
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut minute = minutes.start;
            while minute < minutes.end {
                let mut of = |number| {
                    statement.query_row([row_id(minute, number)], |row| read_totals(row, 0)).optional()
                };
                let folded = match other {
                    Some(other) => of(other)?.is_some(),
                    None => false,
                };
                if folded {
                    calls.push(Window { from: minute_start(minute), to: minute_start(minute + size) });
                } else {
                    of(number)?.iter().for_each(|own| totals.absorb(own));
                }
                minute += size;
            }
        }
        for window in calls {
            self.scan(window, filter, |facts, _| {
                totals.count(&facts.measures);
                Ok(())
            })?;
        }
        Ok(totals)
    }

    pub(crate) fn breakdown(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> rusqlite::Result<Vec<Group>> {
        if by == Dimension::User {
            return self.users(window, filter, limit);
        }
        Ok(ranked(grouped(&self.by_series(window, filter)?, by), limit))
    }

    /// The same with the totals over all calls, which are those of the series together.
    pub(crate) fn breakdown_of_all(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> rusqlite::Result<Breakdown> {
        if by == Dimension::User {
            let all = self.totals(window, filter)?;
            return Ok(Breakdown { all, groups: self.users(window, filter, limit)? });
        }
        let by_series = self.by_series(window, filter)?;
        let mut all = Totals::default();
        by_series.values().for_each(|(_, totals)| all.absorb(totals));
        Ok(Breakdown { all, groups: ranked(grouped(&by_series, by), limit) })
    }

    fn by_series(&self, window: Window, filter: &Filter) -> rusqlite::Result<BySeries> {
        let mut by_series = BySeries::new();
        let parts = if needs_rows(filter) {
            vec![Part::Calls(window)]
        } else {
            series_parts(self.whole_last_minute(window)?, &self.watermarks)
        };
        for part in parts {
            match part {
                Part::Calls(window) => self.scan(window, filter, |facts, _| {
                    count(&mut by_series, facts.series_id, &facts.series, |sum| sum.count(&facts.measures));
                    Ok(())
                })?,
                Part::Rollup(table, minutes) => self.add_series(table, minutes, filter, &mut by_series)?,
            }
        }
        Ok(by_series)
    }

    /// Adds the rows of one rollup by series.
    pub(crate) fn add_series(
        &self,
        table: Table,
        minutes: Range<i64>,
        filter: &Filter,
        by_series: &mut BySeries,
    ) -> rusqlite::Result<()> {
        let mut matching = SeriesMemo::new(self, filter);
        self.each_row(table, minutes, |number, totals| {
            if let Some(series) = matching.get(number)? {
                count(by_series, number, series, |sum| sum.absorb(&totals));
            }
            Ok(())
        })
    }

    /// Keys of the tags that calls are counted under.
    pub(crate) fn tag_keys(&self) -> rusqlite::Result<Vec<TagKey>> {
        if !self.columns.tags {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT value FROM text WHERE id IN (SELECT tags FROM series WHERE tags IS NOT NULL)",
        )?;
        let mut rows = statement.query([])?;
        let mut keys = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let tags = Tags::of_text(row.get_ref(0)?.as_str()?).unwrap_or_default();
            keys.extend(tags.iter().map(|(key, _)| key));
        }
        Ok(keys.into_iter().collect())
    }

    pub(crate) fn latency(&self, window: Window, filter: &Filter) -> rusqlite::Result<LatencySummary> {
        Ok(self.sum(window, filter)?.latency())
    }

    /// # Errors
    /// Also when the step is not positive or the series too long.
    pub(crate) fn series(
        &self,
        window: Window,
        filter: &Filter,
        step_seconds: i64,
    ) -> rusqlite::Result<Vec<Step>> {
        let steps = series_steps(window, step_seconds)?.into_iter().map(|part| {
            let sum = self.sum(part, filter)?;
            Ok(Step { at: part.from, totals: sum.totals, latency: sum.latency() })
        });
        steps.collect()
    }

    fn sum(&self, window: Window, filter: &Filter) -> rusqlite::Result<Sum> {
        let mut sum = Sum::default();
        for part in self.parts(window, filter) {
            match part {
                Part::Calls(window) => self.scan(window, filter, |facts, _| {
                    sum.count(&facts.measures);
                    Ok(())
                })?,
                Part::Rollup(table, minutes) => self.add_rows(table, &minutes, filter, &mut sum)?,
            }
        }
        Ok(sum)
    }

    /// Adds the rows of one rollup with their latencies.
    pub(crate) fn add_rows(
        &self,
        table: Table,
        minutes: &Range<i64>,
        filter: &Filter,
        sum: &mut Sum,
    ) -> rusqlite::Result<()> {
        let mut matching = SeriesMemo::new(self, filter);
        let sql = format!(
            "SELECT id, {}, latency FROM {} WHERE id >= ?1 AND id < ?2",
            self.columns.totals,
            table.name()
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(row_range(minutes))?;
        while let Some(row) = rows.next()? {
            if table.of_all() || matching.get(row_key(row.get(0)?).1)?.is_some() {
                sum.read(row, 1)?;
            }
        }
        Ok(())
    }

    /// The window with its last minute whole, where no call of that minute ended after the window: then the rollup of the
    /// minute has the calls of the window alone, and none of them need be read. So it is wherever a window ends now.
    fn whole_last_minute(&self, window: Window) -> rusqlite::Result<Window> {
        let minute = window.to.0.div_euclid(MINUTE_NS);
        let end = minute_start(minute.saturating_add(1));
        // Where calls are deleted, that there are none says nothing.
        if window.to == minute_start(minute)
            || end.0 == i64::MAX
            || minute < self.watermarks.every_call_from()
        {
            return Ok(window);
        }
        let later = "SELECT 1 FROM calls WHERE id >= ?1 AND id < ?2 LIMIT 1";
        let ids = [first_id(window.to), end_id(end, self.watermarks.spill_us)];
        let found = self.connection.prepare_cached(later)?.exists(ids)?;
        Ok(if found { window } else { Window { to: end, ..window } })
    }

    fn parts(&self, window: Window, filter: &Filter) -> Vec<Part> {
        if needs_rows(filter) {
            vec![Part::Calls(window)]
        } else if *filter == Filter::default() {
            all_parts(window, &self.watermarks)
        } else {
            series_parts(window, &self.watermarks)
        }
    }

    /// Hands out the rows of a rollup with the number of their series or user.
    fn each_row(
        &self,
        table: Table,
        minutes: Range<i64>,
        mut each: impl FnMut(i64, Totals) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let sql =
            format!("SELECT id, {} FROM {} WHERE id >= ?1 AND id < ?2", self.columns.totals, table.name());
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(row_range(&minutes))?;
        while let Some(row) = rows.next()? {
            each(row_key(row.get(0)?).1, read_totals(row, 1)?)?;
        }
        Ok(())
    }
}

/// The steps of a series, or why there are none, in the database's terms.
pub(crate) fn series_steps(window: Window, step_seconds: i64) -> rusqlite::Result<Vec<Window>> {
    steps(window, step_seconds).map_err(|detail| rusqlite::Error::ToSqlConversionFailure(detail.into()))
}

/// Adds to the totals of one series.
pub(crate) fn count(
    by_series: &mut BySeries,
    number: i64,
    series: &Arc<Series>,
    add: impl FnOnce(&mut Totals),
) {
    add(&mut by_series.entry(number).or_insert_with(|| (Arc::clone(series), Totals::default())).1);
}

/// Totals by one dimension. Users are no part of a series.
pub(crate) fn grouped(by_series: &BySeries, by: Dimension) -> HashMap<Arc<str>, Totals> {
    let mut groups: HashMap<Arc<str>, Totals> = HashMap::new();
    for (series, totals) in by_series.values() {
        if let Some(name) = series_value(series, by) {
            groups.entry(name).or_default().absorb(totals);
        }
    }
    groups
}

/// The value of a dimension that a series has; none of the user, whom no series knows.
pub(crate) fn series_value(series: &Series, by: Dimension) -> Option<Arc<str>> {
    match by {
        Dimension::Model => Some(Arc::clone(&series.model)),
        Dimension::Provider => Some(Arc::clone(&series.provider)),
        Dimension::Service => Some(Arc::clone(&series.service)),
        Dimension::Deployment => Some(Arc::clone(&series.deployment)),
        Dimension::Outcome => Some(series.outcome.as_str().into()),
        Dimension::CostStatus => Some(series.cost_status.as_str().into()),
        Dimension::Error => series.error_type.clone(),
        Dimension::Tag(key) => series.tags.get(key).map(Into::into),
        Dimension::User => None,
    }
}

/// The most calls first, ties by name.
pub(crate) fn ranked(named: HashMap<Arc<str>, Totals>, limit: usize) -> Vec<Group> {
    let mut groups: Vec<_> =
        named.into_iter().map(|(name, totals)| Group { name: name.to_string(), totals }).collect();
    groups.sort_by(|a, b| b.totals.calls.cmp(&a.totals.calls).then_with(|| a.name.cmp(&b.name)));
    groups.truncate(limit);
    groups
}
