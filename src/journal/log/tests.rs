use std::fs::File;
use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use super::super::body;
use super::super::record::Records;

use super::super::book::Book;
use super::super::codec::put_number;
use super::*;

const NAME: &str = "a";

/// A body of an OPEN, without its number, of `size` bytes.
fn body(size: usize) -> Vec<u8> {
    let mut body = vec![0; 33];
    body[1] = 1;
    body.resize(size, 0);
    body
}

/// Everything that is written to a pipe, read once the test lets it.
struct Reader {
    go: mpsc::Sender<()>,
    read: thread::JoinHandle<Vec<u8>>,
}

/// A patience that no test lasts: where a call waits in vain, the test does not pass.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

impl Log {
    fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// A log whose segments have no end.
fn log(first: SegmentFile, keep_to_sync: bool) -> Log {
    Log::new(u64::MAX / 16, first, keep_to_sync).with_patience(FOREVER)
}

/// A log in a pipe that no one reads: a write blocks in the kernel once the pipe is full, as on a disk that stalls.
fn stalling(patience: Duration) -> (Arc<Log>, Reader) {
    let (mut from, to) = std::io::pipe().unwrap();
    let file = File::from(std::os::fd::OwnedFd::from(to));
    let log = Arc::new(log(SegmentFile::of_file(file, NAME, 1), false).with_patience(patience));
    let writer = Arc::clone(&log);
    thread::spawn(move || {
        while writer.wait_for_work() {
            writer.write_all();
        }
    });
    let (go, gone) = mpsc::channel();
    let read = thread::spawn(move || {
        gone.recv().unwrap();
        let mut bytes = Vec::new();
        // To the end: the log is dropped by then.
        from.read_to_end(&mut bytes).unwrap();
        bytes
    });
    (log, Reader { go, read })
}

impl Reader {
    /// Lets the writes go on, and gives what was written once the log is gone.
    fn book(self, log: Arc<Log>) -> Book {
        // It may be reading already.
        let _reading = self.go.send(());
        let end = log.lock().end;
        log.settle_for_certain(end);
        log.end();
        drop(log);
        let mut book = Book::default();
        book.add(self.read.join().unwrap(), record::salt(NAME, 1));
        book
    }
}

impl Log {
    /// Waits without a limit.
    fn settle_for_certain(&self, place: u64) {
        let mut shared = self.lock();
        while !self.is_written(place) {
            shared.waiting += 1;
            self.work.notify_one();
            shared = self.done.wait(shared).unwrap();
            shared.waiting -= 1;
        }
    }
}

/// More than a pipe takes, in records of 4 KiB.
const CALLS: usize = 40;

impl Log {
    /// Opens a call and waits until that is written down.
    pub(in crate::journal) fn opened(&self, time: u64, body: &[u8]) -> Option<Opened> {
        self.open(time, body).inspect(|opened| self.settle(opened.placed))
    }

    /// Closes a call, likewise.
    pub(in crate::journal) fn closed(
        &self,
        number: u64,
        time: u64,
        body: &[u8],
        sequence: impl FnOnce() -> u64,
    ) -> u64 {
        let (sequence, placed) = self.close(number, time, body, sequence);
        placed.into_iter().for_each(|placed| self.settle(placed));
        sequence
    }
}

/// Runs `work` on a thread of its own, and fails where it does not end.
fn ends<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(Duration::from_secs(60)).expect("it is held")
}

#[test]
fn a_stalled_file_system_holds_one_call_and_no_other() {
    let (log, reader) = stalling(PATIENCE);
    let (sender, done) = mpsc::channel();
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let (log, sender) = (Arc::clone(&log), sender.clone());
            thread::spawn(move || {
                log.opened(1, &body(4096));
                sender.send(()).unwrap();
            })
        })
        .collect();
    // All but the one that is in the middle of a write; while it is there, and with no reader.
    for _ in 1..CALLS {
        done.recv_timeout(Duration::from_secs(60)).expect("a call is held");
    }
    assert!(log.stalled.load(Ordering::SeqCst));
    // The threads hold the log, and with it the pipe: they end first.
    reader.go.send(()).unwrap();
    for call in calls {
        call.join().unwrap();
    }
    assert_eq!(reader.book(log).interrupted().count(), CALLS);
}

