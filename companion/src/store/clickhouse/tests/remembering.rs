//! Accounts of one call that come apart: further than the writer remembers, after a restart, or from senders that are kept apart.

use super::*;
use crate::record::{CallRecord, Origin, Window};
use crate::store::conformance::records::{BASE, call, ending_at};
use crate::store::identity::WITNESS_WAITS;
use crate::store::{Appender, Batch, Filter, Page, Querier as _};

const SECOND: i64 = Timestamp::SECOND;
const HOUR: i64 = 3_600 * SECOND;

fn all() -> Window {
    Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) }
}

/// A writer that remembers 8 accounts for certain, and no more than 16.
struct Small {
    options: Options,
    appender: Option<ClickHouseAppender>,
    querier: ClickHouseQuerier,
    _keep: engine::Database,
}

impl Small {
    fn new(groups: Groups) -> Self {
        let options = Options { recent: 8, groups, ..options() };
        let appender = Some(ClickHouseAppender::open(&options).unwrap());
        let querier = ClickHouseQuerier::open(&options).unwrap();
        let _keep = engine::Database::of(&options);
        Self { options, appender, querier, _keep }
    }

    fn append(&mut self, calls: &[CallRecord]) -> crate::store::Appended {
        self.appender.as_mut().unwrap().append(calls).unwrap()
    }

    fn maintain(&mut self, now: i64) {
        while self.appender.as_mut().unwrap().maintain(Timestamp(now)).unwrap().more {}
    }

    fn restart(&mut self) {
        drop(self.appender.take());
        self.appender = Some(ClickHouseAppender::open(&self.options).unwrap());
    }

    /// Other calls, more than are remembered, that end one after another.
    fn others(&mut self, from: u64) {
        let other =
            |number: u64| ending_at(number, Timestamp(BASE.0 + (number % 1_000).cast_signed() * SECOND / 10));
        let calls: Vec<_> = (from..from + 40).map(other).collect();
        assert_eq!(self.append(&calls).inserted, 40);
    }

    /// The counted calls, but the others.
    fn counted(&self) -> Vec<CallRecord> {
        let page = Page { limit: 10_000, after: None };
        let calls = self.querier.calls(all(), &Filter::default(), page).unwrap().calls;
        assert_eq!(self.querier.totals(all(), &Filter::default()).unwrap().calls, calls.len() as u64);
        let mut calls: Vec<_> = calls.into_iter().filter(|call| call.trace_id[..8] == [9; 8]).collect();
        calls.sort_by_key(|call| (call.trace_id, call.span_id, call.service.clone()));
        calls
    }

    fn spans(&self) -> Vec<u8> {
        self.counted().iter().map(|call| call.span_id[0]).collect()
    }

    fn waiting(&self) -> u64 {
        #[derive(clickhouse::Row, serde::Deserialize)]
        struct Found {
            waiting: u64,
        }
        let sql = format!("SELECT count() AS waiting FROM {}.calls FINAL WHERE waits", self.options.database);
        let connection = connection::Connection::new(&self.options).unwrap();
        connection.row::<Found>(&sql).unwrap().unwrap().waiting
    }
}

/// An account of span `span`, in a trace of its own unless it is moved to another.
fn account(span: u8, response_id: &str) -> CallRecord {
    let mut trace_id = [9; 16];
    trace_id[15] = span;
    CallRecord {
        trace_id,
        span_id: [span; 8],
        origin: Origin::ThirdParty,
        scope: "framework".to_owned(),
        response_id: Some(response_id.to_owned()).filter(|id| !id.is_empty()),
        user: None,
        request_hash: None,
        ..call(0)
    }
}

fn own(span: u8, response_id: &str) -> CallRecord {
    let outer = account(span, response_id);
    CallRecord {
        origin: Origin::Spanledger,
        scope: String::new(),
        start: Timestamp(outer.start.0 + 1_000_000),
        duration_ns: outer.duration_ns - 2_000_000,
        ..outer
    }
}

fn witness(span: u8, response_id: &str) -> CallRecord {
    CallRecord {
        origin: Origin::Witness,
        service: "gateway".to_owned(),
        scope: "server".to_owned(),
        ..own(span, response_id)
    }
}

