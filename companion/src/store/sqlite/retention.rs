//! Housekeeping.

use crate::record::Timestamp;
use crate::store::sqlite::append::SqliteAppender;
use crate::store::{Maintained, StoreError};

pub(super) fn maintain(_ledger: &mut SqliteAppender, _now: Timestamp) -> Result<Maintained, StoreError> {
    Ok(Maintained::default())
}
