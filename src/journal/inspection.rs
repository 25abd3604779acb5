//! What a journal holds, read without changing anything.

use std::fs::OpenOptions;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use opentelemetry::Value;
use opentelemetry::trace::{SpanId, TraceId};

use super::book::Book;
use super::recovery::instance;
use super::segment::{self, LOCK};
use crate::semconv::attribute;

/// What the journal of one process holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspected {
    /// The process's directory within the journal.
    pub directory: PathBuf,
    /// `spanledger.instance`.
    pub instance: String,
    /// `service.name`; empty where the process has not reported it.
    pub service: String,
    /// The version of the library that wrote it.
    pub version: String,
    /// Whether its owner lives, or another process recovers it at this time.
    pub running: bool,
    /// Whether it ended in order.
    pub ended: bool,
    /// The file name of a segment of another version of the format. Then nothing of the process was read.
    pub other_version: Option<String>,
    /// Why nothing of the process could be read, such as missing rights.
    pub error: Option<String>,
    /// How many segments there are. A process that makes no segment ends before its first call; else none is left only
    /// where they were deleted, or where a recovery that had sent everything was killed.
    pub segments: u64,
    /// Calls that began, and those of them that ended.
    pub opened: u64,
    /// Calls that ended.
    pub closed: u64,
    /// Calls that a receiver has acknowledged.
    pub delivered: u64,
    /// The last sequence number that was given to a call.
    pub last_sequence: u64,
    /// Calls that could not be written down, as far as they are counted.
    pub skipped: u64,
    /// Whether any call could not be written down. A disk that stays full leaves no room for their count.
    pub has_skipped: bool,
    /// Sequence numbers of calls that have ended, that are in the journal, and that no receiver has acknowledged.
    pub waiting: Vec<RangeInclusive<u64>>,
    /// Calls that began and have not ended.
    pub in_flight: Vec<(TraceId, SpanId)>,
    /// Sequence numbers of calls that were dropped before a receiver took them: the newest 1,000 ranges.
    pub lost: Vec<RangeInclusive<u64>>,
    /// How many calls were dropped, also those that no range names.
    pub lost_calls: u64,
    /// Places between records where bytes are damaged: each has cost at least one record.
    pub checksum_errors: u64,
    /// Bytes after the last record of a segment: a write that was interrupted, or one that is on its way.
    pub torn_bytes: u64,
}

/// Reads the journals of all processes in a directory. Nothing is changed; processes that live go on meanwhile.
///
/// # Errors
///
/// When the directory cannot be read. Where the journal of one process cannot be, [`Inspected::error`] has the reason.
pub fn inspect(root: &Path) -> io::Result<Vec<Inspected>> {
    let mut all = Vec::new();
    for name in segment::instances(root)? {
        match inspect_one(root, &name) {
            Ok(inspected) => all.push(inspected),
            // It was delivered and removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => all.push(Inspected {
                instance: instance(&name).to_owned(),
                directory: root.join(name),
                error: Some(error.to_string()),
                ..Inspected::default()
            }),
        }
    }
    Ok(all)
}

fn inspect_one(root: &Path, name: &str) -> io::Result<Inspected> {
    let directory = root.join(name);
    let running = is_held(&directory)?;
    let listing = segment::list(&directory)?;
    let mut inspected = Inspected {
        instance: instance(name).to_owned(),
        running,
        segments: listing.segments.len() as u64,
        other_version: listing.other_version,
        directory,
        ..Inspected::default()
    };
    if inspected.other_version.is_some() {
        return Ok(inspected);
    }
    let book = Book::read(&inspected.directory, name)?;
    let service =
        book.state.resource.iter().find(|attribute| attribute.key.as_str() == attribute::SERVICE_NAME);
    if let Some(Value::String(name)) = service.map(|attribute| &attribute.value) {
        inspected.service = name.as_str().to_owned();
    }
    inspected.ended = book.bye;
    inspected.opened = book.state.opened;
    inspected.closed = book.state.closed;
    inspected.delivered = book.state.sent;
    inspected.last_sequence = book.state.last_sequence;
    inspected.skipped = book.state.skipped;
    inspected.has_skipped = book.state.skipped > 0 || segment::has_skipped(&inspected.directory)?;
    // A call of which one record is damaged cannot be sent: it is missing.
    let waiting = book.unsent().filter(|sequence| book.ended(*sequence).is_some());
    inspected.waiting = waiting.collect::<super::ranges::Ranges>().iter().collect();
    inspected.in_flight =
        book.interrupted().map(|open| (open.context.trace_id(), open.context.span_id())).collect();
    inspected.lost = book.state.lost.iter().collect();
    inspected.lost_calls = book.state.lost_calls();
    inspected.checksum_errors = book.damage.checksum_errors;
    inspected.torn_bytes = book.damage.torn_bytes;
    inspected.version = book.state.version;
    Ok(inspected)
}

/// Whether a process holds the lock. A shared one, held for no longer than this, delays at most a
/// recovery, which looks again later.
fn is_held(directory: &Path) -> io::Result<bool> {
    let lock = OpenOptions::new().read(true).open(directory.join(LOCK))?;
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(std::fs::TryLockError::WouldBlock) => Ok(true),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}
