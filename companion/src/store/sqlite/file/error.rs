//! What the database says, as [`StoreError`].

use std::path::Path;

use rusqlite::ErrorCode;
use spanledger_page_checksums as page_checksums;

use crate::store::StoreError;

/// The primary code is `IOERR`; these say that a file could not grow, which on a full disk comes from the
/// shared-memory file and from truncation, where SQLite has no `FULL`.
const CANNOT_GROW: [i32; 3] = [
    rusqlite::ffi::SQLITE_IOERR_SHMSIZE,
    rusqlite::ffi::SQLITE_IOERR_WRITE,
    rusqlite::ffi::SQLITE_IOERR_TRUNCATE,
];

/// Says in the ledger's words what went wrong with the file at `path`.
pub(crate) fn store_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_path_buf();
    let detail = error.to_string();
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StoreError::Full { path },
            ErrorCode::SystemIoFailure if CANNOT_GROW.contains(&failure.extended_code) => {
                StoreError::Full { path }
            }
            ErrorCode::SystemIoFailure if is_damaged_page(error) => {
                StoreError::Damaged { path, detail: damaged_page() }
            }
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StoreError::ReadOnly { path },
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Damaged { path, detail },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                StoreError::Busy { path }
            }
            _ => StoreError::Other { path, detail },
        },
        // A column that holds what no version ever wrote there.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..) => StoreError::Damaged { path, detail },
        _ => StoreError::Other { path, detail },
    }
}

/// Whether a page does not match its checksum.
pub(crate) fn is_damaged_page(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_DATA)
}

fn damaged_page() -> String {
    let page = page_checksums::take_fault().map_or("a page".to_owned(), |page| format!("page {page}"));
    format!(
        "{page} does not match its checksum, as one that another program than spanledger wrote does not; `spanledger verify` \
         names what it holds"
    )
}

/// What the file system says, as [`StoreError`].
pub(crate) fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    let path = path.to_path_buf();
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path }
        }
        std::io::ErrorKind::NotFound => {
            StoreError::Other { path, detail: "its folder does not exist, create it".to_owned() }
        }
        _ => StoreError::Other { path, detail: error.to_string() },
    }
}
