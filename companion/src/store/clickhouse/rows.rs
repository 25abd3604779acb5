//! Questions that read the calls themselves.

use clickhouse::Row;
use serde::Deserialize;

use super::conditions::{conditions, name_of_call};
use super::connection::{bytes, literal};
use super::plan::{HOUR, down};
use super::querier::ClickHouseQuerier;
use super::row::CallRow;
use crate::record::{NanoUsd, Tags, Timestamp, Window, hours_of};
use crate::store::{
    CallAccount, CallId, CallPage, Conversation, Dimension, Duplicates, Filter, GroupRepetition, KeyUse,
    LargeCall, Page, Pairing, Querier, Repeated, RepetitionQuestion, StoreError, most_calls,
};

/// Windows with more calls than this have their different hashes estimated, to a thousandth.
const COMPARED: u64 = if cfg!(test) { 1_000 } else { 1_000_000 };
/// How far back the newest calls are looked for, step by step, in seconds.
const BACK: [i64; 4] = [300, 3_600, 86_400, 30 * 86_400];
/// Calls of one millisecond that pages tell apart; further ones are left out.
const PLACES: i64 = 1 << 21;
/// Nanoseconds in a millisecond.
const MILLISECOND: i64 = 1_000_000;

const COST: &str = "toInt64(greatest(least(sum(toInt128(ifNull(c.cost, 0))), toInt128(9223372036854775807)), \
    toInt128(-9223372036854775808)))";
const TOKENS: &str = "toUInt64(least(toUInt128(ifNull(c.input_tokens, 0)) + toUInt128(ifNull(c.output_tokens, 0)), \
    toUInt128(18446744073709551615)))";

/// The accounts of `calls AS c` that show who uses a credential: all of clients, also those by which their call does not count.
pub(super) const WITH_KEY: &str = "isNotNull(c.key_fingerprint) AND NOT c.witness";
/// The service that sent such an account. Rows of the first tables do not have it, and it is the call's but for a few.
pub(super) const SENT_BY: &str = "if(c.sender = '', toString(c.service), toString(c.sender))";

#[derive(Debug, Row, Deserialize)]
struct RepeatedRow {
    name: String,
    hash: String,
    calls: u64,
    model: String,
    cost: i64,
    last: i64,
}

impl RepeatedRow {
    fn repeated(self) -> (String, Repeated) {
        let Self { name, hash, calls, model, cost, last } = self;
        (name, Repeated { hash, calls, model, cost: NanoUsd(cost), last: Timestamp(last) })
    }
}

impl ClickHouseQuerier {
    /// The counted calls of a window that match.
    fn counted(&self, window: Window, filter: &Filter) -> String {
        format!(
            "FROM {}.calls AS c FINAL WHERE c.counted AND c.end >= {} AND c.end < {}{}",
            self.database,
            window.from.0,
            window.to.0,
            conditions(filter)
        )
    }

