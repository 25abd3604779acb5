//! One row of a rollup: totals and latencies of some calls of some minutes.

use std::collections::BTreeMap;
use std::ops::Range;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use crate::record::NanoUsd;
use crate::store::histogram::{
    Distribution, Histogram, count_values, each_bucket, read_varint, write_varint,
};
use crate::store::history;
use crate::store::sqlite::file::enum_codes::damaged;
use crate::store::sums::Measures;
use crate::store::{LatencySummary, Totals};

/// Bits of a rollup's row id below the minute: the number of the series or of the user.
const SUBJECT_BITS: u32 = 34;

/// The row id of `subject` in the bucket that begins with `minute`. Rows of a bucket lie together.
pub(crate) const fn row_id(minute: i64, subject: i64) -> i64 {
    minute << SUBJECT_BITS | subject
}

/// The minute and the subject of a row id.
pub(crate) const fn row_key(id: i64) -> (i64, i64) {
    (id >> SUBJECT_BITS, id & ((1 << SUBJECT_BITS) - 1))
}

/// The row ids of the buckets that begin with one of `minutes`.
pub(crate) const fn row_range(minutes: &Range<i64>) -> [i64; 2] {
    [row_id(minutes.start, 0), row_id(minutes.end, 0)]
}

/// The rollup tables. All but those of hashes (see `repeats`) have the columns of [`TOTALS`] and `latency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Minute,
    Five,
    Hour,
    /// One row a bucket, over all series: what a question without a filter reads.
    AllMinute,
    AllFive,
    AllHour,
    UserFive,
    UserHour,
    HashFive,
    HashHour,
}

/// The subject of the tables that have one row a bucket.
pub(crate) const ALL: i64 = 0;

impl Table {
    pub(crate) const LIST: [Self; 10] = [
        Self::Minute,
        Self::Five,
        Self::Hour,
        Self::AllMinute,
        Self::AllFive,
        Self::AllHour,
        Self::UserFive,
        Self::UserHour,
        Self::HashFive,
        Self::HashHour,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Minute => "series_minute",
            Self::Five => "series_five",
            Self::Hour => "series_hour",
            Self::AllMinute => "all_minute",
            Self::AllFive => "all_five",
            Self::AllHour => "all_hour",
            Self::UserFive => "user_five",
            Self::UserHour => "user_hour",
            Self::HashFive => "hash_five",
            Self::HashHour => "hash_hour",
        }
    }

    /// Whether its rows are of all series together.
    pub(crate) const fn of_all(self) -> bool {
        matches!(self, Self::AllMinute | Self::AllFive | Self::AllHour)
    }
}

macro_rules! totals {
    ($newest:literal) => {
        concat!(
            "calls, succeeded, failed, unauthorized, rate_limited, without_usage, unpriced, input_tokens, output_tokens, ",
            "cache_read_tokens, cache_write_tokens, reasoning_tokens, cost, duration, ",
            $newest
        )
    };
}

/// The columns that hold [`Totals`], in the order of [`read_totals`].
pub(crate) const TOTALS: &str = totals!("reported, reported_cost, computed_cost");
/// As [`TOTALS`], in a ledger that knows no reported costs.
pub(crate) const OLDER_TOTALS: &str = totals!("0, 0, 0");
/// The number of [`TOTALS`].
pub(crate) const NUMBERS: usize = 17;

/// Reads the columns of [`TOTALS`], of which the first is `first`.
pub(crate) fn read_totals(row: &Row<'_>, first: usize) -> rusqlite::Result<Totals> {
    let at = |column: usize| row.get::<_, i64>(first + column).map(i64::cast_unsigned);
    Ok(Totals {
        calls: at(0)?,
        succeeded: at(1)?,
        failed: at(2)?,
        unauthorized: at(3)?,
        rate_limited: at(4)?,
        succeeded_without_usage: at(5)?,
        unpriced: at(6)?,
        input_tokens: at(7)?,
        output_tokens: at(8)?,
        cache_read_tokens: at(9)?,
        cache_write_tokens: at(10)?,
        reasoning_tokens: at(11)?,
        cost: NanoUsd(row.get(first + 12)?),
        duration_ns: at(13)?,
        reported: at(14)?,
        reported_cost: NanoUsd(row.get(first + 15)?),
        computed_cost: NanoUsd(row.get(first + 16)?),
    })
}

