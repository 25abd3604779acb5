//! Sends what a process that has died left in its journal.

use std::io;
use std::path::Path;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::book::Book;
use super::log::this_time;
use super::process::{End, Process};
use super::ranges::Ranges;
use super::record::{self, Kind};
use super::segment::{self, Owned, SegmentFile};
use super::span::{self, Origin};
use crate::span_size::{REQUEST, SPANS, batches};

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A receiver has acknowledged it.
    Delivered,
    /// No receiver will ever take it.
    Refused,
    /// The receiver is away.
    NotNow,
}

/// What was recovered of one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// `spanledger.instance`.
    pub instance: String,
    /// Calls that had ended and that no receiver had acknowledged.
    pub ended: u64,
    /// Calls that were in flight when it died.
    pub interrupted: u64,
    /// Calls that the receiver refused for good.
    pub refused: u64,
    /// Whether it could not write down some of its calls, and did not end in order: those that no receiver took are unknown.
    pub has_skipped: bool,
    /// Why it could not be recovered, or only in part, such as missing rights. What is left stays in its journal.
    pub error: Option<String>,
}

/// Sends what the dead processes of a directory left. `deliver` gets batches with the resource of their process.
///
/// Stops at the first batch that is not taken now. Processes that live are left alone, and so are journals of another
/// version of the format, which is logged. One that cannot be read or removed keeps no other from being recovered. It can be
/// killed at any time and run again.
///
/// # Errors
///
/// When the directory cannot be read. Where the journal of one process cannot be, [`Recovered::error`] has the reason.
pub fn recover(
    root: &Path,
    deliver: &mut dyn FnMut(&Resource, Vec<SpanData>) -> Taken,
) -> io::Result<Vec<Recovered>> {
    let mut all = Vec::new();
    for name in segment::instances(root)? {
        let mut recovered = Recovered { instance: instance(&name).to_owned(), ..Recovered::default() };
        let finished = match begin(root, &name) {
            Ok(None) => continue,
            Ok(Some(mut recovery)) => {
                let finished = recovery.run(deliver);
                recovered = recovery.recovered;
                finished
            }
            Err(error) => Err(error),
        };
        recovered.error = finished.as_ref().err().map(ToString::to_string);
        all.push(recovered);
        if matches!(finished, Ok(false)) {
            break;
        }
    }
    Ok(all)
}

/// Takes the journal of a process that has died. `None` where there is nothing to recover, or not by this version.
fn begin(root: &Path, name: &str) -> io::Result<Option<Recovery>> {
    let Some(owned) = Owned::claim(root, name)? else { return Ok(None) };
    let listing = segment::list(&owned.path)?;
    if let Some(other) = listing.other_version {
        tracing::warn!(
            directory = %owned.path.display(), segment = other,
            "the journal is of another version and is left alone; the version that wrote it can recover it"
        );
        return Ok(None);
    }
    if listing.segments.is_empty() {
        tracing::warn!(
            directory = %owned.path.display(),
            "the journal of a process has no segment: it ended before its first call, or the segments were deleted"
        );
    }
    Recovery::of(owned).map(Some)
}

/// The recovery of one process. It can be killed at any time: what was delivered is written into a segment of its own.
struct Recovery {
    owned: Owned,
    book: Book,
    progress: Option<SegmentFile>,
    recovered: Recovered,
}

impl Recovery {
    fn of(owned: Owned) -> io::Result<Self> {
        let book = Book::read(&owned.path, &owned.name)?;
        let skipped = book.state.skipped > 0 || segment::has_skipped(&owned.path)?;
        let recovered = Recovered {
            instance: instance(&owned.name).to_owned(),
            has_skipped: skipped && !book.bye,
            ..Recovered::default()
        };
        Ok(Self { owned, book, progress: None, recovered })
    }

