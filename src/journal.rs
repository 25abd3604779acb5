//! Writes each call down before its request leaves and again when it ends, so that no call is lost when the process
//! dies or the receiver is away.
//!
//! ```no_run
//! use spanledger::GenAiMiddleware;
//! use spanledger::journal::Journal;
//!
//! let _telemetry = spanledger::otlp::init()?;
//! let middleware = GenAiMiddleware::builder().journal(Journal::in_dir("/var/lib/shop/journal")?).build();
//! # let _ = middleware;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A call has an OPEN record before its request leaves and a CLOSE record before its response is over, with every
//! attribute of its span except content. Spans are exported as without a journal; what a receiver has acknowledged is
//! marked, and what it did not take is sent again from the journal, as the same span, until it does.
//!
//! When the process dies, its lock is free. The next process with the same directory (or `spanledger recover`, or a
//! companion that watches the directory) sends what had ended, and each call that was in flight with the outcome
//! `interrupted`. A span that was sent before has the same ids and times, so that a ledger counts it once.
//!
//! It adds about 3 µs of processor time to a call. A runtime of one thread hands each record to another thread, so that a disk
//! that stalls cannot hold it; there it adds about 11 µs of processor time, and a call may wait some 40 µs. Calls are written
//! down when their span is sampled. A journal never delays a call for long and never refuses one: what it cannot write is
//! skipped, logged once and counted by `spanledger.journal.skipped`.
//!
//! # What survives what
//!
//! | [`Durability`] | survives | does not survive |
//! |---|---|---|
//! | `Process` | `kill -9`, abort, panic, `process::exit`, the OOM killer | loss of power, a crash of the kernel |
//! | `Machine` | these too, but for the last so many milliseconds, 30 s at most | a disk that reports writes it has not made |
//! | `Strict` | these too, with the beginning of every call | the same; a disk that takes longer than 10 s to sync |
//!
//! A strict call waits at most 10 s for the disk, or until the disk reports an error, which is logged once; then its request
//! leaves without.
//!
//! None of them survives the loss of the directory: in a container it belongs on a volume. A write that the kernel holds for
//! longer than 50 ms, because the disk stalls or memory runs out, is not waited for. Calls go on, and those of that time are in
//! memory only until the write returns: a process that dies before has not written them down.

mod attributes;
mod body;
mod book;
mod builder;
mod codec;
mod file_system;
mod index;
mod inspection;
mod keeper;
mod keys;
mod log;
pub(crate) mod outbox;
mod process;
mod ranges;
mod record;
mod recovery;
mod registry;
mod segment;
mod span;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::SpanContext;
use opentelemetry::{Context, KeyValue};

pub use self::builder::{Durability, JournalBuilder, JournalError};
pub use self::inspection::{Inspected, inspect};
use self::log::{Log, Opened, Placed, nanoseconds};
pub use self::recovery::{Recovered, Taken, recover};
#[cfg(feature = "otlp")]
pub(crate) use self::registry::install;
pub(crate) use self::registry::{directories, installed, report_change, wait_for_change};
use self::segment::Owned;
use crate::semconv::Semconv;

/// The journal of this process in one directory. Clones are the same journal. It is open until the
/// [delivery](crate::Delivery) has ended, and at most until the process does.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    owned: Arc<Owned>,
    log: Arc<Log>,
    strict: bool,
}

impl Journal {
    /// Opens a journal in a directory, which is made if it is not there, with the defaults of [`Journal::builder`]. Any
    /// number of processes may share a directory. Within a process, a directory has one journal: opening it once more
    /// gives the same one, as it was opened first.
    ///
    /// # Errors
    ///
    /// [`JournalError`], when the directory cannot be written to or is on an unfit file system.
    pub fn in_dir(directory: impl AsRef<Path>) -> Result<Self, JournalError> {
        Self::builder(directory).open()
    }

    /// Options, each with its default.
    #[must_use]
    pub fn builder(directory: impl AsRef<Path>) -> JournalBuilder {
        JournalBuilder::new(directory.as_ref().to_owned())
    }

    /// Notes that a call begins. `None` when it cannot be written down. [`Entry::written`] waits until it is.
    pub(crate) fn open(&self, started: SystemTime, body: &Body) -> Option<Entry> {
        let opened = self.inner.log.open(nanoseconds(started), &body.0)?;
        Some(Entry { journal: self.clone(), opened })
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("directory", &self.inner.root).finish_non_exhaustive()
    }
}

/// Reads a segment of any bytes as a recovery does, also with the checksums that its records would need.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_hostile(bytes: &[u8]) {
    let salt = record::salt("hostile", 1);
    for bytes in [bytes.to_vec(), record::with_checksums(bytes, salt)] {
        let mut book = book::Book::default();
        book.add(bytes, salt);
        let origin = span::Origin { instance: "hostile", version: &book.state.version };
        let ended = book.unsent().filter_map(|sequence| book.ended(sequence));
        let spans = ended
            .map(|(open, close)| span::ended(origin, open, close))
            .chain(book.interrupted().map(|open| span::interrupted(origin, open, book.last)));
        assert!(spans.map(|span| crate::span_size::of(&span)).all(|size| size > 0));
    }
}

/// A call that has begun and has not ended.
#[derive(Debug)]
pub(crate) struct Entry {
    journal: Journal,
    opened: Opened,
}

impl Entry {
    /// Notes that the call has ended, and gives the sequence number it took. It is written down once [`Closing`] is dropped.
    pub(crate) fn close(
        self,
        ended: SystemTime,
        body: &Body,
        sequence: impl FnOnce() -> u64,
    ) -> (u64, Closing) {
        let log = &self.journal.inner.log;
        let (sequence, placed) = log.close(self.opened.number, nanoseconds(ended), &body.0, sequence);
        (sequence, Closing { journal: self.journal, placed })
    }

    /// Waits until the beginning of the call is written down, and where the journal is strict, until it survives a loss of
    /// power.
    pub(crate) async fn written(&self) {
        let Inner { log, strict, .. } = &*self.journal.inner;
        log.settle(self.opened.placed);
        if *strict {
            // It is dropped where the disk takes too long: the call goes on.
            let _synced = log.synced(self.opened.placed.place).await;
        }
    }
}

/// The end of a call on its way to the journal. When this is dropped, it is there.
#[derive(Debug)]
pub(crate) struct Closing {
    journal: Journal,
    placed: Option<Placed>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(placed) = self.placed {
            self.journal.inner.log.settle(placed);
        }
    }
}

/// What a record says of a call. Content is left out.
#[derive(Debug)]
pub(crate) struct Body(Vec<u8>);

impl Body {
    /// Of a call that begins: which span it is, then what is known of it.
    pub(crate) fn of_start(span: &SpanContext, parent: &Context, semconv: Semconv) -> Self {
        let mut bytes = Vec::with_capacity(256);
        body::put_open(&mut bytes, span, parent, semconv);
        Self(bytes)
    }

    /// Of a call that has ended.
    pub(crate) fn of_end(is_error: bool) -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.push(u8::from(is_error));
        Self(bytes)
    }

    pub(crate) fn attribute(&mut self, attribute: &KeyValue) {
        attributes::put(&mut self.0, attribute);
    }

    pub(crate) fn text(&mut self, name: &'static str, text: Option<&str>) {
        attributes::put_text(&mut self.0, name, text);
    }

    pub(crate) fn count(&mut self, name: &'static str, count: i64) {
        attributes::put_count(&mut self.0, name, count);
    }

    pub(crate) fn flag(&mut self, name: &'static str) {
        attributes::put_true(&mut self.0, name);
    }
}
