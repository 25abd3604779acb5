//! The parts of the application without which it must not go on. A process that looks well and does nothing is not
//! started anew by anybody.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A vital part ended before anybody told it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} ended by itself; what it did is in the log, start the process anew")]
pub struct EndedPart(pub(super) &'static str);

/// Hears of the first part that ends, also by a panic.
#[derive(Debug, Clone, Default)]
pub(super) struct Vital {
    first: Arc<OnceLock<&'static str>>,
    told: CancellationToken,
}

impl Vital {
    /// Starts `part`.
    pub(super) fn spawn(
        &self,
        part: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let end = End { part, vital: self.clone() };
        tokio::spawn(async move {
            let _end = end;
            work.await;
        })
    }

    /// Waits for the first part that ends.
    pub(super) async fn ended(&self) -> EndedPart {
        self.told.cancelled().await;
        EndedPart(self.first.get().copied().unwrap_or_default())
    }
}

/// Tells the end of a part, whatever ends it.
struct End {
    part: &'static str,
    vital: Vital,
}

impl Drop for End {
    fn drop(&mut self) {
        // Later ones follow from the first.
        let _ = self.vital.first.set(self.part);
        self.vital.told.cancel();
    }
}
