//! Opening the file: who may write, and how the database is set up.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use spanledger_page_checksums::{self as page_checksums, Header};

use crate::record::Timestamp;
use crate::store::StoreError;
use crate::store::private_file;
use crate::store::sqlite::file::error::{file_error, store_error};
use crate::store::sqlite::file::schema;
use crate::store::sqlite::file::watch::{is_absent, next_to};

/// Recovery after a crash locks the file for as long as it reads the log; five seconds were too short for a
/// log of gigabytes.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the writer waits for another one.
pub(crate) const WRITER_TIMEOUT: Duration = Duration::from_secs(2);
/// In KiB. The writer keeps the rollup rows of the current minutes and the tail of the table; a question reads
/// its rows once, so the system cache serves it, and only the pages above them are read again.
const WRITER_CACHE_KIB: i64 = 4 * 1024;
const READER_CACHE_KIB: i64 = 256;
/// The log is cut back to this after a checkpoint, in bytes.
const JOURNAL_SIZE_LIMIT: i64 = 16 * 1024 * 1024;
/// Prepared statements kept: more than all questions together use.
const STATEMENTS: usize = 96;
/// A ledger without checksums, of a version before them, is rewritten when it is opened and no larger than this, in bytes.
/// It takes some 10 s and twice the space for a while.
const REWRITTEN: u64 = 1024 * 1024 * 1024;
/// In bytes.
const LARGEST_PAGE: usize = 65_536;
const SMALLEST_PAGE: usize = 512;
/// Bytes of the header of a database.
const HEADER: usize = 100;

/// The right to write one ledger; gone with the process however that ends.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: File,
    path: PathBuf,
    /// Whether there was no such file before.
    is_new: bool,
}

