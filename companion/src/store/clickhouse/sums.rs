//! Totals of calls: one query over calls, minutes and hours, whatever they are grouped by. The same query makes the rollups.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use clickhouse::Row;
use serde::Deserialize;

use super::conditions::{conditions, name_of};
use super::connection::literal;
use super::plan::{Plan, within};
use super::row::tag_text;
use crate::record::{ENVIRONMENT, NanoUsd, TagKey, deployment};
use crate::store::histogram::{Distribution, smallest};
use crate::store::history::{Latencies, SeriesNames, SeriesSum, add, largest_with};
use crate::store::{Dimension, Filter, LatencySummary, Totals};

/// What is summed, with its type, in the order of [`SumRow`].
pub(super) const MEASURES: [(&str, &str); 19] = [
    ("calls", "UInt64"),
    ("succeeded", "UInt64"),
    ("failed", "UInt64"),
    ("unauthorized", "UInt64"),
    ("rate_limited", "UInt64"),
    ("succeeded_without_usage", "UInt64"),
    ("unpriced", "UInt64"),
    ("reported", "UInt64"),
    ("input_tokens", "UInt64"),
    ("output_tokens", "UInt64"),
    ("cache_read_tokens", "UInt64"),
    ("cache_write_tokens", "UInt64"),
    ("reasoning_tokens", "UInt64"),
    ("duration_ns", "UInt64"),
    ("first_chunks", "UInt64"),
    ("first_chunk_ns", "UInt64"),
    ("cost", "Int64"),
    ("reported_cost", "Int64"),
    ("computed_cost", "Int64"),
];
/// How many of them count calls, and cannot wrap around.
const COUNTS: usize = 8;

/// The expression of a measure, for one call.
fn of_call(measure: &str) -> String {
    match measure {
        "calls" => "toUInt64(1)".to_owned(),
        "duration_ns" => "toUInt64(greatest(c.length_ns, 0))".to_owned(),
        "first_chunks" => "toUInt64(isNotNull(c.first_chunk_ns))".to_owned(),
        "first_chunk_ns" => "toUInt64(greatest(ifNull(c.first_chunk_ns, 0), 0))".to_owned(),
        "cost" => "ifNull(c.cost, 0)".to_owned(),
        "reported_cost" => "if(c.reported = 1, ifNull(c.cost, 0), 0)".to_owned(),
        "computed_cost" => "if(c.reported = 1, ifNull(c.computed_cost, 0), 0)".to_owned(),
        "input_tokens" | "output_tokens" | "cache_read_tokens" | "cache_write_tokens"
        | "reasoning_tokens" => {
            format!("ifNull(c.{measure}, 0)")
        }
        count => format!("c.{count}"),
    }
}

/// A sum that stops at the ends of its type, as [`Totals`] do.
fn saturating(position: usize, (name, of): (&str, &str)) -> String {
    if position < COUNTS {
        return format!("sum(m_{name}) AS {name}");
    }
    match of {
        "Int64" => format!(
            "toInt64(greatest(least(sum(toInt128(m_{name})), toInt128(9223372036854775807)), \
             toInt128(-9223372036854775808))) AS {name}"
        ),
        _ => format!("toUInt64(least(sum(toUInt128(m_{name})), toUInt128(18446744073709551615))) AS {name}"),
    }
}

const NAMES: [&str; 6] = ["service", "provider", "model", "outcome", "cost_status", "error"];

/// One group of calls.
#[derive(Debug, Row, Deserialize)]
pub(super) struct SumRow {
    pub(super) at: i64,
    pub(super) name: String,
    service: String,
    provider: String,
    model: String,
    outcome: String,
    cost_status: String,
    error: String,
    tags: Vec<String>,
    pub(super) calls: u64,
    succeeded: u64,
    failed: u64,
    unauthorized: u64,
    rate_limited: u64,
    succeeded_without_usage: u64,
    unpriced: u64,
    reported: u64,
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    reasoning_tokens: u64,
    duration_ns: u64,
    pub(super) first_chunks: u64,
    pub(super) first_chunk_ns: u64,
    cost: i64,
    reported_cost: i64,
    computed_cost: i64,
    durations: Vec<u16>,
    duration_counts: Vec<u64>,
    first_chunk_durations: Vec<u16>,
    first_chunk_counts: Vec<u64>,
}

impl SumRow {
    pub(super) const fn totals(&self) -> Totals {
        Totals {
            calls: self.calls,
            succeeded: self.succeeded,
            failed: self.failed,
            unauthorized: self.unauthorized,
            rate_limited: self.rate_limited,
            succeeded_without_usage: self.succeeded_without_usage,
            unpriced: self.unpriced,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_tokens: self.cache_write_tokens,
            reasoning_tokens: self.reasoning_tokens,
            cost: NanoUsd(self.cost),
            duration_ns: self.duration_ns,
            reported: self.reported,
            reported_cost: NanoUsd(self.reported_cost),
            computed_cost: NanoUsd(self.computed_cost),
        }
    }

