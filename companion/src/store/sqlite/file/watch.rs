//! Whether the open files are still the ones that their names lead to. The system lets a process go on writing to a file
//! that was deleted or moved away, and what it acknowledges then is gone with its end.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

const DATABASE: &str = "the ledger's file was deleted, moved or replaced";
const BELONGING: &str =
    "a file that belongs to the ledger (-wal, -shm or .lock) was deleted, moved or replaced";
const TRUNCATED: &str = "the ledger's file was truncated";
const CUT_LOG: &str = "the ledger's log (-wal) was truncated";

/// The files of one ledger as they were when it was opened.
#[derive(Debug)]
pub(crate) struct Watch {
    path: PathBuf,
    database: Watched,
    /// The link that leads to the database, or the database itself. A ledger that is moved away with a link left in its
    /// place is the same file, but a start would look for its log where the link leads.
    name: Watched,
    /// Of the writer.
    log: Option<Watched>,
    others: Vec<Watched>,
    lock: Option<PathBuf>,
}

/// One file.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    /// Nothing where there was no such file.
    id: Option<FileId>,
    what: &'static str,
    /// It had this size, and has not been made smaller by its writer since.
    at_least: Option<u64>,
    shrunk: &'static str,
    find: fn(&Path) -> std::io::Result<Metadata>,
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

impl Watched {
    fn new(path: PathBuf, what: &'static str, find: fn(&Path) -> std::io::Result<Metadata>) -> Self {
        let id = find(&path).ok().map(|metadata| FileId::of(&metadata));
        Self { path, id, what, at_least: None, shrunk: TRUNCATED, find }
    }

    /// What is wrong with it.
    fn trouble(&self, ledger: &Path) -> Option<StoreError> {
        let id = self.id?;
        let gone = |what| Some(StoreError::Gone { path: ledger.to_path_buf(), what });
        match (self.find)(&self.path) {
            Ok(found) if FileId::of(&found) != id => gone(self.what),
            Ok(found) if self.at_least.is_some_and(|size| found.len() < size) => gone(self.shrunk),
            Ok(_) => None,
            Err(error) if is_absent(&error) => gone(self.what),
            Err(error) => {
                Some(StoreError::Unreachable { path: ledger.to_path_buf(), detail: error.to_string() })
            }
        }
    }

    fn grows_only(&mut self) {
        self.at_least = (self.find)(&self.path).ok().map(|found| found.len());
    }
}

impl Watch {
    /// Watches the database at `path`, and the file of the `lock` with what else the database has open when its
    /// writer asks.
    pub(crate) fn of(path: &Path, lock: Option<&Path>) -> Self {
        let mut database = Watched::new(path.to_path_buf(), DATABASE, |path| fs::metadata(path));
        let name = Watched::new(path.to_path_buf(), DATABASE, |path| fs::symlink_metadata(path));
        let (mut log, mut others) = (None, Vec::new());
        if let Some(lock) = lock {
            database.grows_only();
            let other = |path| Watched::new(path, BELONGING, |path| fs::symlink_metadata(path));
            // The database names them after the file that a link leads to.
            let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
            log = Some(Watched { shrunk: CUT_LOG, ..other(next_to(&real, "-wal")) });
            others = [lock.to_path_buf(), next_to(&real, "-shm")].map(other).into();
        }
        Self { path: path.to_path_buf(), database, name, log, others, lock: lock.map(Path::to_path_buf) }
    }

    /// # Errors
    /// [`StoreError::Gone`] when a name leads to nothing or to another file, or when a file is too short;
    /// [`StoreError::Unreachable`] when the system does not tell where a name leads.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let files = [&self.database, &self.name].into_iter().chain(&self.log).chain(&self.others);
        files.into_iter().find_map(|file| file.trouble(&self.path)).map_or(Ok(()), Err)
    }

    /// Whether the file system takes writes. A failing disk may make it read-only at any time, and who appends nothing
    /// would not notice.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`].
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        // Of the database itself no second handle may be closed: that would give up its locks.
        let opened = self.lock.as_ref().map(|lock| fs::File::options().write(true).open(lock));
        match opened {
            Some(Err(error))
                if matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) =>
            {
                Err(StoreError::ReadOnly { path: self.path.clone() })
            }
            _ => Ok(()),
        }
    }

    /// From here on the writer may make the files smaller.
    pub(crate) fn may_shrink(&mut self) {
        self.database.at_least = None;
        self.log_may_shrink();
    }

    /// From here on the writer makes the database no smaller.
    pub(crate) fn grows_only(&mut self) {
        self.database.grows_only();
    }

    /// From here on the writer may begin the log from its start, and cut it.
    pub(crate) fn log_may_shrink(&mut self) {
        self.log.iter_mut().for_each(|log| log.at_least = None);
    }

    /// From here on the writer does nothing to the log.
    pub(crate) fn log_rests(&mut self) {
        self.log.iter_mut().for_each(Watched::grows_only);
    }
}

/// Whether this says that there is no such file, rather than that the way to it is closed.
pub(crate) fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The file whose name has `end` after that of `path`.
pub(crate) fn next_to(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_reached_is_not_called_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        fs::write(&path, "").unwrap();
        let mut watch = Watch::of(&path, None);
        watch.check().unwrap();
        watch.database.find = |_| Err(ErrorKind::PermissionDenied.into());
        let error = watch.check().unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("cannot be reached (permission denied)"), "{error}");
        watch.database.find = |_| Err(ErrorKind::NotFound.into());
        assert!(matches!(watch.check(), Err(StoreError::Gone { what: DATABASE, .. })));
    }
}