impl WriterLock {
    /// # Errors
    /// [`StoreError::Busy`] while another process holds it.
    fn take(path: &Path) -> Result<Self, StoreError> {
        let lock_path = lock_path(path);
        let open = |options: &mut OpenOptions| options.write(true).open(&lock_path);
        let (file, is_new) = match open(private_file::options().create_new(true)) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (open(&mut private_file::options()).map_err(|error| file_error(path, &error))?, false)
            }
            Err(error) => return Err(file_error(path, &error)),
        };
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file, path: lock_path, is_new }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy { path: path.to_path_buf() }),
            Err(TryLockError::Error(error)) => Err(file_error(path, &error)),
        }
    }

    /// Its file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves nothing next to a file that cannot be opened.
    fn undo(self) {
        if self.is_new {
            // A file that stays does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Creates the file, empty, when there is none. The database gives the files next to it the same mode.
fn create(path: &Path) -> Result<(), StoreError> {
    match private_file::options().create_new(true).write(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(file_error(path, &error)),
        _ => Ok(()),
    }
}

/// # Errors
/// When `path` is a folder, of which SQLite only says that reading failed.
fn no_folder(path: &Path) -> Result<(), StoreError> {
    match path.is_dir() {
        true => Err(StoreError::Other {
            path: path.to_path_buf(),
            detail: "it is a folder, not a file".to_owned(),
        }),
        false => Ok(()),
    }
}

/// One lock for all links to a file.
fn lock_path(path: &Path) -> PathBuf {
    next_to(&std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()), ".lock")
}

/// Opens or creates the file for the one who writes. A new one notes that it was created at `now`, and that no call has
/// spoken for that time yet.
pub(crate) fn writer(path: &Path, now: Option<Timestamp>) -> Result<(Connection, WriterLock), StoreError> {
    no_folder(path)?;
    let lock = WriterLock::take(path)?;
    match locked_writer(path, now) {
        Ok(connection) => Ok((connection, lock)),
        Err(error) => {
            lock.undo();
            Err(error)
        }
    }
}

fn locked_writer(path: &Path, now: Option<Timestamp>) -> Result<Connection, StoreError> {
    create(path)?;
    let checked = has_checksums(path)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let version = schema::check(&connection, path)?;
    (|| {
        if version == 0 {
            // Only a file without tables takes these.
            page_checksums::make_room(&connection)?;
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        // Acknowledged means durable: the log is synced at each commit.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection.pragma_update_and_check(None, "journal_size_limit", JOURNAL_SIZE_LIMIT, |_| Ok(()))?;
        schema::migrate(&mut connection, version)?;
        if version > 0 && !checked {
            add_checksums(&connection, path);
        }
        if let Some(now) = now.filter(|_| version == 0) {
            connection.execute(
                "INSERT INTO state (name, value) VALUES ('created', ?1), ('time', 0), ('confirmed', 0)",
                [now.0],
            )?;
        }
        Ok(())
    })()
    .map_err(|error| store_error(path, &error))?;
    Ok(connection)
}

/// Rewrites a ledger of a version that wrote no checksums. Where that fails the ledger works as before.
fn add_checksums(connection: &Connection, path: &Path) {
    if path.metadata().is_ok_and(|file| file.len() > REWRITTEN) {
        tracing::warn!(
            "the pages of this ledger have no checksums, and it is too large to be rewritten now: \
             stop the process, run `spanledger backup`, and go on with the copy"
        );
        return;
    }
    tracing::info!("rewriting the ledger, so that each page has a checksum");
    let rewritten = page_checksums::make_room(connection)
        .and_then(|()| connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"));
    if let Err(error) = rewritten {
        tracing::warn!(%error, "the pages of this ledger have no checksums, and it cannot be rewritten now");
    }
}

/// Whether the pages of a file have checksums. A file without a first page has none.
///
/// # Errors
/// [`StoreError::Damaged`] when the first page is damaged where it tells that.
pub(crate) fn has_checksums(path: &Path) -> Result<bool, StoreError> {
    // What cannot be read is reported by the database.
    let first = page_checksums::beginning(path, LARGEST_PAGE).unwrap_or_default();
    let size = page_size(&first).unwrap_or(0);
    match page_checksums::header(first.get(..size).unwrap_or_default()) {
        Header::Checked => Ok(true),
        Header::Unchecked | Header::Unknown => Ok(false),
        Header::Damaged => Err(StoreError::Damaged {
            path: path.to_path_buf(),
            detail: "page 1 is not what was written".to_owned(),
        }),
    }
}

/// The size of the pages of a file whose pages have checksums, in bytes; `None` of any other file. Of a file whose first page
/// does not tell it any more, the pages after that do.
pub(crate) fn checked_page_size(path: &Path) -> Option<usize> {
    // What cannot be read is reported by the database.
    let beginning = page_checksums::beginning(path, 2 * LARGEST_PAGE).unwrap_or_default();
    // Zeros match their checksum in any file.
    let fits = |page: &[u8]| page_checksums::is_intact(page) && page.iter().any(|byte| *byte != 0);
    let sizes = (SMALLEST_PAGE..=LARGEST_PAGE).filter(|size| size.is_power_of_two());
    let by_others = |size: &usize| beginning.chunks_exact(*size).skip(1).any(fits);
    let by_first = || {
        let size = page_size(&beginning)?;
        let header = page_checksums::header(beginning.get(..size)?);
        matches!(header, Header::Checked | Header::Damaged).then_some(size)
    };
    by_first().or_else(|| sizes.rev().find(by_others))
}

/// The size of the pages of the file at `path`, in bytes.
pub(crate) fn page_size_of(path: &Path) -> io::Result<usize> {
    let first = page_checksums::beginning(path, HEADER).map_err(io::Error::other)?;
    page_size(&first).filter(|size| size.is_power_of_two()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The size of the pages of a file that begins like this, in bytes.
fn page_size(first: &[u8]) -> Option<usize> {
    match u16::from_be_bytes(*first.get(16..)?.first_chunk()?) {
        1 => Some(65_536),
        size => Some(usize::from(size)),
    }
}

/// Opens an existing ledger for questions.
pub(crate) fn reader(path: &Path) -> Result<Connection, StoreError> {
    if let Err(error) = path.metadata() {
        return Err(match is_absent(&error) {
            true => StoreError::Missing { path: path.to_path_buf() },
            false => StoreError::Unreachable { path: path.to_path_buf(), detail: error.to_string() },
        });
    }
    no_folder(path)?;
    has_checksums(path)?;
    // Reading next to a writer needs the shared-memory file, so the folder must be writable.
    let (connection, version) = match checked(path, connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)) {
        Err(StoreError::ReadOnly { .. } | StoreError::Other { .. }) if !has_log(path) => {
            checked(path, still(path))?
        }
        Err(StoreError::ReadOnly { .. } | StoreError::Other { .. }) => {
            checked(path, connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY))?
        }
        other => other?,
    };
    if version == 0 {
        return Err(StoreError::Missing { path: path.to_path_buf() });
    }
    connection
        .pragma_update(None, "query_only", true)
        .and_then(|()| connection.pragma_update(None, "cache_size", -READER_CACHE_KIB))
        .map_err(|error| store_error(path, &error))?;
    Ok(connection)
}

/// The connection with the version of its schema.
fn checked(path: &Path, connection: Result<Connection, StoreError>) -> Result<(Connection, i64), StoreError> {
    let connection = connection?;
    let version = schema::check(&connection, path)?;
    Ok((connection, version))
}

/// Whether a log exists next to the file: a process writes it, or was stopped while writing.
pub(crate) fn has_log(path: &Path) -> bool {
    next_to(path, "-wal").metadata().is_ok_and(|log| log.len() > 0)
}

/// Opens a ledger to copy it, `unchecked` whatever its checksums.
pub(crate) fn for_backup(path: &Path, unchecked: bool) -> Result<Connection, StoreError> {
    let connection = match unchecked {
        true => self::unchecked(path)?,
        false => only_read(path, connect)?,
    };
    page_checksums::make_room(&connection).map_err(|error| store_error(path, &error))?;
    Ok(connection)
}

/// Opens an existing ledger whatever its checksums, to see what a damaged one holds.
pub(crate) fn unchecked(path: &Path) -> Result<Connection, StoreError> {
    only_read(path, |path, flags| {
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| store_error(path, &error))
    })
}

type Open = fn(&Path, OpenFlags) -> Result<Connection, StoreError>;

/// Opens a ledger that is only read, also where no other file can be created next to it.
fn only_read(path: &Path, open: Open) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // The files next to it are opened by the first query. What else is wrong is reported by those that follow.
    let opened = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    match opened.map_err(|error| error.sqlite_error_code()) {
        Err(Some(rusqlite::ErrorCode::CannotOpen)) if has_log(path) => Err(StoreError::Other {
            path: path.to_path_buf(),
            detail: "a process that was killed left a log (-wal), which cannot be read where no file can be created next to it: \
                     copy the ledger with its log to a folder that can be written"
                .to_owned(),
        }),
        Err(Some(rusqlite::ErrorCode::CannotOpen)) => opened_still(path, open),
        _ => Ok(connection),
    }
}

/// Opens a file that no process writes, where no other file can be created next to it.
pub(crate) fn still(path: &Path) -> Result<Connection, StoreError> {
    opened_still(path, connect)
}

fn opened_still(path: &Path, open: Open) -> Result<Connection, StoreError> {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let uri = format!("file:{escaped}?immutable=1");
    open(Path::new(&uri), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
        .map_err(|_| StoreError::ReadOnly { path: path.to_path_buf() })
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    page_checksums::open(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            Ok(connection)
        })
        .map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::CannotOpen) => StoreError::ReadOnly { path: path.to_path_buf() },
            _ => store_error(path, &error),
        })
}