    /// The names that the group has in a dimension, of all but users; a call without one has none.
    pub(super) fn name_in(&self, by: Dimension) -> Option<Cow<'_, str>> {
        let name = match by {
            Dimension::Model => Some(&*self.model),
            Dimension::Provider => Some(&*self.provider),
            Dimension::Service => Some(&*self.service),
            Dimension::Deployment => {
                return Some(deployment(&self.service, self.tag(ENVIRONMENT).unwrap_or_default()));
            }
            Dimension::Outcome => Some(&*self.outcome),
            Dimension::CostStatus => Some(&*self.cost_status),
            Dimension::Error => self.error.strip_prefix('='),
            Dimension::User => None,
            Dimension::Tag(key) => self.tag(key),
        };
        name.map(Cow::Borrowed)
    }

    fn tag(&self, key: TagKey) -> Option<&str> {
        let named = |tag: &'_ String| tag.split_once('=').is_some_and(|(name, _)| name == key.as_str());
        self.tags.iter().find(|tag| named(tag)).and_then(|tag| Some(tag.split_once('=')?.1))
    }

    pub(super) fn latency(&self) -> LatencySummary {
        latency_of(std::slice::from_ref(self))
    }

    /// The sum of a series; `names` holds each set of names once.
    pub(super) fn series(self, names: &mut HashMap<SeriesNames, Arc<SeriesNames>>) -> SeriesSum {
        let totals = self.totals();
        let mut latencies = Latencies { first_chunk_ns: self.first_chunk_ns, ..Latencies::default() };
        for (bucket, count) in self.durations.iter().zip(&self.duration_counts) {
            add(&mut latencies.duration, largest_with(smallest(usize::from(*bucket))), *count);
        }
        for (bucket, count) in self.first_chunk_durations.iter().zip(&self.first_chunk_counts) {
            add(&mut latencies.first_chunk, largest_with(smallest(usize::from(*bucket))), *count);
        }
        let environment = self.tag(ENVIRONMENT).map(Into::into);
        let of = SeriesNames {
            service: self.service.into(),
            environment,
            provider: self.provider.into(),
            model: self.model.into(),
            outcome: spanledger::Outcome::parse(&self.outcome)
                .unwrap_or(spanledger::Outcome::Failed)
                .as_str(),
            cost_status: spanledger::CostStatus::parse(&self.cost_status)
                .unwrap_or(spanledger::CostStatus::NoUsage)
                .as_str(),
            error: self.error.strip_prefix('=').map(Into::into),
        };
        let names = names.entry(of.clone()).or_insert_with(|| Arc::new(of)).clone();
        SeriesSum { names, totals, latencies }
    }
}

/// The latencies of the calls of all groups.
pub(super) fn latency_of(rows: &[SumRow]) -> LatencySummary {
    let (mut duration, mut first_chunk) = (Distribution::default(), Distribution::default());
    for row in rows {
        let buckets = |into: &mut Distribution, buckets: &[u16], counts: &[u64], sum| {
            buckets.iter().zip(counts).for_each(|(bucket, count)| into.add_bucket(*bucket, *count));
            into.add_sum(sum);
        };
        buckets(&mut duration, &row.durations, &row.duration_counts, row.duration_ns);
        let (of, counts) = (&row.first_chunk_durations, &row.first_chunk_counts);
        buckets(&mut first_chunk, of, counts, row.first_chunk_ns);
    }
    LatencySummary { duration: duration.quantiles(), first_chunk: first_chunk.quantiles() }
}

/// By what calls are put into groups, next to a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    All,
    Dimension(Dimension),
    Series,
    /// By everything that is added up but users.
    Everything,
}

/// A question for totals.
#[derive(Debug)]
pub(super) struct Sums<'a> {
    pub(super) database: &'a str,
    pub(super) plan: &'a Plan,
    pub(super) filter: &'a Filter,
    pub(super) by: By,
    /// The time of a group, an expression over `k_at`.
    pub(super) at: &'a str,
    pub(super) latency: bool,
    /// The groups with the most calls.
    pub(super) limit: Option<usize>,
}