#[test]
fn while_writes_stall_a_call_does_not_wait_at_all() {
    let (log, reader) = stalling(FOREVER);
    // More than the pipe takes, so that a write is held with the last of it.
    let filler = Arc::clone(&log);
    let held = thread::spawn(move || (0..2).for_each(|_| assert!(filler.opened(1, &body(60_000)).is_some())));
    let watched = Arc::clone(&log);
    let is_held = move || {
        let shared = watched.lock();
        shared.index.state.opened == 2 && shared.queued == 0
    };
    ends(move || {
        while !is_held() {
            thread::yield_now();
        }
    });
    log.stall();
    let stalled = Arc::clone(&log);
    ends(move || {
        let opened = stalled.opened(2, &body(64)).unwrap();
        assert_eq!(stalled.closed(opened.number, 3, &[0], || 7), 7);
    });
    reader.go.send(()).unwrap();
    held.join().unwrap();
    // What came meanwhile is written as well.
    let book = reader.book(log);
    assert_eq!(book.interrupted().count(), 2);
    assert_eq!(book.unsent().collect::<Vec<_>>(), [7]);
}

#[test]
fn a_runtime_of_one_thread_is_not_held_by_a_stalled_file_system() {
    let (log, reader) = stalling(PATIENCE);
    let calls = Arc::clone(&log);
    ends(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { (0..CALLS).for_each(|_| assert!(calls.opened(1, &body(4096)).is_some())) });
    });
    assert_eq!(reader.book(log).interrupted().count(), CALLS);
}

#[test]
fn after_a_stall_the_journals_own_thread_writes() {
    let (log, reader) = stalling(FOREVER);
    log.stall();
    log.stalled.store(false, Ordering::SeqCst);
    assert!(!log.may_write());
    let calls = Arc::clone(&log);
    let written = ends(move || calls.is_written(calls.opened(1, &body(64)).unwrap().placed.place));
    assert!(written, "the call has waited for it");
    assert_eq!(reader.book(log).interrupted().count(), 1);
}

#[test]
fn what_a_stalled_file_system_leaves_in_memory_is_bounded_and_the_rest_is_counted() {
    let (log, reader) = stalling(PATIENCE);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let kept = runtime.block_on(async { (0..500).filter(|_| log.opened(1, &body(4096)).is_some()).count() });
    assert!((MAX_QUEUED / 4200..400).contains(&kept), "{kept}");
    assert_eq!(log.lock().index.state.skipped, 500 - kept as u64);
    assert_eq!(reader.book(log).interrupted().count(), kept);
}

