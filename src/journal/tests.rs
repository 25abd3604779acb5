//! Processes that open, close, deliver, die and are recovered in any order, against a model; and segments with flipped bits.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use proptest::prelude::*;

use super::book::Book;
use super::keeper::Keeper;
use super::log::Log;
use super::segment::{Owned, SegmentFile, instances};
use super::span::{self, Origin};
use super::*;
use crate::semconv::attribute;

/// Rolls every few calls.
const SEGMENT: u64 = 1500;

/// The body of the OPEN of a call, whose span has the call's id.
fn opening(call: u64) -> Body {
    let span = SpanContext::new(
        TraceId::from(7_u128),
        SpanId::from(call),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let mut body = Body::of_start(&span, &Context::new(), Semconv::Latest);
    body.text(attribute::REQUEST_MODEL, Some("gpt-4o"));
    body
}

/// What a ledger has of each call: when it ended, and whether it was interrupted. The same call has the same account.
#[derive(Debug, Default)]
struct Ledger(BTreeMap<u64, (u64, bool)>);

impl Ledger {
    fn add(&mut self, call: u64, ended: u64, interrupted: bool) {
        let before = self.0.insert(call, (ended, interrupted));
        assert!(
            before.is_none_or(|before| before == (ended, interrupted)),
            "call {call}: {before:?} and {ended}"
        );
    }

    fn add_spans(&mut self, spans: &[opentelemetry_sdk::trace::SpanData]) {
        for span in spans.iter().filter(|span| span.name != crate::semconv::PROCESS_SPAN) {
            let interrupted =
                span.attributes.iter().any(|attribute| attribute.value.as_str() == "interrupted");
            let call = u64::from_be_bytes(span.span_context.span_id().to_bytes());
            self.add(call, nanoseconds(span.end_time), interrupted);
        }
    }
}

/// One process and its journal.
struct Running {
    owned: Arc<Owned>,
    log: Arc<Log>,
    keeper: Keeper,
    sequence: u64,
    /// Call, with its number in the journal.
    open: Vec<(u64, u64)>,
    /// What the exporter holds: call, sequence number and end.
    exporter: Vec<(u64, u64, u64)>,
}

impl Running {
    fn begin(root: &Path, name: &str) -> Self {
        let owned = Arc::new(Owned::create(root, name).unwrap());
        let first = SegmentFile::create(&owned.path, &owned.name, 1).unwrap();
        let log = Arc::new(Log::new(SEGMENT, first, false));
        let keeper = Keeper::new(Arc::clone(&log), Arc::clone(&owned), u64::MAX, false);
        Self { owned, log, keeper, sequence: 0, open: Vec::new(), exporter: Vec::new() }
    }

    fn deliver(&mut self, most: usize, ledger: &mut Ledger, marked: bool) {
        let batch: Vec<_> = self.exporter.drain(..most.min(self.exporter.len())).collect();
        batch.iter().for_each(|(call, _, ended)| ledger.add(*call, *ended, false));
        if marked {
            self.log.sent(&batch.iter().map(|(_, sequence, _)| *sequence).collect::<Vec<_>>());
        }
    }

    fn send_backlog(&mut self, most: usize, ledger: &mut Ledger) {
        let Some((calls, segments)) = self.log.backlog(most) else { return };
        let book = Book::of(&self.owned.path, &self.owned.name, segments).unwrap();
        for sequence in calls {
            let (open, close) = book.ended(sequence).expect("what waits is in the journal");
            ledger.add_spans(&[span::ended(Origin::here(), open, close)]);
            self.log.sent(&[sequence]);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Open,
    Close(prop::sample::Index),
    Deliver(usize),
    /// Delivered, and killed before it is marked.
    DeliverAndDie(usize),
    /// The exporter gives up what it holds.
    GiveBack(usize),
    SendBacklog(usize),
    EndInOrder,
    Die,
    /// A recovery: what becomes of each of its batches, until one is not taken. `None`: taken, and killed before it is marked.
    Recover(Vec<Option<bool>>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Open),
        6 => any::<prop::sample::Index>().prop_map(Step::Close),
        3 => (1_usize..5).prop_map(Step::Deliver),
        1 => (0_usize..5).prop_map(Step::DeliverAndDie),
        2 => (1_usize..5).prop_map(Step::GiveBack),
        2 => (1_usize..5).prop_map(Step::SendBacklog),
        1 => Just(Step::EndInOrder),
        1 => Just(Step::Die),
        2 => prop::collection::vec(prop::option::of(any::<bool>()), 0..4).prop_map(Step::Recover),
    ]
}

fn recover_some(root: &Path, ledger: &mut Ledger, batches: &[Option<bool>]) {
    let mut fates = batches.iter().copied();
    recover(root, &mut |_, spans| match fates.next() {
        Some(Some(true)) => {
            ledger.add_spans(&spans);
            Taken::Delivered
        }
        Some(None) => {
            ledger.add_spans(&spans);
            Taken::NotNow
        }
        Some(Some(false)) | None => Taken::NotNow,
    })
    .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_call_arrives_once_however_processes_die(steps in prop::collection::vec(step(), 0..80)) {
        let root = tempfile::tempdir().unwrap();
        let (mut ledger, mut processes, mut time, mut calls) = (Ledger::default(), 0, 1_000, 0);
        // When each call ended; `None` while it is in flight.
        let mut expected: BTreeMap<u64, Option<u64>> = BTreeMap::new();
        let mut begin = || {
            processes += 1;
            Running::begin(root.path(), &format!("{processes:032x}"))
        };
        let mut process = begin();
        for step in steps {
            time += 1;
            process.keeper.round();
            match step {
                Step::Open => {
                    calls += 1;
                    let opened = process.log.opened(time, &opening(calls).0).unwrap();
                    process.open.push((calls, opened.number));
                    expected.insert(calls, None);
                }
                Step::Close(which) if !process.open.is_empty() => {
                    let (call, number) = process.open.swap_remove(which.index(process.open.len()));
                    process.sequence += 1;
                    let sequence = process.sequence;
                    prop_assert_eq!(process.log.closed(number, time, &Body::of_end(false).0, || sequence), sequence);
                    process.exporter.push((call, sequence, time));
                    expected.insert(call, Some(time));
                }
                Step::Close(_) => {}
                Step::Deliver(most) => process.deliver(most, &mut ledger, true),
                Step::DeliverAndDie(most) => {
                    process.deliver(most, &mut ledger, false);
                    process = begin();
                }
                Step::GiveBack(most) => {
                    let most = most.min(process.exporter.len());
                    for (_, sequence, _) in process.exporter.drain(..most) {
                        prop_assert!(process.log.returned(sequence));
                    }
                }
                Step::SendBacklog(most) => process.send_backlog(most, &mut ledger),
                Step::EndInOrder => {
                    process.log.finish();
                    process = begin();
                }
                Step::Die => process = begin(),
                Step::Recover(fates) => recover_some(root.path(), &mut ledger, &fates),
            }
        }
        drop(process);
        recover_some(root.path(), &mut ledger, &vec![Some(true); 1000]);
        prop_assert_eq!(instances(root.path()).unwrap(), Vec::<String>::new());
        let arrived: BTreeMap<u64, Option<u64>> = ledger
            .0
            .into_iter()
            .map(|(call, (ended, interrupted))| (call, (!interrupted).then_some(ended)))
            .collect();
        prop_assert_eq!(arrived, expected);
    }
}

/// The sequence numbers of the calls that have ended, and the numbers of those in flight.
fn calls(bytes: Vec<u8>) -> (Vec<u64>, Vec<u64>) {
    let mut book = Book::default();
    book.add(bytes, record::salt("a", 1));
    let ended = book.unsent().filter(|sequence| book.ended(*sequence).is_some()).collect();
    (ended, book.interrupted().map(|open| open.number).collect())
}

#[test]
fn a_flipped_bit_costs_at_most_the_call_it_hits_at_every_byte_of_a_segment() {
    let root = tempfile::tempdir().unwrap();
    let first = SegmentFile::create(root.path(), "a", 1).unwrap();
    let log = Log::new(u64::MAX / 16, first, false);
    for call in 1..=6 {
        let opened = log.opened(call, &opening(call).0).unwrap();
        if call < 6 {
            log.closed(opened.number, call + 10, &Body::of_end(false).0, || call);
        }
    }
    let whole = std::fs::read(segment::path_of(root.path(), 1)).unwrap();
    assert_eq!(calls(whole.clone()), (vec![1, 2, 3, 4, 5], vec![6]));
    for place in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            let (ended, in_flight) = calls(bytes);
            // A call whose CLOSE is hit is in flight; one whose OPEN is hit is not known.
            let untouched =
                (1..=5).filter(|number| ended.contains(number)).count() + usize::from(in_flight.contains(&6));
            assert!(untouched >= 5, "bit {bit} of byte {place}: {ended:?} {in_flight:?}");
            assert!(in_flight.len() <= 2, "bit {bit} of byte {place}: {in_flight:?}");
        }
    }
}

