//! Which sequence numbers are missing, kept up to date with each append so that asking costs nothing and
//! the answer outlives the calls themselves.
//!
//! A gap is noticed at the earliest end among the calls with a higher number. So the table says the same
//! whatever the order of arrival.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::record::CallRecord;

/// Instances remembered between batches; the table knows the others.
const REMEMBERED: usize = 4 * 1024;
/// Gaps kept of one instance; the oldest gives way.
const GAPS: i64 = 1_000;

#[derive(Debug, Clone, Copy)]
struct Instance {
    id: i64,
    /// The highest number seen.
    highest: i64,
    /// The newest end of a call, by which forgotten instances are chosen.
    last_end: i64,
    gaps: i64,
    changed: bool,
}

/// The writer's view of the tables `instance` and `gap`. After a transaction that was rolled back it must be
/// cleared.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    instances: HashMap<String, Instance>,
}

impl Sequences {
    pub(super) fn clear(&mut self) {
        self.instances.clear();
    }

    /// Notes the number of one call that ended at `end`. Numbers past 2^63 come from no counter and are left.
    pub(super) fn note(&mut self, sql: &Connection, call: &CallRecord, end: i64) -> rusqlite::Result<()> {
        let (Some(name), Some(number)) = (&call.instance, call.sequence) else { return Ok(()) };
        let Some(number) = i64::try_from(number).ok().filter(|number| *number > 0) else { return Ok(()) };
        if !self.instances.contains_key(name.as_str()) {
            if self.instances.len() >= REMEMBERED {
                self.write(sql)?;
                self.instances.clear();
            }
            let loaded = load(sql, name, &call.service, end)?;
            self.instances.insert(name.clone(), loaded);
        }
        let Some(instance) = self.instances.get_mut(name.as_str()) else { return Ok(()) };
        if end > instance.last_end {
            instance.last_end = end;
            instance.changed = true;
        }
        if number > instance.highest {
            if number > instance.highest + 1 {
                open(sql, instance, instance.highest + 1, number - 1, end)?;
            }
            instance.highest = number;
            instance.changed = true;
        } else if instance.gaps > 0 {
            close(sql, instance, number, end)?;
        }
        if instance.gaps > 0 {
            sql.prepare_cached(
                "UPDATE gap SET noticed = ?3 WHERE instance = ?1 AND last < ?2 AND noticed > ?3",
            )?
            .execute([instance.id, number, end])?;
        }
        Ok(())
    }

    /// Writes what [`Sequences::note`] changed in memory only.
    pub(super) fn write(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        let mut update =
            sql.prepare_cached("UPDATE instance SET highest = ?2, last_end = ?3 WHERE id = ?1")?;
        for instance in self.instances.values_mut().filter(|instance| instance.changed) {
            update.execute([instance.id, instance.highest, instance.last_end])?;
            instance.changed = false;
        }
        Ok(())
    }
}

fn load(sql: &Connection, name: &str, service: &str, end: i64) -> rusqlite::Result<Instance> {
    let found = sql
        .prepare_cached(
            "SELECT id, highest, last_end, (SELECT count(*) FROM gap WHERE gap.instance = instance.id) \
             FROM instance WHERE name = ?1",
        )?
        .query_row([name], |row| {
            Ok(Instance {
                id: row.get(0)?,
                highest: row.get(1)?,
                last_end: row.get(2)?,
                gaps: row.get(3)?,
                changed: false,
            })
        })
        .optional()?;
    if let Some(instance) = found {
        return Ok(instance);
    }
    let id = sql
        .prepare_cached("INSERT INTO instance (name, service, highest, last_end) VALUES (?1, ?2, 0, ?3)")?
        .insert(params![name, service, end])?;
    Ok(Instance { id, highest: 0, last_end: end, gaps: 0, changed: false })
}

fn open(
    sql: &Connection,
    instance: &mut Instance,
    first: i64,
    last: i64,
    noticed: i64,
) -> rusqlite::Result<()> {
    sql.prepare_cached(
        "INSERT OR REPLACE INTO gap (instance, first, last, noticed) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute([instance.id, first, last, noticed])?;
    instance.gaps += 1;
    if instance.gaps > GAPS {
        let dropped = sql
            .prepare_cached(
                "DELETE FROM gap WHERE instance = ?1 AND first = (SELECT min(first) FROM gap WHERE instance = ?1)",
            )?
            .execute([instance.id])?;
        instance.gaps -= i64::try_from(dropped).unwrap_or(1);
    }
    Ok(())
}

/// Takes `number` out of the gap that holds it, if one does.
fn close(sql: &Connection, instance: &mut Instance, number: i64, end: i64) -> rusqlite::Result<()> {
    let gap: Option<(i64, i64, i64)> = sql
        .prepare_cached(
            "SELECT first, last, noticed FROM gap WHERE instance = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
        )?
        .query_row([instance.id, number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((first, last, noticed)) = gap.filter(|(_, last, _)| *last >= number) else { return Ok(()) };
    sql.prepare_cached("DELETE FROM gap WHERE instance = ?1 AND first = ?2")?
        .execute([instance.id, first])?;
    instance.gaps -= 1;
    if number < last {
        open(sql, instance, number + 1, last, noticed)?;
    }
    if first < number {
        open(sql, instance, first, number - 1, noticed.min(end))?;
    }
    Ok(())
}
