//! Which sequence numbers are missing, from what `write` has noted.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::record::{Timestamp, Window};
use crate::store::missing::{Counted, Missing};
use crate::store::sqlite::file::enum_codes;
use crate::store::sqlite::file::schema::{WITH_PROCESSES, WITH_SKIPPED_CALLS};
use crate::store::{Filter, SequenceGap, SequenceGaps, ServiceGaps, SkippedCalls};

/// What is known of a gap's process by its journal: how many numbers of the gap that has dropped, how it ended, and between
/// which times it dropped any.
const REPORTED: &str = "CASE WHEN reported IS NULL THEN 0 ELSE
    (SELECT coalesce(sum(min(lost.last, gap.last) - max(lost.first, gap.first) + 1), 0) FROM lost
    WHERE lost.instance = gap.instance AND lost.first <= gap.last AND lost.last >= gap.first) END AS lost,
    ended, lost_from, lost_to";

/// The same of a ledger from before, which knows nothing of it.
const UNREPORTED: &str = "0 AS lost, NULL AS ended, NULL AS lost_from, NULL AS lost_to";

/// The question for the gaps that were noticed in a window, with its values.
struct Matching {
    sql: String,
    values: Vec<Value>,
    skipped: SkippedCalls,
}

impl Matching {
    fn new(sql: &Connection, noticed: Window, filter: &Filter) -> rusqlite::Result<Self> {
        let version: i64 = sql.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let reported = if version < WITH_PROCESSES { UNREPORTED } else { REPORTED };
        let unnamed = if version < WITH_SKIPPED_CALLS { "0 AS lost_unnamed" } else { "lost_unnamed" };
        let mut values = vec![Value::Integer(noticed.from.0), Value::Integer(noticed.to.0)];
        let mut of_services = String::new();
        if let Some(service) = &filter.service {
            of_services.push_str(" AND service = ?");
            values.push(Value::Text(service.clone()));
        }
        // One list: a condition per service would be an expression too deep for SQLite after a thousand.
        if !filter.except_services.is_empty() {
            let list = vec!["?"; filter.except_services.len()].join(", ");
            of_services.push_str(&format!(" AND service NOT IN ({list})"));
            values.extend(filter.except_services.iter().cloned().map(Value::Text));
        }
        let skipped = match version < WITH_SKIPPED_CALLS {
            true => SkippedCalls::default(),
            false => skipped_calls(sql, &of_services, &values)?,
        };
        // Gaps are read in the order of their processes, which are in the same order.
        let matching = format!(
            "SELECT name, service, first, last, noticed, {reported}, {unnamed}, gap.instance FROM gap
             CROSS JOIN instance ON instance.id = gap.instance WHERE noticed >= ? AND noticed < ?{of_services}"
        );
        Ok(Self { sql: matching, values, skipped })
    }

