//! Which users have the most calls.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use crate::record::Window;
use crate::store::sqlite::read::scan::{FIRST, Snapshot, USER};
use crate::store::sqlite::read::sums::ranked;
use crate::store::sqlite::rollup::plan::{Part, user_parts};
use crate::store::sqlite::rollup::row::{Table, read_totals, row_key, row_range};
use crate::store::{Filter, Group, Totals};

/// Users with as many calls as the last one that are compared by name; of more the first that the ledger has seen.
const TIES: usize = 1_000;

impl Snapshot<'_> {
    pub(crate) fn users(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> rusqlite::Result<Vec<Group>> {
        let parts = self.parts_of_users(window, filter);
        let mut in_rows: HashMap<i64, Totals> = HashMap::new();
        for part in &parts {
            let Part::Calls(window) = part else { continue };
            self.scan(*window, filter, |facts, row| {
                if let Some(user) = row.get(USER)? {
                    in_rows.entry(user).or_default().count(&facts.measures);
                }
                Ok(())
            })?;
        }
        self.top_users(&parts, in_rows, limit)
    }

    /// The users with the most calls in the rollups of `parts` and, summed up already, in rows. Counts the calls of
    /// all first, because reading every sum of every user takes three times as long.
    pub(crate) fn top_users(
        &self,
        parts: &[Part],
        in_rows: HashMap<i64, Totals>,
        limit: usize,
    ) -> rusqlite::Result<Vec<Group>> {
        let mut calls: HashMap<i64, u64> =
            in_rows.iter().map(|(user, totals)| (*user, totals.calls)).collect();
        let mut in_rollups: Vec<(Table, i64)> = Vec::new();
        for part in parts {
            let Part::Rollup(table, minutes) = part else { continue };
            self.each_user(*table, minutes, |id, more| {
                let known = calls.entry(row_key(id).1).or_default();
                *known = known.saturating_add(more);
                in_rollups.push((*table, id));
            })?;
        }
        // Names break ties, so users with as many calls as the last one stay, but not all that there may be.
        let mut top: HashMap<i64, Totals> = busiest(calls, limit, TIES)
            .into_iter()
            .map(|(user, _)| (user, in_rows.get(&user).copied().unwrap_or_default()))
            .collect();
        for (table, id) in in_rollups {
            let Some(totals) = top.get_mut(&row_key(id).1) else { continue };
            let sql = format!("SELECT {} FROM {} WHERE id = ?1", self.columns.totals, table.name());
            let more = self.connection.prepare_cached(&sql)?.query_row([id], |row| read_totals(row, 0))?;
            totals.absorb(&more);
        }
        let mut named = HashMap::new();
        for (user, totals) in top {
            named.insert(self.names.text(self.connection, user)?, totals);
        }
        Ok(ranked(named, limit))
    }

    /// As [`Querier::calls_of_users`](crate::store::Querier::calls_of_users): reads little of each call and each row.
    pub(crate) fn calls_of_users(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> rusqlite::Result<Vec<(String, u64)>> {
        let mut calls: HashMap<i64, u64> = HashMap::new();
        for part in self.parts_of_users(window, filter) {
            match part {
                Part::Calls(window) => self.scan_columns(window, filter, "user", |_, row| {
                    if let Some(user) = row.get(FIRST)? {
                        *calls.entry(user).or_default() += 1;
                    }
                    Ok(())
                })?,
                Part::Rollup(table, minutes) => self.each_user(table, &minutes, |id, more| {
                    let known = calls.entry(row_key(id).1).or_default();
                    *known = known.saturating_add(more);
                })?,
            }
        }
        let named = busiest(calls, limit, 0)
            .into_iter()
            .map(|(user, calls)| Ok((self.names.text(self.connection, user)?.to_string(), calls)));
        let mut named: Vec<(String, u64)> = named.collect::<rusqlite::Result<_>>()?;
        named.sort_by(|(a, more), (b, calls)| calls.cmp(more).then_with(|| a.cmp(b)));
        Ok(named)
    }

    /// The rollups of users know nothing else.
    fn parts_of_users(&self, window: Window, filter: &Filter) -> Vec<Part> {
        if *filter == Filter::default() {
            user_parts(window, &self.watermarks)
        } else {
            vec![Part::Calls(window)]
        }
    }

    /// Hands out the id of each row of a rollup of users, and its calls.
    fn each_user(
        &self,
        table: Table,
        minutes: &Range<i64>,
        mut each: impl FnMut(i64, u64),
    ) -> rusqlite::Result<()> {
        let sql = format!("SELECT id, calls FROM {} WHERE id >= ?1 AND id < ?2", table.name());
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(row_range(minutes))?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned());
        }
        Ok(())
    }
}

/// The `limit` users with the most calls, and at most `ties` more with as many as the last of them.
fn busiest(calls: HashMap<i64, u64>, limit: usize, ties: usize) -> Vec<(i64, u64)> {
    let mut users: Vec<(i64, u64)> = calls.into_iter().collect();
    let order = |(user, calls): &(i64, u64)| (Reverse(*calls), *user);
    let Some(last) = limit.checked_sub(1) else { return Vec::new() };
    if last < users.len() {
        let least = users.select_nth_unstable_by_key(last, order).1.1;
        let most = limit.saturating_add(ties);
        if most < users.len() {
            users.select_nth_unstable_by_key(most, order);
            users.truncate(most);
        }
        users.retain(|(_, calls)| *calls >= least);
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_are_the_most_calls_and_some_of_those_with_as_many_as_the_last() {
        let calls = || HashMap::from([(1, 5), (2, 9), (3, 5), (4, 5), (5, 1), (6, 5)]);
        let found = |limit, ties| {
            let mut users: Vec<i64> =
                busiest(calls(), limit, ties).into_iter().map(|(user, _)| user).collect();
            users.sort_unstable();
            users
        };
        assert_eq!((found(0, 9), found(1, 9), found(1, 0)), (vec![], vec![2], vec![2]));
        assert_eq!((found(2, 0), found(2, 1), found(2, 9)), (vec![1, 2], vec![1, 2, 3], vec![1, 2, 3, 4, 6]));
        assert_eq!((found(6, 0), found(9, 9)), (vec![1, 2, 3, 4, 5, 6], vec![1, 2, 3, 4, 5, 6]));
    }
}
