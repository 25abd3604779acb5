//! Rollups: totals and latencies by minute, five minutes and hour, and the request hashes that repeat. Here is what
//! their rows hold and which of them make up a window; `write` fills them, `read` adds them up.

pub(super) mod grain;
pub(super) mod plan;
pub(super) mod repeats;
pub(super) mod row;
pub(super) mod sightings;