impl Sums<'_> {
    /// The query, whose rows are [`SumRow`].
    pub(super) fn sql(&self) -> String {
        let (name, condition) = match self.by {
            By::Dimension(by) => name_of(by, "k_"),
            _ => ("''".to_owned(), String::new()),
        };
        let names: Vec<String> = NAMES
            .iter()
            .map(|column| match self.by {
                By::Series | By::Everything => format!("toString(k_{column}) AS {column}"),
                _ => format!("'' AS {column}"),
            })
            .collect();
        let tags = match self.by {
            By::Everything => "CAST(k_tags, 'Array(String)')".to_owned(),
            // Of the tags, the environment names a series.
            By::Series => format!(
                "CAST(arrayFilter(tag -> startsWith(tag, {}), k_tags), 'Array(String)')",
                literal(&tag_text(ENVIRONMENT.as_str(), ""))
            ),
            _ => "CAST([], 'Array(String)')".to_owned(),
        };
        let latency = if self.latency {
            "tupleElement(sumMap(m_durations, m_duration_counts) AS d, 1) AS durations, \
             tupleElement(d, 2) AS duration_counts, \
             tupleElement(sumMap(m_first_durations, m_first_counts) AS f, 1) AS first_chunk_durations, \
             tupleElement(f, 2) AS first_chunk_counts"
        } else {
            "CAST([], 'Array(UInt16)') AS durations, CAST([], 'Array(UInt64)') AS duration_counts, \
             CAST([], 'Array(UInt16)') AS first_chunk_durations, CAST([], 'Array(UInt64)') AS first_chunk_counts"
        };
        let limit = self
            .limit
            .map(|limit| format!(" ORDER BY calls DESC, name ASC LIMIT {limit}"))
            .unwrap_or_default();
        format!(
            "SELECT toInt64({}) AS at, toString({name}) AS name, {}, {tags} AS tags, {}, {latency} FROM ({}){} \
             GROUP BY at, name, {}, tags HAVING calls > 0{limit}",
            self.at,
            names.join(", "),
            sums(),
            self.source(),
            if condition.is_empty() { String::new() } else { format!(" WHERE {condition}") },
            NAMES.join(", "),
        )
    }

    /// What is read, with the same columns from each table.
    fn source(&self) -> String {
        let kind = u8::from(self.by == By::Dimension(Dimension::User));
        let (plan, filter) = (self.plan, conditions(self.filter));
        let mut parts = Vec::new();
        if !plan.calls.is_empty() {
            let range = within("c.end", &plan.calls);
            parts.push(from_calls(self.database, &format!("{range}{filter}"), self.latency));
        }
        for (table, ranges) in [("minutes", &plan.minutes), ("hours", &plan.hours)] {
            if !ranges.is_empty() {
                let range = within("c.at", ranges);
                let condition = format!("c.kind = {kind} AND {range}{filter}");
                parts.push(from_rollup(self.database, table, &condition, self.latency, ""));
            }
        }
        if parts.is_empty() {
            parts.push(from_calls(self.database, "0", self.latency));
        }
        parts.join(" UNION ALL ")
    }
}

/// The totals of all measures of a source.
pub(super) fn sums() -> String {
    let sums: Vec<String> =
        MEASURES.iter().enumerate().map(|(position, measure)| saturating(position, *measure)).collect();
    sums.join(", ")
}

/// Counted calls, as a source.
pub(super) fn from_calls(database: &str, condition: &str, latency: bool) -> String {
    let measures: Vec<String> =
        MEASURES.iter().map(|(name, _)| format!("{} AS m_{name}", of_call(name))).collect();
    let latency = if latency {
        ", [c.duration_bucket] AS m_durations, [toUInt64(1)] AS m_duration_counts, \
         if(isNull(c.first_chunk_ns), CAST([], 'Array(UInt16)'), [c.first_chunk_bucket]) AS m_first_durations, \
         if(isNull(c.first_chunk_ns), CAST([], 'Array(UInt64)'), [toUInt64(1)]) AS m_first_counts"
    } else {
        ""
    };
    format!(
        "SELECT c.end AS k_at, {}, c.tags AS k_tags, c.user AS k_user, {}{latency} \
         FROM {database}.calls AS c FINAL WHERE c.counted AND {condition}",
        names(),
        measures.join(", "),
    )
}

/// Rows of a rollup, as a source; with `nothing`, their keys alone.
pub(super) fn from_rollup(
    database: &str,
    table: &str,
    condition: &str,
    latency: bool,
    nothing: &str,
) -> String {
    let measures: Vec<String> = MEASURES
        .iter()
        .map(|(name, of)| match nothing {
            "" => format!("c.{name} AS m_{name}"),
            _ => format!("to{of}(0) AS m_{name}"),
        })
        .collect();
    let latency = match (latency, nothing) {
        (false, _) => "",
        (true, "") => {
            ", c.durations AS m_durations, c.duration_counts AS m_duration_counts, \
             c.first_chunk_durations AS m_first_durations, c.first_chunk_counts AS m_first_counts"
        }
        _ => {
            ", CAST([], 'Array(UInt16)') AS m_durations, CAST([], 'Array(UInt64)') AS m_duration_counts, \
             CAST([], 'Array(UInt16)') AS m_first_durations, CAST([], 'Array(UInt64)') AS m_first_counts"
        }
    };
    format!(
        "SELECT c.at AS k_at, {}, c.tags AS k_tags, CAST(c.user, 'Nullable(String)') AS k_user, {}{latency} \
         FROM {database}.{table} AS c FINAL WHERE {condition}",
        names(),
        measures.join(", "),
    )
}

fn names() -> String {
    NAMES.map(|name| format!("c.{name} AS k_{name}")).join(", ")
}
