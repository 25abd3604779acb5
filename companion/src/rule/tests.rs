//! Every rule on simulated time: when it fires, when it does not, and when it says that there is nothing to judge.

mod budgets;
mod by;
mod config;
mod environments;
mod fires;
mod learned;
mod overrides;
mod recipe;
mod regressions;
mod sequence_gap;
mod served;
mod usage;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use spanledger::{CostStatus, Outcome, UsageSource};

use crate::alert::State;
use crate::evaluate::evaluator::{Evaluator, RuleStatus};
use crate::record::{CallRecord, NanoUsd, Origin, Timestamp};
use crate::rule::config::RulesConfig;
use crate::rule::{Labels, RuleName};
use crate::store::memory::MemoryStore;
use crate::store::sqlite::{Ledger, Options};
use crate::store::{Appender, Querier};

/// All tests happen around this time: 2026-11-02 00:00 UTC.
pub(crate) const START: Timestamp = Timestamp(1_793_577_600 * Timestamp::SECOND);

/// A time `seconds` after [`START`].
pub(crate) const fn at(seconds: i64) -> Timestamp {
    START.plus_seconds(seconds)
}

fn many(count: i64, each: impl Fn(i64) -> CallRecord) -> Vec<CallRecord> {
    (0..count).map(each).collect()
}

fn hashed(seconds: i64, hash: i64) -> CallRecord {
    CallRecord { request_hash: Some(format!("{hash:032x}")), ..call(seconds) }
}

/// A whole, priced answer of `gpt-4o` to the service `app` that ended `seconds` after [`START`].
pub(crate) fn call(seconds: i64) -> CallRecord {
    static SPAN: AtomicU64 = AtomicU64::new(1);
    let id = SPAN.fetch_add(1, Ordering::Relaxed);
    CallRecord {
        trace_id: u128::from(id).to_be_bytes(),
        span_id: id.to_be_bytes(),
        origin: Origin::Spanledger,
        start: at(seconds - 1),
        duration_ns: Timestamp::SECOND,
        service: "app".to_owned(),
        provider: "openai".to_owned(),
        operation: "chat".to_owned(),
        request_model: Some("gpt-4o".to_owned()),
        response_model: Some("gpt-4o".to_owned()),
        status_code: Some(200),
        finish_reasons: vec!["stop".to_owned()],
        input_tokens: Some(100),
        output_tokens: Some(20),
        usage_source: UsageSource::Provider,
        cost: Some(NanoUsd(1_000_000)),
        cost_status: CostStatus::Exact,
        ..CallRecord::default()
    }
}

pub(crate) fn failed(seconds: i64, status: u16) -> CallRecord {
    CallRecord {
        outcome: Outcome::Failed,
        status_code: Some(status),
        error_type: Some(status.to_string()),
        error_kind: Some(status.to_string()),
        input_tokens: None,
        output_tokens: None,
        usage_source: UsageSource::None,
        cost: None,
        cost_status: CostStatus::NoUsage,
        ..call(seconds)
    }
}

/// As [`call`], with this number of the instance `one`.
pub(crate) fn numbered(seconds: i64, sequence: u64) -> CallRecord {
    CallRecord { instance: Some("one".to_owned()), sequence: Some(sequence), ..call(seconds) }
}

/// A store under test and what must live as long.
pub(crate) struct Opened {
    pub(crate) name: &'static str,
    pub(crate) querier: Arc<dyn Querier>,
    _folder: Option<tempfile::TempDir>,
}

/// Every kind of store with these calls in it.
pub(crate) fn stores(calls: &[CallRecord]) -> [Opened; 2] {
    let mut memory = MemoryStore::new();
    memory.append(calls).expect("append");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("ledger.db");
    Ledger::open_writer(&path, &Options::default()).expect("open").append(calls).expect("append");
    let sqlite = Ledger::open_reader(&path).expect("open");
    [
        Opened { name: "memory", querier: Arc::new(memory), _folder: None },
        Opened { name: "sqlite", querier: Arc::new(sqlite), _folder: Some(folder) },
    ]
}

pub(crate) fn configured(toml: &str) -> RulesConfig {
    toml::from_str(toml).expect("rules")
}

/// Before the settings of a test: limits that do not learn.
pub(crate) const FIXED: &str = "preset = 'fixed'\n";

/// The state of a rule at `now`, the same over every store.
pub(crate) fn status_of(
    name: RuleName,
    labels: &Labels,
    toml: &str,
    calls: &[CallRecord],
    now: i64,
) -> RuleStatus {
    let config = configured(toml);
    let [first, second] = stores(calls).map(|store| {
        let statuses = Evaluator::new(&config).evaluate_all(store.querier.as_ref(), at(now));
        let status = statuses.into_iter().find(|status| status.name == name && status.labels == *labels);
        let status = status.unwrap_or_else(|| panic!("{}: no {name} with {labels:?}", store.name));
        assert_eq!(status.error, None, "{}", store.name);
        status
    });
    assert_eq!(
        (second.state, second.value, &second.no_data, &second.alerts),
        (first.state, first.value, &first.no_data, &first.alerts)
    );
    first
}

/// The state of a rule with the thresholds of the first release at `now` over all calls.
pub(crate) fn status(name: RuleName, calls: &[CallRecord], now: i64) -> RuleStatus {
    status_of(name, &Labels::new(), FIXED, calls, now)
}

#[track_caller]
pub(crate) fn assert_fires(status: &RuleStatus, value: f64) {
    assert_eq!(status.state, State::Firing, "{status:?}");
    assert_eq!(status.value, Some(value), "{status:?}");
    assert_eq!(status.no_data, None);
}

#[track_caller]
pub(crate) fn assert_calm(status: &RuleStatus, value: f64) {
    assert_eq!(status.state, State::Inactive, "{status:?}");
    assert_eq!(status.value, Some(value), "{status:?}");
    assert_eq!(status.no_data, None);
}

#[track_caller]
pub(crate) fn assert_no_data(status: &RuleStatus, reason: &str) {
    assert_eq!(status.state, State::Inactive, "{status:?}");
    assert_eq!(status.no_data.as_deref(), Some(reason));
}
