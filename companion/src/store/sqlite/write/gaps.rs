//! Which sequence numbers are missing, kept up to date with each append so that asking costs nothing and
//! the result outlives the calls themselves.
//!
//! A gap is noticed at the earliest end among the calls with a higher number. So the table says the same
//! whatever the order of arrival.
//!
//! Numbers begin at 1, and no call tells when its process began. A ledger that is set up next to running processes sees
//! their next numbers first, and would miss all before. So what an instance numbered before its first call here is
//! missing only when that call started more than [`SETTLING`] after the ledger was created: until then the ledger,
//! or the way to it, did not exist for the calls before. The price: of a process that begins within that time, lost
//! first calls go unnoticed. Files from before this was noted know no such time.
//!
//! Up to which number that is, a row of `gap` whose first number is 0 keeps: what a journal dropped of those numbers is
//! known to be missing, and is a gap from its report on. Of a process that runs, and whose journal has reported before any
//! of its calls came, that row ends at 0: its first call shows where it begins.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, OptionalExtension};

use crate::record::{CallRecord, ProcessReport, Timestamp};
use crate::store::sqlite::file::call_id::end_of;
use crate::store::sqlite::file::salt::Salt;
use crate::store::sqlite::write::instance_rows::InstanceRows;
use crate::store::sqlite::write::instances::Chosen;

/// Instances remembered between batches; the table knows the others.
const REMEMBERED: usize = 4 * 1024;
/// Processes of restored calls that are remembered until all calls are there.
const UNKNOWN: usize = 100_000;
/// How long after its creation a ledger meets processes that were running before it: five minutes, in nanoseconds. Long
/// enough for a running service to make a call, and short, because a loss is not seen meanwhile.
const SETTLING: i64 = 300 * Timestamp::SECOND;
/// Later than any call: the ledger is new to all processes.
const UNDATED: i64 = i64::MAX;
/// The name in `state` that notes that instances were forgotten: of all services, or followed by one of them.
pub(super) const FORGOT: &str = "forgot";
/// Gaps kept of one instance; the oldest gives way.
const GAPS: i64 = 1_000;

/// Dates the gaps of instance ?1 below the number ?2, whose call ended at ?3, back to it. A lower gap has more numbers
/// above it, so it was never noticed later than a higher one: going down from the number, the search ends at the first that
/// was noticed by then, most often the first one inspected. Gaps among the numbers before the ledger were noticed by a report.
pub(crate) const NOTICE: &str = "UPDATE gap SET noticed = ?3 \
     WHERE instance = ?1 AND first < ?2 AND last < ?2 AND first > max(coalesce((SELECT first FROM gap \
     WHERE instance = ?1 AND first < ?2 AND last < ?2 AND noticed <= ?3 ORDER BY first DESC LIMIT 1), 0), \
     coalesce((SELECT last FROM gap WHERE instance = ?1 AND first = 0), 0))";

#[derive(Debug, Clone, Copy)]
struct Instance {
    id: i64,
    /// The highest number seen.
    highest: i64,
    /// The newest end of a call, by which forgotten instances are chosen.
    last_end: i64,
    gaps: i64,
    /// Whether it is known where its numbers begin.
    begun: bool,
    changed: bool,
}

/// Consecutive numbers of one instance, with the first and the last end of their calls.
#[derive(Debug)]
struct Run<'a> {
    instance: &'a str,
    service: &'a str,
    first: i64,
    last: i64,
    /// When the call with the first number started.
    start: i64,
    earliest_end: i64,
    newest_end: i64,
}

impl<'a> Run<'a> {
    /// A run of one. Numbers past 2^63 come from no counter and are left.
    fn of(call: &'a CallRecord) -> Option<Self> {
        let number = i64::try_from(call.sequence?).ok().filter(|number| *number > 0)?;
        let end = end_of(call.start.0, call.duration_ns);
        Some(Self {
            instance: call.instance.as_deref()?,
            service: &call.service,
            first: number,
            last: number,
            start: call.start.0,
            earliest_end: end,
            newest_end: end,
        })
    }
}

/// The writer's view of the tables `instance` and `gap`. After a transaction that was rolled back it must be
/// cleared.
#[derive(Debug)]
pub(crate) struct Sequences {
    instances: HashMap<(String, String), Instance>,
    /// Processes of restored calls that the file does not know, with their highest number and newest end.
    unknown: HashMap<(String, String), (i64, i64)>,
    /// When the ledger was created, as far as it is known; [`UNDATED`] until a call has agreed with its clock.
    created: Option<i64>,
    pub(super) rows: InstanceRows,
    /// Instances to forget when there are too many, the next one last.
    pub(super) chosen: Vec<Chosen>,
    /// Gaps that were noticed before this time are deleted.
    gaps_from: Option<i64>,
}