#[test]
fn accounts_of_one_response_count_once_however_many_came_between() {
    if engine::address().is_none() {
        return;
    }
    for restarts in [[false, false], [true, false], [false, true], [true, true]] {
        let mut store = Small::new(Groups::default());
        let of_framework = account(1, "resp");
        store.append(std::slice::from_ref(&of_framework));
        store.others(1_000);
        if restarts[0] {
            store.restart();
        }
        store.others(2_000);
        if restarts[1] {
            store.restart();
        }
        let done = store.append(&[own(2, "resp")]);
        assert_eq!((done.inserted, done.undone), (1, 1), "{restarts:?}");
        assert_eq!(store.spans(), [2], "{restarts:?}");
        // What the other account gave is taken over, and neither counts when it is sent again.
        assert_eq!(store.append(&[of_framework, own(2, "resp")]).duplicates, 2);
        store.maintain(BASE.0 + HOUR);
        assert_eq!(store.spans(), [2]);
    }
}

/// Ids are remembered by their time, from the newest on: one that came minutes after the oldest is among them.
#[test]
fn a_restart_remembers_the_responses_of_ten_minutes() {
    if engine::address().is_none() {
        return;
    }
    let mut store = Small::new(Groups::default());
    let minutes_before = |number: u64| {
        let response_id = Some(format!("other {number}"));
        CallRecord { response_id, ..ending_at(number, Timestamp(BASE.0 - 8 * 60 * SECOND)) }
    };
    store.append(&(0..10).map(minutes_before).collect::<Vec<_>>());
    store.append(&[account(1, "resp")]);
    store.others(1_000);
    store.restart();
    assert_eq!(store.append(&[own(2, "resp")]).undone, 1);
    assert_eq!(store.spans(), [2]);
}

#[test]
fn a_response_that_is_fetched_hours_later_replaces_the_pending_one() {
    if engine::address().is_none() {
        return;
    }
    let mut store = Small::new(Groups::default());
    let pending = CallRecord {
        outcome: spanledger::Outcome::Pending,
        input_tokens: None,
        output_tokens: None,
        cost: None,
        user: Some("eve".to_owned()),
        ..own(1, "batch")
    };
    store.append(&[pending]);
    store.others(1_000);
    store.restart();
    store.others(2_000);
    let fetched = CallRecord { fetched: true, start: BASE.plus_seconds(9 * 3_600), ..own(2, "batch") };
    store.append(std::slice::from_ref(&fetched));
    assert_eq!(store.counted().len(), 1);
    assert_eq!(store.counted()[0].user.as_deref(), Some("eve"));
    store.others(3_000);
    store.restart();
    store.append(&[CallRecord { fetched: true, start: BASE.plus_seconds(20 * 3_600), ..own(3, "batch") }]);
    assert_eq!(store.counted().len(), 1, "{:?}", store.spans());
}

#[test]
fn a_witness_is_not_counted_next_to_a_client_that_is_long_forgotten() {
    if engine::address().is_none() {
        return;
    }
    for restart in [false, true] {
        let mut store = Small::new(Groups::default());
        let in_trace = CallRecord { trace_id: own(11, "").trace_id, ..witness(12, "") };
        // By its response, by its trace, and clients that come before or after.
        store.append(&[own(1, "one"), witness(4, "two"), own(11, "")]);
        store.others(1_000);
        store.append(&[witness(2, "one"), in_trace]);
        if restart {
            store.restart();
        }
        store.others(2_000);
        store.append(&[own(3, "two"), witness(5, "alone")]);
        store.others(3_000);
        if restart {
            store.restart();
        }
        store.maintain(BASE.0 + WITNESS_WAITS / 2);
        assert_eq!(store.spans(), [1, 3, 11]);
        assert_eq!(store.waiting(), 4);
        store.maintain(BASE.0 + WITNESS_WAITS + 60 * SECOND);
        assert_eq!(store.spans(), [1, 3, 5, 11]);
        assert_eq!(store.waiting(), 0);
        // One that comes after all of its time: with its client, and alone.
        store.append(&[witness(6, "late"), own(7, "late"), witness(8, "late and alone")]);
        store.append(&[witness(9, "one")]);
        store.restart();
        store.maintain(BASE.0 + 2 * WITNESS_WAITS);
        assert_eq!(store.spans(), [1, 3, 5, 7, 8, 11]);
        assert_eq!(store.waiting(), 0);
    }
}

