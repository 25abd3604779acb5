//! The tables, as migrations that only add.
//!
//! Every table replaces rows by their key, the row with the highest version wins. Versions rise within one writer, and
//! from one holder of the lease to the next, so that what a writer sends twice, or sends after it lost the lease, changes
//! nothing.

use super::connection::{Connection, remote};
use super::sums::MEASURES;
use crate::store::StoreError;

/// The version of the tables that this version reads and writes.
pub(super) const VERSION: u32 = 2;

/// What a call is counted by and measured in; see `row::CallRow`.
const CALLS: &str = "
    end Int64 CODEC(Delta, ZSTD), trace_id FixedString(16), span_id FixedString(8),
    version UInt64 CODEC(Delta, ZSTD), counted Bool,
    start Int64 CODEC(Delta, ZSTD), length_ns Int64 CODEC(T64, ZSTD),
    first_chunk_ns Nullable(Int64) CODEC(ZSTD), duration_bucket UInt16 CODEC(ZSTD), first_chunk_bucket UInt16 CODEC(ZSTD),
    service LowCardinality(String), provider LowCardinality(String), model LowCardinality(String),
    outcome LowCardinality(String), cost_status LowCardinality(String), error LowCardinality(String),
    request_model LowCardinality(Nullable(String)), response_model LowCardinality(Nullable(String)),
    status_code Nullable(UInt16), user Nullable(String) CODEC(ZSTD), tags Array(LowCardinality(String)),
    request_hash Nullable(String) CODEC(ZSTD), conversation_id Nullable(String) CODEC(ZSTD),
    key_fingerprint Nullable(String) CODEC(ZSTD), response_id Nullable(String) CODEC(ZSTD),
    witness Bool, waits Bool,
    succeeded UInt64 CODEC(T64, ZSTD), failed UInt64 CODEC(T64, ZSTD), unauthorized UInt64 CODEC(T64, ZSTD),
    rate_limited UInt64 CODEC(T64, ZSTD), succeeded_without_usage UInt64 CODEC(T64, ZSTD),
    unpriced UInt64 CODEC(T64, ZSTD), reported UInt64 CODEC(T64, ZSTD),
    input_tokens Nullable(UInt64) CODEC(ZSTD), output_tokens Nullable(UInt64) CODEC(ZSTD),
    cache_read_tokens Nullable(UInt64) CODEC(ZSTD), cache_write_tokens Nullable(UInt64) CODEC(ZSTD),
    reasoning_tokens Nullable(UInt64) CODEC(ZSTD),
    cost Nullable(Int64) CODEC(ZSTD), computed_cost Nullable(Int64) CODEC(ZSTD),
    rest String CODEC(ZSTD(3)),
    INDEX version_range version TYPE minmax GRANULARITY 4,
    INDEX of_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX of_response response_id TYPE bloom_filter(0.01) GRANULARITY 4";

const READ_PARTS: &str =
    "source String, partition String, first Int64, last Int64, rows UInt64, version UInt64";
const INSTANCES: &str = "instance String, service String, last_seen Int64, remarkable Bool, \
    state String CODEC(ZSTD(3)), version UInt64";
const SKIPPED: &str = "hour Int64, scope String, reason LowCardinality(String), spans UInt64, version UInt64";
const KEYS: &str = "hour Int64, key String, service String, calls UInt64, version UInt64";
const SILENCES: &str = "id UInt64, token UInt64, ends Int64, text String, version UInt64";
const PASSAGES: &str = "version UInt64, trace_id FixedString(16), span_id FixedString(8), \
    parent_span_id Nullable(FixedString(8)), boundary Bool, received DateTime DEFAULT now()";