/// What a rollup knows of some calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RollupRow {
    pub(crate) totals: Totals,
    pub(crate) latency: Latency,
}

/// Latencies of some calls. The sum of the durations is in the totals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Latency {
    duration: Histogram,
    first_chunk: Histogram,
    first_chunk_sum: u64,
}

impl RollupRow {
    pub(crate) fn count(&mut self, call: &Measures) {
        self.totals.count(call);
        self.latency.duration.add(call.duration());
        if let Some(ns) = call.first_chunk() {
            self.latency.first_chunk.add(ns);
            self.latency.first_chunk_sum = self.latency.first_chunk_sum.saturating_add(ns);
        }
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.totals.absorb(&other.totals);
        self.latency.duration.merge(&other.latency.duration);
        self.latency.first_chunk.merge(&other.latency.first_chunk);
        self.latency.first_chunk_sum =
            self.latency.first_chunk_sum.saturating_add(other.latency.first_chunk_sum);
    }

    /// Takes out calls that were counted.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.totals.subtract(&other.totals);
        self.latency.duration.subtract(&other.latency.duration);
        self.latency.first_chunk.subtract(&other.latency.first_chunk);
        self.latency.first_chunk_sum =
            self.latency.first_chunk_sum.saturating_sub(other.latency.first_chunk_sum);
    }

    /// Reads the columns of [`TOTALS`] and, after them, `latency`.
    pub(crate) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let latency = match row.get_ref(first + NUMBERS)?.as_blob_or_null()? {
            Some(mut bytes) => {
                Latency::read(&mut bytes).ok_or_else(|| damaged("latency histogram".to_owned()))?
            }
            None => Latency::default(),
        };
        Ok(Self { totals: read_totals(row, first)?, latency })
    }
}

impl Latency {
    /// Empty latencies take no bytes: the rollups of users keep none.
    fn write(&self) -> Option<Vec<u8>> {
        if *self == Self::default() {
            return None;
        }
        let mut bytes = Vec::new();
        self.duration.write(&mut bytes);
        self.first_chunk.write(&mut bytes);
        write_varint(&mut bytes, self.first_chunk_sum);
        Some(bytes)
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            duration: Histogram::read(bytes)?,
            first_chunk: Histogram::read(bytes)?,
            first_chunk_sum: read_varint(bytes)?,
        })
    }
}

/// How many times to the first chunk the `latency` column of a rollup row holds, and their sum in nanoseconds.
pub(crate) fn first_chunks(mut bytes: &[u8]) -> rusqlite::Result<(u64, u64)> {
    let broken = || damaged("latency histogram".to_owned());
    count_values(&mut bytes).ok_or_else(broken)?;
    let count = count_values(&mut bytes).ok_or_else(broken)?;
    Ok((count, read_varint(&mut bytes).ok_or_else(broken)?))
}

/// Adds the `latency` column of a rollup row to coarser buckets.
pub(crate) fn read_buckets(mut bytes: &[u8], into: &mut history::Latencies) -> rusqlite::Result<()> {
    let broken = || damaged("latency histogram".to_owned());
    let mut read = |into: &mut BTreeMap<u64, u64>| {
        each_bucket(&mut bytes, |ns, calls| history::add(into, history::largest_with(ns), calls))
            .ok_or_else(broken)
    };
    read(&mut into.duration)?;
    read(&mut into.first_chunk)?;
    let sum = read_varint(&mut bytes).ok_or_else(broken)?;
    into.first_chunk_ns = into.first_chunk_ns.saturating_add(sum);
    Ok(())
}

