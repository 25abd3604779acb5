//! The table of spans that the Collector's exporter writes, read part by part.
//!
//! The table has no time of arrival, and spans arrive late. So what was read is remembered by the **parts** of the table:
//! each insert makes one, with a number that only grows, and merges put neighbours together without changing how many rows
//! they have. A part is read when the parts that were read before do not account for all of its rows; spans that come
//! twice by that, or by an exporter that retries, are known by their ids.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::Options;
use super::connection::{Connection, lists, literal, remote};
use crate::store::StoreError;

/// Rows of one query, and their bytes; one row may be larger.
const ROWS: u64 = 5_000;
const BYTES: u64 = 16 << 20;
/// Parts that are looked at.
const PARTS: usize = 100_000;
/// Parts that were read and merged into one, up to which each is remembered.
const PIECES: usize = 20;

/// Reads the table of spans.
#[derive(Debug, Clone)]
pub(crate) struct SpanTable {
    connection: Connection,
    /// Our own tables.
    database: String,
    /// `database.table` of the spans.
    source: String,
    of: (String, String),
}

/// A part of the table, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub(crate) struct Part {
    partition: String,
    name: String,
    first: i64,
    last: i64,
    rows: u64,
    /// Of its columns, not compressed.
    bytes: u64,
}

#[derive(Debug, Row, Serialize, Deserialize)]
struct ReadPart {
    partition: String,
    first: i64,
    last: i64,
    rows: u64,
    version: u64,
}

/// One span of the table, with maps and JSON as text of JSON objects.
#[derive(Debug, Clone, Row, Deserialize)]
pub(crate) struct SpanRow {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) scope: String,
    pub(crate) scope_version: String,
    pub(crate) start: i64,
    pub(crate) duration: u64,
    pub(crate) status: String,
    pub(crate) status_message: String,
    pub(crate) resource: String,
    pub(crate) attributes: String,
    pub(crate) event_times: Vec<i64>,
    pub(crate) event_names: Vec<String>,
    pub(crate) event_attributes: Vec<String>,
}

impl SpanTable {
    /// The table `table` of `database`, both as they are named there.
    ///
    /// # Errors
    /// What ClickHouse refuses, or that there is no such table.
    pub(crate) fn open(options: &Options, database: &str, table: &str) -> Result<Self, StoreError> {
        let quoted = |name: &str| format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"));
        Ok(Self {
            connection: Connection::new(options)?,
            database: options.database.clone(),
            source: format!("{}.{}", quoted(database), quoted(table)),
            of: (database.to_owned(), table.to_owned()),
        })
    }