    pub(super) fn repeated_rows(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<Repeated>, StoreError> {
        let found: Vec<RepeatedRow> = self.connection.rows(&format!(
            "SELECT '' AS name, assumeNotNull(c.request_hash) AS hash, count() AS calls, \
             toString(argMax(c.model, c.end)) AS model, {COST} AS cost, max(c.end) AS last {} \
             AND isNotNull(c.request_hash) GROUP BY hash HAVING calls > {more_than} \
             ORDER BY calls DESC, hash LIMIT {limit}",
            self.counted(window, filter)
        ))?;
        Ok(found.into_iter().map(|row| row.repeated().1).collect())
    }

    pub(super) fn repetition_rows(
        &self,
        window: Window,
        filter: &Filter,
        question: &RepetitionQuestion,
    ) -> Result<Vec<GroupRepetition>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            name: String,
            hashed: u64,
            different: u64,
        }
        let (name, condition) = question.by.map_or_else(|| ("''".to_owned(), String::new()), name_of_call);
        let condition = if condition.is_empty() { condition } else { format!(" AND {condition}") };
        let counted = format!("{}{condition}", self.counted(window, filter));
        let different = match self.totals(window, filter)?.calls > COMPARED {
            true => "uniqCombined64(20)(c.request_hash)",
            false => "uniqExact(c.request_hash)",
        };
        let groups = if question.by.is_some() { question.groups } else { 1 };
        let mut found: Vec<Found> = self.connection.rows(&format!(
            "SELECT toString({name}) AS name, count(c.request_hash) AS hashed, toUInt64(ifNull({different}, 0)) AS different \
             {counted} GROUP BY name ORDER BY count() DESC, name LIMIT {groups}"
        ))?;
        if question.by.is_none() && found.is_empty() {
            found.push(Found { name: String::new(), hashed: 0, different: 0 });
        }
        let repeated = match question.hashes == 0 || found.is_empty() {
            true => Vec::new(),
            false => {
                let names: Vec<String> = found.iter().map(|found| literal(&found.name)).collect();
                self.connection.rows::<RepeatedRow>(&format!(
                    "SELECT toString({name}) AS name, assumeNotNull(c.request_hash) AS hash, count() AS calls, \
                     toString(argMax(c.model, c.end)) AS model, {COST} AS cost, max(c.end) AS last {counted} \
                     AND isNotNull(c.request_hash) AND toString({name}) IN ({}) GROUP BY name, hash \
                     HAVING calls > {} ORDER BY calls DESC, hash LIMIT {} BY name",
                    names.join(", "),
                    question.more_than,
                    question.hashes
                ))?
            }
        };
        let mut groups: Vec<GroupRepetition> = found
            .into_iter()
            .map(|found| GroupRepetition {
                name: found.name,
                duplicates: Duplicates {
                    hashed: found.hashed,
                    repeats: found.hashed.saturating_sub(found.different),
                },
                repeated: Vec::new(),
            })
            .collect();
        for (name, repeated) in repeated.into_iter().map(RepeatedRow::repeated) {
            if let Some(group) = groups.iter_mut().find(|group| group.name == name) {
                group.repeated.push(repeated);
            }
        }
        Ok(groups)
    }

    pub(super) fn largest_rows(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            user: String,
            tokens: u64,
            service: String,
            model: String,
            tags: Vec<String>,
            trace_id: [u8; 16],
        }
        let found: Vec<Found> = self.connection.rows(&format!(
            "SELECT * FROM (SELECT ifNull(c.user, '') AS user, {TOKENS} AS tokens, toString(c.service) AS service, \
             toString(c.model) AS model, CAST(c.tags, 'Array(String)') AS tags, c.trace_id AS trace_id {} \
             AND {TOKENS} > {more_than} ORDER BY tokens DESC, trace_id LIMIT 1 BY user, service, tags) \
             ORDER BY tokens DESC, user, service LIMIT {limit}",
            self.counted(window, filter)
        ))?;
        let large = |found: Found| {
            let mut tags = Tags::default();
            for tag in &found.tags {
                if let Some((key, value)) = tag.split_once('=') {
                    tags.add(key, value);
                }
            }
            let Found { user, tokens, service, model, trace_id, .. } = found;
            LargeCall { user, tokens, service, model, tags, trace_id }
        };
        Ok(found.into_iter().map(large).collect())
    }

    pub(super) fn served_rows(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Pairing>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            deployment: String,
            subject: String,
            value: String,
            calls: u64,
        }
        let found: Vec<Found> = self.connection.rows(&format!(
            "SELECT {} AS deployment, toString(assumeNotNull(c.request_model)) AS subject, \
             toString(assumeNotNull(c.response_model)) AS value, count() AS calls {} \
             AND isNotNull(c.request_model) AND isNotNull(c.response_model) \
             GROUP BY deployment, subject, value ORDER BY calls DESC, deployment, subject, value LIMIT {limit}",
            name_of_call(Dimension::Deployment).0,
            self.counted(window, filter)
        ))?;
        let pairing =
            |Found { deployment, subject, value, calls }| Pairing { deployment, subject, value, calls };
        let mut pairings: Vec<Pairing> = found.into_iter().map(pairing).collect();
        pairings.sort_by(most_calls::pairings);
        Ok(pairings)
    }

    pub(super) fn conversation_rows(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Conversation>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            deployment: String,
            id: String,
            calls: u64,
            tokens: u64,
            cost: i64,
        }
        let found: Vec<Found> = self.connection.rows(&format!(
            "SELECT {} AS deployment, assumeNotNull(c.conversation_id) AS id, count() AS calls, \
             toUInt64(least(sum(toUInt128(ifNull(c.input_tokens, 0))), toUInt128(18446744073709551615))) AS tokens, \
             {COST} AS cost {} AND isNotNull(c.conversation_id) GROUP BY deployment, id \
             ORDER BY calls DESC, tokens DESC, deployment, id LIMIT {limit}",
            name_of_call(Dimension::Deployment).0,
            self.counted(window, filter)
        ))?;
        let conversation = |Found { deployment, id, calls, tokens, cost }| Conversation {
            deployment,
            id,
            calls,
            input_tokens: tokens,
            cost: NanoUsd(cost),
        };
        Ok(found.into_iter().map(conversation).collect())
    }

    pub(super) fn key_rows(&self, window: Window, limit: usize) -> Result<Vec<KeyUse>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            key: String,
            service: String,
            first: i64,
            calls: u64,
        }
        let hours = hours_of(window);
        let at = |hour: i64| Timestamp(hour.saturating_mul(HOUR));
        let whole = Window { from: at(hours.start), to: at(hours.end) };
        let found: Vec<Found> = self.connection.rows(&format!(
            "SELECT key, service, min(begins) AS first, sum(counted) AS calls FROM (\
             SELECT assumeNotNull(c.key_fingerprint) AS key, {SENT_BY} AS service, min(c.end) AS begins, \
             count() AS counted FROM {database}.calls AS c FINAL WHERE c.end >= {} AND c.end < {} AND {WITH_KEY} \
             GROUP BY key, service UNION ALL SELECT k.key, k.service, k.hour * {HOUR}, k.calls FROM {database}.keys AS k FINAL \
             WHERE k.hour >= {} AND k.hour < {}) GROUP BY key, service ORDER BY calls DESC, key, service LIMIT {limit}",
            whole.from.0,
            whole.to.0,
            hours.start,
            hours.end,
            database = self.database,
        ))?;
        let key_use = |Found { key, service, first, calls }| KeyUse {
            key,
            service,
            first: Timestamp(down(first, HOUR)),
            calls,
        };
        Ok(found.into_iter().map(key_use).collect())
    }

    pub(super) fn last_row(
        &self,
        before: Timestamp,
        filter: &Filter,
    ) -> Result<Option<Timestamp>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Last {
            last: i64,
        }
        let starts = BACK.map(|seconds| before.plus_seconds(-seconds)).into_iter();
        for from in starts.chain([Timestamp(i64::MIN)]) {
            let window = Window { from, to: before };
            let sql =
                format!("SELECT max(c.end) AS last {} HAVING count() > 0", self.counted(window, filter));
            if let Some(found) = self.connection.row::<Last>(&sql)? {
                return Ok(Some(Timestamp(found.last)));
            }
        }
        Ok(None)
    }

    /// A cursor is the millisecond of the last call of a page, and how many of its calls were on pages so far.
    pub(super) fn page_of_rows(
        &self,
        window: Window,
        filter: &Filter,
        page: Page,
    ) -> Result<CallPage, StoreError> {
        let (to, before) = match page.after {
            None => (window.to, 0),
            Some(after) => {
                let ends = after.div_euclid(PLACES).saturating_add(1).saturating_mul(MILLISECOND);
                (window.to.min(Timestamp(ends)), after.rem_euclid(PLACES))
            }
        };
        let wanted = page.limit.saturating_add(1);
        let starts = BACK.map(|seconds| to.plus_seconds(-seconds)).into_iter();
        let mut found: Vec<CallRow> = Vec::new();
        for from in starts.filter(|from| *from > window.from).chain([window.from]) {
            found = self.connection.rows(&format!(
                "SELECT c.* {} ORDER BY c.end DESC, c.trace_id, c.span_id, c.sender LIMIT {wanted} OFFSET {before}",
                self.counted(Window { from, to }, filter)
            ))?;
            if found.len() >= wanted {
                break;
            }
        }
        let more = found.len() > page.limit;
        found.truncate(page.limit);
        let next = found.last().filter(|_| more).map(|last| {
            let millisecond = last.end.div_euclid(MILLISECOND);
            let of_it = found.iter().filter(|row| row.end.div_euclid(MILLISECOND) == millisecond).count();
            let earlier = match page.after {
                Some(after) if after.div_euclid(PLACES) == millisecond => before,
                _ => 0,
            };
            let place = earlier.saturating_add(i64::try_from(of_it).unwrap_or(PLACES));
            match place < PLACES {
                true => millisecond.saturating_mul(PLACES).saturating_add(place),
                false => millisecond.saturating_sub(1).saturating_mul(PLACES),
            }
        });
        Ok(CallPage { calls: found.into_iter().map(|row| row.into_call().0).collect(), next })
    }

    pub(super) fn account_rows(
        &self,
        window: Window,
        id: &CallId,
        limit: usize,
    ) -> Result<Vec<CallAccount>, StoreError> {
        if id.text.is_empty() {
            return Ok(Vec::new());
        }
        let mut conditions = vec![format!("startsWith(ifNull(c.response_id, ''), {})", literal(&id.text))];
        if let Some((trace, span)) = &id.pair {
            conditions.push(format!("(c.trace_id = {} AND c.span_id = {})", bytes(trace), bytes(span)));
        }
        if let Some(digits) = id.digits() {
            let digits = literal(&digits);
            conditions.push(format!("startsWith(lower(hex(c.trace_id)), {digits})"));
            conditions.push(format!("startsWith(lower(hex(c.span_id)), {digits})"));
        }
        let found: Vec<CallRow> = self.connection.rows(&format!(
            "SELECT c.* FROM {}.calls AS c FINAL WHERE c.end >= {} AND c.end < {} AND ({}) \
             ORDER BY c.end DESC, c.version DESC LIMIT {limit}",
            self.database,
            window.from.0,
            window.to.0,
            conditions.join(" OR ")
        ))?;
        let account = |row: CallRow| {
            let counted = row.counted;
            let (call, shared) = row.into_call();
            CallAccount { own: shared.own(call.clone()), call, counted }
        };
        Ok(found.into_iter().map(account).collect())
    }
}
