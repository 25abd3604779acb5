//! Sums and latencies over windows.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::record::{Timestamp, Window};
use crate::store::sqlite::cell::{Latencies, TOTALS, Table, cell_id, cell_key, read_totals};
use crate::store::sqlite::code::damaged;
use crate::store::sqlite::cover::{Part, series_parts, user_parts};
use crate::store::sqlite::names::Series;
use crate::store::sqlite::scan::{SeriesMemo, Snapshot, USER, needs_rows};
use crate::store::{Dimension, Filter, Group, LatencySummary, Step, Totals};

/// Steps of one series; a month of minutes is 43,200.
const STEPS: i64 = 50_000;

impl Snapshot<'_> {
    pub(super) fn totals(&self, window: Window, filter: &Filter) -> rusqlite::Result<Totals> {
        let mut totals = Totals::default();
        self.each_sum(window, filter, |_, _, more| totals.absorb(more))?;
        Ok(totals)
    }

    pub(super) fn breakdown(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> rusqlite::Result<Vec<Group>> {
        let named = match by {
            Dimension::User => self.users(window, filter)?,
            _ => self.groups(window, filter, by)?,
        };
        let mut groups: Vec<_> =
            named.into_iter().map(|(name, totals)| Group { name: name.to_string(), totals }).collect();
        groups.sort_by(|a, b| b.totals.calls.cmp(&a.totals.calls).then_with(|| a.name.cmp(&b.name)));
        groups.truncate(limit);
        Ok(groups)
    }

    fn groups(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
    ) -> rusqlite::Result<HashMap<Arc<str>, Totals>> {
        // First by number, which is cheaper to compare than text.
        let mut by_series: HashMap<i64, (Arc<Series>, Totals)> = HashMap::new();
        self.each_sum(window, filter, |number, series, more| {
            by_series.entry(number).or_insert_with(|| (Arc::clone(series), Totals::default())).1.absorb(more);
        })?;
        let mut groups: HashMap<Arc<str>, Totals> = HashMap::new();
        for (series, totals) in by_series.into_values() {
            let name = match by {
                Dimension::Model => Arc::clone(&series.model),
                Dimension::Provider => Arc::clone(&series.provider),
                Dimension::Service => Arc::clone(&series.service),
                Dimension::Outcome => series.outcome.as_str().into(),
                Dimension::CostStatus => series.cost_status.as_str().into(),
                Dimension::Error => match &series.error_type {
                    Some(error_type) => Arc::clone(error_type),
                    None => continue,
                },
                // Answered by `users`.
                Dimension::User => continue,
            };
            groups.entry(name).or_default().absorb(&totals);
        }
        Ok(groups)
    }

    fn users(&self, window: Window, filter: &Filter) -> rusqlite::Result<HashMap<Arc<str>, Totals>> {
        let mut by_number: HashMap<i64, Totals> = HashMap::new();
        // The roll-ups of users know nothing else.
        let parts = if *filter == Filter::default() {
            user_parts(window, &self.marks)
        } else {
            vec![Part::Calls(window)]
        };
        for part in parts {
            match part {
                Part::Rollup(table, minutes) => self.each_cell(table, minutes, |user, totals| {
                    by_number.entry(user).or_default().absorb(&totals);
                    Ok(())
                })?,
                Part::Calls(window) => self.scan(window, filter, |facts, row| {
                    if let Some(user) = row.get(USER)? {
                        by_number.entry(user).or_default().count(&facts.measures);
                    }
                    Ok(())
                })?,
            }
        }
        let mut users = HashMap::new();
        for (number, totals) in by_number {
            users.insert(self.names.text(self.connection, number)?, totals);
        }
        Ok(users)
    }

    pub(super) fn latency(&self, window: Window, filter: &Filter) -> rusqlite::Result<LatencySummary> {
        Ok(self.totals_and_latency(window, filter)?.1)
    }

    /// # Errors
    /// Also when the step is not positive or the series too long.
    pub(super) fn series(
        &self,
        window: Window,
        filter: &Filter,
        step_seconds: i64,
    ) -> rusqlite::Result<Vec<Step>> {
        let length = i128::from(window.to.0) - i128::from(window.from.0);
        let step_ns = i128::from(step_seconds) * i128::from(Timestamp::SECOND);
        if step_ns <= 0 || length > step_ns * i128::from(STEPS) {
            let detail = format!("a series takes a positive step and at most {STEPS} of them");
            return Err(rusqlite::Error::ToSqlConversionFailure(detail.into()));
        }
        let mut steps = Vec::new();
        let mut at = window.from;
        while at < window.to {
            let next = at.plus_seconds(step_seconds).min(window.to);
            let (totals, latency) = self.totals_and_latency(Window { from: at, to: next }, filter)?;
            steps.push(Step { at, totals, latency });
            at = next;
        }
        Ok(steps)
    }

    fn totals_and_latency(
        &self,
        window: Window,
        filter: &Filter,
    ) -> rusqlite::Result<(Totals, LatencySummary)> {
        let mut totals = Totals::default();
        let mut latencies = Latencies::default();
        for part in self.parts(window, filter) {
            match part {
                Part::Calls(window) => self.scan(window, filter, |facts, _| {
                    totals.count(&facts.measures);
                    latencies.count(&facts.measures);
                    Ok(())
                })?,
                Part::Rollup(table, minutes) => {
                    let mut matching = SeriesMemo::new(self, filter);
                    let sql = format!(
                        "SELECT id, {TOTALS}, latency FROM {} WHERE id >= ?1 AND id < ?2",
                        table.name()
                    );
                    let mut statement = self.connection.prepare_cached(&sql)?;
                    let mut rows = statement.query(cell_range(&minutes))?;
                    while let Some(row) = rows.next()? {
                        if matching.get(cell_key(row.get(0)?).1)?.is_none() {
                            continue;
                        }
                        let more = read_totals(row, 1)?;
                        totals.absorb(&more);
                        let bytes = row.get_ref(15)?.as_blob().map_err(|error| damaged(error.to_string()))?;
                        latencies.read(bytes, more.duration_ns)?;
                    }
                }
            }
        }
        Ok((totals, latencies.summary()))
    }

    fn parts(&self, window: Window, filter: &Filter) -> Vec<Part> {
        if needs_rows(filter) { vec![Part::Calls(window)] } else { series_parts(window, &self.marks) }
    }

    /// Hands out sums that together are those of the window, each of one series.
    fn each_sum(
        &self,
        window: Window,
        filter: &Filter,
        mut each: impl FnMut(i64, &Arc<Series>, &Totals),
    ) -> rusqlite::Result<()> {
        for part in self.parts(window, filter) {
            match part {
                Part::Calls(window) => self.scan(window, filter, |facts, _| {
                    let mut one = Totals::default();
                    one.count(&facts.measures);
                    each(facts.series_id, &facts.series, &one);
                    Ok(())
                })?,
                Part::Rollup(table, minutes) => {
                    let mut matching = SeriesMemo::new(self, filter);
                    self.each_cell(table, minutes, |number, totals| {
                        if let Some(series) = matching.get(number)? {
                            each(number, &series, &totals);
                        }
                        Ok(())
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Hands out the rows of a roll-up with the number of their series or user.
    pub(super) fn each_cell(
        &self,
        table: Table,
        minutes: Range<i64>,
        mut each: impl FnMut(i64, Totals) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let sql = format!("SELECT id, {TOTALS} FROM {} WHERE id >= ?1 AND id < ?2", table.name());
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(cell_range(&minutes))?;
        while let Some(row) = rows.next()? {
            each(cell_key(row.get(0)?).1, read_totals(row, 1)?)?;
        }
        Ok(())
    }
}

/// The row ids of the buckets that begin with one of `minutes`.
pub(super) const fn cell_range(minutes: &Range<i64>) -> [i64; 2] {
    [cell_id(minutes.start, 0), cell_id(minutes.end, 0)]
}