#[test]
fn a_journal_of_a_newer_version_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let owned = Owned::create(root.path(), "a").unwrap();
    let newer = owned.path.join("00000002.slj2");
    std::fs::write(&newer, "of a newer version").unwrap();
    drop(owned);
    let recovered = recover(root.path(), &mut |_, _| panic!("nothing is sent")).unwrap();
    assert_eq!(recovered, []);
    assert!(newer.exists());
    let inspected = inspect(root.path()).unwrap();
    assert_eq!(inspected[0].other_version.as_deref(), Some("00000002.slj2"));
    assert!(!inspected[0].running);
}

#[test]
fn a_journal_is_inspected_while_its_process_lives() {
    let root = tempfile::tempdir().unwrap();
    let process = Running::begin(root.path(), "a");
    let opened = process.log.opened(1, &opening(1).0).unwrap();
    process.log.opened(2, &opening(2).0).unwrap();
    process.log.closed(opened.number, 3, &Body::of_end(false).0, || 1);
    let [one] = &inspect(root.path()).unwrap()[..] else { panic!("one process") };
    assert!(one.running && !one.ended);
    assert_eq!((one.opened, one.closed, one.delivered, one.last_sequence), (2, 1, 0, 1));
    assert_eq!((&one.waiting[..], one.in_flight.len()), (&[1..=1][..], 1));
    assert_eq!((one.checksum_errors, one.torn_bytes), (0, 0));
}

