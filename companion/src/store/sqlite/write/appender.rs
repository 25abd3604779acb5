//! The SQLite store's [`Appender`].

use crate::record::{CallRecord, Timestamp};
use crate::store::sqlite::write::retention;
use crate::store::sqlite::write::transaction::SqliteAppender;
use crate::store::{Appended, Appender, Maintained, StoreError};

impl Appender for SqliteAppender {
    fn append(&mut self, batch: &[CallRecord]) -> Result<Appended, StoreError> {
        let appended = self.write(|transaction| transaction.append([batch]))?;
        Ok(appended.first().copied().unwrap_or_default())
    }

    fn append_group(&mut self, batches: &[Vec<CallRecord>]) -> Vec<Result<Appended, StoreError>> {
        match self.write(|transaction| transaction.append(batches.iter().map(Vec::as_slice))) {
            Ok(appended) => appended.into_iter().map(Ok).collect(),
            // Each by itself, so that a batch the database refuses takes no other along.
            Err(_) => batches.iter().map(|batch| self.append(batch)).collect(),
        }
    }

    fn maintain(&mut self, now: Timestamp) -> Result<Maintained, StoreError> {
        retention::maintain(self, now)
    }
}
