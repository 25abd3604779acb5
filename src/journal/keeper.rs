//! The journal's own threads: one keeps the segments, one writes where calls do not, and one syncs where that is asked
//! for. Whatever may wait for a disk for long is done here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::global;

use super::book::Book;
use super::log::{Log, Shared, Trouble, this_time};
use super::record::Kind;
use super::segment::{Owned, SegmentFile, path_of, sync_directory};
use crate::semconv::{SCOPE, metric, unit};
use crate::worker_thread;

/// How often the keeper looks without being called, and how often while the journal cannot write.
const REGULARLY: Duration = Duration::from_secs(5);
const IN_TROUBLE: Duration = Duration::from_secs(1);

/// Starts the threads of a journal. They end with [`Log::end`].
pub(super) fn start_threads(log: &Arc<Log>, keeper: Keeper, sync_every: Option<Duration>) -> io::Result<()> {
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        // Each holds the log, and ends when that does.
        worker_thread::spawn(name, work).map(drop)
    };
    spawn("spanledger-keep", Box::new(move || keeper.run()))?;
    let writer = Arc::clone(log);
    spawn(
        "spanledger-write",
        Box::new(move || {
            while writer.wait_for_work() {
                writer.write_all();
            }
        }),
    )?;
    let Some(every) = sync_every else { return Ok(()) };
    let syncer = Arc::clone(log);
    spawn(
        "spanledger-sync",
        Box::new(move || {
            while let Some((segments, place)) = syncer.wait_for_unsynced(every) {
                if segments.iter().all(|segment| segment.sync().is_ok()) {
                    syncer.report_synced(place);
                } else {
                    syncer.sync_failed(segments);
                }
            }
        }),
    )
}

/// Keeps the segments: makes the next one, removes those that are no longer needed, and holds the cap.
#[derive(Debug)]
pub(super) struct Keeper {
    log: Arc<Log>,
    owned: Arc<Owned>,
    cap: u64,
    sync: bool,
    next_segment: u32,
    /// What is wrong has been logged.
    complained: bool,
    vanished: bool,
}

impl Keeper {
    pub(super) const fn new(log: Arc<Log>, owned: Arc<Owned>, cap: u64, sync: bool) -> Self {
        Self { log, owned, cap, sync, next_segment: 2, complained: false, vanished: false }
    }

    fn run(mut self) {
        while self.log.wait_for_chores(if self.complained { IN_TROUBLE } else { REGULARLY }) {
            self.round();
        }
    }

    /// Does whatever is to be done.
    pub(super) fn round(&mut self) {
        if self.log.is_stalled() {
            // What comes next may wait for the same disk.
            self.report();
        }
        if !self.vanished && !self.owned.is_there() {
            self.vanished = true;
            self.log.vanish();
        }
        if !self.vanished {
            self.free();
            self.hold_the_cap();
            self.make_spare();
            self.note_void();
        }
        self.report();
    }

    /// Removes segments with nothing in them that is still needed. They leave in order: what a receipt is about must
    /// not outlive the receipt.
    fn free(&self) {
        loop {
            if self.log.lock().index.oldest_is_held_open() {
                self.move_open_calls();
            }
            let free = {
                let mut shared = self.log.lock();
                if !shared.index.oldest_is_free() {
                    return;
                }
                shared.index.drop_oldest()
            };
            let Some(free) = free else { return };
            self.remove(free.id);
        }
    }

    /// Drops the oldest segments until there is room for one more below the cap.
    fn hold_the_cap(&self) {
        while self.log.lock().spare.is_none() && self.log.is_full(self.cap) {
            self.move_open_calls();
            let dropped = {
                let mut shared = self.log.lock();
                let Some(dropped) = shared.index.drop_oldest() else { return };
                shared.lost += dropped.lost;
                self.log.note_state(&mut shared);
                dropped
            };
            // What is lost is written down before it goes.
            self.log.write_all();
            self.remove(dropped.id);
        }
    }

    /// Writes the OPEN records of the oldest segment once more, into the newest.
    fn move_open_calls(&self) {
        let (numbers, oldest) = {
            let shared = self.log.lock();
            let Some(oldest) = shared.index.segments.front() else { return };
            (shared.index.open_in_oldest(), oldest.id)
        };
        if numbers.is_empty() {
            return;
        }
        // What cannot be read cannot be moved: those calls will be unknown should the process die.
        let Ok(book) = Book::of(&self.owned.path, &self.owned.name, [oldest]) else { return };
        for number in numbers {
            if let Some((time, body)) = book.open_record(number) {
                self.log.move_open(number, time, body);
            }
        }
    }

    fn remove(&self, id: u32) {
        // A file that stays is read by a recovery, and its calls are sent twice: a ledger counts them once.
        let _removed = std::fs::remove_file(path_of(&self.owned.path, id));
    }

    fn make_spare(&mut self) {
        if self.log.lock().spare.is_some() {
            return;
        }
        let made = SegmentFile::create(&self.owned.path, &self.owned.name, self.next_segment);
        // A number is never used twice, also when its file could not be made.
        self.next_segment += 1;
        let made = made.and_then(|segment| {
            if self.sync {
                sync_directory(&self.owned.path)?;
            }
            Ok(segment)
        });
        let mut shared = self.log.lock();
        match made {
            Ok(segment) => shared.spare = Some(Arc::new(segment)),
            Err(error) => {
                shared.trouble.get_or_insert(Trouble::Write(error));
            }
        }
    }

    /// Writes down which calls have no CLOSE although they have ended.
    fn note_void(&self) {
        let mut shared = self.log.lock();
        if shared.index.void.is_empty() {
            return;
        }
        let mut body = Vec::new();
        shared.index.void.encode(&mut body, 1000);
        if self.log.note(&mut shared, Kind::Void, this_time(), &body) {
            shared.index.void = Default::default();
        }
    }

    /// Counts and logs what happened since the last round.
    fn report(&mut self) {
        let (lost, skipped, trouble) = {
            let mut shared = self.log.lock();
            let Shared { lost, skipped, trouble, .. } = &mut *shared;
            (std::mem::take(lost), std::mem::take(skipped), trouble.take())
        };
        if skipped > 0 {
            self.owned.note_skipped();
        }
        if lost > 0 {
            tracing::error!(
                calls = lost,
                cap = self.cap,
                "the journal is full of calls that no receiver takes, so that the oldest are dropped"
            );
        }
        for (calls, name) in [(lost, metric::JOURNAL_LOST), (skipped, metric::JOURNAL_SKIPPED)] {
            if calls > 0 {
                global::meter(SCOPE).u64_counter(name).with_unit(unit::CALLS).build().add(calls, &[]);
            }
        }
        let directory = self.owned.path.display();
        match trouble {
            Some(trouble) if !std::mem::replace(&mut self.complained, true) => match trouble {
                Trouble::Write(error) => {
                    tracing::error!(%directory, %error, "the journal cannot be written; calls go on without it")
                }
                Trouble::Stalled => {
                    tracing::error!(%directory, "writes to the journal take too long; calls go on without it")
                }
                Trouble::Vanished => {
                    tracing::error!(%directory, "the journal's directory is gone; calls go on without it")
                }
            },
            None if self.complained && skipped == 0 && !self.vanished && !self.log.is_stalled() => {
                self.complained = false;
                tracing::info!(%directory, "the journal is written again");
            }
            _ => {}
        }
    }
}
