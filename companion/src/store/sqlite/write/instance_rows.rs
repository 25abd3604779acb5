//! The rows of `instance`, found by the hash of their name and service: see `by_hash`.

use rusqlite::{Connection, params};

use crate::store::sqlite::file::by_hash::{ByHash, Hashed};
use crate::store::sqlite::file::salt::Salt;

const INSTANCES: Hashed = Hashed { table: "instance", index: "instance_by_hash", mark: "instances_indexed" };

/// The writer's view of the table's keys. After a transaction that was rolled back it must be cleared.
#[derive(Debug)]
pub(super) struct InstanceRows {
    salt: Salt,
    by_hash: ByHash,
    /// How many there are, once they were counted.
    count: Option<i64>,
}

impl InstanceRows {
    pub(super) const fn new(salt: Salt) -> Self {
        Self { salt, by_hash: ByHash::new(INSTANCES), count: None }
    }

    pub(super) fn clear(&mut self) {
        self.by_hash.clear();
        self.count = None;
    }

    pub(super) fn count(&mut self, sql: &Connection) -> rusqlite::Result<i64> {
        if let Some(count) = self.count {
            return Ok(count);
        }
        let count = sql.prepare_cached("SELECT count(*) FROM instance")?.query_row([], |row| row.get(0))?;
        self.count = Some(count);
        Ok(count)
    }

    /// The id of the instance with this name of a service.
    pub(super) fn find(
        &mut self,
        sql: &Connection,
        name: &str,
        service: &str,
    ) -> rusqlite::Result<Option<i64>> {
        let mut same =
            sql.prepare_cached("SELECT 1 FROM instance WHERE id = ?1 AND name = ?2 AND service = ?3")?;
        for id in self.by_hash.ids(sql, self.salt.of_instance(name, service))? {
            if same.exists(params![id, name, service])? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Adds an instance that the file does not have.
    pub(super) fn add(
        &mut self,
        sql: &Connection,
        (name, service): (&str, &str),
        highest: i64,
        last_end: i64,
    ) -> rusqlite::Result<i64> {
        let hash = self.salt.of_instance(name, service);
        let id = sql
            .prepare_cached(
                "INSERT INTO instance (hash, name, service, highest, last_end) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .insert(params![hash, name, service, highest, last_end])?;
        self.by_hash.added(sql, hash, id)?;
        self.count = self.count.map(|count| count + 1);
        Ok(id)
    }

    pub(super) fn delete(&mut self, sql: &Connection, ids: &[i64]) -> rusqlite::Result<()> {
        let mut delete = sql.prepare_cached("DELETE FROM instance WHERE id = ?1 RETURNING hash")?;
        let deleted = ids.iter().map(|id| Ok((delete.query_row([id], |row| row.get(0))?, *id)));
        self.by_hash.forget(sql, deleted.collect::<rusqlite::Result<_>>()?)?;
        let deleted = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        self.count = self.count.map(|count| count - deleted);
        Ok(())
    }

    pub(super) fn settle(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        self.by_hash.settle(sql)
    }
}
