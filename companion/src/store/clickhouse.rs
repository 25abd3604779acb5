//! The store of those who outgrow one machine: tables of our own in a ClickHouse.
//!
//! `connection` speaks to it, `schema` makes the tables, `row` is a call as a row, `sums`, `conditions` and `plan` add up calls,
//! minutes and hours, `querier` answers questions with `rows`, `overview` and `noted`, `write` is the one writer with what it remembers (`memory`), and `lease` decides
//! which of several companions that is. `spans` reads the table that a Collector writes spans to, `export` the ledger itself.

mod conditions;
mod connection;
mod export;
mod lease;
mod memory;
mod noted;
mod overview;
mod plan;
mod querier;
mod row;
mod rows;
mod schema;
mod silences;
mod spans;
mod standby;
mod sums;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod write;

use std::path::PathBuf;
use std::time::Duration;

use crate::record::Timestamp;
use crate::store::archival::Archival;
use crate::store::identity::Groups;

pub(crate) use export::{ClickHouseArchive, ClickHouseExporter};
pub(crate) use querier::ClickHouseQuerier;
pub(crate) use silences::{SilenceRow, SilenceTable};
pub(crate) use spans::{Part, SpanRow, SpanTable};
pub(crate) use standby::Standby;
pub(crate) use write::ClickHouseAppender;

/// Newest accounts by which others of a call are recognised; see [`Options::recent`].
pub(crate) const RECENT: usize = 32_768;

/// Where the tables are, as whom they are asked, and within which bounds.
#[derive(Clone)]
pub(crate) struct Options {
    /// Addresses of replicas, as URLs: the first that answers is asked.
    pub(crate) addresses: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// The authority whose certificates are trusted instead of those of public ones.
    pub(crate) authority: Option<PathBuf>,
    /// The database of our own tables.
    pub(crate) database: String,
    /// A name for this process, which no other has.
    pub(crate) holder: String,
    /// How long a question may take.
    pub(crate) timeout: Duration,
    /// Bytes of memory that a question may take there.
    pub(crate) memory_bytes: u64,
    /// Rows that a question may read there.
    pub(crate) rows: u64,
    pub(crate) keep_calls: Option<Duration>,
    pub(crate) keep_sums: Option<Duration>,
    /// What time it is, noted in tables that are created.
    /// Where calls are archived before they are deleted.
    pub(crate) archival: Option<Archival>,
    pub(crate) created: Option<Timestamp>,
    pub(crate) groups: Groups,
    /// Newest accounts that the writer remembers for certain, and as many before them. Older ones are asked for.
    pub(crate) recent: usize,
    /// Bytes in which response ids are remembered.
    pub(crate) response_ids: usize,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("ledger", &self.name()).finish_non_exhaustive()
    }
}

impl Options {
    /// The ledger's name, for people.
    fn name(&self) -> String {
        format!("{}/{}", self.addresses.join(","), self.database)
    }
}
