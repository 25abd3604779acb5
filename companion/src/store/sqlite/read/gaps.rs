//! Which sequence numbers are missing, from what `write` has noted.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::record::{Timestamp, Window};
use crate::store::sqlite::file::enum_codes;
use crate::store::sqlite::file::schema::WITH_PROCESSES;
use crate::store::{Filter, SequenceGap, SequenceGaps};

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
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut values = vec![Value::Integer(noticed.from.0), Value::Integer(noticed.to.0)];
    let mut matching = format!(
        "SELECT name, service, first, last, noticed, {reported} FROM gap JOIN instance ON instance.id = gap.instance
         WHERE noticed >= ? AND noticed < ?"
    );
    if let Some(service) = &filter.service {
        matching.push_str(" AND service = ?");
        values.push(Value::Text(service.clone()));
    }
    for service in &filter.except_services {
        matching.push_str(" AND service <> ?");
        values.push(Value::Text(service.clone()));
    }
    // Added up as floats: two instances with numbers near 2^63 would overflow an integer.
    let (gaps, numbers, lost, from, to): (i64, f64, f64, Option<i64>, Option<i64>) = sql
        .prepare_cached(&format!(
            "SELECT count(*), total(last - first + 1), total(lost), min(iif(lost > 0, lost_from, NULL)),
                max(iif(lost > 0, lost_to, NULL)) FROM ({matching})"
        ))?
        .query_row(params_from_iter(&values), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
    values.push(Value::Integer(limit));
    let mut statement =
        sql.prepare_cached(&format!("{matching} ORDER BY noticed DESC, name, first LIMIT ?"))?;
    let newest = statement.query_map(params_from_iter(&values), |row| {
        Ok(SequenceGap {
            instance: row.get(0)?,
            service: row.get(1)?,
            first: row.get::<_, i64>(2)?.cast_unsigned(),
            last: row.get::<_, i64>(3)?.cast_unsigned(),
            noticed: Timestamp(row.get(4)?),
            lost: row.get::<_, i64>(5)?.cast_unsigned(),
            end: row.get::<_, Option<i64>>(6)?.map(enum_codes::process_end).transpose()?,
        })
    })?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "totals of counts; they saturate"
    )]
    let (numbers, lost) = (numbers as u64, lost as u64);
    Ok(SequenceGaps {
        newest: newest.collect::<Result<_, _>>()?,
        gaps: gaps.cast_unsigned(),
        numbers,
        lost,
        lost_between: from.zip(to).map(|(from, to)| (Timestamp(from), Timestamp(to))),
    })
}
