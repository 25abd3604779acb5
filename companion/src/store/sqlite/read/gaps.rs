//! Which sequence numbers are missing, from what `write` has noted.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::record::{Timestamp, Window};
use crate::store::{Filter, SequenceGap, SequenceGaps};

/// What is missing, as [`Querier::sequence_gaps`](crate::store::Querier::sequence_gaps) describes it.
pub(crate) fn missing(
    sql: &Connection,
    noticed: Window,
    filter: &Filter,
    limit: usize,
) -> rusqlite::Result<SequenceGaps> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut values = vec![Value::Integer(noticed.from.0), Value::Integer(noticed.to.0)];
    let mut matching =
        "FROM gap JOIN instance ON instance.id = gap.instance WHERE noticed >= ? AND noticed < ?".to_owned();
    if let Some(service) = &filter.service {
        matching.push_str(" AND service = ?");
        values.push(Value::Text(service.clone()));
    }
    for service in &filter.except_services {
        matching.push_str(" AND service <> ?");
        values.push(Value::Text(service.clone()));
    }
    // Summed as a float: two instances with numbers near 2^63 would overflow an integer.
    let (gaps, numbers): (i64, f64) = sql
        .prepare_cached(&format!("SELECT count(*), total(last - first + 1) {matching}"))?
        .query_row(params_from_iter(&values), |row| Ok((row.get(0)?, row.get(1)?)))?;
    values.push(Value::Integer(limit));
    let mut statement = sql.prepare_cached(&format!(
        "SELECT name, service, first, last, noticed {matching} ORDER BY noticed DESC, name, first LIMIT ?"
    ))?;
    let newest = statement.query_map(params_from_iter(&values), |row| {
        Ok(SequenceGap {
            instance: row.get(0)?,
            service: row.get(1)?,
            first: row.get::<_, i64>(2)?.cast_unsigned(),
            last: row.get::<_, i64>(3)?.cast_unsigned(),
            noticed: Timestamp(row.get(4)?),
        })
    })?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts; saturates")]
    let numbers = numbers as u64;
    Ok(SequenceGaps { newest: newest.collect::<Result<_, _>>()?, gaps: gaps.cast_unsigned(), numbers })
}