    /// Whether everything was sent, and the directory removed.
    fn run(&mut self, deliver: &mut dyn FnMut(&Resource, Vec<SpanData>) -> Taken) -> io::Result<bool> {
        let resource =
            Resource::builder_empty().with_attributes(self.book.state.resource.iter().cloned()).build();
        let version = self.book.state.version.clone();
        let instance = self.recovered.instance.clone();
        let origin = Origin { instance: &instance, version: &version };

        let unsent: Vec<u64> = self.book.unsent().collect();
        for part in unsent.chunks(SPANS) {
            let spans = part.iter().filter_map(|sequence| {
                let (open, close) = self.book.ended(*sequence)?;
                Some(span::ended(origin, open, close))
            });
            let spans: Vec<SpanData> = spans.collect();
            let calls = spans.len() as u64;
            match self.send(&resource, spans, deliver) {
                Taken::NotNow => return Ok(false),
                Taken::Delivered => self.recovered.ended += calls,
                Taken::Refused => {
                    self.recovered.refused += calls;
                    part.iter().for_each(|sequence| self.book.state.lost.insert(*sequence..=*sequence));
                }
            }
            self.note(Kind::Sent, part.iter().copied().collect());
        }

        // One that wrote nothing down ended at a time that is not known.
        let last = if self.book.last == 0 { this_time() } else { self.book.last };
        let interrupted: Vec<_> = self.book.interrupted().collect();
        for part in interrupted.chunks(SPANS) {
            let spans = part.iter().map(|open| span::interrupted(origin, open.clone(), last)).collect();
            match self.send(&resource, spans, deliver) {
                Taken::NotNow => return Ok(false),
                Taken::Delivered => self.recovered.interrupted += part.len() as u64,
                Taken::Refused => self.recovered.refused += part.len() as u64,
            }
            self.note(Kind::Void, part.iter().map(|open| open.number).collect());
        }

        // A process that made no call has nothing to report.
        if self.book.state.opened > 0 || self.recovered.has_skipped {
            let end = if self.book.bye { End::Orderly } else { End::Died };
            // A disk that stays full leaves no room for their count.
            let skipped = if self.recovered.has_skipped { self.book.state.skipped.max(1) } else { 0 };
            let report = Process { origin, state: &self.book.state, end: Some(end), skipped, time: last };
            if deliver(&resource, vec![report.span()]) == Taken::NotNow {
                return Ok(false);
            }
        }
        self.owned.remove()?;
        Ok(true)
    }

    /// Sends spans in requests that no receiver refuses for their size.
    fn send(
        &self,
        resource: &Resource,
        spans: Vec<SpanData>,
        deliver: &mut dyn FnMut(&Resource, Vec<SpanData>) -> Taken,
    ) -> Taken {
        let mut taken = Taken::Delivered;
        for batch in batches(spans, SPANS, REQUEST) {
            match deliver(resource, batch) {
                Taken::Delivered => {}
                Taken::Refused => taken = Taken::Refused,
                Taken::NotNow => return Taken::NotNow,
            }
        }
        taken
    }

    /// Writes down what needs not be sent again. On a full disk it cannot: then a recovery that is killed sends it
    /// again, as the same spans, and one that ends makes room.
    fn note(&mut self, kind: Kind, numbers: Ranges) {
        if let Err(error) = self.try_note(kind, numbers) {
            tracing::warn!(
                directory = %self.owned.path.display(), %error,
                "what was recovered cannot be marked; it is sent again if the recovery does not end"
            );
        }
    }

    fn try_note(&mut self, kind: Kind, numbers: Ranges) -> io::Result<()> {
        let progress = match &self.progress {
            Some(progress) => progress,
            None => {
                let id = self.book.last_segment + 1;
                self.progress.insert(SegmentFile::create(&self.owned.path, &self.owned.name, id)?)
            }
        };
        let (mut body, mut bytes) = (Vec::new(), Vec::new());
        numbers.encode(&mut body, usize::MAX);
        record::put(&mut bytes, progress.salt, kind, this_time(), &[&body]);
        progress.write(&bytes)
    }
}

/// The instance of a directory: a process with several journals numbers them.
pub(super) fn instance(name: &str) -> &str {
    name.split('-').next().unwrap_or(name)
}
