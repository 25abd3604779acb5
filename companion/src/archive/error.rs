//! Why files could not be written or read.

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

use crate::store::StoreError;

/// Why files could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// The ledger could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No space is left.
    #[error("no space is left for {}: free space there, then retry", .0.display())]
    Full(PathBuf),
    /// A file or folder cannot be written or read.
    #[error("{} cannot be {what}: {source}; check that its file system is there, and its permissions", path.display())]
    Io {
        path: PathBuf,
        /// `written` or `read`.
        what: &'static str,
        source: io::Error,
    },
    /// A file is not what its manifest states, or something else is in the way.
    #[error("{}: {detail}", path.display())]
    Wrong {
        path: PathBuf,
        /// What is wrong, and what to do.
        detail: String,
    },
}

impl ArchiveError {
    pub(super) fn writing(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path.to_path_buf()),
            _ => Self::Io { path: path.to_path_buf(), what: "written", source },
        }
    }

    pub(super) fn reading(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), what: "read", source }
    }

    pub(super) fn wrong(path: &Path, detail: impl Into<String>) -> Self {
        Self::Wrong { path: path.to_path_buf(), detail: detail.into() }
    }

    /// What the format's writer gives: most often the error of the file below it.
    pub(super) fn writing_table(path: &Path, error: ParquetError) -> Self {
        match error {
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(source) => Self::writing(path, *source),
                Err(other) => Self::wrong(path, format!("cannot be written: {other}")),
            },
            other => Self::wrong(path, format!("cannot be written: {other}")),
        }
    }

    pub(super) fn reading_table(path: &Path, error: &ParquetError) -> Self {
        Self::wrong(path, format!("it is damaged, or no Parquet file of calls ({error})"))
    }
}
