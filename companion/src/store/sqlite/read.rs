//! Queries: whole buckets from the rollups, the edges of a window from the calls. Never writes.

mod calls;
mod five_minutes;
mod gaps;
mod hashes;
mod overview;
pub(super) mod processes;
pub(super) mod querier;
mod repetition;
pub(super) mod scan;
mod sketch;
mod sums;