#[test]
fn a_call_whose_beginning_is_damaged_does_not_wait() {
    let root = tempfile::tempdir().unwrap();
    let process = Running::begin(root.path(), "a");
    let opened = process.log.opened(1, &opening(1).0).unwrap();
    process.log.closed(opened.number, 3, &Body::of_end(false).0, || 1);
    let path = segment::path_of(&process.owned.path, 1);
    let whole = std::fs::read(&path).unwrap();
    let mut closed_without_open = 0;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let [one] = &inspect(root.path()).unwrap()[..] else { panic!("one process") };
        closed_without_open += u32::from(one.closed == 1 && one.waiting.is_empty());
    }
    assert!(closed_without_open > 0);
}

#[test]
fn a_recovery_that_cannot_mark_what_it_sent_goes_on_to_the_end() {
    let root = tempfile::tempdir().unwrap();
    let process = Running::begin(root.path(), "a");
    let opened = process.log.opened(1, &opening(1).0).unwrap();
    process.log.closed(opened.number, 3, &Body::of_end(false).0, || 1);
    process.log.opened(2, &opening(2).0).unwrap();
    // As on a full disk: the segment for the marks cannot be made.
    std::fs::create_dir(segment::path_of(&process.owned.path, 2)).unwrap();
    drop(process);
    let recovered = recover(root.path(), &mut |_, _| Taken::Delivered).unwrap();
    assert_eq!((recovered[0].ended, recovered[0].interrupted), (1, 1));
    assert_eq!(recover(root.path(), &mut |_, _| panic!("nothing is left")).unwrap(), []);
}

