//! Files that only their owner may read: they hold user ids, addresses and previews.

use std::fs::OpenOptions;

/// Options that give a file they create the mode 0600, where the system has modes. A file that is there keeps its own.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
