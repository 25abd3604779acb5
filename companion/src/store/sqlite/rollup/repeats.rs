//! The request hashes that repeat, bucket by bucket, so that repetition over a day is found without its calls.
//!
//! Most hashes come once, and no table of them all can stay small. While five minutes are closed, each call's
//! hash is looked for among the newest [`recent_hashes`](Limits::recent_hashes) calls before it. When it is there, both calls
//! are repeats: each is counted in the list of its own bucket, and only such calls are. A bucket keeps the
//! [`listed_hashes`](Limits::listed_hashes) hashes that repeat most. So no count is ever too high, and a call is missing from its hash's count
//! only if
//!
//! - `recent_hashes` or more calls are between it and its nearest repetition, or
//! - `listed_hashes` hashes repeat at least as often in its bucket, or its hash is longer than [`LONGEST`], or
//! - it or the other came after the bucket was closed.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension};

use crate::record::NanoUsd;
use crate::store::histogram::{read_varint, write_varint};
use crate::store::sqlite::file::enum_codes::damaged;
use crate::store::sqlite::file::row::Hash;
use crate::store::sqlite::file::watermarks::Watermarks;
use crate::store::sqlite::rollup::grain::minute_of;
use crate::store::sqlite::rollup::grain::{FIVE, HOUR};
use crate::store::sqlite::rollup::row::{ALL, Table, row_id};
use crate::store::sqlite::rollup::sightings::Sightings;

/// Repeating hashes followed while a bucket is closed, some 2 MB; more are not counted.
const FOLLOWED: usize = 16 * 1024;
/// Longer hashes, which no known sender makes, are not listed. In bytes.
const LONGEST: usize = 256;

/// What a row of a hash table says of its bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Repeats {
    /// Calls that carry a hash, listed or not.
    pub(crate) hashed: u64,
    /// Calls of hashes that found no place in the list, without the first of each.
    pub(crate) others: u64,
    pub(crate) list: HashMap<Hash, Sightings>,
}

impl Repeats {
    pub(crate) fn add(&mut self, hash: Hash, sightings: &Sightings) {
        if let Some(known) = self.list.get_mut(&hash) {
            known.absorb(sightings);
        } else if self.list.len() < FOLLOWED && bytes_of(&hash).len() <= LONGEST {
            self.list.insert(hash, *sightings);
        }
    }

    /// Adds the calls of another bucket.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.hashed = self.hashed.saturating_add(other.hashed);
        self.others = self.others.saturating_add(other.others);
        for (hash, sightings) in other.list {
            self.list.entry(hash).and_modify(|known| known.absorb(&sightings)).or_insert(sightings);
        }
    }

    /// The list as it is kept: those that repeat most, in an order that does not depend on chance.
    fn kept(&mut self, listed: usize) -> Vec<(&Hash, &Sightings)> {
        let mut order: Vec<(&Hash, &Sightings)> = self.list.iter().collect();
        order.sort_unstable_by(|(a, seen), (b, other)| {
            other.calls.cmp(&seen.calls).then_with(|| bytes_of(a).cmp(bytes_of(b)))
        });
        for (_, sightings) in order.drain(listed.min(order.len())..) {
            self.others = self.others.saturating_add(sightings.calls.saturating_sub(1));
        }
        order
    }

    /// For each hash: the length of a text and 1, or 0 and 16 bytes; calls, cost, newest end, series.
    fn read(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let unsigned = |column: usize| row.get::<_, i64>(first + column).map(i64::cast_unsigned);
        let mut bytes = row.get_ref(first + 2)?.as_blob().map_err(|error| damaged(error.to_string()))?;
        let mut repeats = Self { hashed: unsigned(0)?, others: unsigned(1)?, list: HashMap::new() };
        while !bytes.is_empty() {
            let (hash, sightings) =
                read_entry(&mut bytes).ok_or_else(|| damaged("list of hashes".to_owned()))?;
            repeats.list.insert(hash, sightings);
        }
        Ok(repeats)
    }

    /// Writes the row of the bucket that begins with `minute`.
    pub(crate) fn put(
        mut self,
        sql: &Connection,
        table: Table,
        minute: i64,
        listed: usize,
    ) -> rusqlite::Result<()> {
        let mut bytes = Vec::new();
        for (hash, sightings) in self.kept(listed) {
            write_entry(&mut bytes, hash, sightings);
        }
        sql.prepare_cached(&format!(
            "INSERT OR REPLACE INTO {} (id, hashed, others, list) VALUES (?1, ?2, ?3, ?4)",
            table.name()
        ))?
        .execute(rusqlite::params![
            row_id(minute, ALL),
            self.hashed.cast_signed(),
            self.others.cast_signed(),
            bytes
        ])?;
        Ok(())
    }

    /// The rows of the buckets that begin with one of `minutes`, together.
    pub(crate) fn of(
        sql: &Connection,
        table: Table,
        minutes: &std::ops::Range<i64>,
    ) -> rusqlite::Result<Self> {
        let mut all = Self::default();
        let mut statement = sql.prepare_cached(&format!(
            "SELECT hashed, others, list FROM {} WHERE id >= ?1 AND id < ?2",
            table.name()
        ))?;
        let mut rows = statement.query([row_id(minutes.start, ALL), row_id(minutes.end, ALL)])?;
        while let Some(row) = rows.next()? {
            all.absorb(Self::read(row, 0)?);
        }
        Ok(all)
    }

    fn at(sql: &Connection, table: Table, minute: i64) -> rusqlite::Result<Option<Self>> {
        sql.prepare_cached(&format!("SELECT hashed, others, list FROM {} WHERE id = ?1", table.name()))?
            .query_row([row_id(minute, ALL)], |row| Self::read(row, 0))
            .optional()
    }
}

