use std::sync::{Condvar, Mutex};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::alert::StateFile;
use crate::record::Window;
use crate::rule::runner::Runner;
use crate::store::*;

/// A store whose `sequence_gaps` hangs until it is let go.
#[derive(Debug, Default)]
struct Hanging {
    store: MemoryStore,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Querier for Hanging {
    fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError> {
        self.store.totals(window, filter)
    }
    fn breakdown(
        &self,
        w: Window,
        f: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Vec<Group>, StoreError> {
        self.store.breakdown(w, f, by, limit)
    }
    fn series(&self, window: Window, filter: &Filter, step: i64) -> Result<Vec<Step>, StoreError> {
        self.store.series(window, filter, step)
    }
    fn latency(&self, window: Window, filter: &Filter) -> Result<LatencySummary, StoreError> {
        self.store.latency(window, filter)
    }
    fn repeated(&self, w: Window, f: &Filter, more: u64, limit: usize) -> Result<Vec<Repeated>, StoreError> {
        self.store.repeated(w, f, more, limit)
    }
    fn duplicates(&self, window: Window, filter: &Filter) -> Result<Duplicates, StoreError> {
        self.store.duplicates(window, filter)
    }
    fn largest_calls(
        &self,
        w: Window,
        f: &Filter,
        more: u64,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError> {
        self.store.largest_calls(w, f, more, limit)
    }
    fn sequence_gaps(
        &self,
        noticed: Window,
        now: Timestamp,
        f: &Filter,
        limit: usize,
    ) -> Result<SequenceGaps, StoreError> {
        let open = self.open.lock().expect("lock");
        drop(self.opened.wait_while(open, |open| !*open).expect("lock"));
        self.store.sequence_gaps(noticed, now, f, limit)
    }
    fn last_call(&self, before: Timestamp, filter: &Filter) -> Result<Option<Timestamp>, StoreError> {
        self.store.last_call(before, filter)
    }
    fn calls(&self, window: Window, filter: &Filter, page: Page) -> Result<CallPage, StoreError> {
        self.store.calls(window, filter, page)
    }
}

fn named(statuses: &[RuleStatus], name: RuleName) -> RuleStatus {
    statuses.iter().find(|status| status.name == name).expect("status").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_hangs_holds_back_no_other() {
    let hanging = Arc::new(Hanging::default());
    let querier: Arc<dyn Querier> = hanging.clone();
    let mut runner = Runner::new(&configured("interval = '3s'"), None);
    let statuses = runner.statuses();
    for now in [60, 75] {
        runner.evaluate(&querier, at(now)).await;
        let seen = statuses.borrow().clone();
        let error = named(&seen, RuleName::SequenceGap).error.expect("error");
        assert!(error.contains("has not ended after"), "{error}");
        assert_eq!(named(&seen, RuleName::LedgerSilent).error, None);
    }
    *hanging.open.lock().expect("lock") = true;
    hanging.opened.notify_all();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while named(&statuses.borrow().clone(), RuleName::SequenceGap).error.is_some() {
        assert!(tokio::time::Instant::now() < deadline, "the rule is never asked again");
        runner.evaluate(&querier, at(90)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_panics_is_told_and_stops_no_other() {
    // A long interval, since it is also the deadline, and a panic takes its time on a busy machine.
    let mut runner = Runner::new(&configured("interval = '10m'"), None);
    let statuses = runner.statuses();
    let querier: Arc<dyn Querier> = Arc::new(Broken(MemoryStore::new()));
    runner.evaluate(&querier, at(105)).await;
    let seen = statuses.borrow().clone();
    let error = named(&seen, RuleName::DuplicateRatio).error.expect("error");
    assert!(error.contains("the evaluation failed"), "{error}");
    assert_eq!(named(&seen, RuleName::CostOverrun).error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_survive_a_restart_and_the_runner_stops_when_told() {
    let folder = tempfile::tempdir().expect("folder");
    let ledger = folder.path().join("ledger.db");
    let mut store = MemoryStore::new();
    store.append(&(0..20).map(|n| failed(n, 500)).collect::<Vec<_>>()).expect("append");
    let querier: Arc<dyn Querier> = Arc::new(store);
    let state = || Some(Arc::new(StateFile::open(&ledger).expect("state")));

    let mut first = Runner::new(&configured(""), state());
    first.evaluate(&querier, at(60)).await;
    let told = first.alerts().borrow().clone();
    assert!(told.iter().any(|alert| alert.rule == RuleName::HighFailureRate && alert.firing()));

    let second = Runner::new(&configured(""), state());
    assert_eq!(*second.alerts().borrow(), told);

    let stop = CancellationToken::new();
    let mut statuses = second.statuses();
    let task = tokio::spawn(second.run(querier, stop.clone()));
    statuses.changed().await.expect("an evaluation");
    stop.cancel();
    task.await.expect("the runner ends");
}
