//! The files of one process: its directory, its lock and its segments.
//!
//! ```text
//! DIR/INSTANCE/lock            held as long as the process lives: the kernel frees it at any death; its one byte is `!`
//!                              after a call could not be written down, which a full disk leaves room for
//! DIR/INSTANCE/00000001.slj1   segments; the extension is the version of the format
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::record::salt;

/// The extension of this version's segments, and what those of all versions begin with.
const EXTENSION: &str = "slj1";
const ANY_VERSION: &str = "slj";
pub(super) const LOCK: &str = "lock";
/// The byte of a lock whose process wrote down all of its calls, and of one whose did not.
const WHOLE: &[u8] = b".";
const SKIPPED: &[u8] = b"!";
/// What the name of a directory begins with while it is made.
const UNFINISHED: &str = ".new-";

/// A segment that is written to.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub(super) id: u32,
    pub(super) salt: u32,
    file: File,
    /// Bytes of whole writes.
    length: AtomicU64,
}

impl SegmentFile {
    /// Creates a segment, readable by its owner only.
    pub(super) fn create(directory: &Path, instance: &str, id: u32) -> io::Result<Self> {
        let path = path_of(directory, id);
        let file = private(OpenOptions::new().write(true).create_new(true)).open(&path)?;
        Ok(Self { id, salt: salt(instance, id), file, length: AtomicU64::new(0) })
    }

    /// A segment in any file, such as a pipe that no one reads.
    #[cfg(test)]
    pub(super) fn of_file(file: File, instance: &str, id: u32) -> Self {
        Self { id, salt: salt(instance, id), file, length: AtomicU64::new(0) }
    }

    /// Hands bytes to the operating system. After a failure the file has nothing of them.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let length = self.length.load(Ordering::Relaxed);
        match (&self.file).write_all(bytes) {
            Ok(()) => {
                self.length.store(length + bytes.len() as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                // Half a record is skipped by readers as well, where this fails in turn.
                let _cut = self.file.set_len(length);
                Err(error)
            }
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(super) fn length(&self) -> u64 {
        self.length.load(Ordering::Relaxed)
    }
}

pub(super) fn path_of(directory: &Path, id: u32) -> PathBuf {
    directory.join(format!("{id:08}.{EXTENSION}"))
}

/// Makes a change of a directory's entries survive a loss of power.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// What a directory holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Segments of this version, the oldest first.
    pub(super) segments: Vec<u32>,
    /// The file name of one of another version.
    pub(super) other_version: Option<String>,
}

pub(super) fn list(directory: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // A pipe would hold its reader without an end, and a link may lead anywhere.
        if !entry.file_type()?.is_file() {
            continue;
        }
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some((id, extension)) = name.split_once('.') else { continue };
        match id.parse() {
            Ok(id) if extension == EXTENSION => listing.segments.push(id),
            Ok(_) if extension.starts_with(ANY_VERSION) => listing.other_version = Some(name.to_owned()),
            _ => {}
        }
    }
    listing.segments.sort_unstable();
    Ok(listing)
}

/// The directories of processes in a journal, by name.
pub(super) fn instances(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
            && has_lock(&entry.path())
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Whether a directory is of a process, also one that may not be looked into.
fn has_lock(directory: &Path) -> bool {
    match fs::metadata(directory.join(LOCK)) {
        Ok(lock) => lock.is_file(),
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    }
}

/// Whether the process of a directory could not write down some of its calls.
pub(super) fn has_skipped(directory: &Path) -> io::Result<bool> {
    let mut byte = Vec::new();
    File::open(directory.join(LOCK))?.take(1).read_to_end(&mut byte)?;
    Ok(byte == SKIPPED)
}

/// A directory that this process alone may change.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) name: String,
    pub(super) path: PathBuf,
    lock: File,
}

