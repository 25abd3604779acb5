//! The one writer: appends calls, closes rollups, tracks sequence gaps, and enforces retention.

mod accounts;
mod append;
mod appender;
mod close;
pub(super) mod gaps;
mod recent_hashes;
mod retention;
mod rollups;
mod settle;
mod skipped;
pub(super) mod transaction;
mod waiting;
