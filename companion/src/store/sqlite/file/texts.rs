//! Text that repeats, found by its hash.
//!
//! Hashes are spread, so each new text of a batch is on another page of an index over all of them: the more texts a file has,
//! the more pages a batch would write, up to one per text. So new texts go into an index of their own, which has few pages,
//! and move to the large one some thousand at a time, those with neighbouring hashes together.

use rusqlite::{Connection, OptionalExtension, params};

use super::schema::WITH_YOUNG_TEXTS;

/// So many texts are in the index of young ones before some move: 80 pages of 4 KiB.
const YOUNG: i64 = 16 * 1024;
/// So many move in one transaction, which takes some 20 ms.
const TOGETHER: i64 = 4 * 1024;

/// The number of a text with this hash, and the newest day on which it was used.
pub(super) fn find(connection: &Connection, hash: i64, value: &str) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT id, last_day FROM text WHERE young = 1 AND hash = ?1 AND value = ?2 \
             UNION ALL SELECT id, last_day FROM text WHERE young = 0 AND hash = ?1 AND value = ?2 LIMIT 1",
        )?
        .query_row(params![hash, value], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// The number of a text that the file has, which may be one that has not been migrated.
pub(crate) fn number(connection: &Connection, hash: i64, value: &str) -> rusqlite::Result<Option<i64>> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version >= WITH_YOUNG_TEXTS {
        return Ok(find(connection, hash, value)?.map(|(id, _)| id));
    }
    connection
        .prepare_cached("SELECT id FROM text WHERE hash = ?1 AND value = ?2")?
        .query_row(params![hash, value], |row| row.get(0))
        .optional()
}

/// Adds a text that the file does not have.
pub(super) fn insert(connection: &Connection, hash: i64, value: &str, day: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO text (hash, last_day, value, young) VALUES (?1, ?2, ?3, 1)")?
        .insert(params![hash, day, value])
}

/// Moves young texts to the large index, when there are enough of them; tells whether there are enough again.
pub(crate) fn settle(connection: &Connection) -> rusqlite::Result<bool> {
    let are_many = || -> rusqlite::Result<bool> {
        let young: i64 = connection
            .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM text WHERE young = 1 LIMIT ?1)")?
            .query_row([YOUNG], |row| row.get(0))?;
        Ok(young == YOUNG)
    };
    if !are_many()? {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "UPDATE text SET young = 0 WHERE id IN (SELECT id FROM text WHERE young = 1 ORDER BY hash LIMIT ?1)",
        )?
        .execute([TOGETHER])?;
    are_many()
}