impl Sequences {
    pub(crate) fn load(sql: &Connection, salt: Salt) -> rusqlite::Result<Self> {
        let state = |name: &str| {
            let found = sql.query_row("SELECT value FROM state WHERE name = ?1", [name], |row| row.get(0));
            found.optional()
        };
        let created = match state("time")? {
            Some(0) => Some(UNDATED),
            _ => state("created")?,
        };
        let rows = InstanceRows::new(salt);
        Ok(Self {
            instances: HashMap::new(),
            unknown: HashMap::new(),
            created,
            rows,
            chosen: Vec::new(),
            gaps_from: None,
        })
    }

    /// Whether it is not known yet when the ledger was created.
    pub(super) fn is_undated(&self) -> bool {
        self.created == Some(UNDATED)
    }

    /// Takes `now` for when the ledger was created.
    pub(super) const fn created_at(&mut self, now: Timestamp) {
        self.created = Some(now.0);
    }

    pub(crate) fn clear(&mut self) {
        self.instances.clear();
        self.rows.clear();
        self.gaps_from = None;
    }

    /// Forgets instances that may be deleted.
    pub(super) fn forget_cached(&mut self) {
        self.instances.clear();
    }

    /// Does what is to be done from time to time, before a transaction is committed.
    pub(super) fn settle(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        self.rows.settle(sql)
    }

    /// Deletes gaps that were noticed before `from`, unless they are known to be deleted.
    pub(super) fn forget_before(&mut self, sql: &Connection, from: i64) -> rusqlite::Result<()> {
        if self.gaps_from.is_none_or(|known| known < from) {
            if sql.prepare_cached("DELETE FROM gap WHERE noticed < ?1")?.execute([from])? > 0 {
                self.clear();
            }
            self.gaps_from = Some(from);
        }
        Ok(())
    }

    /// Notes the numbers of a batch. In whatever order batches come, most bring numbers without a gap, so that
    /// runs of them cost what a single number costs.
    pub(crate) fn note(&mut self, sql: &Connection, batch: &[CallRecord]) -> rusqlite::Result<()> {
        let mut numbered: Vec<Run<'_>> = batch.iter().filter_map(Run::of).collect();
        numbered.sort_by_key(|run| (run.instance, run.service, run.first));
        let mut numbered = numbered.into_iter();
        let Some(mut run) = numbered.next() else { return Ok(()) };
        for next in numbered {
            if (next.instance, next.service) == (run.instance, run.service)
                && next.first <= run.last.saturating_add(1)
            {
                run.last = next.last;
                run.earliest_end = run.earliest_end.min(next.earliest_end);
                run.newest_end = run.newest_end.max(next.newest_end);
            } else {
                self.note_run(sql, &std::mem::replace(&mut run, next))?;
            }
        }
        self.note_run(sql, &run)
    }

    /// Takes the numbers of calls of another ledger out of the gaps that are known. Opens none: that ledger tells which
    /// numbers it has not seen.
    pub(super) fn fill(&mut self, sql: &Connection, calls: &[CallRecord]) -> rusqlite::Result<()> {
        for run in calls.iter().filter_map(Run::of) {
            let key = (run.instance.to_owned(), run.service.to_owned());
            let known = self.instances.contains_key(&key)
                || self.rows.find(sql, run.instance, run.service)?.is_some();
            if known {
                let instance = self.instance(sql, &run)?;
                if instance.gaps > 0 && run.first <= instance.highest {
                    sql.prepare_cached(NOTICE)?.execute([instance.id, run.first, run.earliest_end])?;
                    close(sql, instance, &run)?;
                }
            } else if let Some((highest, last_end)) = self.unknown.get_mut(&key) {
                *highest = run.last.max(*highest);
                *last_end = run.newest_end.max(*last_end);
            } else if self.unknown.len() < UNKNOWN {
                self.unknown.insert(key, (run.last, run.newest_end));
            }
        }
        Ok(())
    }

    /// Gives away the processes that [`Self::fill`] found and the file does not know.
    pub(super) fn take_unknown(&mut self) -> HashMap<(String, String), (i64, i64)> {
        std::mem::take(&mut self.unknown)
    }