    /// The parts that are to be read, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(crate) fn new_parts(&self) -> Result<Vec<Part>, StoreError> {
        let (database, table) = (literal(&self.of.0), literal(&self.of.1));
        let parts: Vec<Part> = self.connection.rows(&format!(
            "SELECT partition_id AS partition, name, min_block_number AS first, max_block_number AS last, rows, \
             data_uncompressed_bytes AS bytes FROM system.parts WHERE active AND database = {database} AND table = {table} \
             ORDER BY partition, first LIMIT {PARTS}"
        ))?;
        let read: Vec<ReadPart> = self.connection.rows(&format!(
            "SELECT partition, first, last, rows, version FROM {}.read_parts FINAL WHERE source = {} \
             ORDER BY partition, first, last DESC",
            self.database,
            literal(&self.source)
        ))?;
        if parts.len() < PARTS {
            self.forget_all_but(&parts, &read)?;
        }
        let mut new = Vec::new();
        for part in parts {
            match accounted(&read, &part) {
                (rows, _) if rows < part.rows => new.push(part),
                (_, pieces) if pieces > PIECES => self.join(&part)?,
                _ => {}
            }
        }
        Ok(new)
    }

    /// Forgets the parts of partitions that are deleted. Numbers of parts may begin again after a table was emptied.
    fn forget_all_but(&self, parts: &[Part], read: &[ReadPart]) -> Result<(), StoreError> {
        let there: BTreeSet<&str> = parts.iter().map(|part| part.partition.as_str()).collect();
        let known: BTreeSet<&str> = read.iter().map(|part| part.partition.as_str()).collect();
        let gone = known.difference(&there).map(|partition| literal(partition));
        for list in lists(gone, ", ", PIECES) {
            self.connection.execute(&format!(
                "DELETE FROM {}.read_parts WHERE source = {} AND partition IN ({list})",
                self.database,
                literal(&self.source)
            ))?;
        }
        Ok(())
    }

    /// Remembers a part that was merged from many as one.
    fn join(&self, part: &Part) -> Result<(), StoreError> {
        self.note(part)?;
        self.connection.execute(&format!(
            "DELETE FROM {}.read_parts WHERE source = {} AND partition = {} AND first >= {} AND last <= {} \
             AND NOT (first = {} AND last = {})",
            self.database,
            literal(&self.source),
            literal(&part.partition),
            part.first,
            part.last,
            part.first,
            part.last
        ))
    }

    /// How many rows of a part, from `offset` on, are read together; 0 when the part was merged into another meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(crate) fn room(&self, part: &Part, offset: u64) -> Result<u64, StoreError> {
        let rows = ROWS.min(part.rows.saturating_sub(offset));
        if part.bytes <= BYTES {
            return Ok(rows);
        }
        #[derive(Row, Deserialize)]
        struct Size {
            size: u64,
        }
        let sizes: Vec<Size> = self.connection.rows(&format!(
            "SELECT toUInt64(300 + length(StatusMessage) + length(toJSONString(ResourceAttributes)) \
             + length(toJSONString(SpanAttributes)) \
             + arraySum(arrayMap(each -> 100 + length(toJSONString(each)), Events.Attributes))) AS size \
             FROM {} WHERE _part = {} AND _part_offset >= {offset} AND _part_offset < {} ORDER BY _part_offset",
            self.source,
            literal(&part.name),
            offset + rows
        ))?;
        let mut all = 0_u64;
        let fitting = sizes.iter().take_while(|row| {
            all = all.saturating_add(row.size);
            all <= BYTES
        });
        Ok((fitting.count().max(sizes.len().min(1))) as u64)
    }

    /// `rows` rows of a part, from `offset` on; fewer when the part was merged into another meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(crate) fn spans(&self, part: &Part, offset: u64, rows: u64) -> Result<Vec<SpanRow>, StoreError> {
        self.connection.rows(&format!(
            "SELECT TraceId AS trace_id, SpanId AS span_id, ParentSpanId AS parent_span_id, \
             toString(SpanName) AS name, toString(SpanKind) AS kind, toString(ScopeName) AS scope, \
             toString(ScopeVersion) AS scope_version, toUnixTimestamp64Nano(Timestamp) AS start, \
             toUInt64(Duration) AS duration, toString(StatusCode) AS status, StatusMessage AS status_message, \
             toJSONString(ResourceAttributes) AS resource, toJSONString(SpanAttributes) AS attributes, \
             arrayMap(time -> toUnixTimestamp64Nano(time), Events.Timestamp) AS event_times, \
             arrayMap(name -> toString(name), Events.Name) AS event_names, \
             arrayMap(each -> toJSONString(each), Events.Attributes) AS event_attributes \
             FROM {} WHERE _part = {} AND _part_offset >= {offset} AND _part_offset < {}",
            self.source,
            literal(&part.name),
            offset + rows
        ))
    }

    /// Remembers that a part was read whole.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer; the part is read again.
    pub(crate) fn note(&self, part: &Part) -> Result<(), StoreError> {
        self.connection.execute(&format!(
            "INSERT INTO {}.read_parts (source, partition, first, last, rows, version) \
             SELECT {}, {}, {}, {}, {}, toUInt64(toUnixTimestamp64Micro(now64(6)))",
            self.database,
            literal(&self.source),
            literal(&part.partition),
            part.first,
            part.last,
            part.rows
        ))
    }

    /// That the table is there, and one that has parts.
    ///
    /// # Errors
    /// Which table is missing, and what to do.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        #[derive(Row, Deserialize)]
        struct Found {
            engine: String,
        }
        let (database, table) = (literal(&self.of.0), literal(&self.of.1));
        let found: Option<Found> = self.connection.row(&format!(
            "SELECT engine FROM system.tables WHERE database = {database} AND name = {table}"
        ))?;
        let refuse = |detail: String| Err(remote(&self.connection.address(), detail));
        match found {
            None => refuse(format!(
                "there is no table {}: let the Collector's exporter create it, or name another in \
                 ledger.clickhouse.table",
                self.source
            )),
            Some(found) if !found.engine.contains("MergeTree") => refuse(format!(
                "{} is a table of engine {}, whose parts cannot be read: name the MergeTree table below it",
                self.source, found.engine
            )),
            Some(_) => Ok(()),
        }
    }
}

impl Part {
    /// Its rows.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }
}

/// Rows of `part` that were read as parts that it was merged from, and how many those are. `read` is sorted, larger parts before those within.
fn accounted(read: &[ReadPart], part: &Part) -> (u64, usize) {
    let begin = read.partition_point(|known| {
        (known.partition.as_str(), known.first) < (part.partition.as_str(), part.first)
    });
    let mut next = part.first;
    let (mut rows, mut pieces) = (0, 0);
    for known in &read[begin..] {
        if known.partition != part.partition || known.first > part.last {
            break;
        }
        if known.first >= next && known.last <= part.last {
            rows += known.rows;
            pieces += 1;
            next = known.last.saturating_add(1);
        }
    }
    (rows, pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(first: i64, last: i64, rows: u64) -> ReadPart {
        ReadPart { partition: "day".to_owned(), first, last, rows, version: 1 }
    }

    fn rows(read: &[ReadPart], part: &Part) -> u64 {
        accounted(read, part).0
    }

    fn part(first: i64, last: i64, rows: u64) -> Part {
        Part { partition: "day".to_owned(), name: String::new(), first, last, rows, bytes: 0 }
    }

    #[test]
    fn accounts_for_each_row_of_a_merged_part_once() {
        // Larger parts before those within, as the query sorts them.
        let known = [read(1, 3, 30), read(1, 1, 10), read(2, 2, 10), read(5, 5, 7), read(9, 9, 1)];
        assert_eq!(rows(&known, &part(1, 3, 30)), 30);
        assert_eq!(rows(&known, &part(2, 2, 10)), 10);
        assert_eq!(rows(&known, &part(1, 5, 40)), 37, "the insert 4 was never read");
        assert_eq!(rows(&known, &part(6, 8, 4)), 0);
        assert_eq!(rows(&known, &Part { partition: "other".to_owned(), ..part(1, 3, 30) }), 0);
        // A part that ends within a larger one that was read.
        assert_eq!(rows(&known, &part(2, 5, 27)), 17);
    }
}
