//! Archives what retention is about to delete, one hour at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::ArchiveError;
use super::folder::Folder;
use super::hour::{HourDone, write_hour};
use crate::clock;
use crate::record::{Timestamp, Window};
use crate::store::archival::{Archival, TroubleKind, Wanted};
use crate::store::export::Exporter;

/// Minutes of an hour, and nanoseconds of a minute.
const HOUR: i64 = 60;
const MINUTE: i64 = 60 * Timestamp::SECOND;
/// Between two looks at what the writer wants; it looks every 10 s itself.
const EVERY: Duration = Duration::from_secs(2);
/// After a failure.
const LATER: Duration = Duration::from_secs(30);

/// The archiver of a ledger.
#[derive(Clone)]
pub(crate) struct Keeper {
    dir: PathBuf,
    exporter: Arc<dyn Exporter>,
    archival: Archival,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing was wanted.
    Idle,
    Archived,
    Failed,
}

impl Keeper {
    pub(crate) fn new(dir: PathBuf, exporter: Arc<dyn Exporter>, archival: Archival) -> Self {
        Self { dir, exporter, archival }
    }

    /// What was archived so far.
    #[cfg(test)]
    pub(crate) fn status(&self) -> crate::store::archival::ArchivalStatus {
        self.archival.status()
    }

    /// Archives until `stop`. Each step is on a thread of its own: a file system that hangs holds up nothing else.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let keeper = self.clone();
            let step = tokio::task::spawn_blocking(move || keeper.step(clock::now()));
            let step = tokio::select! {
                step = step => step.unwrap_or_else(|error| self.aborted(&error)),
                () = stop.cancelled() => break,
            };
            let pause = if step == Step::Failed { LATER } else { EVERY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => break,
            }
        }
    }

    /// A step that ended in a panic is a failure like another, and tried again.
    fn aborted(&self, error: &tokio::task::JoinError) -> Step {
        tracing::error!(%error, "calls cannot be archived, so none are deleted");
        self.archival.failed(TroubleKind::Ledger, clock::now());
        Step::Failed
    }

    /// Archives the next hour that the writer wants to delete from.
    pub(crate) fn step(&self, now: Timestamp) -> Step {
        let Some(wanted) = self.archival.begin(now) else { return Step::Idle };
        let before = self.archival.status().trouble;
        match self.archive(wanted) {
            Ok((to, done)) => {
                self.archival.done(to, done.files, done.written);
                if before.is_some() {
                    tracing::info!("calls are archived again");
                }
                Step::Archived
            }
            Err(error) => {
                let kind = error.kind();
                self.archival.failed(kind, now);
                // Once for each kind of trouble: it is tried again all the time.
                if before.is_none_or(|trouble| trouble.kind != kind) {
                    tracing::error!(%error, "calls cannot be archived, so none are deleted");
                }
                Step::Failed
            }
        }
    }

    /// The minute up to which everything is archived then.
    fn archive(&self, wanted: Wanted) -> Result<(i64, HourDone), ArchiveError> {
        // Also where there is nothing to write, so that a folder which is gone is noticed.
        let folder = Folder::open_existing(&self.dir)?;
        let window = Window { from: start(wanted.from), to: start(wanted.to) };
        let Some(hour) = self.exporter.next_hour(window)? else {
            return Ok((wanted.to, HourDone::default()));
        };
        let begins = hour.saturating_mul(HOUR);
        let to = begins.saturating_add(HOUR).min(wanted.to);
        let done =
            write_hour(&folder, self.exporter.as_ref(), Window { from: start(begins), to: start(to) })?;
        Ok((to, done))
    }
}

fn start(minute: i64) -> Timestamp {
    Timestamp(minute.saturating_mul(MINUTE))
}

impl ArchiveError {
    const fn kind(&self) -> TroubleKind {
        match self {
            Self::Store(_) => TroubleKind::Ledger,
            Self::Full(_) => TroubleKind::Full,
            Self::Io { .. } => TroubleKind::Unwritable,
            Self::Wrong { .. } => TroubleKind::Damaged,
        }
    }
}
