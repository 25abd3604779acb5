use super::*;
use crate::record::{ENVIRONMENT, deployment};
use crate::rule::tests::{at, call};
use crate::store::conformance::property::record;
use crate::store::conformance::{TestStore, store_conformance};
use crate::store::{Dimension, LargeCall, Querier};

mod conformance {
    use super::*;

    fn open() -> TestStore {
        let store = MemoryStore::new();
        TestStore {
            appender: Box::new(store.clone()),
            querier: Box::new(store),
            reopen: None,
            _keep: Box::new(()),
        }
    }

    store_conformance!(open);
}

proptest::proptest! {
    /// What may be left out by `largest_calls_by` is left out, and nothing else.
    #[test]
    fn of_small_calls_the_first_under_each_value_are_found(
        calls in proptest::collection::vec(record(), 0..80),
        small in 0_u64..3_000,
        limit in 1_usize..100,
    ) {
        // An empty user is as good as none.
        let user = |call: CallRecord| CallRecord { user: call.user.clone().filter(|user| !user.is_empty()), ..call };
        let mut store = MemoryStore::new();
        store.append(&calls.into_iter().map(user).collect::<Vec<_>>()).expect("append");
        let all = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
        for filter in [Filter::default(), Filter { service: Some("shop".to_owned()), ..Filter::default() }] {
            let whole = store.largest_calls(all, &filter, 0, limit).expect("calls");
            let name = |by: Option<Dimension>, call: &LargeCall| match by {
                None => String::new(),
                Some(Dimension::User) => call.user.clone(),
                Some(Dimension::Model) => call.model.clone(),
                Some(_) => {
                    deployment(&call.service, call.tags.get(ENVIRONMENT).unwrap_or_default()).into_owned()
                }
            };
            for by in [None, Some(Dimension::Deployment), Some(Dimension::User), Some(Dimension::Model)] {
                let found = store.largest_calls_by(all, &filter, small, by, limit).expect("calls");
                // In the same order, with nothing but what is among all.
                let mut rest = whole.iter();
                proptest::prop_assert!(found.iter().all(|call| rest.any(|other| other == call)), "{by:?} {found:?}");
                let mut names = HashSet::new();
                let needed = |call: &&LargeCall| names.insert(name(by, call)) || call.tokens > small;
                let missing: Vec<_> = whole.iter().filter(needed).filter(|call| !found.contains(call)).collect();
                proptest::prop_assert!(missing.is_empty(), "{by:?} {missing:?}");
                let left_out = |call: &&LargeCall| call.tokens <= small && found.contains(call);
                if store.read().records.len() <= limit && by.is_none() {
                    proptest::prop_assert!(whole.iter().filter(left_out).count() <= 1);
                }
            }
        }
    }
}

fn window(from: i64, to: i64) -> Window {
    Window { from: at(from), to: at(to) }
}

fn numbered(seconds: i64, sequence: u64) -> CallRecord {
    CallRecord {
        instance: Some("one".to_owned()),
        sequence: Some(sequence),
        request_hash: Some((sequence % 7).to_string()),
        user: Some((sequence / 40 % 5).to_string()),
        response_model: Some((sequence % 3).to_string()),
        outcome: if sequence.is_multiple_of(4) { spanledger::Outcome::Failed } else { call(seconds).outcome },
        ..call(seconds)
    }
}

#[test]
fn a_sliding_store_answers_about_its_window_like_one_that_keeps_everything() {
    let (mut sliding, mut whole) = (MemoryStore::sliding(Seconds(600)), MemoryStore::new());
    let mut deleted = 0;
    for now in (0..10_000).step_by(10) {
        // Not quite in order, as calls that end at nearly the same time come.
        let late = if now % 350 == 0 { now - 40 } else { now + 4 };
        let batch = vec![numbered(now + 9, now as u64 + 2), numbered(late, now as u64 + 1)];
        whole.append(&batch).expect("append");
        sliding.take(batch.into_iter().map(Arc::new).collect());
        deleted += sliding.maintain(at(now)).expect("maintain").deleted;
        for filter in [Filter::default(), Filter { service: Some("app".to_owned()), ..Filter::default() }] {
            let window = window(now - 590, now + 10);
            assert_eq!(
                sliding.totals(window, &filter).expect("totals"),
                whole.totals(window, &filter).expect("totals")
            );
            // Windows that move on with each call, some of them rarely, and one that goes back.
            let breaks = [(590, 10), (60, 10), (300, if now % 250 == 0 { -290 } else { 10 })];
            for (back, to) in breaks.into_iter().take(if now % 70 == 0 { 3 } else { 2 }) {
                for by in [Dimension::Service, Dimension::User, Dimension::Model, Dimension::Outcome] {
                    let window = self::window(now - back, now + to);
                    assert_eq!(
                        sliding.breakdown(window, &filter, by, 4).expect("breakdown"),
                        whole.breakdown(window, &filter, by, 4).expect("breakdown"),
                        "{now} {by:?} {back}"
                    );
                }
            }
            assert_eq!(
                sliding.repeated(window, &filter, 1, 10).expect("repeated"),
                whole.repeated(window, &filter, 1, 10).expect("repeated")
            );
        }
    }
    assert!(deleted > 1500, "{deleted}");
    assert!(sliding.read().records.len() < 260, "{}", sliding.read().records.len());
}

#[test]
fn a_part_of_a_ledger_misses_no_number_from_before_it_and_every_one_within() {
    let mut part = MemoryStore::sliding(Seconds(600));
    part.append(&[numbered(0, 1000), numbered(1, 1001), numbered(2, 1004)]).expect("append");
    let gaps = part.sequence_gaps(window(-100, 100), at(100), &Filter::default(), 10).expect("gaps").newest;
    assert_eq!(gaps.iter().map(|gap| (gap.first, gap.last)).collect::<Vec<_>>(), [(1002, 1003)]);
    // A gap is known for as long as the ledger knows it, however short this store's memory is.
    part.append(&[numbered(5000, 1005)]).expect("append");
    part.maintain(at(5000)).expect("maintain");
    assert_eq!(
        part.sequence_gaps(window(-100, 5000), at(5000), &Filter::default(), 10).expect("gaps").newest,
        gaps
    );
}

#[test]
fn a_number_that_comes_late_was_missing_until_then() {
    let mut store = MemoryStore::new();
    store.append(&[numbered(0, 1), numbered(10, 3), numbered(50, 2), numbered(60, 4)]).expect("append");
    let missing = |older: i64, now: i64| {
        let noticed = window(-100, older);
        store.sequence_gaps(noticed, at(now), &Filter::default(), 10).expect("gaps").gaps
    };
    assert_eq!((missing(10, 40), missing(11, 40), missing(11, 50), missing(11, 51)), (0, 1, 1, 0));
}
