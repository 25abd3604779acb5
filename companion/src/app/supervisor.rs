//! Watches the tasks without which the application must not go on: a process that looks healthy and does nothing is not
//! restarted.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A supervised task ended before it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} stopped unexpectedly; see the log, then restart the process")]
pub(crate) struct TaskEnded(pub(super) &'static str);

/// Learns which task ends first, also by a panic.
#[derive(Debug, Clone, Default)]
pub(super) struct Supervisor {
    first: Arc<OnceLock<&'static str>>,
    any_ended: CancellationToken,
}

impl Supervisor {
    /// Starts a task named `name`.
    #[expect(clippy::disallowed_methods, reason = "the one that sees the end of tasks")]
    pub(super) fn spawn(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let end = End { name, supervisor: self.clone() };
        tokio::spawn(async move {
            let _end = end;
            work.await;
        })
    }

    /// Waits for the first task that ends.
    pub(super) async fn ended(&self) -> TaskEnded {
        self.any_ended.cancelled().await;
        TaskEnded(self.first.get().copied().unwrap_or_default())
    }
}

/// Reports the end of a task, whatever ends it.
struct End {
    name: &'static str,
    supervisor: Supervisor,
}

impl Drop for End {
    fn drop(&mut self) {
        // Later ones follow from the first.
        let _ = self.supervisor.first.set(self.name);
        self.supervisor.any_ended.cancel();
    }
}
