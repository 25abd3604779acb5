//! Queries: whole buckets from the rollups, the edges of a window from the calls. Never writes.

mod accounts;
mod archive;
pub(super) mod backup;
mod calls;
pub(super) mod damage;
mod export;
mod five_minutes;
mod gaps;
mod grouped;
mod hashes;
mod history;
mod overview;
mod pages;
pub(super) mod processes;
pub(super) mod querier;
mod repetition;
pub(super) mod scan;
mod sketch;
mod sums;
mod users;
pub(super) mod verify;
