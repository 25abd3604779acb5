//! The journals of this process: the exporting thread marks and takes back calls without knowing which of them has one.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::{Inner, Journal, JournalError};

/// Held until the last of their calls is delivered: a client, with its middleware, often ends before the exporter does.
static JOURNALS: Mutex<Vec<Arc<Inner>>> = Mutex::new(Vec::new());

/// The journal of middlewares that were given none.
static INSTALLED: OnceLock<Journal> = OnceLock::new();

fn lock() -> MutexGuard<'static, Vec<Arc<Inner>>> {
    JOURNALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The journal in a directory: the one that is there already, else a new one.
pub(super) fn open(
    root: PathBuf,
    begin: impl FnOnce(PathBuf) -> Result<Inner, JournalError>,
) -> Result<Journal, JournalError> {
    let mut journals = lock();
    journals.retain(|journal| !journal.log.is_closed());
    if let Some(there) = journals.iter().find(|journal| journal.root == root && journal.log.is_running()) {
        return Ok(Journal { inner: Arc::clone(there) });
    }
    let inner = Arc::new(begin(root)?);
    journals.push(Arc::clone(&inner));
    drop(journals);
    report_change();
    Ok(Journal { inner })
}

/// All that are open.
pub(super) fn all() -> Vec<Arc<Inner>> {
    lock().iter().filter(|journal| !journal.log.is_closed()).map(Arc::clone).collect()
}

/// Makes a journal that of middlewares without one of their own, also of those that exist already.
#[cfg(feature = "otlp")]
pub(crate) fn install(journal: Journal) {
    // The first one stays, like the first global provider of a middleware's calls.
    let _there_is_one = INSTALLED.set(journal);
}

pub(crate) fn installed() -> Option<&'static Journal> {
    INSTALLED.get()
}

/// The directories of the journals of this process.
pub(crate) fn directories() -> Vec<PathBuf> {
    all().iter().map(|journal| journal.root.clone()).collect()
}

/// Counts openings of journals, and whatever else those who wait should look at.
static CHANGES: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());

pub(crate) fn report_change() {
    *CHANGES.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    CHANGES.1.notify_all();
}

/// Waits until there are other than `seen` changes, or for `timeout`. Gives their number.
pub(crate) fn wait_for_change(seen: u64, timeout: Duration) -> u64 {
    let changes = CHANGES.0.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = CHANGES.1.wait_timeout_while(changes, timeout, |changes| *changes == seen);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}
