//! Taking in which numbers of which processes another ledger has seen.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use crate::record::ProcessEnd;
use crate::store::export::{Gap, Process};
use crate::store::sqlite::file::enum_codes;
use crate::store::sqlite::write::gaps::wait;
use crate::store::sqlite::write::transaction::Transaction;

impl Transaction<'_> {
    pub(super) fn restore_processes(&mut self, processes: &[Process], gaps: &[Gap]) -> rusqlite::Result<()> {
        // What is remembered is in the file first, and is read from it again after.
        self.sequences.write(self.sql)?;
        self.sequences.clear();
        let mut new = BTreeSet::new();
        for process in processes {
            let Process { instance, service, .. } = process;
            let known: Option<(i64, i64, Option<i64>)> =
                match self.sequences.rows.find(self.sql, instance, service)? {
                    Some(id) => self
                        .sql
                        .prepare_cached("SELECT id, highest, reported FROM instance WHERE id = ?1")?
                        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                        .optional()?,
                    None => None,
                };
            let (id, seen, reported) = match known {
                Some(known) => known,
                None => {
                    new.insert((instance.as_str(), service.as_str()));
                    let id = self.sequences.rows.add(
                        self.sql,
                        (instance, service),
                        process.highest,
                        process.last_end,
                    )?;
                    // That ledger had no call of it: the first one here shows where it begins.
                    if process.highest == 0 {
                        wait(self.sql, id)?;
                    }
                    (id, 0, None)
                }
            };
            if known.is_some() && process.highest > seen {
                let above = gaps
                    .iter()
                    .filter(|gap| is_of(gap, process) && gap.last > seen && gap.last <= process.highest);
                for gap in above {
                    open(self.sql, id, &Gap { first: gap.first.max(seen + 1), ..gap.clone() })?;
                }
            }
            self.sql
                .prepare_cached(
                    "UPDATE instance SET highest = max(highest, ?2), last_end = max(last_end, ?3) WHERE id = ?1",
                )?
                .execute([id, process.highest, process.last_end])?;
            if process.highest > 0 {
                begun(self.sql, id)?;
            }
            if process.reported.is_some() && process.reported > reported {
                report(self.sql, id, process)?;
            }
        }
        // Gaps of processes that are new here, also of those whose own entry is in another file.
        for gap in gaps {
            let key = (gap.instance.as_str(), gap.service.as_str());
            match self.sequences.rows.find(self.sql, &gap.instance, &gap.service)? {
                Some(id) if new.contains(&key) => {
                    begun(self.sql, id)?;
                    open(self.sql, id, gap)?;
                    self.sql
                        .prepare_cached("UPDATE instance SET highest = max(highest, ?2) WHERE id = ?1")?
                        .execute([id, gap.last])?;
                }
                Some(_) => {}
                None => {
                    new.insert(key);
                    let id = self.sequences.rows.add(self.sql, key, gap.last, gap.noticed)?;
                    open(self.sql, id, gap)?;
                }
            }
        }
        Ok(())
    }

    /// Makes processes known of which calls were taken in and nothing else.
    pub(super) fn know_numbered(&mut self) -> rusqlite::Result<()> {
        for ((instance, service), (highest, last_end)) in self.sequences.take_unknown() {
            let rows = &mut self.sequences.rows;
            if rows.find(self.sql, &instance, &service)?.is_none() {
                rows.add(self.sql, (&instance, &service), highest, last_end)?;
            }
        }
        Ok(())
    }
}

/// Notes that it is known where an instance begins.
fn begun(sql: &Connection, id: i64) -> rusqlite::Result<()> {
    sql.prepare_cached("DELETE FROM gap WHERE instance = ?1 AND first = 0 AND last = 0")?
        .execute([id])
        .map(drop)
}

fn is_of(gap: &Gap, process: &Process) -> bool {
    gap.instance == process.instance && gap.service == process.service
}

fn open(sql: &Connection, id: i64, gap: &Gap) -> rusqlite::Result<()> {
    sql.prepare_cached("INSERT OR IGNORE INTO gap (instance, first, last, noticed) VALUES (?1, ?2, ?3, ?4)")?
        .execute([id, gap.first, gap.last, gap.noticed])
        .map(drop)
}

fn report(sql: &Connection, id: i64, process: &Process) -> rusqlite::Result<()> {
    let ended = process.ended.as_deref().and_then(ProcessEnd::named).map(enum_codes::of_process_end);
    sql.prepare_cached(
        "UPDATE instance SET ended = ?2, reported = ?3, lost_from = ?4, lost_to = ?5, lost_unnamed = ?6, skipped = ?7
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        ended,
        process.reported,
        process.lost_from,
        process.lost_to,
        process.lost_unnamed,
        process.skipped
    ])?;
    sql.prepare_cached("DELETE FROM lost WHERE instance = ?1")?.execute([id])?;
    let mut insert =
        sql.prepare_cached("INSERT OR REPLACE INTO lost (instance, first, last) VALUES (?1, ?2, ?3)")?;
    for [first, last] in &process.lost {
        insert.execute([id, *first, *last])?;
    }
    Ok(())
}
