//! Why a store could not do what was asked.

use std::path::PathBuf;

/// Why a store could not do what was asked. Says what was wrong, where, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No space is left. Nothing was damaged; retry after making room.
    #[error("no space is left for the ledger {path}: free space or lower retention.max_size, then retry")]
    Full {
        /// The ledger's file.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error(
        "the ledger {path} cannot be written: check the permissions of the file and its folder, and whether their file \
         system is read-only"
    )]
    ReadOnly {
        /// The ledger's file.
        path: PathBuf,
    },
    /// The file is no ledger, or it is broken.
    #[error(
        "the ledger {path} is corrupt or not a ledger file ({detail}); restore a backup, copy what is left of it with \
         `spanledger backup --ignore-checksums`, or move it away to start with an empty ledger"
    )]
    Damaged {
        /// The ledger's file.
        path: PathBuf,
        /// The database's own words.
        detail: String,
    },
    /// A newer version wrote the file.
    #[error(
        "the ledger {path} has schema {found}, this version reads up to {supported}: use the newer spanledger"
    )]
    Newer {
        /// The ledger's file.
        path: PathBuf,
        /// The schema version found.
        found: i64,
        /// The newest this version reads.
        supported: i64,
    },
    /// The file does not exist and the command does not create one.
    #[error("no ledger at {path}; start `spanledger serve` first, or name one with --ledger")]
    Missing {
        /// The ledger's file.
        path: PathBuf,
    },
    /// Another process holds the file. Retry.
    #[error(
        "the ledger {path} is locked by another process; if `spanledger serve` runs, stop it first, otherwise wait and retry"
    )]
    Busy {
        /// The ledger's file.
        path: PathBuf,
    },
    /// What is needed is read in pieces, and has not been read yet. Retry.
    #[error("the calls of the past are still being read")]
    Reading,
    /// Another companion has the lease to write a ledger in a ClickHouse.
    #[error(
        "the ledger {path} is written by another companion, {holder}: ask that one, or retry when it has ended"
    )]
    Held {
        /// The ledger.
        path: PathBuf,
        /// The host, the process and a random number of that companion.
        holder: String,
    },
    /// A ClickHouse has no tables of a ledger, or those of an older version.
    #[error(
        "no ledger of this version in {path}: start `spanledger serve` with the same ledger.store first, which makes its \
         tables, or update the companion that writes it"
    )]
    NoTables {
        /// The ledger.
        path: PathBuf,
    },
    /// The file that is open is not the one that the name leads to. Nothing more is acknowledged.
    #[error("{what} ({path}): put it back, or restart to go on with what is there")]
    Gone {
        /// The ledger's file.
        path: PathBuf,
        /// What happened.
        what: &'static str,
    },
    /// The system does not let the process to the file. Retry.
    #[error(
        "the ledger {path} cannot be reached ({detail}): check the permissions of its folder and of those above, and whether \
         their file system answers"
    )]
    Unreachable {
        /// The ledger's file.
        path: PathBuf,
        /// The system's own words.
        detail: String,
    },
    /// Anything else the database says.
    #[error("the ledger {path} failed: {detail}")]
    Other {
        /// The ledger's file.
        path: PathBuf,
        /// The database's own words.
        detail: String,
    },
}

impl StoreError {
    /// The same error for another one who asked, without what cannot be copied.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Busy { path } => Self::Busy { path: path.clone() },
            Self::Held { path, holder } => Self::Held { path: path.clone(), holder: holder.clone() },
            Self::Other { path, detail } => Self::Other { path: path.clone(), detail: detail.clone() },
            other => Self::Other { path: PathBuf::new(), detail: other.to_string() },
        }
    }

    /// Whether it may be that of one call while others are taken: a page that is damaged, a disk that cannot read it, or
    /// what the call holds.
    #[must_use]
    pub(crate) const fn may_concern_one_call(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Other { .. })
    }

    /// Whether another batch may be taken: one of those, or one with less in it.
    #[must_use]
    pub(crate) const fn may_concern_one_batch(&self) -> bool {
        self.may_concern_one_call() || matches!(self, Self::Full { .. })
    }

    /// What is wrong, without the names of files.
    #[must_use]
    pub const fn in_short(&self) -> &'static str {
        match self {
            Self::Full { .. } => "no space is left for the ledger",
            Self::ReadOnly { .. } => {
                "the ledger cannot be written: its permissions, or a read-only file system"
            }
            Self::Damaged { .. } => "the ledger is damaged",
            Self::Newer { .. } => "the ledger is of a newer version",
            Self::Missing { .. } | Self::NoTables { .. } => "there is no ledger",
            Self::Held { .. } => "another companion writes the ledger",
            Self::Busy { .. } => "the ledger is locked by another process",
            Self::Gone { what, .. } => what,
            Self::Unreachable { .. } => {
                "the ledger cannot be reached: the permissions of its folder, or its file system"
            }
            Self::Reading => "the calls of the past are still being read",
            Self::Other { .. } => "the ledger cannot be written",
        }
    }
}
