//! Noting spans that are no calls, by hour.

use rusqlite::params;

use crate::record::{SkippedHours, SkippedSpans};
use crate::store::sqlite::file::skipped;
use crate::store::sqlite::write::transaction::Transaction;

impl Transaction<'_> {
    /// Adds to each hour, but for those whose calls are deleted.
    pub(super) fn note_skipped(&mut self, noted: &SkippedHours) -> rusqlite::Result<()> {
        let first = self.watermarks.calls_from.div_euclid(60);
        for (hour, more) in noted.iter().filter(|(hour, _)| *hour >= first) {
            let mut all = skipped::read(self.sql, hour..hour + 1)?;
            all.absorb(more);
            self.write_skipped(hour, &all)?;
        }
        Ok(())
    }

    fn write_skipped(&self, hour: i64, all: &SkippedSpans) -> rusqlite::Result<()> {
        let mut statement = self.sql.prepare_cached(
            "INSERT INTO skipped (hour, scope, reason, spans) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hour, scope, reason) DO UPDATE SET spans = excluded.spans",
        )?;
        for (scope, reason, spans) in all.iter() {
            let spans = i64::try_from(spans).unwrap_or(i64::MAX);
            statement.execute(params![hour, scope, reason.as_str(), spans])?;
        }
        Ok(())
    }

    /// Deletes at most `most` rows of the hours before `minute`; tells how many.
    pub(super) fn delete_skipped(&self, minute: i64, most: i64) -> rusqlite::Result<i64> {
        let deleted = self
            .sql
            .prepare_cached(
                "DELETE FROM skipped WHERE (hour, scope, reason) IN (
                    SELECT hour, scope, reason FROM skipped WHERE hour < ?1 ORDER BY hour LIMIT ?2
                )",
            )?
            .execute([minute.div_euclid(60), most])?;
        Ok(i64::try_from(deleted).unwrap_or(most))
    }
}