impl Owned {
    /// Makes the directory of this process. It is not seen before it is locked, so that no other process takes it for
    /// that of a dead one.
    pub(super) fn create(root: &Path, instance: &str) -> io::Result<Self> {
        for attempt in 1..=1000 {
            let name = if attempt == 1 { instance.to_owned() } else { format!("{instance}-{attempt}") };
            let (path, unfinished) = (root.join(&name), root.join(format!("{UNFINISHED}{name}")));
            if path.exists() {
                continue;
            }
            match directory_builder().create(&unfinished) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            let lock =
                private(OpenOptions::new().write(true).create_new(true)).open(unfinished.join(LOCK))?;
            lock.try_lock().map_err(io::Error::from)?;
            (&lock).write_all(WHOLE)?;
            fs::rename(&unfinished, &path)?;
            return Ok(Self { name, path, lock });
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many journals of one process"))
    }

    /// Takes the directory of a process that has died. `None` while it lives, or when it is gone.
    pub(super) fn claim(root: &Path, name: &str) -> io::Result<Option<Self>> {
        let path = root.join(name);
        let lock = match OpenOptions::new().write(true).open(path.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let owned = Self { name: name.to_owned(), path, lock };
        // Another process that held the lock before may have removed the directory since it was opened here.
        Ok(owned.is_there().then_some(owned))
    }

    /// Whether the directory is still where it was.
    pub(super) fn is_there(&self) -> bool {
        let there = fs::metadata(self.path.join(LOCK));
        matches!((there, self.lock.metadata()), (Ok(there), Ok(here)) if same_file(&there, &here))
    }

    /// Notes that a call could not be written down. The byte has its place on the disk already.
    pub(super) fn note_skipped(&self) {
        let mut lock = &self.lock;
        // Without it the count in a later segment says the same, if there is one.
        let _noted = lock.seek(SeekFrom::Start(0)).and_then(|_| lock.write_all(SKIPPED));
    }

    /// Removes the directory with its segments and its lock.
    pub(super) fn remove(&self) -> io::Result<()> {
        // The lock goes last: while it is there, what remains can be taken by another process.
        for id in list(&self.path)?.segments {
            fs::remove_file(path_of(&self.path, id))?;
        }
        fs::remove_file(self.path.join(LOCK))?;
        match fs::remove_dir(&self.path) {
            // What others have put there stays. Without a lock no process looks at it again.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            removed => removed,
        }
    }
}

/// Removes directories that a process was making when it died. The hour is for one that is only slow.
pub(super) fn remove_unfinished(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let unfinished = entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED));
        let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        if unfinished && age.is_some_and(|age| age.as_secs() > 3600) {
            let _next_time =
                fs::remove_file(entry.path().join(LOCK)).and_then(|()| fs::remove_dir(entry.path()));
        }
    }
}

fn directory_builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Makes a directory and those above it that are missing, for their owner only.
pub(super) fn private_directories(root: &Path) -> io::Result<()> {
    directory_builder().recursive(true).create(root)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(unix)]
fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_at_a_time_and_is_found_dead_by_its_lock() {
        let root = tempfile::tempdir().unwrap();
        let owned = Owned::create(root.path(), "a").unwrap();
        assert_eq!(instances(root.path()).unwrap(), ["a"]);
        assert!(Owned::claim(root.path(), "a").unwrap().is_none(), "it lives");
        let second = Owned::create(root.path(), "a").unwrap();
        assert_eq!(second.name, "a-2");
        drop(owned);
        let claimed = Owned::claim(root.path(), "a").unwrap().unwrap();
        assert!(Owned::claim(root.path(), "a").unwrap().is_none(), "it is claimed");
        claimed.remove().unwrap();
        assert!(!claimed.is_there());
        assert!(Owned::claim(root.path(), "a").unwrap().is_none(), "it is gone");
        assert_eq!(instances(root.path()).unwrap(), ["a-2"]);
    }

    #[cfg(unix)]
    #[test]
    fn everything_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("made/by/us");
        private_directories(&root).unwrap();
        let owned = Owned::create(&root, "a").unwrap();
        SegmentFile::create(&owned.path, "a", 1).unwrap().write(b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(&root), mode(&owned.path)], [0o700; 2]);
        assert_eq!([mode(&owned.path.join(LOCK)), mode(&path_of(&owned.path, 1))], [0o600; 2]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_no_segment_and_does_not_keep_a_directory_from_being_given_up() {
        let root = tempfile::tempdir().unwrap();
        let owned = Owned::create(root.path(), "a").unwrap();
        SegmentFile::create(&owned.path, "a", 1).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path_of(&owned.path, 2)).unwrap();
        std::os::unix::net::UnixListener::bind(path_of(&owned.path, 3)).unwrap();
        assert_eq!(list(&owned.path).unwrap().segments, [1]);
        owned.remove().unwrap();
        assert!(instances(root.path()).unwrap().is_empty());
    }

    #[test]
    fn segments_are_listed_in_order_and_those_of_other_versions_are_named() {
        let root = tempfile::tempdir().unwrap();
        for id in [10, 2, 1] {
            SegmentFile::create(root.path(), "a", id).unwrap();
        }
        fs::write(root.path().join("readme.txt"), "").unwrap();
        assert!(list(root.path()).unwrap().other_version.is_none());
        fs::write(root.path().join("00000011.slj2"), "").unwrap();
        let listing = list(root.path()).unwrap();
        assert_eq!(listing.segments, [1, 2, 10]);
        assert_eq!(listing.other_version.as_deref(), Some("00000011.slj2"));
    }
}
