//! Options of a journal.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::file_system::{self, Unfit};
use super::keeper::{self, Keeper};
use super::log::Log;
use super::segment::{Owned, SegmentFile, private_directories, remove_unfinished, sync_directory};
use super::{Inner, Journal, outbox, registry};
use crate::instance::instance;

/// The default of [`JournalBuilder::cap`].
const CAP: u64 = 64 * 1024 * 1024;

/// The bounds of a segment, a sixteenth of the cap: small enough that the cap is kept closely.
const SEGMENT: std::ops::RangeInclusive<u64> = 64 * 1024..=4 * 1024 * 1024;

/// How often a journal is synced unless the application says otherwise, and where it is strict.
const EVERY: Duration = Duration::from_millis(200);

/// The longest time between two syncs: by then Linux begins to write by itself what it holds in memory (`dirty_expire_centisecs`).
const LONGEST: Duration = Duration::from_secs(30);

/// What a record survives from the time at which its call goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// The death of the process. A write to memory of the operating system: about a microsecond.
    #[default]
    Process,
    /// A loss of power as well, but for what was written in the last so long, at most 30 s. The call does not wait for it. With
    /// zero the journal is synced as often as the disk can.
    Machine(Duration),
    /// The beginning of a call survives a loss of power before its request leaves, which takes as long as the disk takes
    /// to sync; the end of a call does 200 ms later.
    Strict,
}

impl Durability {
    /// [`Durability::Machine`] with 200 ms.
    #[must_use]
    pub const fn machine() -> Self {
        Self::Machine(EVERY)
    }
}

/// Why a journal cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The directory cannot be made, locked or written to.
    #[error("cannot write a journal in {}: {source}", directory.display())]
    Directory {
        /// The directory of the journal.
        directory: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// [`Durability::Machine`] with more than 30 s, of which a loss of power would take all.
    #[error(
        "a journal that is synced every {every:?} protects nothing in between; choose at most 30 s, or Durability::Process"
    )]
    Durability {
        /// What was asked for.
        every: Duration,
    },
    /// A file system in memory: the journal would be gone with the machine, and often with the container.
    #[error("{} is on {kind}, which is in memory; choose a directory on a disk, or allow any file system", directory.display())]
    InMemory {
        /// The directory of the journal.
        directory: PathBuf,
        /// The type of the file system.
        kind: String,
    },
    /// A file system over a network: locks and writes there depend on other machines.
    #[error("{} is on {kind}, which is a network file system; choose a directory on a local disk, or allow any file system", directory.display())]
    Network {
        /// The directory of the journal.
        directory: PathBuf,
        /// The type of the file system.
        kind: String,
    },
}

/// Options of a [`Journal`].
#[derive(Debug, Clone)]
pub struct JournalBuilder {
    directory: PathBuf,
    cap: u64,
    durability: Durability,
    any_file_system: bool,
}

impl JournalBuilder {
    pub(super) const fn new(directory: PathBuf) -> Self {
        Self { directory, cap: CAP, durability: Durability::Process, any_file_system: false }
    }

    /// The bytes that this process's journal may take. At the cap the oldest calls that no receiver has taken are dropped, and
    /// what was dropped is recorded. For a short time it takes up to a quarter more. Defaults to 64 MiB, about 200,000 calls; at least 1 MiB.
    #[must_use]
    pub fn cap(mut self, bytes: u64) -> Self {
        self.cap = bytes.max(1024 * 1024);
        self
    }

    /// What a record survives. Defaults to [`Durability::Process`].
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Accepts file systems in memory and over a network as well. Defaults to refusing them, on Linux.
    #[must_use]
    pub const fn any_file_system(mut self, on: bool) -> Self {
        self.any_file_system = on;
        self
    }

    /// Opens the journal.
    ///
    /// # Errors
    ///
    /// As [`Journal::in_dir`].
    pub fn open(self) -> Result<Journal, JournalError> {
        if let Durability::Machine(every) = self.durability
            && every > LONGEST
        {
            return Err(JournalError::Durability { every });
        }
        let failed = |source| JournalError::Directory { directory: self.directory.clone(), source };
        private_directories(&self.directory).map_err(failed)?;
        let root = fs::canonicalize(&self.directory).map_err(failed)?;
        if !self.any_file_system {
            self.refuse_unfit(&root)?;
        }
        registry::open(root, |root| self.begin(root).map_err(failed)).inspect(outbox::introduce)
    }

    fn refuse_unfit(&self, root: &Path) -> Result<(), JournalError> {
        let directory = self.directory.clone();
        match file_system::unfit(root) {
            Some((Unfit::Memory, kind)) => Err(JournalError::InMemory { directory, kind }),
            Some((Unfit::Network, kind)) => Err(JournalError::Network { directory, kind }),
            None => Ok(()),
        }
    }

    fn begin(&self, root: PathBuf) -> io::Result<Inner> {
        remove_unfinished(&root);
        let owned = Arc::new(Owned::create(&root, instance())?);
        let sync_every = match self.durability {
            Durability::Process => None,
            Durability::Machine(every) => Some(every),
            Durability::Strict => Some(EVERY),
        };
        let first = SegmentFile::create(&owned.path, &owned.name, 1)?;
        if sync_every.is_some() {
            sync_directory(&owned.path)?;
            sync_directory(&root)?;
        }
        let segment = (self.cap / 16).clamp(*SEGMENT.start(), *SEGMENT.end());
        let log = Arc::new(Log::new(segment, first, sync_every.is_some()));
        let keeper = Keeper::new(Arc::clone(&log), Arc::clone(&owned), self.cap, sync_every.is_some());
        keeper::start_threads(&log, keeper, sync_every)?;
        Ok(Inner { root, owned, log, strict: self.durability == Durability::Strict })
    }
}
