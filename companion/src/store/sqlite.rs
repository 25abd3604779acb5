//! The embedded store: one SQLite file, no server.
//!
//! `file` opens it and knows how things are stored, `rollup` is what totals and repetition look like by minute, five
//! minutes and hour, `write` is the one writer, `read` answers queries.
//!
//! Calls are stored in the order in which they ended (`file::call_id`), so that appending touches the end of the file
//! only and a window is one range of rows. Minute rollups are written with each batch; five-minute and hour rollups,
//! those over all series, those of users and those of repeating hashes (`rollup::repeats`) are made when their time is
//! over (`write::close`). A window is put together from whole buckets and, at its edges, from the calls themselves
//! (`rollup::plan`); what a report asks of it reads each of them once (`read::overview`).

use std::path::Path;
use std::time::Duration;

use crate::record::Timestamp;
use crate::store::StoreError;
use crate::store::archival::Archival;
use crate::store::identity::{Groups, RESPONSE_IDS};

mod file;
mod read;
mod rollup;
mod write;

pub(crate) use read::backup::backup;
pub(crate) use read::damage::DamagedPage;
pub(crate) use read::processes::ProcessAccount;
pub use read::querier::SqliteQuerier;
pub(crate) use read::verify::{Progress, Verified, verify};
pub(crate) use write::transaction::SqliteAppender;

/// What is kept, and for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Calls that ended longer ago are deleted. `None`, the default, keeps them.
    pub keep_calls: Option<Duration>,
    /// Hour totals that are older are deleted. `None`, the default, keeps them. Never shorter than `keep_calls`.
    pub keep_sums: Option<Duration>,
    /// Bytes that the ledger, its log included, may take; above, the oldest calls are deleted, then the oldest
    /// totals. `None`, the default, sets no bound.
    pub max_bytes: Option<u64>,
    /// What time it is, noted in a file that is created: processes that were running by then have earlier numbers
    /// that are not missing (see `gaps`). `None`, the default, notes nothing, and all numbers below the first are missed.
    pub now: Option<Timestamp>,
    /// Where calls must be archived before they are deleted. `None`, the default, deletes them without.
    pub archival: Option<Archival>,
    /// Which services' spans may be accounts of one call. Defaults to all.
    pub groups: Groups,
    /// How much is kept in memory and in lists.
    pub limits: Limits,
}

/// How much of repetition and of the newest calls is remembered. Tests open ledgers with small ones and reach every one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Request hashes that one bucket lists. Defaults to 1,000: 30 kB.
    pub listed_hashes: usize,
    /// Newest calls by whose hashes a repetition is recognised. Defaults to 50,000: some 3 MB.
    pub recent_hashes: usize,
    /// Windows with at most as many calls are searched call by call for repetition. Defaults to 20,000: some 10 ms.
    pub compared_calls: u64,
    /// Calls of a window up to which each hash is remembered. Windows with more are read twice to find what repeats,
    /// and their different hashes are counted by a bitmap. Defaults to 50,000: some 6 MB.
    pub remembered_calls: u64,
    /// Newest calls, and as many other spans, by which other accounts of a call are recognised. Defaults to 65,536: some
    /// 10 MB.
    pub recent_accounts: usize,
    /// Bytes in which response ids are remembered beyond them, for ten minutes. Defaults to 8 MiB, for 2,300 calls per second.
    pub response_ids: usize,
    /// Services, providers, models and kinds of failure that totals are kept apart by, of each. Of more, a tenth of it
    /// per day; the others are counted as `_OTHER`. Defaults to 1,000.
    pub names: usize,
    /// Combinations of them, in the same way. Defaults to 5,000.
    pub series: usize,
    /// Users with most calls that the totals of five minutes and of an hour are kept apart by. Defaults to 5,000.
    pub users: usize,
    /// Sending processes whose numbers are followed. Defaults to 100,000.
    pub instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            listed_hashes: 1_000,
            recent_hashes: 50_000,
            compared_calls: 20_000,
            remembered_calls: 50_000,
            recent_accounts: 65_536,
            response_ids: RESPONSE_IDS,
            names: 1_000,
            series: 5_000,
            users: 5_000,
            instances: 100_000,
        }
    }
}

/// Opens ledgers.
#[derive(Debug)]
pub struct Ledger;

impl Ledger {
    /// Opens the ledger at `path` for the one process that writes it; creates it when there is none.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when another process writes it, [`StoreError::Damaged`], [`StoreError::Newer`],
    /// [`StoreError::ReadOnly`], [`StoreError::Full`].
    pub fn open_writer(path: &Path, options: &Options) -> Result<SqliteAppender, StoreError> {
        let (connection, lock) = file::open::writer(path, options.now)?;
        SqliteAppender::new(connection, lock, path.to_path_buf(), options.clone())
    }

    /// Opens the ledger at `path` for queries, next to a writer or alone.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Damaged`], [`StoreError::Newer`], [`StoreError::Busy`].
    pub fn open_reader(path: &Path) -> Result<SqliteQuerier, StoreError> {
        Self::open_reader_with(path, Limits::default())
    }

    /// As [`Self::open_reader`], with other limits.
    ///
    /// # Errors
    /// As [`Self::open_reader`].
    pub fn open_reader_with(path: &Path, limits: Limits) -> Result<SqliteQuerier, StoreError> {
        SqliteQuerier::open(path.to_path_buf(), limits)
    }
}

#[cfg(test)]
mod tests;
