//! The work that each account costs, counted in rows that are read, and how long response ids are known.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::RangeInclusive;

use super::{Account, Accounts, Each, Groups, Known};
use crate::record::{CallRecord, Origin, Timestamp};
use crate::rule::tests::{at, call};

/// A store that counts what is read. A row has the number that SQLite gives it.
struct Store {
    rows: BTreeMap<i64, Account>,
    read: Cell<usize>,
}

impl Accounts for Store {
    type Error = Infallible;

    fn account(&self, id: i64) -> Result<Option<Account>, Infallible> {
        self.read.set(self.read.get() + 1);
        Ok(self.rows.get(&id).cloned())
    }

    fn with_response(
        &self,
        rows: RangeInclusive<i64>,
        response_id: &str,
        limit: usize,
    ) -> Result<Vec<Account>, Infallible> {
        let rows: Vec<&Account> = self.rows.range(rows).map(|(_, account)| account).collect();
        self.read.set(self.read.get() + rows.len());
        let same =
            rows.into_iter().filter(|account| account.call.response_id.as_deref() == Some(response_id));
        Ok(same.take(limit).cloned().collect())
    }

    fn newest(&self, _: usize, _: &mut Each<'_, Infallible>) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Ledger {
    store: Store,
    known: Known,
}

impl Ledger {
    fn new(limit: usize) -> Self {
        let store = Store { rows: BTreeMap::new(), read: Cell::new(0) };
        Self { store, known: Known::new(limit, super::RESPONSE_IDS, Groups::default()) }
    }

    /// Appends a call as a store does. Returns how many rows were read.
    fn append(&mut self, call: CallRecord) -> usize {
        self.store.read.set(0);
        let end = call.start.0 + call.duration_ns;
        let number = i64::try_from(self.store.rows.len()).unwrap();
        let id = (end / 1_000) << 9 | number & 511;
        let counted = call.origin != Origin::Witness;
        self.store.rows.insert(id, Account { id, call: call.clone(), counted });
        let related = self.known.arrive(id, &call, &self.store).unwrap();
        for id in related {
            let related = self.known.related(id, &self.store).unwrap();
            for (account, verdict) in related.accounts.iter().zip(self.known.judge(&related)) {
                self.store.rows.get_mut(&account.id).unwrap().counted = verdict.counted;
            }
        }
        self.store.read.get()
    }

    fn counted(&self) -> usize {
        self.store.rows.values().filter(|account| account.counted).count()
    }
}

/// The `number`th call, of which one ends every `every` nanoseconds, in a trace of its own.
fn account(number: u64, every: i64) -> CallRecord {
    let mut ids = [0; 16];
    ids[..8].copy_from_slice(&(number + 1).to_le_bytes());
    CallRecord {
        trace_id: ids,
        span_id: (number + 1).to_le_bytes(),
        parent_span_id: None,
        start: Timestamp(at(0).0 + number as i64 * every),
        duration_ns: 800_000_000,
        ..call(0)
    }
}

fn third_party(scope: &str, call: CallRecord) -> CallRecord {
    CallRecord { origin: Origin::ThirdParty, scope: scope.to_owned(), ..call }
}

/// The most rows that one of the last appends reads, and how many calls are counted.
fn flood(calls: impl Iterator<Item = CallRecord>) -> (usize, usize) {
    let mut ledger = Ledger::new(4_096);
    let read: Vec<usize> = calls.map(|call| ledger.append(call)).collect();
    let last = read.len() - read.len() / 4;
    (read[last..].iter().copied().max().unwrap(), ledger.counted())
}

#[test]
fn an_id_that_every_call_repeats_costs_nothing() {
    let named = |call| CallRecord { response_id: Some("chatcmpl-mock".to_owned()), ..call };
    let hashed = |number| CallRecord {
        instance: Some("one".to_owned()),
        request_hash: Some(format!("{number:032x}")),
        ..named(account(number, 1_000_000))
    };
    assert_eq!(flood((0..4_000).map(hashed)), (0, 4_000), "requests of this project's library");
    let different =
        |number| CallRecord { input_tokens: Some(number), ..named(account(number, 1_000_000_000)) };
    assert_eq!(flood((0..4_000).map(|number| third_party("client", different(number)))), (0, 4_000));
    // Two instrumentations describe each call in traces of their own: one call each still.
    let twice = |number: u64| {
        let outer = third_party("framework", different(number));
        let inner = CallRecord {
            trace_id: [200; 16],
            span_id: (number + 1).to_be_bytes(),
            start: Timestamp(outer.start.0 + 1_000_000),
            duration_ns: outer.duration_ns - 2_000_000,
            ..third_party("client", outer.clone())
        };
        [outer, inner]
    };
    let (read, counted) = flood((0..4_000).flat_map(twice));
    assert!(read <= 4 && counted == 4_000, "{read} rows, {counted} calls");
}

/// Makes the call of a number.
type Flood = fn(u64) -> CallRecord;

#[test]
fn the_rows_that_one_account_reads_are_bounded() {
    let floods: [(&str, Flood); 5] = [
        ("one response that is fetched again and again", |number| CallRecord {
            fetched: true,
            response_id: Some("resp".to_owned()),
            ..account(number, 1_000_000)
        }),
        ("two instrumentations at one time, without tokens", |number| CallRecord {
            input_tokens: None,
            output_tokens: None,
            ..third_party(if number % 2 == 0 { "one" } else { "two" }, account(number, 1_000))
        }),
        ("all below one span", |number| CallRecord {
            trace_id: [1; 16],
            parent_span_id: Some([9; 8]),
            ..third_party("client", account(number, 1_000_000))
        }),
        ("each below the one before", |number| CallRecord {
            trace_id: [1; 16],
            parent_span_id: Some(number.to_le_bytes()),
            ..third_party("client", account(number, 1_000_000))
        }),
        ("witnesses of one trace", |number| CallRecord {
            trace_id: [1; 16],
            origin: Origin::Witness,
            ..account(number, 1_000_000)
        }),
    ];
    for (kind, of) in floods {
        let (read, _) = flood((0..500).map(of));
        assert!(read <= 400, "{kind}: {read} rows");
    }
}

#[test]
fn a_response_is_recognised_for_ten_minutes_whatever_comes_between() {
    // Of the newest 100 accounts each, 20 calls per second are minutes.
    let mut ledger = Ledger::new(100);
    let named = |number: u64| CallRecord {
        response_id: Some(format!("resp-{number}")),
        ..account(number, 50_000_000)
    };
    // Parts of hashes are alike now and then.
    let read: usize = (0..12_000).map(|number| ledger.append(third_party("client", named(number)))).sum();
    assert!(read < 600, "{read} rows for ids that are new");
    let gateway = |number: u64| CallRecord {
        service: "gateway".to_owned(),
        trace_id: [0xee; 16],
        span_id: (number + 1).to_be_bytes(),
        ..third_party("gateway", named(number))
    };
    for number in (60..12_000).step_by(199) {
        assert!(ledger.append(gateway(number)) <= 64, "{number}");
    }
    assert_eq!(ledger.counted(), 12_000);
}