#[test]
fn every_one_of_many_witnesses_counts_after_its_time() {
    if engine::address().is_none() {
        return;
    }
    let mut store = Small::new(Groups::default());
    let number = |number: u16| CallRecord {
        trace_id: [&[9; 14][..], &number.to_be_bytes()].concat().try_into().unwrap(),
        start: Timestamp(BASE.0 + i64::from(number) * SECOND / 2),
        ..witness(1, "")
    };
    let many: Vec<_> = (0..2_500).map(number).collect();
    store.append(&many);
    store.restart();
    assert_eq!(store.counted().len(), 0);
    store.maintain(BASE.0 + 3 * WITNESS_WAITS);
    assert_eq!(store.counted().len(), 2_500);
    assert_eq!(store.waiting(), 0);
}

#[test]
fn senders_that_are_kept_apart_cannot_take_ids_from_each_other() {
    if engine::address().is_none() {
        return;
    }
    let groups = Groups::of([vec!["shop"], vec!["other"]]);
    for forgotten in [false, true] {
        let mut store = Small::new(groups.clone());
        let honest = CallRecord { service: "shop".to_owned(), ..own(1, "resp") };
        let forged = CallRecord { service: "other".to_owned(), cost: None, ..honest.clone() };
        store.append(std::slice::from_ref(&forged));
        if forgotten {
            store.others(1_000);
            store.restart();
        }
        assert_eq!(store.append(std::slice::from_ref(&honest)).inserted, 1);
        assert_eq!(store.append(&[honest.clone(), forged.clone()]).duplicates, 2);
        if forgotten {
            store.others(2_000);
            store.restart();
        }
        assert_eq!(store.append(&[honest.clone(), forged.clone()]).duplicates, 2);
        execute(&store.options, &format!("OPTIMIZE TABLE {}.calls FINAL", store.options.database));
        assert_eq!(store.counted(), [forged, honest]);
        // A witness of one says nothing of the other's call.
        let of_other = CallRecord { service: "other".to_owned(), ..witness(2, "resp") };
        store.append(&[of_other]);
        store.maintain(BASE.0 + WITNESS_WAITS + 60 * SECOND);
        assert_eq!(store.counted().len(), 2);
    }
}

#[test]
fn many_calls_of_one_microsecond_are_paged_through() {
    if engine::address().is_none() {
        return;
    }
    let options = options();
    let _keep = engine::Database::of(&options);
    let mut appender = ClickHouseAppender::open(&options).unwrap();
    let at_once: Vec<_> = (0..3_100).map(|number| ending_at(number, BASE)).collect();
    let before = ending_at(9_000, Timestamp(BASE.0 - 5 * SECOND));
    appender.append(&at_once).unwrap();
    appender.append(&[before]).unwrap();
    let querier = ClickHouseQuerier::open(&options).unwrap();
    let (mut found, mut after) = (std::collections::BTreeSet::new(), None);
    loop {
        let page = querier.calls(all(), &Filter::default(), Page { limit: 700, after }).unwrap();
        assert!(page.calls.len() <= 700);
        found.extend(page.calls.iter().map(|call| (call.trace_id, call.span_id)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 3_101);
}

#[test]
fn names_of_any_length_fit_into_the_questions_of_the_writer() {
    if engine::address().is_none() {
        return;
    }
    let mut store = Small::new(Groups::default());
    let numbered = |number: u64| CallRecord {
        instance: Some(format!("{number}{}", "'".repeat(2_000))),
        sequence: Some(1),
        response_id: Some(format!("{}{number}", "\\".repeat(2_000))),
        outcome: spanledger::Outcome::Pending,
        ..call(number)
    };
    let calls: Vec<_> = (0..200).map(numbered).collect();
    store.others(1_000);
    store.append(&calls);
    store.restart();
    let fetched = |number: u64| CallRecord {
        fetched: true,
        outcome: spanledger::Outcome::Completed,
        span_id: [9; 8],
        ..numbered(number)
    };
    let calls: Vec<_> = (0..200).map(fetched).collect();
    store.append(&calls);
    let batch = Batch { passages: &[], ..Batch::default() };
    store.appender.as_mut().unwrap().append_batch(batch).unwrap();
    assert_eq!(store.querier.totals(all(), &Filter::default()).unwrap().calls, 240);
}
