//! An index over the hashes of new rows, which costs a row the same however many there are.
//!
//! Hashes are spread, so each new row of a batch is on another page of an index over all of them: the more rows there are, the
//! more pages a batch would read and write, up to one per row. So the writer has the hashes of the newest rows in memory and
//! moves them to the index some thousand at a time, those with neighbouring hashes together; a filter in memory knows of most
//! rows that are new that the index does not have them. Hashes are salted, so that no sender can aim many at one place.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use rusqlite::Connection;

use super::absent::Absent;

/// So many rows move to the index at once, which takes some 20 ms. Of a large index more, one in [`PART`] of its rows, so that no
/// fewer move to each of its pages.
const TOGETHER: RangeInclusive<usize> = 16 * 1024..=64 * 1024;
const PART: usize = 16;

/// A table whose rows have an `id` and a `hash`, and its index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hashed {
    pub(crate) table: &'static str,
    /// The index: a table of hash and id.
    pub(crate) index: &'static str,
    /// The name in `state` of the highest id that the index has.
    pub(crate) mark: &'static str,
}

/// What the writer remembers of the index. After a transaction that was rolled back it must be cleared.
#[derive(Debug)]
pub(crate) struct ByHash {
    of: Hashed,
    /// Hash and id of the rows that are not in the index, once they were read.
    young: Option<BTreeSet<(i64, i64)>>,
    /// Those that are in the index. Needs no clearing: what it has too much is looked for in vain.
    indexed: Absent,
}

impl ByHash {
    pub(crate) const fn new(of: Hashed) -> Self {
        Self { of, young: None, indexed: Absent::new(of.index) }
    }

    pub(crate) fn clear(&mut self) {
        self.young = None;
    }

    /// The ids of the rows with this hash: nearly always none or one.
    pub(crate) fn ids(&mut self, sql: &Connection, hash: i64) -> rusqlite::Result<Vec<i64>> {
        let young = self.young(sql)?.range((hash, i64::MIN)..=(hash, i64::MAX));
        let mut ids: Vec<i64> = young.map(|(_, id)| *id).collect();
        if !self.indexed.lacks(sql, hash)? {
            let mut statement =
                sql.prepare_cached(&format!("SELECT id FROM {} WHERE hash = ?1", self.of.index))?;
            let mut rows = statement.query([hash])?;
            while let Some(row) = rows.next()? {
                ids.push(row.get(0)?);
            }
        }
        Ok(ids)
    }

    /// Notes a row that was added to the table.
    pub(crate) fn added(&mut self, sql: &Connection, hash: i64, id: i64) -> rusqlite::Result<()> {
        self.young(sql)?.insert((hash, id));
        Ok(())
    }

    /// Moves the young rows to the index, when there are enough of them.
    pub(crate) fn settle(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        let together = (self.indexed.count() / PART).clamp(*TOGETHER.start(), *TOGETHER.end());
        let Some(young) = self.young.as_mut().filter(|young| young.len() >= together) else {
            return Ok(());
        };
        let mut insert =
            sql.prepare_cached(&format!("INSERT INTO {} (hash, id) VALUES (?1, ?2)", self.of.index))?;
        for (hash, id) in &*young {
            insert.execute([hash, id])?;
        }
        let newest = young.iter().map(|(_, id)| *id).max();
        sql.prepare_cached("INSERT OR REPLACE INTO state (name, value) VALUES (?1, ?2)")?
            .execute((self.of.mark, newest))?;
        self.indexed.add(sql, young.iter().map(|(hash, _)| *hash))?;
        young.clear();
        Ok(())
    }

    /// Takes out rows that were deleted, as hash and id.
    pub(crate) fn forget(&mut self, sql: &Connection, mut rows: Vec<(i64, i64)>) -> rusqlite::Result<()> {
        rows.sort_unstable();
        let mut delete =
            sql.prepare_cached(&format!("DELETE FROM {} WHERE hash = ?1 AND id = ?2", self.of.index))?;
        let mut young = self.young.as_mut();
        for (hash, id) in rows {
            if !young.as_mut().is_some_and(|young| young.remove(&(hash, id))) {
                delete.execute([hash, id])?;
            }
        }
        Ok(())
    }

    fn young(&mut self, sql: &Connection) -> rusqlite::Result<&mut BTreeSet<(i64, i64)>> {
        if self.young.is_none() {
            let Hashed { table, mark, .. } = self.of;
            let mut statement = sql.prepare_cached(&format!(
                "SELECT hash, id FROM {table} WHERE id > (SELECT value FROM state WHERE name = '{mark}')"
            ))?;
            let young = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            self.young = Some(young.collect::<Result<_, _>>()?);
        }
        Ok(self.young.get_or_insert_default())
    }
}