    /// The instance of a run, from memory or the table, which gets it where it is new.
    fn instance(&mut self, sql: &Connection, run: &Run<'_>) -> rusqlite::Result<&mut Instance> {
        let key = (run.instance.to_owned(), run.service.to_owned());
        if !self.instances.contains_key(&key) && self.instances.len() >= REMEMBERED {
            self.write(sql)?;
            self.instances.clear();
        }
        match self.instances.entry(key) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let instance = match self.rows.find(sql, run.instance, run.service)? {
                    Some(id) => load(sql, id)?,
                    None => Instance {
                        id: self.rows.add(sql, (run.instance, run.service), 0, run.newest_end)?,
                        highest: 0,
                        last_end: run.newest_end,
                        gaps: 0,
                        begun: false,
                        changed: false,
                    },
                };
                Ok(new.insert(instance))
            }
        }
    }

    /// Notes that a process gave no number after `last`, and made its last call at `at`. Gives the id of its instance.
    pub(super) fn note_end(
        &mut self,
        sql: &Connection,
        name: &str,
        service: &str,
        last: Option<i64>,
        at: i64,
    ) -> rusqlite::Result<i64> {
        let after = last.unwrap_or(0).saturating_add(1);
        let run = Run {
            instance: name,
            service,
            first: after,
            last: after,
            start: at,
            earliest_end: at,
            newest_end: at,
        };
        let created = self.created;
        let instance = self.instance(sql, &run)?;
        match last {
            Some(_) => begin(sql, instance, &run, created)?,
            // What runs still shows by its first call where it begins.
            None if !instance.begun => wait(sql, instance.id)?,
            None => {}
        }
        if at > instance.last_end {
            instance.last_end = at;
            instance.changed = true;
        }
        if let Some(last) = last.filter(|last| *last > instance.highest) {
            open(sql, instance, instance.highest + 1, last, at)?;
            instance.highest = last;
            instance.changed = true;
        }
        Ok(instance.id)
    }

    /// Opens gaps for what the journal of a known process dropped of the numbers before the ledger, in place of those of
    /// an earlier report, which noticed them. Reads what that report named, so it goes before its replacement.
    pub(super) fn note_lost(&mut self, sql: &Connection, report: &ProcessReport) -> rusqlite::Result<()> {
        let key = (report.instance.clone(), report.service.clone());
        let Some(instance) = self.instances.get_mut(&key) else { return Ok(()) };
        let before: Option<i64> = sql
            .prepare_cached("SELECT last FROM gap WHERE instance = ?1 AND first = 0")?
            .query_row([instance.id], |row| row.get(0))
            .optional()?;
        let Some(before) = before else { return Ok(()) };
        let known: Vec<(i64, i64, i64)> = sql
            .prepare_cached(
                "DELETE FROM gap WHERE instance = ?1 AND first > 0 AND last <= ?2 RETURNING first, last, noticed",
            )?
            .query_map([instance.id, before], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        instance.gaps -= i64::try_from(known.len()).unwrap_or(i64::MAX);
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut named =
            sql.prepare_cached("SELECT 1 FROM lost WHERE instance = ?1 AND first <= ?3 AND last >= ?2")?;
        for (first, last) in &report.lost {
            let (first, last) = (number(*first).max(1), number(*last).min(before));
            if first > last {
                continue;
            }
            let earlier = known.iter().filter(|(from, to, _)| *from <= last && first <= *to);
            let noticed = earlier.map(|(_, _, noticed)| *noticed).min();
            // What an earlier report named and is no gap was forgotten with its time.
            let forgotten = noticed.is_none() && named.exists([instance.id, first, last])?;
            if !forgotten {
                open(sql, instance, first, last, noticed.unwrap_or(report.at.0))?;
            }
        }
        Ok(())
    }

    fn note_run(&mut self, sql: &Connection, run: &Run<'_>) -> rusqlite::Result<()> {
        let created = self.created;
        let instance = self.instance(sql, run)?;
        begin(sql, instance, run, created)?;
        if run.newest_end > instance.last_end {
            instance.last_end = run.newest_end;
            instance.changed = true;
        }
        if instance.gaps > 0 {
            sql.prepare_cached(NOTICE)?.execute([instance.id, run.first, run.earliest_end])?;
        }
        if run.first <= instance.highest && instance.gaps > 0 {
            close(sql, instance, run)?;
        }
        if run.last > instance.highest {
            if run.first > instance.highest + 1 {
                open(sql, instance, instance.highest + 1, run.first - 1, run.earliest_end)?;
            }
            instance.highest = run.last;
            instance.changed = true;
        }
        Ok(())
    }

    /// Writes what [`Sequences::note`] changed in memory only.
    pub(crate) fn write(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        let mut update =
            sql.prepare_cached("UPDATE instance SET highest = ?2, last_end = ?3 WHERE id = ?1")?;
        for instance in self.instances.values_mut().filter(|instance| instance.changed) {
            update.execute([instance.id, instance.highest, instance.last_end])?;
            instance.changed = false;
        }
        Ok(())
    }
}