/// The statements of each version, from 1.
fn statements(version: u32, database: &str) -> Vec<String> {
    let replaced = |name: &str, columns: &str, partition: &str, key: &str, tail: &str| {
        format!(
            "CREATE TABLE IF NOT EXISTS {database}.{name} ({columns}) ENGINE = ReplacingMergeTree(version) \
             {partition} ORDER BY {key} {tail}"
        )
    };
    match version {
        1 => {
            let day = "PARTITION BY intDiv(end, 86400000000000)";
            let measures: String =
                MEASURES.iter().map(|(name, of)| format!("{name} {of} CODEC(T64, ZSTD), ")).collect();
            let sums = format!(
                "at Int64 CODEC(Delta, ZSTD), kind UInt8, service LowCardinality(String), \
                 provider LowCardinality(String), model LowCardinality(String), outcome LowCardinality(String), \
                 cost_status LowCardinality(String), error LowCardinality(String), \
                 tags Array(LowCardinality(String)), user String CODEC(ZSTD), {measures}\
                 durations Array(UInt16) CODEC(ZSTD), duration_counts Array(UInt64) CODEC(ZSTD), \
                 first_chunk_durations Array(UInt16) CODEC(ZSTD), first_chunk_counts Array(UInt64) CODEC(ZSTD), \
                 version UInt64 CODEC(Delta, ZSTD)"
            );
            let key = "(kind, at, service, provider, model, outcome, cost_status, error, tags, user)";
            vec![
                replaced("calls", CALLS, day, "(end, trace_id, span_id)", ""),
                replaced("minutes", &sums, "PARTITION BY intDiv(at, 2592000000000000)", key, ""),
                replaced("hours", &sums, "PARTITION BY intDiv(at, 31536000000000000)", key, ""),
                replaced("state", "name String, value Int64, version UInt64", "", "name", ""),
                replaced("texts", "name String, text String CODEC(ZSTD(3)), version UInt64", "", "name", ""),
                replaced("read_parts", READ_PARTS, "", "(source, partition, first, last)", ""),
                replaced("instances", INSTANCES, "", "(instance, service)", ""),
                replaced("skipped", SKIPPED, "", "(hour, scope, reason, version)", ""),
                replaced(
                    "passages",
                    PASSAGES,
                    "",
                    "(version, trace_id, span_id)",
                    "TTL received + INTERVAL 1 DAY",
                ),
                format!(
                    "CREATE TABLE IF NOT EXISTS {database}.lease (term UInt64, holder String, claimed DateTime64(6), \
                     until DateTime64(6), change UInt64) ENGINE = ReplacingMergeTree(change) ORDER BY (term, holder)"
                ),
            ]
        }
        2 => vec![
            // Senders that are kept apart may use the same ids.
            format!(
                "ALTER TABLE {database}.calls ADD COLUMN IF NOT EXISTS sender LowCardinality(String), \
                 MODIFY ORDER BY (end, trace_id, span_id, sender)"
            ),
            // Calls by credential that came with an import: their calls do not have it.
            replaced("keys", KEYS, "", "(hour, key, service)", ""),
            replaced("silences", SILENCES, "", "(id, token)", ""),
        ],
        _ => Vec::new(),
    }
}

/// The version of the tables; 0 where there are none.
///
/// # Errors
/// [`StoreError`] when ClickHouse does not answer; [`StoreError::Newer`] when a newer version made them.
pub(super) fn version(connection: &Connection, database: &str) -> Result<u32, StoreError> {
    #[derive(clickhouse::Row, serde::Deserialize)]
    struct Found {
        found: u64,
    }
    let known = connection.row::<Found>(&format!(
        "SELECT count() AS found FROM system.tables WHERE database = '{database}' AND name = 'migrations'"
    ))?;
    if known.is_none_or(|known| known.found == 0) {
        return Ok(0);
    }
    let newest = connection
        .row::<Found>(&format!("SELECT toUInt64(max(version)) AS found FROM {database}.migrations"))?;
    let found = newest.map_or(0, |newest| u32::try_from(newest.found).unwrap_or(u32::MAX));
    if found > VERSION {
        return Err(StoreError::Newer {
            path: format!("{}/{database}", connection.address()).into(),
            found: i64::from(found),
            supported: i64::from(VERSION),
        });
    }
    Ok(found)
}

/// Brings the tables to this version. Several companions may do so at once: each statement is one that may run twice.
///
/// # Errors
/// As [`version`].
pub(super) fn migrate(connection: &Connection, database: &str) -> Result<(), StoreError> {
    if !database.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') || database.is_empty() {
        let text = "the name of a database has letters, digits and \"_\" alone";
        return Err(remote(&connection.address(), format!("{database:?}: {text}")));
    }
    let found = version(connection, database)?;
    if found == VERSION {
        return Ok(());
    }
    connection.execute(&format!("CREATE DATABASE IF NOT EXISTS {database}"))?;
    connection.execute(&format!(
        "CREATE TABLE IF NOT EXISTS {database}.migrations (version UInt32, at DateTime DEFAULT now()) \
         ENGINE = ReplacingMergeTree ORDER BY version"
    ))?;
    for next in found + 1..=VERSION {
        for statement in statements(next, database) {
            connection.execute(&statement)?;
        }
        connection.execute(&format!("INSERT INTO {database}.migrations (version) SELECT {next}"))?;
    }
    Ok(())
}
