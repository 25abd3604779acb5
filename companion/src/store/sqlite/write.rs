//! The one writer: appends calls, closes rollups, tracks sequence gaps, and enforces retention.

mod accounts;
mod aging;
mod append;
mod appender;
pub(super) mod archiving;
mod brake;
mod close;
pub(super) mod gaps;
mod instance_rows;
mod instances;
mod keys;
mod processes;
mod recent_hashes;
mod refusals;
mod restore;
mod restore_processes;
pub(super) mod retention;
mod rollups;
mod settle;
mod shares;
mod skipped;
pub(super) mod transaction;
mod waiting;
