//! The threads of the library, each with a name by which a debugger or profiler shows it.

use std::thread::{Builder, JoinHandle};

/// Runs `work` on a thread of its own.
#[expect(clippy::disallowed_methods, reason = "the one place that starts threads")]
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).spawn(work)
}
