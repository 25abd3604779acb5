//! The one writer: appends calls, closes rollups, tracks sequence gaps, and enforces retention.

mod append;
mod appender;
mod close;
pub(super) mod gaps;
mod recent_hashes;
mod recent_ids;
mod retention;
pub(super) mod transaction;