    /// Hands out every gap in one pass, those of a process together, each with its row.
    fn each(
        &self,
        sql: &Connection,
        mut each: impl FnMut(Counted<'_>, &Row<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut statement = sql.prepare_cached(&format!("{} ORDER BY gap.instance", self.sql))?;
        let mut rows = statement.query(params_from_iter(&self.values))?;
        while let Some(row) = rows.next()? {
            each(counted(row)?, row)?;
        }
        Ok(())
    }
}

/// The missing numbers of one process.
#[derive(Default)]
struct OfProcess {
    id: Option<i64>,
    numbers: u64,
    lost: u64,
    lost_between: Option<(i64, i64)>,
}

impl OfProcess {
    /// Dropped calls without a name are among the missing ones of their process.
    fn add_to(self, all: &mut SequenceGaps) {
        all.numbers = all.numbers.saturating_add(self.numbers);
        all.lost = all.lost.saturating_add(self.lost.min(self.numbers));
        let between = self.lost_between.map(|(from, to)| (Timestamp(from), Timestamp(to)));
        all.lost_between = match (all.lost_between, between) {
            (Some((from, to)), Some((first, last))) => Some((from.min(first), to.max(last))),
            (known, more) => known.or(more),
        };
    }
}

/// What is missing, as [`Querier::sequence_gaps`](crate::store::Querier::sequence_gaps) describes it.
pub(crate) fn missing(
    sql: &Connection,
    noticed: Window,
    filter: &Filter,
    limit: usize,
) -> rusqlite::Result<SequenceGaps> {
    let matching = Matching::new(sql, noticed, filter)?;
    let mut all = SequenceGaps { skipped: matching.skipped, ..SequenceGaps::default() };
    let (mut process, mut services) = (OfProcess::default(), Missing::default());
    matching.each(sql, |one, row| {
        let id = Some(row.get(10)?);
        if process.id != id {
            let next = OfProcess { id, lost: one.lost_unnamed, ..OfProcess::default() };
            std::mem::replace(&mut process, next).add_to(&mut all);
        }
        all.gaps += 1;
        process.numbers = process.numbers.saturating_add(one.numbers());
        process.lost = process.lost.saturating_add(one.lost);
        if process.lost > 0 && process.lost_between.is_none() {
            process.lost_between = row.get::<_, Option<i64>>(7)?.zip(row.get(8)?);
        }
        if limit > 0 {
            services.add(one, || gap(row))?;
        }
        Ok(())
    })?;
    process.add_to(&mut all);
    if limit > 0 {
        all.services = services.most(limit);
        let mut values = matching.values;
        values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        let newest = format!("{} ORDER BY noticed DESC, name, first LIMIT ?", matching.sql);
        let mut newest = sql.prepare_cached(&newest)?;
        let newest = newest.query_map(params_from_iter(&values), gap)?;
        all.newest = newest.collect::<Result<_, _>>()?;
    }
    Ok(all)
}

/// The services of [`missing`] alone.
pub(crate) fn missing_by_service(
    sql: &Connection,
    noticed: Window,
    filter: &Filter,
    limit: usize,
) -> rusqlite::Result<Vec<ServiceGaps>> {
    let mut services = Missing::default();
    Matching::new(sql, noticed, filter)?.each(sql, |counted, row| services.add(counted, || gap(row)))?;
    Ok(services.most(limit))
}

fn counted<'a>(row: &'a Row<'_>) -> rusqlite::Result<Counted<'a>> {
    Ok(Counted {
        service: row.get_ref(1)?.as_str()?,
        first: row.get::<_, i64>(2)?.cast_unsigned(),
        last: row.get::<_, i64>(3)?.cast_unsigned(),
        noticed: Timestamp(row.get(4)?),
        lost: row.get::<_, i64>(5)?.cast_unsigned(),
        lost_unnamed: row.get::<_, i64>(9)?.cast_unsigned(),
    })
}

fn gap(row: &Row<'_>) -> rusqlite::Result<SequenceGap> {
    let Counted { first, last, noticed, lost, lost_unnamed, .. } = counted(row)?;
    Ok(SequenceGap {
        instance: row.get(0)?,
        service: row.get(1)?,
        first,
        last,
        noticed,
        lost,
        lost_unnamed,
        end: row.get::<_, Option<i64>>(6)?.map(enum_codes::process_end).transpose()?,
    })
}

/// Processes that were reported to have died after calls that they could not write down, and how many those were.
fn skipped_calls(sql: &Connection, of_services: &str, values: &[Value]) -> rusqlite::Result<SkippedCalls> {
    let mut statement = sql.prepare_cached(&format!(
        "SELECT count(*), total(skipped) FROM instance
         WHERE skipped > 0 AND reported >= ? AND reported < ?{of_services}"
    ))?;
    statement.query_row(params_from_iter(values), |row| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a total of counts; it saturates"
        )]
        let calls = row.get::<_, f64>(1)? as u64;
        Ok(SkippedCalls { processes: row.get::<_, i64>(0)?.cast_unsigned(), calls })
    })
}
