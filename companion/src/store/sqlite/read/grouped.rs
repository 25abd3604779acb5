//! Calls by what no rollup knows: the models asked for, conversations. Read row by row, so asked of a few minutes.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use crate::record::{NanoUsd, Timestamp, Window, hours_of};
use crate::store::sqlite::file::call_id::{end_id, first_id};
use crate::store::sqlite::file::row::{ANSWERED_BY_MODEL, SAME_MODEL};
use crate::store::sqlite::file::schema::WITH_KEYS;
use crate::store::sqlite::read::scan::{SeriesMemo, Snapshot, row_conditions};
use crate::store::{Conversation, Filter, KeyUse, Pairing, most_calls};

/// The rows of a window that a filter's row conditions let through: two ids, two times.
const WITHIN: &str = "id >= ? AND id < ? AND start + duration >= ? AND start + duration < ?";
/// Groups of rows looked at in one answer. Beyond it those with the fewest calls are left out.
const GROUPS: i64 = 100_000;

impl Snapshot<'_> {
    pub(crate) fn served_models(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> rusqlite::Result<Vec<Pairing>> {
        let mut found: HashMap<(std::sync::Arc<str>, String, std::sync::Arc<str>), u64> = HashMap::new();
        let mut matching = SeriesMemo::new(self, filter);
        let what = format!(
            "SELECT series, request_model, count(*) AS calls FROM calls
             WHERE request_model IS NOT NULL AND flags & {ANSWERED_BY_MODEL} <> 0 AND {WITHIN}"
        );
        self.each_group(window, filter, &what, "series, request_model", |row| {
            let Some(series) = matching.get(row.get(0)?)? else { return Ok(()) };
            let asked = match row.get(1)? {
                SAME_MODEL => series.model.to_string(),
                number => self.names.text(self.connection, number)?.to_string(),
            };
            let key = (series.deployment.clone(), asked, series.model.clone());
            *found.entry(key).or_default() += row.get::<_, i64>(2)?.cast_unsigned();
            Ok(())
        })?;
        let pairings = found.into_iter().map(|((deployment, subject, value), calls)| Pairing {
            deployment: deployment.to_string(),
            subject,
            value: value.to_string(),
            calls,
        });
        let mut pairings: Vec<Pairing> = pairings.collect();
        pairings.sort_by(most_calls::pairings);
        pairings.truncate(limit);
        Ok(pairings)
    }

    pub(crate) fn conversations(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> rusqlite::Result<Vec<Conversation>> {
        let mut found: HashMap<(std::sync::Arc<str>, String), Conversation> = HashMap::new();
        let mut matching = SeriesMemo::new(self, filter);
        let what = format!(
            "SELECT series, conversation_id, count(*) AS calls, total(input_tokens), total(cost) FROM calls
             WHERE conversation_id IS NOT NULL AND {WITHIN}"
        );
        self.each_group(window, filter, &what, "series, conversation_id", |row| {
            let Some(series) = matching.get(row.get(0)?)? else { return Ok(()) };
            let id: String = row.get(1)?;
            let known =
                found.entry((series.deployment.clone(), id.clone())).or_insert_with(|| Conversation {
                    deployment: series.deployment.to_string(),
                    id,
                    calls: 0,
                    input_tokens: 0,
                    cost: NanoUsd(0),
                });
            known.calls += row.get::<_, i64>(2)?.cast_unsigned();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
            let (tokens, cost) = (row.get::<_, f64>(3)? as u64, row.get::<_, f64>(4)? as i64);
            known.input_tokens = known.input_tokens.saturating_add(tokens);
            known.cost.0 = known.cost.0.saturating_add(cost);
            Ok(())
        })?;
        let mut conversations: Vec<Conversation> = found.into_values().collect();
        conversations.sort_by(most_calls::conversations);
        conversations.truncate(limit);
        Ok(conversations)
    }

    pub(crate) fn key_uses(&self, window: Window, limit: usize) -> rusqlite::Result<Vec<KeyUse>> {
        let version: i64 = self.connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version < WITH_KEYS {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT key, service, min(hour), sum(calls) AS calls FROM key_hour WHERE hour >= ?1 AND hour < ?2
             GROUP BY key, service ORDER BY calls DESC, key, service LIMIT ?3",
        )?;
        let hours = hours_of(window);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = statement.query_map([hours.start, hours.end, limit], |row| {
            Ok(KeyUse {
                key: row.get(0)?,
                service: row.get(1)?,
                first: Timestamp(row.get::<_, i64>(2)?.saturating_mul(3_600 * Timestamp::SECOND)),
                calls: row.get::<_, i64>(3)?.cast_unsigned(),
            })
        })?;
        found.collect()
    }

    /// Hands out the groups of a question that ends with [`WITHIN`], the most calls first.
    fn each_group(
        &self,
        window: Window,
        filter: &Filter,
        what: &str,
        by: &str,
        mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let window = self.kept(window);
        let Some((conditions, values)) = row_conditions(self.connection, filter)? else { return Ok(()) };
        let sql = format!("{what}{conditions} GROUP BY {by} ORDER BY calls DESC LIMIT {GROUPS}");
        let ids = [first_id(window.from), end_id(window.to, self.watermarks.spill_us)];
        let range = ids.into_iter().chain([window.from.0, window.to.0]).map(Value::Integer);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(range.chain(values)))?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    }
}
