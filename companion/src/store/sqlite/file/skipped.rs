//! Rows of `skipped`: spans about work with a model that are no calls.

use std::ops::Range;

use rusqlite::Connection;

use crate::record::{SkipReason, SkippedSpans};
use crate::store::sqlite::file::schema::WITH_ERROR_KINDS;

/// The spans of these hours; none in a ledger from before. A reason that a newer version wrote is not known here.
pub(crate) fn read(sql: &Connection, hours: Range<i64>) -> rusqlite::Result<SkippedSpans> {
    let version: i64 = sql.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version < WITH_ERROR_KINDS {
        return Ok(SkippedSpans::default());
    }
    let mut statement = sql.prepare_cached(
        "SELECT scope, reason, sum(spans) FROM skipped WHERE hour >= ?1 AND hour < ?2 GROUP BY scope, reason
         ORDER BY sum(spans) DESC, scope",
    )?;
    let mut rows = statement.query([hours.start, hours.end])?;
    let mut found = SkippedSpans::default();
    while let Some(row) = rows.next()? {
        let reason = SkipReason::parse(row.get_ref(1)?.as_str()?).unwrap_or(SkipReason::Unknown);
        found.add(row.get_ref(0)?.as_str()?, reason, row.get::<_, i64>(2)?.unsigned_abs());
    }
    Ok(found)
}