proptest! {
    #[test]
    fn reads_any_segment(bytes: Vec<u8>) {
        read_hostile(&bytes);
    }
}

/// A provider that notes that a request has arrived.
struct Arrived(Arc<AtomicBool>);

#[async_trait::async_trait]
impl reqwest_middleware::Middleware for Arrived {
    async fn handle(
        &self,
        _request: reqwest::Request,
        _extensions: &mut http::Extensions,
        _next: reqwest_middleware::Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        self.0.store(true, Ordering::SeqCst);
        Ok(http::Response::new("{}").into())
    }
}

#[test]
fn a_request_does_not_leave_before_its_strict_journal_is_synced() {
    let root = tempfile::tempdir().unwrap();
    let owned = Arc::new(Owned::create(root.path(), "a").unwrap());
    let first = SegmentFile::create(&owned.path, &owned.name, 1).unwrap();
    // The test is its syncer.
    let log = Arc::new(Log::new(SEGMENT, first, true));
    let inner = Inner { root: root.path().to_owned(), owned, log: Arc::clone(&log), strict: true };
    let arrived = Arc::new(AtomicBool::new(false));
    let middleware = crate::GenAiMiddleware::builder()
        .provider("openai")
        .tracer_provider(opentelemetry_sdk::trace::SdkTracerProvider::builder().build())
        .journal(Journal { inner: Arc::new(inner) })
        .build();
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(middleware)
        .with(Arrived(Arc::clone(&arrived)))
        .build();
    let request = client.post("http://127.0.0.1:9/v1/chat/completions").body(r#"{"model":"gpt-4o"}"#);
    let mut call = pin!(request.send());
    let mut poll = || call.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
    for _ in 0..10 {
        assert!(poll().is_pending());
    }
    assert_eq!(inspect(root.path()).unwrap()[0].opened, 1);
    assert!(!arrived.load(Ordering::SeqCst), "it has left");
    let (segments, place) = log.wait_for_unsynced(Duration::ZERO).unwrap();
    segments.iter().for_each(|segment| segment.sync().unwrap());
    log.report_synced(place);
    assert!(poll().is_ready());
    assert!(arrived.load(Ordering::SeqCst));
}

/// What is logged while `work` is done.
fn logged(work: impl FnOnce()) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let log = tracing_subscriber::fmt().with_writer(std::sync::Mutex::new(file.reopen().unwrap())).finish();
    tracing::subscriber::with_default(log, work);
    std::fs::read_to_string(file.path()).unwrap()
}

#[test]
fn a_directory_that_vanishes_is_logged_once_however_many_calls_it_costs() {
    let root = tempfile::tempdir().unwrap();
    let mut process = Running::begin(root.path(), "a");
    std::fs::remove_dir_all(root.path().join("a")).unwrap();
    let log = logged(|| {
        for call in 0..100 {
            process.keeper.round();
            assert!(process.log.opened(call, &opening(call).0).is_none());
        }
        process.keeper.round();
    });
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("the journal's directory is gone"), "{log}");
}

#[test]
fn a_directory_that_vanishes_costs_no_call() {
    let root = tempfile::tempdir().unwrap();
    let mut process = Running::begin(root.path(), "a");
    let before = process.log.opened(1, &opening(1).0).unwrap();
    std::fs::remove_dir_all(root.path().join("a")).unwrap();
    process.keeper.round();
    assert!(process.log.opened(2, &opening(2).0).is_none(), "it is exported as without a journal");
    assert_eq!(process.log.closed(before.number, 3, &Body::of_end(false).0, || 1), 1);
    assert_eq!(process.log.lock().index.state.skipped, 2);
    process.keeper.round();
    assert!(!root.path().join("a").exists());
}

