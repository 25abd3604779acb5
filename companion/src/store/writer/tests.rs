use std::sync::mpsc;

use super::*;
use crate::record::Window;
use crate::store::conformance::records::{BASE, call};
use crate::store::sqlite::{Ledger, Options};
use crate::store::{Filter, Maintained, Querier};

const DEADLINE: Duration = Duration::from_secs(30);

fn options() -> WriterOptions {
    WriterOptions::new(|| BASE)
}

/// An appender that waits for a permission before each group, and tells what it was given.
struct Gate {
    permissions: mpsc::Receiver<Result<(), StoreError>>,
    groups: mpsc::Sender<Vec<usize>>,
    maintained: mpsc::Sender<Timestamp>,
}

struct GateKeeper {
    permit: mpsc::Sender<Result<(), StoreError>>,
    groups: mpsc::Receiver<Vec<usize>>,
    maintained: mpsc::Receiver<Timestamp>,
}

fn gate() -> (Gate, GateKeeper) {
    let (permit, permissions) = mpsc::channel();
    let (groups, appended) = mpsc::channel();
    let (maintained, times) = mpsc::channel();
    (Gate { permissions, groups, maintained }, GateKeeper { permit, groups: appended, maintained: times })
}

impl Appender for Gate {
    fn append_batch(&mut self, batch: Batch<'_>) -> Result<Appended, StoreError> {
        // Without a keeper the gate is open.
        self.permissions.recv().unwrap_or(Ok(()))?;
        Ok(Appended { inserted: batch.calls.len() as u64, ..Appended::default() })
    }

    fn append_group(&mut self, batches: &[Batch<'_>]) -> Vec<Result<Appended, StoreError>> {
        self.groups.send(batches.iter().map(|batch| batch.calls.len()).collect()).unwrap();
        batches.iter().map(|batch| self.append_batch(*batch)).collect()
    }

    fn maintain(&mut self, now: Timestamp) -> Result<Maintained, StoreError> {
        let _ = self.maintained.send(now);
        Ok(Maintained::default())
    }
}

fn calls(first: u64, count: u64) -> Vec<CallRecord> {
    (first..first + count).map(call).collect()
}

/// Hands the batch over at once, and returns what waits for the result.
fn hand_over(
    writer: &WriterHandle,
    batch: Vec<CallRecord>,
) -> std::pin::Pin<Box<dyn Future<Output = Result<Appended, AppendError>> + Send>> {
    let writer = writer.clone();
    let mut future = Box::pin(async move { writer.append(batch).await });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => Box::pin(std::future::ready(answer)),
        std::task::Poll::Pending => future,
    }
}

#[tokio::test]
async fn answers_when_the_batch_is_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let writer = Writer::start(Ledger::open_writer(&path, &Options::default()).unwrap(), options()).unwrap();
    let window = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
    let querier = Ledger::open_reader(&path).unwrap();
    for round in 1..=5 {
        assert_eq!(writer.append(calls(round * 10, 10)).await.unwrap().inserted, 10);
        assert_eq!(querier.totals(window, &Filter::default()).unwrap().calls, round * 10);
    }
    assert_eq!(writer.append(calls(10, 12)).await.unwrap().duplicates, 12);
    assert_eq!(writer.append(Vec::new()).await.unwrap(), Appended::default());
    let stats = writer.stats();
    assert_eq!((stats.appended, stats.duplicates, stats.refused, stats.waiting), (50, 12, 0, 0));
    assert_eq!(stats.latency.iter().sum::<u64>(), 6);
    assert!(writer.stop(DEADLINE).await);
    // The file is free for the next.
    Ledger::open_writer(&path, &Options::default()).unwrap();
}

#[tokio::test]
async fn writes_together_what_waits_together() {
    let (appender, keeper) = gate();
    let writer = Writer::start(appender, WriterOptions { group: 10, ..options() }).unwrap();
    let first = hand_over(&writer, calls(0, 1));
    assert_eq!(keeper.groups.recv_timeout(DEADLINE).unwrap(), [1]);
    let waiting: Vec<_> =
        [4, 5, 2, 30].into_iter().map(|count| hand_over(&writer, calls(0, count))).collect();
    for _ in 0..5 {
        keeper.permit.send(Ok(())).unwrap();
    }
    assert_eq!(first.await.unwrap().inserted, 1);
    for (waiting, count) in waiting.into_iter().zip([4, 5, 2, 30]) {
        assert_eq!(waiting.await.unwrap().inserted, count, "each caller learns of its own batch");
    }
    let groups: Vec<_> = (0..3).map(|_| keeper.groups.recv_timeout(DEADLINE).unwrap()).collect();
    assert_eq!(groups, [vec![4, 5], vec![2], vec![30]], "at most ten calls, or one batch");
}

