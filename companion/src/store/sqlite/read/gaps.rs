//! Which sequence numbers are missing, from what `write` has noted.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::record::{Timestamp, Window};
use crate::store::missing::Missing;
use crate::store::sqlite::file::enum_codes;
use crate::store::sqlite::file::schema::{WITH_PROCESSES, WITH_SKIPPED_CALLS};
use crate::store::{Filter, SequenceGap, SequenceGaps, SkippedCalls};

/// What is known of a gap's process by its journal: how many numbers of the gap that has dropped, how it ended, and between
/// which times it dropped any.
const REPORTED: &str =
    "(SELECT coalesce(sum(min(lost.last, gap.last) - max(lost.first, gap.first) + 1), 0) FROM lost
    WHERE lost.instance = gap.instance AND lost.first <= gap.last AND lost.last >= gap.first) AS lost,
    ended, lost_from, lost_to";

/// The same of a ledger from before, which knows nothing of it.
const UNREPORTED: &str = "0 AS lost, NULL AS ended, NULL AS lost_from, NULL AS lost_to";

/// What is missing, as [`Querier::sequence_gaps`](crate::store::Querier::sequence_gaps) describes it.
pub(crate) fn missing(
    sql: &Connection,
    noticed: Window,
    filter: &Filter,
    limit: usize,
) -> rusqlite::Result<SequenceGaps> {
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
    let matching = format!(
        "SELECT name, service, first, last, noticed, {reported}, {unnamed} FROM gap
         JOIN instance ON instance.id = gap.instance WHERE noticed >= ? AND noticed < ?{of_services}"
    );
    // Added up as floats: two instances with numbers near 2^63 would overflow an integer.
    // Dropped calls without a name are among the missing ones of their process.
    let (gaps, numbers, lost, from, to): (f64, f64, f64, Option<i64>, Option<i64>) = sql
        .prepare_cached(&format!(
            "SELECT total(gaps), total(numbers), total(min(numbers, lost)), min(iif(lost > 0, lost_from, NULL)),
                max(iif(lost > 0, lost_to, NULL)) FROM (
                SELECT count(*) AS gaps, total(last - first + 1) AS numbers,
                    total(lost) + max(lost_unnamed) AS lost, min(lost_from) AS lost_from, max(lost_to) AS lost_to
                FROM ({matching}) GROUP BY name, service)"
        ))?
        .query_row(params_from_iter(&values), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
    let services = match limit {
        0 => Vec::new(),
        _ => by_service(sql, &matching, &values)?.most(limit),
    };
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let mut statement =
        sql.prepare_cached(&format!("{matching} ORDER BY noticed DESC, name, first LIMIT ?"))?;
    let newest = statement.query_map(params_from_iter(&values), gap)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "totals of counts; they saturate"
    )]
    let (gaps, numbers, lost) = (gaps as u64, numbers as u64, lost as u64);
    Ok(SequenceGaps {
        newest: newest.collect::<Result<_, _>>()?,
        services,
        gaps,
        numbers,
        lost,
        lost_between: from.zip(to).map(|(from, to)| (Timestamp(from), Timestamp(to))),
        skipped,
    })
}

/// Adds up every gap, in one pass.
fn by_service(sql: &Connection, matching: &str, values: &[Value]) -> rusqlite::Result<Missing> {
    let mut missing = Missing::default();
    let mut statement = sql.prepare_cached(matching)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        missing.add(&gap(row)?);
    }
    Ok(missing)
}

fn gap(row: &Row<'_>) -> rusqlite::Result<SequenceGap> {
    Ok(SequenceGap {
        instance: row.get(0)?,
        service: row.get(1)?,
        first: row.get::<_, i64>(2)?.cast_unsigned(),
        last: row.get::<_, i64>(3)?.cast_unsigned(),
        noticed: Timestamp(row.get(4)?),
        lost: row.get::<_, i64>(5)?.cast_unsigned(),
        end: row.get::<_, Option<i64>>(6)?.map(enum_codes::process_end).transpose()?,
        lost_unnamed: row.get::<_, i64>(9)?.cast_unsigned(),
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
