use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::evaluate::runner::Runner;
use crate::evaluate::state_file::StateFile;
use crate::record::{TagKey, Window};
use crate::store::history::SeriesSum;
use crate::store::*;

/// A store whose `sequence_gaps` hangs until it is let go, once for each permission. It counts who asks at the same time.
#[derive(Debug, Default)]
struct Hanging {
    store: MemoryStore,
    permissions: Mutex<Permissions>,
    changed: Condvar,
    asking: AtomicUsize,
    most: AtomicUsize,
    /// How often each question lets others run first.
    yields: usize,
}

#[derive(Debug, Default)]
struct Permissions {
    left: u64,
    /// Questions that hang.
    hanging: u64,
}

impl Hanging {
    fn permit(&self, questions: u64) {
        self.permissions.lock().expect("lock").left += questions;
        self.changed.notify_all();
    }

    /// The store, after a while in which others could ask as well.
    fn counted(&self) -> &MemoryStore {
        let asking = self.asking.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(asking, Ordering::SeqCst);
        (0..self.yields).for_each(|_| std::thread::yield_now());
        self.asking.fetch_sub(1, Ordering::SeqCst);
        &self.store
    }

    /// Lets the question go that hangs now, if one does, and none that comes later.
    fn let_go(&self) {
        let mut permissions = self.permissions.lock().expect("lock");
        if permissions.hanging > 0 {
            permissions.left += 1;
            self.changed.notify_all();
            drop(self.changed.wait_while(permissions, |permissions| permissions.left > 0).expect("lock"));
        }
    }
}

