//! How far the housekeeping has come: from which minute on calls and rollups are there.

use rusqlite::{Connection, params};

/// A mark that is before every call.
pub(crate) const NEVER: i64 = i64::MIN / 60_000_000_000 - 1;

/// A mark that is after every call; begins an hour.
pub(crate) const NOT_YET: i64 = i64::MAX / 60_000_000_000 / 60 * 60 + 60;

/// Kept in the table `state`. Minutes are minutes since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watermarks {
    /// Calls that ended before this minute were deleted.
    pub(crate) calls_from: i64,
    /// From this minute on every call is there; before it those of some services were deleted, when it is later.
    pub(crate) whole_from: i64,
    /// Rollups finer than an hour were deleted before this minute, which begins an hour.
    pub(crate) minutes_from: i64,
    /// The coarse rollups are complete before this minute, which is a multiple of five.
    pub(crate) closed: i64,
    /// The rollups over all series and those of hashes are there from this minute on, which begins an hour:
    /// ledgers of schema 1 have none.
    pub(crate) summed_from: i64,
    /// How far, at most, a call is after its own microsecond.
    pub(crate) spill_us: i64,
    /// Calls that ended before this minute are archived, where that is asked for.
    pub(crate) archived: i64,
}

impl Watermarks {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut watermarks = Self {
            calls_from: NEVER,
            whole_from: NEVER,
            minutes_from: NEVER,
            closed: NEVER,
            summed_from: NOT_YET,
            spill_us: 0,
            archived: NEVER,
        };
        let mut statement = connection.prepare_cached("SELECT name, value FROM state")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let value = row.get(1)?;
            match row.get_ref(0)?.as_str()? {
                "calls_from" => watermarks.calls_from = value,
                "whole_from" => watermarks.whole_from = value,
                "minutes_from" => watermarks.minutes_from = value,
                "closed" => watermarks.closed = value,
                "summed_from" => watermarks.summed_from = value,
                "spill_us" => watermarks.spill_us = value,
                "archived" => watermarks.archived = value,
                // Of a newer version that kept the schema.
                _ => {}
            }
        }
        Ok(watermarks)
    }

    pub(crate) fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement =
            connection.prepare_cached("INSERT OR REPLACE INTO state (name, value) VALUES (?1, ?2)")?;
        for (name, value) in [
            ("calls_from", self.calls_from),
            ("whole_from", self.whole_from),
            ("minutes_from", self.minutes_from),
            ("closed", self.closed),
            ("summed_from", self.summed_from),
            ("spill_us", self.spill_us),
            ("archived", self.archived),
        ] {
            statement.execute(params![name, value])?;
        }
        Ok(())
    }

    /// The minute from which on every call is there.
    pub(crate) fn every_call_from(&self) -> i64 {
        self.whole_from.max(self.calls_from)
    }

    /// The end of the last whole hour of which every coarse rollup is complete.
    pub(crate) const fn closed_hour(&self) -> i64 {
        self.closed.div_euclid(60) * 60
    }
}