#[test]
fn many_threads_write_whole_records_in_the_order_of_their_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(directory.path(), NAME, 1).unwrap();
    let log = Arc::new(log(first, false));
    let sequence = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (log, sequence) = (Arc::clone(&log), Arc::clone(&sequence));
            thread::spawn(move || {
                for _ in 0..200 {
                    let opened = log.opened(1, &body(100)).unwrap();
                    assert!(log.is_written(opened.placed.place));
                    log.closed(opened.number, 2, &[0], || sequence.fetch_add(1, Ordering::SeqCst) + 1);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let book = Book::read(directory.path(), NAME).unwrap();
    assert_eq!(book.unsent().collect::<Vec<_>>(), (1..=1600).collect::<Vec<_>>());
    assert_eq!((book.interrupted().count(), book.damage), (0, Default::default()));
    let bytes = std::fs::read(super::super::segment::path_of(directory.path(), 1)).unwrap();
    let ends = Records::new(&bytes, record::salt(NAME, 1)).filter(|record| record.kind == Kind::Close);
    let sequences: Vec<u64> = ends.map(|record| body::read_close(record.body, 0).unwrap().sequence).collect();
    assert!(sequences.is_sorted(), "a kill at any time leaves no hole between sequence numbers");
}

/// A disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_skips_calls_and_what_was_written_before_stays() {
    let directory = tempfile::tempdir().unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let log = log(SegmentFile::of_file(full, NAME, 1), false);
    // Its write fails; the call goes on, and its end is no surprise.
    let opened = log.opened(1, &body(64)).unwrap();
    assert!(!log.lock().index.is_open(opened.number));
    assert_eq!(log.closed(opened.number, 2, &[0], || 1), 1);
    assert!(log.opened(3, &body(64)).is_none(), "there is no segment to go on with");
    assert_eq!(log.lock().skipped, 2);
    assert!(matches!(log.lock().trouble, Some(Trouble::Write(_))));
    // Space again.
    log.lock().spare = Some(Arc::new(SegmentFile::create(directory.path(), NAME, 2).unwrap()));
    let opened = log.opened(4, &body(64)).unwrap();
    log.closed(opened.number, 5, &[0], || 2);
    let book = Book::read(directory.path(), NAME).unwrap();
    assert_eq!(book.unsent().collect::<Vec<_>>(), [2]);
    assert_eq!((book.state.skipped, book.state.opened), (2, 2));
}

#[cfg(target_os = "linux")]
#[test]
fn a_call_whose_end_cannot_be_written_is_noted_later() {
    let directory = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(directory.path(), NAME, 1).unwrap();
    let log = log(first, false);
    let opened = log.opened(1, &body(64)).unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    log.lock().spare = Some(Arc::new(SegmentFile::of_file(full, NAME, 2)));
    log.lock().sealed = true;
    assert_eq!(log.closed(opened.number, 2, &[0], || 9), 9);
    assert_eq!(log.lock().index.void.iter().collect::<Vec<_>>(), [1..=1]);
    // The keeper writes it down once there is room.
    log.lock().spare = Some(Arc::new(SegmentFile::create(directory.path(), NAME, 3).unwrap()));
    let mut void = Vec::new();
    log.lock().index.void.encode(&mut void, usize::MAX);
    assert!(log.note(&mut log.lock(), Kind::Void, 3, &void));
    log.write_all();
    let book = Book::read(directory.path(), NAME).unwrap();
    assert_eq!(book.interrupted().count(), 0, "it has ended, and its span was exported");
}

#[test]
fn a_call_that_is_open_moves_out_of_the_oldest_segment() {
    let directory = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(directory.path(), NAME, 1).unwrap();
    let log = log(first, false);
    let opened = log.opened(1, &body(64)).unwrap();
    log.lock().spare = Some(Arc::new(SegmentFile::create(directory.path(), NAME, 2).unwrap()));
    log.lock().sealed = true;
    let other = log.opened(2, &body(64)).unwrap();
    assert!(log.lock().index.oldest_is_held_open());
    assert_eq!(log.lock().index.open_in_oldest(), [opened.number]);
    let mut whole = Vec::new();
    put_number(&mut whole, opened.number);
    whole.extend(body(64));
    assert!(log.move_open(opened.number, 1, &whole));
    assert!(log.lock().index.oldest_is_free());
    assert_eq!(log.lock().index.drop_oldest().unwrap().id, 1);
    std::fs::remove_file(super::super::segment::path_of(directory.path(), 1)).unwrap();
    let open = |book: &Book| book.interrupted().map(|open| (open.number, open.started)).collect::<Vec<_>>();
    assert_eq!(open(&Book::read(directory.path(), NAME).unwrap()), [(1, 1), (other.number, 2)]);
    log.closed(opened.number, 3, &[0], || 1);
    let book = Book::read(directory.path(), NAME).unwrap();
    assert_eq!(open(&book), [(other.number, 2)]);
    assert_eq!(book.ended(1).unwrap().0.started, 1);
    assert!(!log.move_open(opened.number, 1, &whole), "it has ended");
}

#[test]
fn a_bye_follows_the_last_call_and_is_taken_back_by_another() {
    let directory = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(directory.path(), NAME, 1).unwrap();
    let log = log(first, false);
    let bye = || Book::read(directory.path(), NAME).unwrap().bye;
    let opened = log.opened(1, &body(64)).unwrap();
    assert!(log.finish().is_none(), "a call is open");
    assert!(!bye());
    log.closed(opened.number, 2, &[0], || 1);
    log.write_all();
    assert!(bye());
    assert_eq!(log.finish().unwrap().last_sequence, 1);
    let late = log.opened(3, &body(64)).unwrap();
    assert!(!bye());
    log.closed(late.number, 4, &[0], || 2);
    log.write_all();
    assert!(bye());
    assert!(!log.conclude(), "two calls wait for a receiver");
    log.sent(&[1, 2]);
    assert!(log.conclude());
    assert!(log.opened(5, &body(64)).is_none());
}

#[test]
fn strict_calls_hear_that_they_were_synced_along_with_others() {
    let directory = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(directory.path(), NAME, 1).unwrap();
    let log = log(first, true);
    let one = log.opened(1, &body(64)).unwrap();
    let mut waits = log.synced(one.placed.place);
    let (segments, place) = log.wait_for_unsynced(FOREVER).unwrap();
    // Written before the sync, and asked for after it.
    let other = log.opened(1, &body(64)).unwrap();
    log.lock().to_sync.clear();
    segments.iter().for_each(|segment| segment.sync().unwrap());
    log.report_synced(place);
    waits.try_recv().unwrap();
    let mut waits = log.synced(other.placed.place);
    let (segments, place) = log.wait_for_unsynced(FOREVER).unwrap();
    assert!(segments.is_empty());
    log.report_synced(place);
    waits.try_recv().unwrap();
}

#[test]
fn a_strict_call_goes_on_after_ten_seconds_without_a_sync() {
    let directory = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(directory.path(), NAME, 1).unwrap();
    let log = log(first, true);
    let opened = log.opened(1, &body(64)).unwrap();
    let mut waits = log.synced(opened.placed.place);
    log.wait_for_chores(Duration::ZERO);
    assert_eq!(waits.try_recv(), Err(oneshot::error::TryRecvError::Empty));
    // As if it had asked ten seconds earlier.
    let since = log.lock().sync_waiters[0].since;
    log.lock().sync_waiters[0].since = since.checked_sub(Duration::from_secs(10)).unwrap();
    log.wait_for_chores(Duration::ZERO);
    assert_eq!(waits.try_recv(), Err(oneshot::error::TryRecvError::Closed));
}

#[test]
fn what_was_written_is_due_for_a_sync_after_so_long_although_no_call_waits() {
    let directory = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(directory.path(), NAME, 1).unwrap();
    let log = Arc::new(log(first, true));
    let opened = log.opened(1, &body(64)).unwrap();
    let every = Duration::from_millis(20);
    let waiting = Arc::clone(&log);
    let (segments, place, took) = ends(move || {
        let begun = clock::now();
        let (segments, place) = waiting.wait_for_unsynced(every).unwrap();
        (segments, place, begun.elapsed())
    });
    assert!(took >= every, "{took:?}: it does not sync all the time");
    assert_eq!((segments.len(), place), (1, opened.placed.place));
}

#[test]
fn segments_that_could_not_be_synced_are_synced_again() {
    let directory = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(directory.path(), NAME, 1).unwrap();
    let log = log(first, true);
    let opened = log.opened(1, &body(64)).unwrap();
    let mut waits = log.synced(opened.placed.place);
    let (segments, _) = log.wait_for_unsynced(FOREVER).unwrap();
    log.sync_failed(segments);
    assert!(waits.try_recv().is_err(), "the call goes on without");
    assert!(matches!(log.lock().trouble, Some(Trouble::Write(_))));
    assert_eq!(log.wait_for_unsynced(Duration::ZERO).unwrap().0.len(), 1);
}

#[test]
fn a_strict_call_hears_when_it_is_synced() {
    let directory = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(directory.path(), NAME, 1).unwrap();
    let log = Arc::new(log(first, true));
    let syncer = Arc::clone(&log);
    let thread = thread::spawn(move || {
        while let Some((segments, place)) = syncer.wait_for_unsynced(Duration::from_secs(3600)) {
            segments.iter().for_each(|segment| segment.sync().unwrap());
            syncer.report_synced(place);
        }
    });
    for _ in 0..20 {
        let opened = log.opened(1, &body(64)).unwrap();
        log.synced(opened.placed.place).blocking_recv().unwrap();
    }
    log.end();
    thread.join().unwrap();
}