impl Querier for Hanging {
    fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError> {
        self.counted().totals(window, filter)
    }
    fn five_minutes(
        &self,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> Result<Vec<FiveMinutes>, StoreError> {
        self.counted().five_minutes(window, filter, by)
    }
    fn breakdown(
        &self,
        w: Window,
        f: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Vec<Group>, StoreError> {
        self.counted().breakdown(w, f, by, limit)
    }
    fn series(&self, window: Window, filter: &Filter, step: i64) -> Result<Vec<Step>, StoreError> {
        self.counted().series(window, filter, step)
    }
    fn history(&self, edges: &[Timestamp]) -> Result<Vec<Vec<SeriesSum>>, StoreError> {
        self.counted().history(edges)
    }
    fn tag_keys(&self) -> Result<Vec<TagKey>, StoreError> {
        self.counted().tag_keys()
    }
    fn latency(&self, window: Window, filter: &Filter) -> Result<LatencySummary, StoreError> {
        self.counted().latency(window, filter)
    }
    fn repeated(&self, w: Window, f: &Filter, more: u64, limit: usize) -> Result<Vec<Repeated>, StoreError> {
        self.counted().repeated(w, f, more, limit)
    }
    fn duplicates(&self, window: Window, filter: &Filter) -> Result<Duplicates, StoreError> {
        self.counted().duplicates(window, filter)
    }
    fn repetition(
        &self,
        window: Window,
        filter: &Filter,
        question: &crate::store::RepetitionQuestion,
    ) -> Result<Vec<crate::store::GroupRepetition>, StoreError> {
        self.counted().repetition(window, filter, question)
    }
    fn largest_calls(
        &self,
        w: Window,
        f: &Filter,
        more: u64,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError> {
        self.counted().largest_calls(w, f, more, limit)
    }
    fn served_models(&self, w: Window, f: &Filter, limit: usize) -> Result<Vec<Pairing>, StoreError> {
        self.counted().served_models(w, f, limit)
    }
    fn conversations(&self, w: Window, f: &Filter, limit: usize) -> Result<Vec<Conversation>, StoreError> {
        self.counted().conversations(w, f, limit)
    }
    fn key_uses(&self, window: Window, limit: usize) -> Result<Vec<KeyUse>, StoreError> {
        self.counted().key_uses(window, limit)
    }
    fn sequence_gaps(
        &self,
        noticed: Window,
        now: Timestamp,
        f: &Filter,
        limit: usize,
    ) -> Result<SequenceGaps, StoreError> {
        let mut permissions = self.permissions.lock().expect("lock");
        permissions.hanging += 1;
        permissions =
            self.changed.wait_while(permissions, |permissions| permissions.left == 0).expect("lock");
        permissions.hanging -= 1;
        permissions.left -= 1;
        drop(permissions);
        self.changed.notify_all();
        self.counted().sequence_gaps(noticed, now, f, limit)
    }
    fn skipped(&self, window: Window) -> Result<crate::record::SkippedSpans, StoreError> {
        self.counted().skipped(window)
    }
    fn last_call(&self, before: Timestamp, filter: &Filter) -> Result<Option<Timestamp>, StoreError> {
        self.counted().last_call(before, filter)
    }
    fn calls(&self, window: Window, filter: &Filter, page: Page) -> Result<CallPage, StoreError> {
        self.counted().calls(window, filter, page)
    }
    fn accounts(
        &self,
        window: Window,
        id: &crate::store::CallId,
        limit: usize,
    ) -> Result<Vec<crate::store::CallAccount>, StoreError> {
        self.counted().accounts(window, id, limit)
    }
}

/// Three times as many calls of two hours as are read at once.
fn long_past(now: Timestamp) -> MemoryStore {
    let ending = |n: i64| CallRecord { start: Timestamp(now.0 - n * 70_000_000), duration_ns: 0, ..call(0) };
    let mut store = MemoryStore::new();
    store.take((0..100_000).rev().map(|n| Arc::new(ending(n))).collect());
    store
}

#[tokio::test(start_paused = true)]
async fn a_long_past_is_whole_before_the_second_evaluation_and_nothing_is_judged_before() {
    let querier: Arc<dyn Querier> = Arc::new(long_past(crate::clock::now()));
    // Nothing but one rule reads the past, a piece at each evaluation.
    let others = RuleName::ALL.into_iter().filter(|name| *name != RuleName::HighRequestRate);
    let off = others.filter(|name| !name.of_budgets()).map(|name| format!("[{name}]\nenabled = false\n"));
    let config = configured(&format!("{}[HighRequestRate]\nfor = '0s'", off.collect::<String>()));
    let runner = Runner::new(&config, None);
    let (mut statuses, alerts, stop) = (runner.statuses(), runner.alerts(), CancellationToken::new());
    let task = tokio::spawn(runner.run(Arc::clone(&querier), stop.clone()));

    statuses.changed().await.expect("an evaluation");
    let first = named(&statuses.borrow().clone(), RuleName::HighRequestRate);
    assert_eq!((first.value, first.state, &first.error), (None, State::Inactive, &None));
    assert_eq!(first.no_data.as_deref(), Some("the calls of the past are still being read"));
    statuses.changed().await.expect("an evaluation");
    let second = named(&statuses.borrow().clone(), RuleName::HighRequestRate);
    assert_eq!((&second.no_data, second.state), (&None, State::Inactive));
    assert!(alerts.borrow().is_empty());
    stop.cancel();
    task.await.expect("the runner ends");

    let whole = Evaluator::new(&config).evaluate_all(querier.as_ref(), crate::clock::now());
    let whole = named(&whole, RuleName::HighRequestRate);
    assert_eq!((second.threshold, second.state), (whole.threshold, whole.state));
    // Calls of this rate are more than what is let through without a past.
    assert!(second.value > Some(RuleName::HighRequestRate.rule().defaults.threshold), "{second:?}");
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
    hanging.permit(1 << 32);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
    while named(&statuses.borrow().clone(), RuleName::SequenceGap).error.is_some() {
        assert!(tokio::time::Instant::now() < deadline, "the rule is never asked again");
        runner.evaluate(&querier, at(90)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_rules_are_evaluated_at_a_time_than_there_are_processors() {
    let hanging = Arc::new(Hanging { yields: 20, ..Hanging::default() });
    hanging.permit(1 << 32);
    let querier: Arc<dyn Querier> = hanging.clone();
    let mut runner = Runner::new(&configured("interval = '10m'"), None);
    for now in [300, 600, 900] {
        runner.evaluate(&querier, at(now)).await;
    }
    let (most, processors) = (hanging.most.load(Ordering::SeqCst), std::thread::available_parallelism());
    assert!((1..=processors.map_or(1, usize::from)).contains(&most), "{most}");
}

/// Evaluates at `now` while the whole interval passes, so that what hangs is late.
async fn evaluate_for_an_interval(runner: &mut Runner, querier: &Arc<dyn Querier>, now: i64) {
    tokio::join!(runner.evaluate(querier, at(now)), async {
        tokio::task::yield_now().await;
        tokio::time::advance(std::time::Duration::from_secs(15)).await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_takes_longer_than_the_interval_fires_and_resolves_all_the_same() {
    let numbered =
        |sequence| CallRecord { instance: Some("i".to_owned()), sequence: Some(sequence), ..call(0) };
    let mut hanging = Hanging::default();
    hanging.store.append(&[numbered(1), numbered(3)]).expect("append");
    let hanging = Arc::new(hanging);
    let querier: Arc<dyn Querier> = hanging.clone();
    let mut runner = Runner::new(&configured("[SequenceGap]\nlookback = '1h'\nkeep_firing_for = '1m'"), None);
    let alerts = runner.alerts();
    let state = || alerts.borrow().iter().find(|a| a.rule == RuleName::SequenceGap).map(|alert| alert.state);
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let mut reached = Vec::new();
    // The gap is there, and then it is older than the look-back. Each question is answered after its evaluation.
    for (began, expected) in [(300, State::Firing), (7200, State::Resolved)] {
        let mut now = began;
        while state() != Some(expected) && std::time::Instant::now() < patience {
            evaluate_for_an_interval(&mut runner, &querier, now).await;
            hanging.let_go();
            now += 15;
        }
        reached.push(state());
    }
    // The end of the test waits for what still hangs.
    hanging.permit(1);
    assert_eq!(reached, [Some(State::Firing), Some(State::Resolved)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_panics_is_reported_and_stops_no_other() {
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
async fn alerts_survive_a_restart_and_the_runner_stops_when_asked() {
    let folder = tempfile::tempdir().expect("folder");
    let ledger = folder.path().join("ledger.db");
    let mut store = MemoryStore::new();
    store.append(&(0..20).map(|n| failed(n, 500)).collect::<Vec<_>>()).expect("append");
    let querier: Arc<dyn Querier> = Arc::new(store);
    let state = || Some(Arc::new(StateFile::open(&ledger).expect("state")));

    let mut first = Runner::new(&configured(FIXED), state());
    first.evaluate(&querier, at(60)).await;
    let alerts = first.alerts().borrow().clone();
    assert!(alerts.iter().any(|alert| alert.rule == RuleName::HighFailureRate && alert.firing()));

    let second = Runner::new(&configured(FIXED), state());
    assert_eq!(*second.alerts().borrow(), alerts);

    let stop = CancellationToken::new();
    let mut statuses = second.statuses();
    let task = tokio::spawn(second.run(querier, stop.clone()));
    statuses.changed().await.expect("an evaluation");
    stop.cancel();
    task.await.expect("the runner ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_judged_by_calls_is_not_sent_while_the_ledger_is_silent() {
    let folder = tempfile::tempdir().expect("folder");
    let ledger = folder.path().join("ledger.db");
    let mut store = MemoryStore::new();
    store.append(&(0..3_600).step_by(10).map(call).collect::<Vec<_>>()).expect("append");
    let querier: Arc<dyn Querier> = Arc::new(store);
    let rules =
        "[LedgerSilent]\nwindow = '15m'\n[ServiceSilent.services.app]\nexpected = 'always'\nwindow = '20m'";
    let mut runner = Runner::new(&configured(rules), None).with_peace(ledger.as_path().into(), Vec::new());
    let (mut schedule, alerts) = (schedule_of("[[webhook]]\nurl = 'http://127.0.0.1:1'"), runner.alerts());
    let mut sent = Vec::new();
    for now in (3_600..3_600 + 3_600).step_by(60) {
        runner.evaluate(&querier, at(now)).await;
        for due in schedule.due(&alerts.borrow(), at(now)) {
            schedule.sent(&due, at(now));
            sent.extend(due.firing.iter().map(|alert| alert.rule));
        }
    }
    assert_eq!(sent, [RuleName::LedgerSilent]);
    let held: Vec<_> =
        alerts.borrow().iter().filter(|alert| alert.silenced.is_some()).map(|a| a.rule).collect();
    assert_eq!(held, [RuleName::ServiceSilent]);
}

/// The schedule of the first target.
fn schedule_of(notify: &str) -> crate::notify::schedule::Schedule {
    let config: crate::notify::target::NotifyConfig = toml::from_str(notify).expect(notify);
    let target = config.targets().expect("targets").remove(0);
    crate::notify::schedule::Schedule::new(target.grouping, crate::alert::NotificationLog::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn silences_and_maintenance_windows_hold_back_what_is_sent_after_them() {
    let folder = tempfile::tempdir().expect("folder");
    let ledger = folder.path().join("ledger.db");
    let mut store = MemoryStore::new();
    store
        .append(&(0..14_400).step_by(5).map(|second| failed(second, 500)).collect::<Vec<_>>())
        .expect("append");
    let querier: Arc<dyn Querier> = Arc::new(store);
    // START is a Monday, midnight.
    let window =
        toml::from_str("name = 'backup'\nmatchers = ['service=app']\nhours = ['Mon 00:00-01:00 UTC']");
    let mut runner = Runner::new(&configured(FIXED), None)
        .with_peace(ledger.as_path().into(), vec![window.expect("a window")]);
    let (mut schedule, alerts) = (schedule_of("[[webhook]]\nurl = 'http://127.0.0.1:1'"), runner.alerts());
    // Then a silence for an hour; the alert goes on.
    let draft = crate::silence::draft::Draft {
        matchers: vec!["service=app".parse().expect("a matcher")],
        from: Some(at(3_600)),
        seconds: 3_600,
        by: "ann".to_owned(),
        comment: "a migration".to_owned(),
        via: crate::silence::Via::Post,
    };
    crate::silence::file::add(&ledger, draft.silence(at(0)).expect("a silence"), at(0)).expect("added");
    let mut sent = Vec::new();
    for now in (60..14_400).step_by(60) {
        runner.evaluate(&querier, at(now)).await;
        for due in schedule.due(&alerts.borrow(), at(now)) {
            schedule.sent(&due, at(now));
            sent.extend(
                due.firing.iter().filter(|alert| alert.rule == RuleName::HighFailureRate).map(|_| now),
            );
        }
    }
    assert_eq!(sent.first(), Some(&(7_200 + 60)), "{sent:?}");
}
