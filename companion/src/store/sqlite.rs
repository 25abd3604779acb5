//! The embedded store: one SQLite file, no server.
//!
//! Calls lie in the order in which they ended (`key`), so that appending touches the end of the file only and
//! a window is one range of rows. Minute roll-ups are written with each batch; five-minute and hour roll-ups,
//! those over all series, those of users and those of repeating hashes (`repeats`) are made when their time is
//! over (`close`). A window is put together from whole buckets and, at its edges, from the calls themselves
//! (`cover`); what a report asks of it reads each of them once (`overview`).

use std::path::Path;
use std::time::Duration;

use crate::record::Timestamp;
use crate::store::StoreError;

mod append;
mod calls;
mod cell;
mod close;
mod code;
mod cover;
mod dictionary;
mod error;
mod gaps;
mod hashes;
mod histogram;
mod key;
mod marks;
mod names;
mod open;
mod overview;
mod query;
mod recent;
mod repeats;
mod retention;
mod row;
mod scan;
mod schema;
mod seen;
mod sketch;
mod sums;

pub use append::SqliteAppender;
pub use query::SqliteQuerier;

/// What is kept, and for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Calls that ended longer ago are deleted. `None`, the default, keeps them.
    pub keep_calls: Option<Duration>,
    /// Hour sums that are older are deleted. `None`, the default, keeps them. Never shorter than `keep_calls`.
    pub keep_sums: Option<Duration>,
    /// Bytes that the ledger, its log included, may take; above, the oldest calls are deleted, then the oldest
    /// sums. `None`, the default, sets no bound.
    pub max_bytes: Option<u64>,
    /// What time it is, noted in a file that is created: processes that were running by then have earlier numbers
    /// that nobody misses (see `gaps`). `None`, the default, notes nothing, and all numbers below the first are missed.
    pub now: Option<Timestamp>,
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
        let (connection, lock) = open::writer(path, options.now)?;
        SqliteAppender::new(connection, lock, path.to_path_buf(), options.clone())
    }

    /// Opens the ledger at `path` for questions, beside a writer or alone.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Damaged`], [`StoreError::Newer`], [`StoreError::Busy`].
    pub fn open_reader(path: &Path) -> Result<SqliteQuerier, StoreError> {
        SqliteQuerier::open(path.to_path_buf())
    }
}

#[cfg(test)]
mod tests;
