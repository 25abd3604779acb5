//! Totals of five minutes: what rules learn from.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::record::{Timestamp, Window};
use crate::store::sqlite::read::scan::{FIRST, SeriesMemo, Snapshot, USER};
use crate::store::sqlite::read::sums::series_value;
use crate::store::sqlite::rollup::grain::{FIVE, minute_start};
use crate::store::sqlite::rollup::plan::{Part, five_minute_parts, user_five_minute_parts};
use crate::store::sqlite::rollup::row::{NUMBERS, Table, first_chunks, read_totals, row_key, row_range};
use crate::store::sums::{FIVE_MINUTES, whole_five_minutes};
use crate::store::{Dimension, Filter, FiveMinuteCalls, FiveMinutes};

/// By time and name.
type Sums = BTreeMap<(Timestamp, Arc<str>), FiveMinutes>;

impl Snapshot<'_> {
    pub(crate) fn five_minutes(
        &self,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> rusqlite::Result<Vec<FiveMinutes>> {
        let window = whole_five_minutes(window);
        let mut sums = Sums::new();
        let parts = match by {
            // The rollups of users know nothing else, and reading so many calls takes too long.
            Some(Dimension::User) if *filter != Filter::default() => Vec::new(),
            Some(Dimension::User) => user_five_minute_parts(window, &self.watermarks),
            _ => five_minute_parts(window, &self.watermarks),
        };
        for part in parts {
            match part {
                Part::Calls(window) => self.scan(window, filter, |facts, row| {
                    let name = match by {
                        None => Some(Arc::from("")),
                        Some(Dimension::User) => match row.get(USER)? {
                            Some(user) => Some(self.names.text(self.connection, user)?),
                            None => None,
                        },
                        Some(by) => series_value(&facts.series, by),
                    };
                    if let Some(name) = name {
                        let at = Timestamp(facts.end.div_euclid(FIVE_MINUTES) * FIVE_MINUTES);
                        entry(&mut sums, at, name).count(&facts.measures);
                    }
                    Ok(())
                })?,
                Part::Rollup(table, minutes) => {
                    self.add_five_minutes(table, minutes, filter, by, &mut sums)?
                }
            }
        }
        Ok(sums.into_values().collect())
    }

    /// Of users only the number of calls is read, and names only of those that are handed out: a bucket has thousands.
    pub(crate) fn five_minute_calls_of_users(
        &self,
        window: Window,
        most: usize,
    ) -> rusqlite::Result<Vec<FiveMinuteCalls>> {
        let mut calls: BTreeMap<i64, HashMap<i64, u64>> = BTreeMap::new();
        for part in user_five_minute_parts(whole_five_minutes(window), &self.watermarks) {
            match part {
                Part::Calls(window) => {
                    self.scan_columns(window, &Filter::default(), "user", |facts, row| {
                        if let Some(user) = row.get(FIRST)? {
                            let users = calls.entry(facts.end.div_euclid(FIVE_MINUTES)).or_default();
                            *users.entry(user).or_default() += 1;
                        }
                        Ok(())
                    })?;
                }
                Part::Rollup(table, minutes) => {
                    let sql = format!("SELECT id, calls FROM {} WHERE id >= ?1 AND id < ?2", table.name());
                    let mut statement = self.connection.prepare_cached(&sql)?;
                    let mut rows = statement.query(row_range(&minutes))?;
                    while let Some(row) = rows.next()? {
                        let (minute, user) = row_key(row.get(0)?);
                        let users = calls.entry(minute.div_euclid(FIVE)).or_default();
                        *users.entry(user).or_default() += row.get::<_, i64>(1)?.cast_unsigned();
                    }
                }
            }
        }
        let mut found = Vec::new();
        for (slot, users) in calls {
            let at = Timestamp(slot.saturating_mul(FIVE_MINUTES));
            let mut users: Vec<(i64, u64)> = users.into_iter().collect();
            let mut rest = 0;
            if users.len() > most {
                users.select_nth_unstable_by_key(most, |(user, calls)| (Reverse(*calls), *user));
                rest = users.drain(most..).map(|(_, calls)| calls).fold(0, u64::saturating_add);
            }
            for (user, calls) in users {
                let name = Some(self.names.text(self.connection, user)?);
                found.push(FiveMinuteCalls { at, name, calls });
            }
            if rest > 0 {
                found.push(FiveMinuteCalls { at, name: None, calls: rest });
            }
        }
        Ok(found)
    }

    fn add_five_minutes(
        &self,
        table: Table,
        minutes: std::ops::Range<i64>,
        filter: &Filter,
        by: Option<Dimension>,
        sums: &mut Sums,
    ) -> rusqlite::Result<()> {
        let mut matching = SeriesMemo::new(self, filter);
        // A name is looked up once for each series or user.
        let mut names: HashMap<i64, Option<Arc<str>>> = HashMap::new();
        let sql = format!(
            "SELECT id, {}, latency FROM {} WHERE id >= ?1 AND id < ?2",
            self.columns.totals,
            table.name()
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(row_range(&minutes))?;
        while let Some(row) = rows.next()? {
            let (minute, number) = row_key(row.get(0)?);
            let name = match names.get(&number) {
                Some(name) => name.clone(),
                None => {
                    let name = match by {
                        Some(Dimension::User) => Some(self.names.text(self.connection, number)?),
                        _ => matching.get(number)?.and_then(|series| match by {
                            Some(by) => series_value(series, by),
                            None => Some(Arc::from("")),
                        }),
                    };
                    names.insert(number, name.clone());
                    name
                }
            };
            let Some(name) = name else { continue };
            let sum = entry(sums, minute_start(minute.div_euclid(FIVE) * FIVE), name);
            sum.totals.absorb(&read_totals(row, 1)?);
            if let Some(bytes) = row.get_ref(1 + NUMBERS)?.as_blob_or_null()? {
                let (count, ns) = first_chunks(bytes)?;
                sum.first_chunks = sum.first_chunks.saturating_add(count);
                sum.first_chunk_ns = sum.first_chunk_ns.saturating_add(ns);
            }
        }
        Ok(())
    }
}

fn entry(sums: &mut Sums, at: Timestamp, name: Arc<str>) -> &mut FiveMinutes {
    sums.entry((at, Arc::clone(&name))).or_insert_with(|| FiveMinutes::empty(at, name))
}
