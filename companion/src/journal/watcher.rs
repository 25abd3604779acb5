//! Recovers journals while the ledger serves.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use spanledger::journal::Taken;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::recover;
use crate::receiver::Intake;

/// Looks at directories for processes that have died, and takes what they left, until `stop`.
#[derive(Debug)]
pub(crate) struct Watcher {
    dirs: Vec<PathBuf>,
    every: Duration,
    intake: Intake,
    /// Directories, of journals and of processes in them, whose trouble has been logged.
    troubled: HashSet<PathBuf>,
}

impl Watcher {
    pub(crate) fn new(dirs: Vec<PathBuf>, every: Duration, intake: Intake) -> Self {
        Self { dirs, every, intake, troubled: HashSet::new() }
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            for dir in self.dirs.clone() {
                self.look(dir, &stop).await;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.every) => {}
            }
        }
    }

    async fn look(&mut self, dir: PathBuf, stop: &CancellationToken) {
        let (intake, stop, of) = (self.intake.clone(), stop.clone(), dir.clone());
        let runtime = Handle::current();
        // It reads files, and waits for the ledger between two requests.
        let work = move || {
            recover(&of, |request| match stop.is_cancelled() {
                true => Taken::NotNow,
                false => runtime.block_on(intake.take(request)),
            })
        };
        let recovered = match tokio::task::spawn_blocking(work).await {
            Ok(recovered) => recovered,
            Err(error) => return tracing::error!(%error, "recovering a journal failed"),
        };
        match recovered {
            Ok(recovered) => {
                self.troubled.remove(&dir);
                for of in recovered {
                    let directory = dir.join(&of.instance);
                    if let Some(error) = of.error {
                        if self.troubled.insert(directory) {
                            tracing::error!(dir = %dir.display(), instance = of.instance, error, "a journal cannot be recovered");
                        }
                        continue;
                    }
                    self.troubled.remove(&directory);
                    if of.has_skipped {
                        tracing::warn!(
                            instance = of.instance,
                            "a process could not write down some of its calls, which may be missing"
                        );
                    }
                    tracing::info!(
                        instance = of.instance,
                        ended = of.ended,
                        interrupted = of.interrupted,
                        refused = of.refused,
                        "recovered the journal of a process that has ended"
                    );
                }
            }
            // The application that makes it has not begun.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                if self.troubled.insert(dir.clone()) {
                    tracing::error!(dir = %dir.display(), %error, "a journal cannot be recovered");
                }
            }
        }
    }
}
