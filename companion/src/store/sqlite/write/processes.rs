//! Noting what journals report of their processes.

use rusqlite::{Connection, OptionalExtension, params};

use super::gaps::Sequences;
use crate::record::ProcessReport;
use crate::store::sqlite::file::enum_codes;

impl Sequences {
    /// Notes reports. Of each process the latest counts, in whatever order they come.
    pub(super) fn note_processes(
        &mut self,
        sql: &Connection,
        reports: &[ProcessReport],
    ) -> rusqlite::Result<()> {
        for report in reports {
            // Of a running process, later calls show which numbers are missing.
            let last = report.end.and_then(|_| i64::try_from(report.last_sequence).ok());
            let id = self.note_end(sql, &report.instance, &report.service, last, report.at.0)?;
            let known: Option<i64> = sql
                .prepare_cached("SELECT reported FROM instance WHERE id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()?
                .flatten();
            if known.is_none_or(|known| known <= report.at.0) {
                self.note_lost(sql, report)?;
                replace(sql, id, report)?;
            }
        }
        Ok(())
    }
}

fn replace(sql: &Connection, id: i64, report: &ProcessReport) -> rusqlite::Result<()> {
    let (from, to) = report.lost_between.map(|(from, to)| (from.0, to.0)).unzip();
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (unnamed, skipped) = (number(report.lost_unnamed()), number(report.skipped));
    sql.prepare_cached(
        "UPDATE instance SET ended = ?2, reported = ?3, lost_from = ?4, lost_to = ?5, lost_unnamed = ?6, skipped = ?7
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        report.end.map(enum_codes::of_process_end),
        report.at.0,
        from,
        to,
        unnamed,
        skipped
    ])?;
    sql.prepare_cached("DELETE FROM lost WHERE instance = ?1")?.execute([id])?;
    let mut insert =
        sql.prepare_cached("INSERT OR REPLACE INTO lost (instance, first, last) VALUES (?1, ?2, ?3)")?;
    for (first, last) in &report.lost {
        insert.execute([id, number(*first), number(*last)])?;
    }
    Ok(())
}