/// The latencies of many calls, as a question adds them up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    duration: Distribution,
    first_chunk: Distribution,
}

impl Latencies {
    pub(crate) fn count(&mut self, call: &Measures) {
        self.duration.add(call.duration());
        if let Some(ns) = call.first_chunk() {
            self.first_chunk.add(ns);
        }
    }

    /// Adds the `latency` column of a rollup row whose durations sum up to `duration_ns`.
    pub(crate) fn read(&mut self, mut bytes: &[u8], duration_ns: u64) -> rusqlite::Result<()> {
        let broken = || damaged("latency histogram".to_owned());
        self.duration.read(&mut bytes).ok_or_else(broken)?;
        self.duration.add_sum(duration_ns);
        self.first_chunk.read(&mut bytes).ok_or_else(broken)?;
        self.first_chunk.add_sum(read_varint(&mut bytes).ok_or_else(broken)?);
        Ok(())
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.duration.absorb(&other.duration);
        self.first_chunk.absorb(&other.first_chunk);
    }

    pub(crate) fn summary(&self) -> LatencySummary {
        LatencySummary { duration: self.duration.quantiles(), first_chunk: self.first_chunk.quantiles() }
    }
}

/// Adds rows to one table: reads the row, adds, writes it back.
pub(crate) struct RollupWriter<'c> {
    read: CachedStatement<'c>,
    write: CachedStatement<'c>,
    delete: CachedStatement<'c>,
}

impl<'c> RollupWriter<'c> {
    pub(crate) fn new(connection: &'c Connection, table: Table) -> rusqlite::Result<Self> {
        let name = table.name();
        Ok(Self {
            read: connection
                .prepare_cached(&format!("SELECT {TOTALS}, latency FROM {name} WHERE id = ?1"))?,
            write: connection.prepare_cached(&format!(
                "INSERT OR REPLACE INTO {name} (id, {TOTALS}, latency) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
            ))?,
            delete: connection.prepare_cached(&format!("DELETE FROM {name} WHERE id = ?1"))?,
        })
    }

    pub(crate) fn add(&mut self, id: i64, more: &RollupRow) -> rusqlite::Result<()> {
        let before = self.read.query_row([id], |row| RollupRow::read(row, 0)).optional()?;
        match before {
            Some(mut row) => {
                row.absorb(more);
                self.put(id, &row)
            }
            None => self.put(id, more),
        }
    }

    /// Takes out calls that were counted; a row without calls goes.
    pub(crate) fn subtract(&mut self, id: i64, less: &RollupRow) -> rusqlite::Result<()> {
        let Some(mut row) = self.read.query_row([id], |row| RollupRow::read(row, 0)).optional()? else {
            return Ok(());
        };
        row.subtract(less);
        match row.totals.calls {
            0 => self.delete.execute([id]).map(drop),
            _ => self.put(id, &row),
        }
    }

    pub(crate) fn put(&mut self, id: i64, row: &RollupRow) -> rusqlite::Result<()> {
        let totals = &row.totals;
        self.write.execute(params![
            id,
            totals.calls.cast_signed(),
            totals.succeeded.cast_signed(),
            totals.failed.cast_signed(),
            totals.unauthorized.cast_signed(),
            totals.rate_limited.cast_signed(),
            totals.succeeded_without_usage.cast_signed(),
            totals.unpriced.cast_signed(),
            totals.input_tokens.cast_signed(),
            totals.output_tokens.cast_signed(),
            totals.cache_read_tokens.cast_signed(),
            totals.cache_write_tokens.cast_signed(),
            totals.reasoning_tokens.cast_signed(),
            totals.cost.0,
            totals.duration_ns.cast_signed(),
            totals.reported.cast_signed(),
            totals.reported_cost.0,
            totals.computed_cost.0,
            row.latency.write(),
        ])?;
        Ok(())
    }
}
