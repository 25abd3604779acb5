//! Text that repeats, found by its hash: see `by_hash`.

use rusqlite::{Connection, OptionalExtension, params};

use super::by_hash::{ByHash, Hashed};
use super::schema::WITH_INDEXES_BY_HASH;

pub(super) const TEXTS: Hashed = Hashed { table: "text", index: "text_by_hash", mark: "texts_indexed" };

/// The number of a text with this hash, and the newest day on which it was used.
pub(super) fn find(
    texts: &mut ByHash,
    sql: &Connection,
    hash: i64,
    value: &str,
) -> rusqlite::Result<Option<(i64, i64)>> {
    for id in texts.ids(sql, hash)? {
        let found = sql
            .prepare_cached("SELECT id, last_day FROM text WHERE id = ?1 AND value = ?2")?
            .query_row(params![id, value], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Adds a text that the file does not have.
pub(super) fn insert(
    texts: &mut ByHash,
    sql: &Connection,
    hash: i64,
    value: &str,
    day: i64,
) -> rusqlite::Result<i64> {
    let id = sql
        .prepare_cached("INSERT INTO text (hash, last_day, value) VALUES (?1, ?2, ?3)")?
        .insert(params![hash, day, value])?;
    texts.added(sql, hash, id)?;
    Ok(id)
}

/// The number of a text that the file has, which may be one that has not been migrated. Reads all texts that are not in the
/// index where that does not have it, some thousand rows.
pub(crate) fn number(sql: &Connection, hash: i64, value: &str) -> rusqlite::Result<Option<i64>> {
    let version: i64 = sql.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let find = |which: &str| {
        sql.prepare_cached(&format!("SELECT id FROM text WHERE {which} hash = ?1 AND value = ?2"))?
            .query_row(params![hash, value], |row| row.get(0))
            .optional()
    };
    if version < WITH_INDEXES_BY_HASH {
        return find("");
    }
    match find("id IN (SELECT id FROM text_by_hash WHERE hash = ?1) AND")? {
        Some(id) => Ok(Some(id)),
        None => find("id > (SELECT value FROM state WHERE name = 'texts_indexed') AND"),
    }
}

/// Deletes at most `limit` texts that were last used before `day`; tells how many.
pub(super) fn forget(texts: &mut ByHash, sql: &Connection, day: i64, limit: i64) -> rusqlite::Result<usize> {
    let forgotten: Vec<(i64, i64)> = sql
        .prepare_cached(
            "DELETE FROM text WHERE id IN (SELECT id FROM text WHERE last_day < ?1 LIMIT ?2) RETURNING hash, id",
        )?
        .query_map([day, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let count = forgotten.len();
    texts.forget(sql, forgotten)?;
    Ok(count)
}
