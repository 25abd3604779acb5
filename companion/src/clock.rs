//! The one reader of the wall clock. Everything else is given its `now`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::record::Timestamp;

/// The present moment.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