fn load(sql: &Connection, id: i64) -> rusqlite::Result<Instance> {
    sql.prepare_cached(
        "SELECT highest, last_end, (SELECT count(*) FROM gap WHERE gap.instance = ?1 AND first > 0), \
         NOT EXISTS (SELECT 1 FROM gap WHERE gap.instance = ?1 AND first = 0 AND last = 0) FROM instance WHERE id = ?1",
    )?
    .query_row([id], |row| {
        Ok(Instance {
            id,
            highest: row.get(0)?,
            last_end: row.get(1)?,
            gaps: row.get(2)?,
            begun: row.get(3)?,
            changed: false,
        })
    })
}

/// Notes that it is not known where an instance begins.
pub(super) fn wait(sql: &Connection, id: i64) -> rusqlite::Result<()> {
    // No window of time has it.
    sql.prepare_cached("INSERT OR IGNORE INTO gap (instance, first, last, noticed) VALUES (?1, 0, 0, ?2)")?
        .execute([id, i64::MAX])
        .map(drop)
}

/// Begins an instance with this run, unless it has begun.
fn begin(
    sql: &Connection,
    instance: &mut Instance,
    run: &Run<'_>,
    created: Option<i64>,
) -> rusqlite::Result<()> {
    if instance.begun {
        return Ok(());
    }
    let forgotten = sql
        .prepare_cached("SELECT 1 FROM state WHERE name IN (?1, ?1 || ' ' || ?2)")?
        .exists([FORGOT, run.service])?;
    let settling = forgotten || created.is_some_and(|created| run.start < created.saturating_add(SETTLING));
    let highest = if settling { run.first - 1 } else { 0 };
    (instance.highest, instance.begun, instance.changed) = (highest, true, true);
    sql.prepare_cached("DELETE FROM gap WHERE instance = ?1 AND first = 0")?.execute([instance.id])?;
    if highest == 0 || forgotten {
        return Ok(());
    }
    sql.prepare_cached("INSERT INTO gap (instance, first, last, noticed) VALUES (?1, 0, ?2, ?3)")?
        .execute([instance.id, highest, i64::MAX])?;
    // What a report has named before is missing from it on.
    let lost: Vec<(i64, i64, i64)> = sql
        .prepare_cached(
            "SELECT max(first, 1), min(last, ?2), reported FROM lost JOIN instance ON instance.id = lost.instance \
             WHERE lost.instance = ?1 AND first <= ?2",
        )?
        .query_map([instance.id, highest], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (first, last, reported) in lost.into_iter().filter(|(first, last, _)| first <= last) {
        open(sql, instance, first, last, reported)?;
    }
    Ok(())
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
                "DELETE FROM gap WHERE instance = ?1 AND first = (SELECT min(first) FROM gap WHERE instance = ?1 AND first > 0)",
            )?
            .execute([instance.id])?;
        instance.gaps -= i64::try_from(dropped).unwrap_or(1);
    }
    Ok(())
}

/// Takes the numbers of `run` out of the gaps that hold them, the last gap first.
///
/// A run may cover several gaps. Each is deleted, and what is left of it below and above the run is opened again: the upper
/// rest was noticed when the gap was, the lower one has the run's calls above it and was noticed at the latest by their end.
fn close(sql: &Connection, instance: &mut Instance, run: &Run<'_>) -> rusqlite::Result<()> {
    loop {
        let gap: Option<(i64, i64, i64)> = sql
            .prepare_cached(
                "SELECT first, last, noticed FROM gap WHERE instance = ?1 AND first > 0 AND first <= ?2 ORDER BY first DESC LIMIT 1",
            )?
            .query_row([instance.id, run.last], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((first, last, noticed)) = gap.filter(|(_, last, _)| *last >= run.first) else {
            return Ok(());
        };
        sql.prepare_cached("DELETE FROM gap WHERE instance = ?1 AND first = ?2")?
            .execute([instance.id, first])?;
        instance.gaps -= 1;
        if run.last < last {
            open(sql, instance, run.last + 1, last, noticed)?;
        }
        if first < run.first {
            open(sql, instance, first, run.first - 1, noticed.min(run.earliest_end))?;
        }
    }
}