#[tokio::test]
async fn refuses_at_once_over_capacity_and_takes_again_later() {
    let (appender, keeper) = gate();
    let writer = Writer::start(appender, WriterOptions { queue: 10, ..options() }).unwrap();
    // More than may wait, but nothing else waits.
    let large = hand_over(&writer, calls(0, 15));
    keeper.groups.recv_timeout(DEADLINE).unwrap();
    let refused = writer.append(calls(0, 1)).await;
    assert!(matches!(refused, Err(AppendError::Full { waiting: 15, capacity: 10 })), "{refused:?}");
    assert_eq!(writer.stats().refused, 1);
    keeper.permit.send(Ok(())).unwrap();
    large.await.unwrap();
    drop(keeper.permit);
    assert_eq!(writer.append(calls(0, 1)).await.unwrap().inserted, 1);
}

#[tokio::test]
async fn tells_each_caller_why_and_goes_on() {
    let (appender, keeper) = gate();
    let writer = Writer::start(appender, options()).unwrap();
    keeper.permit.send(Err(StoreError::Full { path: "ledger.db".into() })).unwrap();
    let refused = writer.append(calls(0, 3)).await;
    assert!(
        matches!(&refused, Err(AppendError::Store(error)) if matches!(**error, StoreError::Full { .. })),
        "{refused:?}"
    );
    keeper.permit.send(Ok(())).unwrap();
    assert_eq!(writer.append(calls(0, 3)).await.unwrap().inserted, 3);
    let stats = writer.stats();
    assert_eq!((stats.failed, stats.appended, stats.groups), (3, 3, 2));
}

#[tokio::test]
async fn stopping_writes_what_waits_and_takes_nothing_more() {
    let (appender, keeper) = gate();
    let writer = Writer::start(appender, options()).unwrap();
    let first = hand_over(&writer, calls(0, 1));
    keeper.groups.recv_timeout(DEADLINE).unwrap();
    let waiting = hand_over(&writer, calls(1, 7));
    assert!(!writer.stop(Duration::ZERO).await, "the gate is closed");
    assert!(matches!(writer.append(calls(8, 1)).await, Err(AppendError::Stopped)));
    drop(keeper.permit);
    assert!(writer.stop(DEADLINE).await);
    assert_eq!((first.await.unwrap().inserted, waiting.await.unwrap().inserted), (1, 7));
    assert_eq!(keeper.maintained.recv_timeout(DEADLINE).unwrap(), BASE, "a last housekeeping");
}

#[tokio::test]
async fn keeps_house_on_its_timer_without_calls() {
    let (appender, keeper) = gate();
    let options = WriterOptions { maintain_every: Duration::from_millis(1), ..options() };
    let writer = Writer::start(appender, options).unwrap();
    for _ in 0..3 {
        assert_eq!(keeper.maintained.recv_timeout(DEADLINE).unwrap(), BASE);
    }
    assert!(writer.stop(DEADLINE).await);
}

/// Panics at the first append.
struct Broken;

impl Appender for Broken {
    fn append_batch(&mut self, _: Batch<'_>) -> Result<Appended, StoreError> {
        panic!("broken on purpose");
    }

    fn maintain(&mut self, _: Timestamp) -> Result<Maintained, StoreError> {
        Ok(Maintained::default())
    }
}

#[tokio::test]
async fn a_writer_that_died_answers_that_it_stopped() {
    let writer = Writer::start(Broken, options()).unwrap();
    assert!(matches!(writer.append(calls(0, 1)).await, Err(AppendError::Stopped)));
    assert!(matches!(writer.append(calls(0, 1)).await, Err(AppendError::Stopped)));
    assert!(writer.stop(DEADLINE).await);
}
