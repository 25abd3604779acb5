//! The SQLite store's [`Appender`].

use crate::record::{Passage, Timestamp};
use crate::store::own_clock::OwnClock;
use crate::store::sqlite::file::error::store_error;
use crate::store::sqlite::write::accounts::Rows;
use crate::store::sqlite::write::retention;
use crate::store::sqlite::write::transaction::SqliteAppender;
use crate::store::{Appended, Appender, Batch, Maintained, StoreError};

impl Appender for SqliteAppender {
    fn append_batch(&mut self, batch: Batch<'_>) -> Result<Appended, StoreError> {
        match self.append_together(&[batch]) {
            Err(error) if error.may_concern_one_call() => self.append_in_parts(batch, error),
            appended => Ok(appended?.first().copied().unwrap_or_default()),
        }
    }

    fn append_group(&mut self, batches: &[Batch<'_>]) -> Vec<Result<Appended, StoreError>> {
        match self.append_together(batches) {
            Ok(appended) => appended.into_iter().map(Ok).collect(),
            // Each by itself, so that a batch the database refuses takes no other along.
            Err(error) if error.may_concern_one_batch() => {
                batches.iter().map(|batch| self.append_batch(*batch)).collect()
            }
            Err(error) => batches.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn maintain(&mut self, now: Timestamp) -> Result<Maintained, StoreError> {
        retention::maintain(self, now, self.clock.uptime())
    }
}

impl SqliteAppender {
    /// The clock by which the ledger goes. Clones share it.
    pub(crate) fn clock(&self) -> OwnClock {
        self.clock.clone()
    }

    /// Appends, and makes sure that what is durable now can be found again.
    pub(super) fn append_together(&mut self, batches: &[Batch<'_>]) -> Result<Vec<Appended>, StoreError> {
        self.watch.check()?;
        self.watch.log_may_shrink();
        let appended = self.append_unwatched(batches);
        self.watch.log_rests();
        let appended = appended.map_err(|error| self.why(error))?;
        self.watch.check()?;
        Ok(appended)
    }

    /// What the database takes for a full disk may be one that is read-only.
    fn why(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Full { .. } => self.watch.check_writable().err().unwrap_or(error),
            error => error,
        }
    }

    fn append_unwatched(&mut self, batches: &[Batch<'_>]) -> Result<Vec<Appended>, StoreError> {
        if self.sequences.is_undated()
            && let Some(now) = self.clock.last()
        {
            self.note_time(now)?;
        }
        if batches
            .iter()
            .any(|batch| !batch.calls.is_empty() || !batch.processes.is_empty() || batch.skipped.is_some())
        {
            let appended = self.write(|transaction| transaction.append(batches.iter().copied()))?;
            self.unsaved.clear();
            return Ok(appended);
        }
        // Passages have to be durable only where they connect calls.
        let mut appended = vec![Appended::default(); batches.len()];
        let related = self.pass(batches.iter().flat_map(|batch| batch.passages))?;
        if !related.is_empty() {
            let undone = self.write(|transaction| transaction.settle_alone(&related))?;
            appended.iter_mut().take(1).for_each(|first| *first = undone);
        }
        Ok(appended)
    }

    /// Remembers passages; returns the accounts to which others may be related through them.
    fn pass<'b>(&mut self, passages: impl Iterator<Item = &'b Passage>) -> Result<Vec<i64>, StoreError> {
        let rows = Rows { sql: &self.connection, names: &self.names, calls_from: self.watermarks.calls_from };
        let mut related = Vec::new();
        for passage in passages {
            let passed = self.known.pass(passage, &rows);
            related.extend(passed.map_err(|error| store_error(&self.path, &error))?);
            self.unsaved.push(*passage);
        }
        let surplus = self.unsaved.len().saturating_sub(self.options.limits.recent_accounts);
        self.unsaved.drain(..surplus);
        Ok(related)
    }
}
