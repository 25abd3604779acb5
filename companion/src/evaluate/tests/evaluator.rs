use super::*;
use crate::alert::{HELD, RESOLVED_FOR};
use crate::record::{TagKey, Window};
use crate::store::history::SeriesSum;
use crate::store::*;

/// A store that cannot answer one question.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) MemoryStore);

impl Broken {
    fn error<T>() -> Result<T, StoreError> {
        Err(StoreError::Busy { path: "ledger.db".into() })
    }
}

impl Querier for Broken {
    fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError> {
        self.0.totals(window, filter)
    }
    fn five_minutes(
        &self,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> Result<Vec<FiveMinutes>, StoreError> {
        self.0.five_minutes(window, filter, by)
    }
    fn breakdown(
        &self,
        w: Window,
        f: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Vec<Group>, StoreError> {
        self.0.breakdown(w, f, by, limit)
    }
    fn series(&self, window: Window, filter: &Filter, step: i64) -> Result<Vec<Step>, StoreError> {
        self.0.series(window, filter, step)
    }
    fn history(&self, edges: &[Timestamp]) -> Result<Vec<Vec<SeriesSum>>, StoreError> {
        self.0.history(edges)
    }
    fn tag_keys(&self) -> Result<Vec<TagKey>, StoreError> {
        self.0.tag_keys()
    }
    fn latency(&self, window: Window, filter: &Filter) -> Result<LatencySummary, StoreError> {
        self.0.latency(window, filter)
    }
    fn repeated(&self, _: Window, _: &Filter, _: u64, _: usize) -> Result<Vec<Repeated>, StoreError> {
        Self::error()
    }
    fn duplicates(&self, _: Window, _: &Filter) -> Result<Duplicates, StoreError> {
        panic!("a bug in the store")
    }
    fn repetition(
        &self,
        _: Window,
        _: &Filter,
        question: &RepetitionQuestion,
    ) -> Result<Vec<GroupRepetition>, StoreError> {
        // RepeatedRequests asks for hashes, DuplicateRatio for none.
        if question.hashes == 0 {
            panic!("a bug in the store");
        }
        Self::error()
    }
    fn largest_calls(
        &self,
        w: Window,
        f: &Filter,
        more: u64,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError> {
        self.0.largest_calls(w, f, more, limit)
    }
    fn served_models(&self, w: Window, f: &Filter, limit: usize) -> Result<Vec<Pairing>, StoreError> {
        self.0.served_models(w, f, limit)
    }
    fn conversations(&self, w: Window, f: &Filter, limit: usize) -> Result<Vec<Conversation>, StoreError> {
        self.0.conversations(w, f, limit)
    }
    fn key_uses(&self, window: Window, limit: usize) -> Result<Vec<KeyUse>, StoreError> {
        self.0.key_uses(window, limit)
    }
    fn sequence_gaps(
        &self,
        noticed: Window,
        now: Timestamp,
        f: &Filter,
        limit: usize,
    ) -> Result<SequenceGaps, StoreError> {
        self.0.sequence_gaps(noticed, now, f, limit)
    }
    fn skipped(&self, window: Window) -> Result<crate::record::SkippedSpans, StoreError> {
        self.0.skipped(window)
    }
    fn last_call(&self, before: Timestamp, filter: &Filter) -> Result<Option<Timestamp>, StoreError> {
        self.0.last_call(before, filter)
    }
    fn calls(&self, window: Window, filter: &Filter, page: Page) -> Result<CallPage, StoreError> {
        self.0.calls(window, filter, page)
    }
    fn accounts(
        &self,
        window: Window,
        id: &crate::store::CallId,
        limit: usize,
    ) -> Result<Vec<crate::store::CallAccount>, StoreError> {
        self.0.accounts(window, id, limit)
    }
}

fn repeats(seconds: i64) -> Vec<CallRecord> {
    (0..20).map(|_| CallRecord { request_hash: Some("h".to_owned()), ..call(seconds) }).collect()
}

fn find(statuses: &[RuleStatus], name: RuleName) -> &RuleStatus {
    statuses.iter().find(|status| status.name == name).expect("status")
}

#[test]
fn a_store_error_leaves_a_firing_alert_firing_and_the_other_rules_running() {
    let config = configured("[DuplicateRatio]\nenabled = false");
    let mut store = MemoryStore::new();
    store.append(&repeats(0)).expect("append");
    let mut evaluator = Evaluator::new(&config);
    let name = RuleName::RepeatedRequests;
    assert_eq!(find(&evaluator.evaluate_all(&store, at(60)), name).state, State::Firing);

    let broken = Broken(store.clone());
    // Long after the calls left the window: a ledger that answers would have resolved it.
    for now in [120, 1000, 10_000] {
        let statuses = evaluator.evaluate_all(&broken, at(now));
        let status = find(&statuses, name);
        assert_eq!(status.state, State::Firing);
        assert!(status.error.as_deref().is_some_and(|error| error.contains("locked")), "{status:?}");
        assert_eq!(find(&statuses, RuleName::LedgerSilent).error, None);
    }
    evaluator.evaluate_all(&store, at(10_015));
    let statuses = evaluator.evaluate_all(&store, at(10_315));
    assert_eq!(find(&statuses, name).state, State::Inactive);
}

#[test]
fn alerts_beyond_the_limit_are_counted_where_they_can_be_seen() {
    let mut evaluator = Evaluator::new(&configured(FIXED));
    let mut statuses = Vec::new();
    // Each evaluation finds ten other services that are refused, while the earlier ones go on firing.
    for round in 0..11 {
        let refused = |n: i64| {
            let service = format!("{round} {n}");
            (0..5).map(move |_| CallRecord { service: service.clone(), ..failed(round, 401) })
        };
        let mut store = MemoryStore::new();
        store.append(&(0..10).flat_map(refused).collect::<Vec<_>>()).expect("append");
        statuses = evaluator.evaluate_all(&store, at(round + 1));
    }
    let mut text = crate::metrics::text::Text::default();
    crate::admin::rules::write(&mut text, &statuses);
    let text = text.finish();
    let name = "spanledger_rule_dropped_alerts_total";
    assert!(text.contains(&format!("# TYPE {name} counter\n")), "{text}");
    assert!(text.contains(&format!("{name}{{rule=\"AuthFailures\",severity=\"critical\"}} 10\n")), "{text}");
    assert!(text.contains(&format!("{name}{{rule=\"CostOverrun\",severity=\"critical\"}} 0\n")), "{text}");
}

#[test]
fn an_alert_goes_on_without_calls_for_a_day_and_then_ends_with_the_reason() {
    let mut store = MemoryStore::new();
    store.append(&(0..20).map(|n| failed(n, 500)).collect::<Vec<_>>()).expect("append");
    let mut evaluator = Evaluator::new(&configured(FIXED));
    let name = RuleName::HighFailureRate;
    assert_eq!(find(&evaluator.evaluate_all(&store, at(60)), name).state, State::Firing);
    // The calls have left the window, and no other shows that the failures are over.
    for now in [400, 10_000, 86_700] {
        let statuses = evaluator.evaluate_all(&store, at(now));
        assert_eq!(find(&statuses, name).state, State::Firing);
        assert!(find(&statuses, name).no_data.is_some());
    }
    evaluator.evaluate_all(&store, at(400 + HELD.0));
    let alerts = evaluator.alerts();
    let alert = alerts.iter().find(|alert| alert.rule == name).expect("alert");
    assert_eq!(alert.state, State::Resolved);
    assert_eq!(alert.resolved_without_data.as_deref(), Some("0 calls within 5 min; at least 11 are needed"));
}

#[test]
fn an_alert_without_calls_ends_with_the_first_that_succeed() {
    let mut store = MemoryStore::new();
    store.append(&(0..20).map(|n| failed(n, 500)).collect::<Vec<_>>()).expect("append");
    let mut evaluator = Evaluator::new(&configured(FIXED));
    let name = RuleName::HighFailureRate;
    evaluator.evaluate_all(&store, at(60));
    // Two calls are too few to fire. One that fails keeps the alert, two that succeed end it.
    store.append(&[failed(5_000, 500)]).expect("append");
    evaluator.evaluate_all(&store, at(5_010));
    assert_eq!(find(&evaluator.evaluate_all(&store, at(5_299)), name).state, State::Firing);
    store.append(&[call(6_000), call(6_001)]).expect("append");
    evaluator.evaluate_all(&store, at(6_010));
    evaluator.evaluate_all(&store, at(6_299));
    // Calm for `keep_firing_for`; then there are no calls again, and the alert was not over yet.
    assert_eq!(find(&evaluator.evaluate_all(&store, at(6_305)), name).state, State::Firing);
    store.append(&(0..70).map(|n| call(6_400 + n * 10)).collect::<Vec<_>>()).expect("append");
    evaluator.evaluate_all(&store, at(6_410));
    assert_eq!(find(&evaluator.evaluate_all(&store, at(6_710)), name).state, State::Inactive);
    let alerts = evaluator.alerts();
    let alert = alerts.iter().find(|alert| alert.rule == name).expect("alert");
    assert_eq!((alert.state, &alert.resolved_without_data), (State::Resolved, &None));
}

#[test]
fn a_silent_ledger_stays_silent_until_a_call() {
    let mut store = MemoryStore::new();
    store.append(&(0..20).map(call).collect::<Vec<_>>()).expect("append");
    let mut evaluator = Evaluator::new(&configured(FIXED));
    let name = RuleName::LedgerSilent;
    // Longer than the lookback: nothing shows that calls are still expected, and nothing that they are back.
    for hours in 1..12 {
        let statuses = evaluator.evaluate_all(&store, at(3600 * hours));
        assert_eq!(find(&statuses, name).state, State::Firing, "after {hours} h");
    }
    store.append(&[call(43_000)]).expect("append");
    assert_eq!(find(&evaluator.evaluate_all(&store, at(43_001)), name).state, State::Inactive);
}

#[test]
fn an_alert_of_a_rule_that_is_gone_is_resolved_and_says_so() {
    let mut store = MemoryStore::new();
    store.append(&repeats(0)).expect("append");
    let mut before = Evaluator::new(&configured(FIXED));
    before.evaluate_all(&store, at(60));
    let saved = before.alerts();
    assert!(saved.iter().any(|alert| alert.rule == RuleName::RepeatedRequests && alert.firing()));

    let mut after = Evaluator::new(&configured("[RepeatedRequests]\nenabled = false"));
    after.restore(saved);
    after.evaluate_all(&store, at(75));
    assert!(after.changed());
    let alerts = after.alerts();
    let alert = alerts.iter().find(|alert| alert.rule == RuleName::RepeatedRequests).expect("alert");
    assert_eq!(alert.resolved_at, Some(at(75)));
    assert_eq!(alert.resolved_without_data.as_deref(), Some("the rule is not evaluated any more"));
    after.evaluate_all(&store, at(75 + RESOLVED_FOR.0));
    assert!(!after.alerts().iter().any(|alert| alert.rule == RuleName::RepeatedRequests));
}

#[test]
fn a_restored_alert_keeps_its_times() {
    let mut store = MemoryStore::new();
    store.append(&repeats(0)).expect("append");
    let config = configured("[RepeatedRequests]\nfor = '1m'");
    let mut before = Evaluator::new(&config);
    before.evaluate_all(&store, at(10));
    let mut after = Evaluator::new(&config);
    after.restore(before.alerts());
    let statuses = after.evaluate_all(&store, at(70));
    let status = find(&statuses, RuleName::RepeatedRequests);
    assert_eq!((status.state, status.since), (State::Firing, Some(at(70))));
    assert_eq!(status.alerts[0].active_since, at(10));
}

#[test]
fn no_rule_judges_by_a_past_that_is_half_read() {
    // 200 calls per minute for five hours: more than the limit for calls without a past, and more than is read at once.
    let busy: Vec<_> = (0..60_000).map(|n| call(n * 3 / 10)).collect();
    let mut store = MemoryStore::new();
    store.append(&busy).expect("append");
    let (config, now) = (configured("[HighRequestRate]\nfor = '0s'"), at(18_000));
    let name = RuleName::HighRequestRate;

    let mut evaluator = Evaluator::in_pieces(&config);
    let statuses = evaluator.evaluate_all(&store, now);
    let status = find(&statuses, name);
    assert_eq!((status.state, status.value, &status.error), (State::Inactive, None, &None));
    assert_eq!(status.no_data.as_deref(), Some("the calls of the past are still being read"));
    // Rules that compare with nothing judge at once.
    assert!(find(&statuses, RuleName::UnpricedUsage).value.is_some());
    while evaluator.pasts().learn(&store, now).expect("read") {}
    let statuses = evaluator.evaluate_all(&store, at(18_015));
    assert_eq!((find(&statuses, name).state, find(&statuses, name).threshold), (State::Inactive, 1_000.0));

    // What is asked once reads all of it first.
    let statuses = Evaluator::new(&config).evaluate_all(&store, now);
    assert_eq!((find(&statuses, name).value, find(&statuses, name).threshold), (Some(200.0), 1_000.0));
}

#[test]
fn an_alert_that_fires_goes_on_while_the_past_is_read() {
    let mut store = MemoryStore::new();
    store.append(&(0..60_000).map(|n| call(n * 3 / 10)).collect::<Vec<_>>()).expect("append");
    let config = configured("[HighRequestRate]\nfor = '0s'\nkeep_firing_for = '0s'");
    let firing = |evaluator: &Evaluator| {
        evaluator
            .alerts()
            .iter()
            .filter(|alert| alert.rule == RuleName::HighRequestRate && alert.firing())
            .count()
    };
    // It began when nothing was known of the service.
    let mut before = Evaluator::new(&config);
    before.evaluate_all(&store, at(600));
    assert_eq!(firing(&before), 1);
    let mut after = Evaluator::in_pieces(&config);
    after.restore(before.alerts());
    after.evaluate_all(&store, at(18_000));
    assert_eq!(firing(&after), 1);
}