#[test]
fn a_call_that_could_not_be_written_down_is_known_after_a_death() {
    let root = tempfile::tempdir().unwrap();
    let mut process = Running::begin(root.path(), "a");
    process.log.opened(1, &opening(1).0).unwrap();
    let has_skipped = || super::inspect(root.path()).unwrap()[0].has_skipped;
    assert!(!has_skipped());
    // Larger than any record: as on a full disk, nothing is written, and no count either.
    assert!(process.log.opened(2, &vec![0; 1 << 20]).is_none());
    process.keeper.round();
    assert!(has_skipped());
    drop(process);
    let recovered = recover(root.path(), &mut |_, _| Taken::Delivered).unwrap();
    assert!(recovered[0].has_skipped);
}

#[test]
fn a_journal_is_synced_every_thirty_seconds_at_least_or_not_opened() {
    let root = tempfile::tempdir().unwrap();
    let open = |every| {
        let builder = Journal::builder(root.path()).any_file_system(true);
        builder.durability(Durability::Machine(every)).open()
    };
    for every in [Duration::from_millis(30_001), Duration::MAX] {
        let error = open(every).unwrap_err();
        assert!(matches!(error, JournalError::Durability { every: named } if named == every), "{error}");
        assert!(error.to_string().contains("at most 30 s"), "{error}");
    }
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0, "nothing was made");
    open(Duration::from_secs(30)).unwrap();
}

#[test]
fn a_segment_that_cannot_be_read_now_costs_no_call() {
    let root = tempfile::tempdir().unwrap();
    let journal = Journal::builder(root.path()).any_file_system(true).open().unwrap();
    let Inner { log, owned, .. } = &*journal.inner;
    let (call, sequence) = (77, 1_000_000);
    let opened = log.opened(1, &opening(call).0).unwrap();
    log.closed(opened.number, 2, &Body::of_end(false).0, || sequence);
    assert!(log.returned(sequence));
    // Other tests of this process may have journals too.
    let is_sent = || {
        let span = SpanId::from(call);
        outbox::backlog(1_000).iter().any(|sent| sent.span_context.span_id() == span)
    };
    // As where no file can be opened: a folder is opened, and not read.
    let (segment, away) = (segment::path_of(&owned.path, 1), root.path().join("away"));
    std::fs::rename(&segment, &away).unwrap();
    std::fs::create_dir(&segment).unwrap();
    assert!(!is_sent());
    assert_eq!(log.lock().index.state.lost.count(), 0, "it is not given up");
    std::fs::remove_dir(&segment).unwrap();
    std::fs::rename(away, segment).unwrap();
    assert!(is_sent());
}

#[cfg(unix)]
#[test]
fn a_journal_that_cannot_be_recovered_keeps_no_other_from_it() {
    let root = tempfile::tempdir().unwrap();
    let process = Running::begin(root.path(), "b");
    process.log.opened(1, &opening(1).0).unwrap();
    drop(process);
    // A lock that cannot be opened, also by root: a link to itself.
    let other = root.path().join("a");
    std::fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink(segment::LOCK, other.join(segment::LOCK)).unwrap();
    let inspected = inspect(root.path()).unwrap();
    assert_eq!([inspected[0].opened, inspected[1].opened], [0, 1]);
    let mut sent = 0;
    let recovered = recover(root.path(), &mut |_, spans| {
        sent += spans.len();
        Taken::Delivered
    });
    let recovered = recovered.unwrap();
    assert_eq!((recovered[0].instance.as_str(), recovered[1].instance.as_str()), ("a", "b"));
    assert!(recovered[0].error.is_some());
    assert_eq!((&recovered[1].error, recovered[1].interrupted, sent), (&None, 1, 2));
}
