//! Whether the open files are still the ones that their names lead to. The system lets a process go on writing to a file
//! that was deleted or moved away, and what it acknowledges then is gone with its end.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

const DATABASE: &str = "the ledger's file was deleted, moved or replaced";
const BESIDE: &str = "a file that belongs to the ledger (-wal, -shm or .lock) was deleted, moved or replaced";
const TRUNCATED: &str = "the ledger's file was truncated";

/// The files of one ledger as they were when it was opened.
#[derive(Debug)]
pub(crate) struct Watch {
    path: PathBuf,
    files: Vec<(PathBuf, FileId, &'static str)>,
    /// The database's file had this size, and has not been made smaller by its writer since.
    at_least: Option<u64>,
}

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl FileId {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// Elsewhere only whether it is there.
    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self {}
    }
}

impl Watch {
    /// Watches the database at `path`, and the file of the `lock` with what else the database has open when its
    /// writer asks.
    pub(crate) fn of(path: &Path, lock: Option<&Path>) -> Self {
        let mut watch = Self { path: path.to_path_buf(), files: Vec::new(), at_least: None };
        watch.add(path.to_path_buf(), DATABASE);
        if let Some(lock) = lock {
            watch.add(lock.to_path_buf(), BESIDE);
            // The database names them after the file that a link leads to.
            let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
            watch.add(next_to(&real, "-wal"), BESIDE);
            watch.add(next_to(&real, "-shm"), BESIDE);
        }
        watch
    }

    fn add(&mut self, path: PathBuf, what: &'static str) {
        if let Ok(metadata) = fs::metadata(&path) {
            self.files.push((path, FileId::of(&metadata), what));
        }
    }

    /// # Errors
    /// [`StoreError::Gone`] when a name leads to nothing or to another file, or when the file is too short.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let gone = |what| StoreError::Gone { path: self.path.clone(), what };
        for (path, id, what) in &self.files {
            let found = fs::metadata(path).map_err(|_| gone(what))?;
            if FileId::of(&found) != *id {
                return Err(gone(what));
            }
            if *what == DATABASE && self.at_least.is_some_and(|size| found.len() < size) {
                return Err(gone(TRUNCATED));
            }
        }
        Ok(())
    }

    /// From here on the writer may make the file smaller.
    pub(crate) const fn may_shrink(&mut self) {
        self.at_least = None;
    }

    /// From here on the writer makes the file no smaller.
    pub(crate) fn grows_only(&mut self) {
        self.at_least = fs::metadata(&self.path).ok().map(|found| found.len());
    }
}

/// The file whose name has `end` after that of `path`.
pub(crate) fn next_to(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