fn write_entry(bytes: &mut Vec<u8>, hash: &Hash, sightings: &Sightings) {
    match hash {
        Hash::Bytes(hash) => {
            bytes.push(0);
            bytes.extend_from_slice(hash);
        }
        Hash::Text(text) => {
            write_varint(bytes, text.len() as u64 + 1);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    write_varint(bytes, sightings.calls);
    write_varint(bytes, sightings.cost.0.cast_unsigned());
    write_varint(bytes, sightings.last.cast_unsigned());
    write_varint(bytes, sightings.series.cast_unsigned());
}

fn read_entry(bytes: &mut &[u8]) -> Option<(Hash, Sightings)> {
    let hash = match read_varint(bytes)? {
        0 => {
            let (hash, rest) = bytes.split_first_chunk::<16>()?;
            *bytes = rest;
            Hash::Bytes(*hash)
        }
        length => {
            let (text, rest) = bytes.split_at_checked(usize::try_from(length - 1).ok()?)?;
            *bytes = rest;
            Hash::Text(std::str::from_utf8(text).ok()?.to_owned())
        }
    };
    let calls = read_varint(bytes)?;
    let cost = NanoUsd(read_varint(bytes)?.cast_signed());
    let last = read_varint(bytes)?.cast_signed();
    let series = read_varint(bytes)?.cast_signed();
    Some((hash, Sightings { calls, cost, last, series }))
}

/// Calls that belong to buckets that are closed already, by the five minutes in which they ended.
#[derive(Debug, Default)]
pub(crate) struct Late {
    buckets: BTreeMap<i64, Vec<(Hash, Sightings)>>,
}

impl Late {
    pub(crate) fn push(&mut self, hash: Hash, call: Sightings) {
        let five = minute_of(call.last).div_euclid(FIVE) * FIVE;
        self.buckets.entry(five).or_default().push((hash, call));
    }

    /// Counts calls that are new to the ledger.
    pub(crate) fn write_new(
        self,
        sql: &Connection,
        watermarks: &Watermarks,
        listed: usize,
    ) -> rusqlite::Result<()> {
        for (five, calls) in self.buckets {
            for (table, bucket) in rows_of(five, watermarks) {
                let mut repeats = Repeats::at(sql, table, bucket)?.unwrap_or_default();
                for (hash, call) in &calls {
                    repeats.hashed = repeats.hashed.saturating_add(1);
                    repeats.join(hash, call, listed);
                }
                repeats.put(sql, table, bucket, listed)?;
            }
        }
        Ok(())
    }

    /// Takes out calls that are not counted any more. Where one was the newest of its hash, the time stays.
    pub(crate) fn write_removed(
        self,
        sql: &Connection,
        watermarks: &Watermarks,
        listed: usize,
    ) -> rusqlite::Result<()> {
        for (five, calls) in self.buckets {
            for (table, bucket) in rows_of(five, watermarks) {
                let Some(mut repeats) = Repeats::at(sql, table, bucket)? else { continue };
                for (hash, call) in &calls {
                    repeats.hashed = repeats.hashed.saturating_sub(1);
                    if let Some(known) = repeats.list.get_mut(hash) {
                        known.subtract(call);
                    }
                }
                repeats.list.retain(|_, known| known.calls > 0);
                repeats.put(sql, table, bucket, listed)?;
            }
        }
        Ok(())
    }

    /// Lists calls that were counted without being listed, because their hash had not come before. A list that
    /// has the hash has the call: what was read again after a restart is found to be known.
    pub(crate) fn write_repeated(
        self,
        sql: &Connection,
        watermarks: &Watermarks,
        listed: usize,
    ) -> rusqlite::Result<()> {
        for (five, mut calls) in self.buckets {
            for (table, bucket) in rows_of(five, watermarks) {
                // Without a row the calls are deleted.
                let Some(mut repeats) = Repeats::at(sql, table, bucket)? else { continue };
                if table == Table::HashFive {
                    calls.retain(|(hash, _)| !repeats.list.contains_key(hash));
                }
                calls.retain(|(hash, call)| repeats.join(hash, call, listed));
                if !calls.is_empty() {
                    repeats.put(sql, table, bucket, listed)?;
                }
            }
        }
        Ok(())
    }
}

impl Repeats {
    /// Counts a call where its hash is listed or finds room.
    fn join(&mut self, hash: &Hash, call: &Sightings, listed: usize) -> bool {
        let joins = self.list.contains_key(hash) || self.list.len() < listed;
        if joins {
            self.add(hash.clone(), call);
        }
        joins
    }
}

/// The closed rows that hold five minutes, the five minutes themselves first.
fn rows_of(five: i64, watermarks: &Watermarks) -> impl Iterator<Item = (Table, i64)> {
    let (closed, summed_from) = (watermarks.closed, watermarks.summed_from);
    [(Table::HashFive, FIVE), (Table::HashHour, HOUR)]
        .into_iter()
        .map(move |(table, size)| (table, five.div_euclid(size) * size, size))
        .filter(move |(_, bucket, size)| bucket + size <= closed && *bucket >= summed_from)
        .map(|(table, bucket, _)| (table, bucket))
}

/// The order of hashes with as many calls, and what bounds their length.
fn bytes_of(hash: &Hash) -> &[u8] {
    match hash {
        Hash::Bytes(bytes) => bytes,
        Hash::Text(text) => text.as_bytes(),
    }
}
