//! Calls that the database does not take whatever is tried, while it takes others: the page on which they belong is
//! damaged. They are refused alone and for good. Refused as retryable, they would hold up everything that a sender has
//! after them until a backup is restored.

use crate::clock;
use crate::record::{CallRecord, SkipReason, SkippedHours};
use crate::store::sqlite::write::transaction::SqliteAppender;
use crate::store::{Appended, Batch, StoreError};
use crate::text::log_throttle::LogThrottle;
use crate::text::seconds::Seconds;

/// Calls of a batch that are tried one by one and fail. What fails together with further ones is refused together, so that
/// no batch takes the writer's time for long.
const SINGLY: u64 = 64;
/// Between two log lines.
const LOG_INTERVAL: Seconds = Seconds(60);

/// Limits the log lines about such calls.
#[derive(Debug)]
pub(super) struct RefusalLog(LogThrottle);

impl Default for RefusalLog {
    fn default() -> Self {
        Self(LogThrottle::new(LOG_INTERVAL))
    }
}

impl SqliteAppender {
    /// Appends what can be appended of a batch that failed with `error`.
    ///
    /// # Errors
    /// `error` when the ledger takes nothing else either: then it is to be mended, and nothing is refused for good. What
    /// else fails meanwhile; what was appended by then is known when the batch is sent again.
    pub(super) fn append_in_parts(
        &mut self,
        batch: Batch<'_>,
        error: StoreError,
    ) -> Result<Appended, StoreError> {
        if !self.takes_calls() {
            return Err(error);
        }
        let mut done = Appended::default();
        let mut why = error;
        let others = [
            Batch { passages: batch.passages, ..Batch::default() },
            Batch { processes: batch.processes, ..Batch::default() },
            Batch { skipped: batch.skipped, ..Batch::default() },
        ];
        for part in others {
            match self.append_together(&[part]) {
                // Counts for reports, and what connects calls.
                Err(error) if error.may_concern_one_call() => why = error,
                appended => appended?.iter().for_each(|appended| done.absorb(appended)),
            }
        }
        // Halves of halves, the first one first.
        let mut left = vec![batch.calls];
        while let Some(calls) = left.pop() {
            let singly = done.not_taken < SINGLY;
            let mut appended = self.append_together(&[Batch { calls, ..Batch::default() }]);
            if let Err(error) = &appended
                && error.may_concern_one_call()
                && singly
            {
                if calls.len() > 1 {
                    let (first, second) = calls.split_at(calls.len() / 2);
                    left.extend([second, first]);
                    continue;
                }
                // Once more, as what failed may have been something else.
                if !self.takes_calls() {
                    return appended.map(|_| done);
                }
                appended = self.append_together(&[Batch { calls, ..Batch::default() }]);
            }
            match appended {
                Err(error) if error.may_concern_one_call() => {
                    done.not_taken += calls.len() as u64;
                    why = error;
                    self.note_refused(calls);
                }
                appended => appended?.iter().for_each(|appended| done.absorb(appended)),
            }
        }
        if let Some(suppressed) = self.refusal_log.0.allow(clock::now()) {
            tracing::error!(error = %why, calls = done.not_taken, suppressed, "calls are refused for good");
        }
        Ok(done)
    }

    /// Whether a call that ends now can be appended.
    fn takes_calls(&mut self) -> bool {
        let now = self.clock.now();
        let trace_id = (now.0.cast_unsigned() as u128).to_be_bytes();
        let call = CallRecord { trace_id, span_id: [1; 8], start: now, ..CallRecord::default() };
        let batch = Batch { calls: std::slice::from_ref(&call), ..Batch::default() };
        let mut taken = false;
        // It is only tried: the error undoes it.
        let _undone = self.write(|transaction| {
            transaction.append([batch])?;
            taken = true;
            Err::<(), _>(rusqlite::Error::ExecuteReturnedResults)
        });
        taken
    }

    /// Notes them for the report and the rules, as far as that can be written.
    fn note_refused(&mut self, calls: &[CallRecord]) {
        let now = self.clock.now();
        let mut refused = SkippedHours::default();
        for call in calls {
            refused.add(now, &call.scope, SkipReason::Refused);
        }
        let noted = self.append_together(&[Batch { skipped: Some(&refused), ..Batch::default() }]);
        if let Err(error) = noted {
            tracing::debug!(%error, "refused calls are not noted");
        }
    }
}
