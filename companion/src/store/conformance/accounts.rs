//! Several accounts of one call: one is counted, in whatever order they come.

use spanledger::{CostStatus, Outcome, UsageSource};

use super::records::{BASE, call, ending_at};
use super::{ALL, TestStore, any, expected, page};
use crate::record::{CallRecord, Origin, Passage, Timestamp};
use crate::store::identity::WITNESS_WAITS;
use crate::store::{Appended, Batch};

const SECOND: i64 = Timestamp::SECOND;
const MILLISECOND: i64 = 1_000_000;

/// An account of a third party's `scope`, of span `span` in trace `trace`.
pub(super) fn account(trace: u8, span: u8, scope: &str) -> CallRecord {
    CallRecord {
        trace_id: [trace; 16],
        span_id: [span; 8],
        origin: Origin::ThirdParty,
        scope: scope.into(),
        user: None,
        ..call(0)
    }
}

fn own(trace: u8, span: u8) -> CallRecord {
    CallRecord { origin: Origin::Spanledger, ..account(trace, span, "") }
}

fn below(parent: u8, call: CallRecord) -> CallRecord {
    CallRecord { parent_span_id: Some([parent; 8]), ..call }
}

fn named(response_id: &str, call: CallRecord) -> CallRecord {
    CallRecord { response_id: Some(response_id.into()), ..call }
}

fn failed(call: CallRecord) -> CallRecord {
    CallRecord {
        outcome: Outcome::Failed,
        error_type: Some("429".into()),
        status_code: None,
        ..without_usage(call)
    }
}

fn without_usage(call: CallRecord) -> CallRecord {
    CallRecord {
        input_tokens: None,
        output_tokens: None,
        usage_source: UsageSource::None,
        cost: None,
        cost_status: CostStatus::NoUsage,
        ..call
    }
}

/// The same call as seen further inside: it begins and ends a little closer.
fn within(call: CallRecord) -> CallRecord {
    CallRecord {
        start: Timestamp(call.start.0 + MILLISECOND),
        duration_ns: call.duration_ns - 2 * MILLISECOND,
        ..call
    }
}

fn passage(trace: u8, span: u8, parent: u8, boundary: bool) -> Passage {
    Passage { trace_id: [trace; 16], span_id: [span; 8], parent_span_id: Some([parent; 8]), boundary }
}

fn counted(store: &TestStore) -> Vec<CallRecord> {
    let mut calls = store.querier.calls(ALL, &any(), page(100)).unwrap().calls;
    calls.sort_by_key(|call| (call.trace_id, call.span_id));
    assert_eq!(store.querier.totals(ALL, &any()).unwrap(), expected::totals(&calls, ALL, &any()));
    for by in expected::DIMENSIONS {
        let groups = store.querier.breakdown(ALL, &any(), by, 100).unwrap();
        assert_eq!(groups, expected::breakdown(&calls, ALL, &any(), by, 100), "{by:?}");
    }
    calls
}

fn spans(store: &TestStore) -> Vec<(u8, u8)> {
    counted(store).iter().map(|call| (call.trace_id[0], call.span_id[0])).collect()
}

/// Appends each call by itself.
fn append(store: &mut TestStore, calls: &[CallRecord]) -> Vec<Appended> {
    calls.iter().map(|call| store.appender.append(std::slice::from_ref(call)).unwrap()).collect()
}

fn pass(store: &mut TestStore, passages: &[Passage]) -> Appended {
    store.appender.append_batch(Batch { passages, ..Batch::default() }).unwrap()
}

pub(crate) fn counts_a_call_once_by_its_response(store: &mut TestStore) {
    let outer = CallRecord {
        user: Some("eve".into()),
        conversation_id: Some("talk".into()),
        ..named("resp", account(1, 1, "framework"))
    };
    let inner = named("resp", within(own(2, 2)));
    let done = append(store, &[outer.clone(), inner.clone()]);
    assert_eq!(done[0], Appended { inserted: 1, ..Appended::default() });
    assert_eq!(done[1], Appended { inserted: 1, undone: 1, ..Appended::default() });
    let wanted =
        CallRecord { user: outer.user.clone(), conversation_id: outer.conversation_id.clone(), ..inner };
    assert_eq!(counted(store), [wanted]);
    assert_eq!(append(store, &[outer])[0], Appended { duplicates: 1, ..Appended::default() });
    // Another operation, a provider of its own, and a call of another day.
    let apart = [
        CallRecord { operation: "embeddings".into(), ..named("resp", account(3, 3, "framework")) },
        CallRecord { start: BASE.plus_seconds(-86_400), ..named("resp", account(4, 4, "framework")) },
    ];
    append(store, &apart);
    assert_eq!(spans(store), [(2, 2), (3, 3), (4, 4)]);
}

pub(crate) fn keeps_calls_apart_whose_ids_repeat(store: &mut TestStore) {
    // Some servers draw their ids from a thousand.
    let repeated = |number: u8, seconds: i64, tokens: u64| CallRecord {
        start: BASE.plus_seconds(seconds),
        input_tokens: Some(tokens),
        ..named("chatcmpl-7", account(number, number, "client"))
    };
    append(store, &[repeated(1, 0, 10), repeated(2, 5, 11), repeated(3, 10, 12)]);
    // A cache gives the same response to two requests of one process.
    let hashed = |number: u8, seconds: i64| CallRecord {
        start: BASE.plus_seconds(seconds),
        instance: Some("one".into()),
        request_hash: Some("a".repeat(32)),
        ..named("cached", own(number, number))
    };
    append(store, &[hashed(4, 0), hashed(5, 20)]);
    assert_eq!(spans(store), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
    // An id that eight different calls have identifies none, also where two of them are alike.
    let of_a_mock = |number: u8, tokens: u64| CallRecord {
        response_id: Some("mock".into()),
        ..repeated(number, i64::from(number) * 20, tokens)
    };
    let calls: Vec<_> = (11..20).map(|number| of_a_mock(number, number.into())).collect();
    append(store, &calls);
    append(store, &[of_a_mock(20, 11)]);
    assert_eq!(spans(store).len(), 15);
    // What was joined before that stays so, whatever comes with it in one batch.
    let of_another = |number: u8| CallRecord {
        response_id: Some("another".into()),
        ..repeated(number, 1_000 + i64::from(number) * 20, number.into())
    };
    let mut calls: Vec<_> = (30..38).map(of_another).collect();
    calls.push(CallRecord { scope: "framework".into(), trace_id: [38; 16], ..of_another(30) });
    append(store, &calls);
    assert_eq!(spans(store).len(), 23);
}

pub(crate) fn an_account_that_does_not_count_uses_its_credential(store: &mut TestStore) {
    let with = |key: &str, call: CallRecord| CallRecord { key_fingerprint: Some(key.into()), ..call };
    let client = with("of the gateway", account(1, 1, "client"));
    let gateway =
        CallRecord { service: "gateway".into(), ..with("of the provider", below(1, within(own(1, 2)))) };
    // A server's own span is no use of a key.
    let server =
        CallRecord { origin: Origin::Witness, ..with("none", below(2, within(account(1, 3, "server")))) };
    append(store, &[client.clone(), gateway.clone(), server]);
    append(store, &[client, gateway]);
    assert_eq!(spans(store).len(), 1);
    let uses = store.querier.key_uses(ALL, 10).unwrap();
    let uses: Vec<_> =
        uses.iter().map(|used| (used.key.as_str(), used.service.as_str(), used.calls)).collect();
    assert_eq!(uses, [("of the gateway", "shop", 1), ("of the provider", "gateway", 1)]);
}

pub(crate) fn undoes_a_wrapper_when_the_call_within_it_comes(store: &mut TestStore) {
    let outer = CallRecord { user: Some("eve".into()), ..account(1, 1, "framework") };
    let inner = below(3, within(account(1, 4, "client")));
    append(store, std::slice::from_ref(&outer));
    // The rollups of that time are closed by now.
    while store.appender.maintain(BASE.plus_seconds(6_000)).unwrap().more {}
    append(store, std::slice::from_ref(&inner));
    assert_eq!(spans(store), [(1, 1), (1, 4)], "nothing is known of the spans between them");
    assert_eq!(pass(store, &[passage(1, 3, 2, false)]), Appended::default());
    store.restart(BASE.plus_seconds(6_000));
    let done = pass(store, &[passage(1, 2, 1, false)]);
    assert_eq!(done, Appended { undone: 1, ..Appended::default() });
    assert_eq!(counted(store), [CallRecord { user: outer.user, ..inner }]);
}

pub(crate) fn counts_a_call_once_that_a_gateway_passes_on(store: &mut TestStore) {
    let client = CallRecord { user: Some("eve".into()), ..account(1, 1, "client") };
    let gateway = CallRecord { service: "gateway".into(), ..below(1, within(own(1, 2))) };
    append(store, &[client, gateway.clone()]);
    let wanted = CallRecord { service: "shop".into(), user: Some("eve".into()), ..gateway };
    assert_eq!(counted(store), [wanted]);
    // Both sides may use this project's library, and a gateway may make calls of its own.
    let own_client = own(2, 1);
    let passed_on = CallRecord { service: "gateway".into(), ..below(1, within(own(2, 2))) };
    let another = CallRecord { input_tokens: Some(7), ..below(1, within(own(2, 3))) };
    append(store, &[own_client, passed_on, another]);
    assert_eq!(spans(store), [(1, 2), (2, 2), (2, 3)]);
}

pub(crate) fn counts_a_failed_call_once(store: &mut TestStore) {
    let outer = failed(CallRecord { user: Some("eve".into()), ..account(1, 1, "framework") });
    let inner = CallRecord { status_code: Some(429), ..below(1, failed(within(account(1, 2, "client")))) };
    append(store, &[outer, inner.clone()]);
    assert_eq!(counted(store), [CallRecord { user: Some("eve".into()), ..inner }]);
    // A stream that was cut: part of its tokens is known to one of the two.
    let cut = |call| CallRecord { outcome: Outcome::Truncated, ..call };
    let partial = CallRecord { usage_source: UsageSource::Partial, ..cut(account(2, 1, "framework")) };
    append(store, &[below(1, within(cut(without_usage(account(2, 2, "client"))))), partial]);
    assert_eq!(spans(store), [(1, 2), (2, 1)]);
}

pub(crate) fn counts_a_failed_attempt_within_a_call_that_succeeds(store: &mut TestStore) {
    let attempt = below(1, failed(within(account(1, 2, "client"))));
    append(store, &[account(1, 1, "framework"), attempt]);
    assert_eq!(spans(store), [(1, 1), (1, 2)]);
    append(store, &[below(1, within(account(1, 3, "client")))]);
    assert_eq!(spans(store), [(1, 2), (1, 3)]);
}

pub(crate) fn finds_a_wrapper_through_a_call_of_another_kind(store: &mut TestStore) {
    let between = CallRecord { operation: "embeddings".into(), ..below(1, within(account(1, 2, "client"))) };
    append(store, &[account(1, 1, "framework"), below(2, within(account(1, 3, "client"))), between]);
    assert_eq!(spans(store), [(1, 2), (1, 3)]);
}

pub(crate) fn keeps_calls_below_an_agent_or_a_tool_apart(store: &mut TestStore) {
    let inner = below(2, within(account(1, 3, "client")));
    append(store, &[account(1, 1, "framework"), inner]);
    assert_eq!(pass(store, &[passage(1, 2, 1, true)]), Appended::default());
    assert_eq!(spans(store), [(1, 1), (1, 3)]);
}

pub(crate) fn leaves_out_the_total_of_several_calls(store: &mut TestStore) {
    let step = |trace: u8, span: u8| below(1, within(account(trace, span, "client")));
    let total = CallRecord { input_tokens: Some(200), ..account(1, 1, "framework") };
    append(store, &[step(1, 2), total, step(1, 3)]);
    assert_eq!(spans(store), [(1, 2), (1, 3)]);
    // Where only the outer one has tokens, it counts for all.
    append(store, &[without_usage(step(2, 2)), account(2, 1, "framework"), without_usage(step(2, 3))]);
    assert_eq!(spans(store), [(1, 2), (1, 3), (2, 1)]);
    append(store, &[step(2, 4)]);
    assert_eq!(spans(store), [(1, 2), (1, 3), (2, 2), (2, 3), (2, 4)]);
}

pub(crate) fn looks_no_further_than_its_links(store: &mut TestStore) {
    for (trace, between) in [(1, 7), (2, 8)] {
        let passages: Vec<_> = (2..2 + between).map(|span| passage(trace, span, span - 1, false)).collect();
        append(store, &[account(trace, 1, "framework")]);
        pass(store, &passages);
        append(store, &[below(1 + between, within(account(trace, 100, "client")))]);
    }
    assert_eq!(spans(store), [(1, 100), (2, 1), (2, 100)]);
}

pub(crate) fn replaces_a_pending_response_by_the_fetched_one(store: &mut TestStore) {
    let Some(pending) = Outcome::parse("pending") else { return };
    let asked =
        CallRecord { outcome: pending, user: Some("eve".into()), ..without_usage(named("resp", own(1, 1))) };
    let fetched = |number: u8, seconds: i64| CallRecord {
        start: BASE.plus_seconds(seconds),
        ..named("resp", own(number, number))
    };
    append(store, &[asked]);
    assert_eq!(spans(store), [(1, 1)]);
    append(store, &[fetched(2, 3_000), fetched(3, 3_100)]);
    let calls = counted(store);
    assert_eq!(
        (calls.len(), calls[0].outcome, calls[0].user.as_deref()),
        (1, Outcome::Completed, Some("eve"))
    );
}

pub(crate) fn counts_a_response_once_however_often_it_is_fetched(store: &mut TestStore) {
    let hours = |number: u8, hours: i64| CallRecord {
        start: BASE.plus_seconds(hours * 3_600),
        ..named("resp", own(number, number))
    };
    let fetched = |number, of| CallRecord { fetched: true, ..hours(number, of) };
    append(store, &[fetched(1, 0), fetched(2, 3)]);
    store.restart(BASE.plus_seconds(4 * 3_600));
    append(store, &[fetched(3, 9)]);
    assert_eq!(counted(store).len(), 1);
    // Not fetched, the same id hours later is another call.
    let other = |number, of| named("another", hours(number, of));
    append(store, &[other(4, 0), other(5, 3)]);
    assert_eq!(counted(store).len(), 3);
}

fn witness(trace: u8, span: u8) -> CallRecord {
    CallRecord {
        origin: Origin::Witness,
        service: "provider".into(),
        user: Some("provider's".into()),
        ..within(within(account(trace, span, "server")))
    }
}

pub(crate) fn never_counts_a_witness_next_to_a_client(store: &mut TestStore) {
    let by_parent = [below(1, witness(1, 2)), own(1, 1)];
    let by_response = [named("resp", witness(2, 1)), named("resp", own(3, 1))];
    // Of one trace, with a link that never comes.
    let by_time = [below(77, witness(4, 2)), below(78, own(4, 1))];
    for accounts in [by_parent, by_response, by_time] {
        let done = append(store, &accounts);
        assert_eq!(done[0], Appended { other_accounts: 1, ..Appended::default() });
        assert_eq!(done[1], Appended { inserted: 1, ..Appended::default() });
    }
    store.appender.maintain(Timestamp(BASE.0 + 2 * WITNESS_WAITS)).unwrap();
    let calls = counted(store);
    assert!(calls.iter().all(|call| call.service == "shop" && call.user.is_none()), "{calls:?}");
    assert_eq!(spans(store), [(1, 1), (3, 1), (4, 1)]);
}

pub(crate) fn counts_a_witness_that_stays_alone(store: &mut TestStore) {
    let (gateway, provider) = (witness(1, 1), below(1, within(witness(1, 2))));
    append(store, &[provider, gateway]);
    store.appender.maintain(Timestamp(BASE.0 + WITNESS_WAITS - SECOND)).unwrap();
    store.restart(BASE);
    assert_eq!(counted(store), []);
    store.appender.maintain(Timestamp(BASE.0 + WITNESS_WAITS + SECOND)).unwrap();
    let calls = counted(store);
    assert_eq!((calls.len(), calls[0].origin), (1, Origin::Witness));
    // A client's account that comes even later takes its place.
    append(store, &[within(below(1, within(own(1, 3))))]);
    assert_eq!(spans(store), [(1, 3)]);
}

pub(crate) fn counts_accounts_without_a_link_once(store: &mut TestStore) {
    let outer = CallRecord { stream: false, ..account(1, 1, "framework") };
    let inner = CallRecord { response_id: Some("resp".into()), ..within(account(2, 2, "client")) };
    append(store, &[outer, inner]);
    let both_failed = [failed(account(3, 3, "framework")), failed(within(account(4, 4, "client")))];
    append(store, &both_failed);
    assert_eq!(spans(store), [(2, 2), (4, 4)]);
    // One of another model, of other tokens, of another service, of the same scope, and one that is not within.
    let apart = [
        CallRecord {
            request_model: Some("o3".into()),
            response_model: None,
            ..within(account(5, 5, "framework"))
        },
        CallRecord { input_tokens: Some(9), ..within(account(6, 6, "framework")) },
        CallRecord { service: "other".into(), ..within(account(7, 7, "framework")) },
        CallRecord { scope: "client".into(), ..within(within(account(8, 8, ""))) },
        CallRecord { start: Timestamp(BASE.0 - 3 * SECOND), ..account(9, 9, "framework") },
    ];
    append(store, &apart);
    assert_eq!(spans(store), [(2, 2), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9)]);
}

pub(crate) fn never_counts_accounts_without_a_link_more_than_once_each(store: &mut TestStore) {
    // Calls that run at the same time with the same tokens: each outer one has one within it.
    let outer = |number: u8| CallRecord {
        start: Timestamp(BASE.0 + i64::from(number) * MILLISECOND / 4),
        ..account(number, number, "framework")
    };
    let inner = |number: u8| CallRecord {
        trace_id: [100 + number; 16],
        scope: "client".into(),
        ..within(outer(number))
    };
    for number in 1..=5 {
        append(store, &[inner(6 - number), outer(number)]);
    }
    let direct = CallRecord { trace_id: [200; 16], ..within(inner(3)) };
    append(store, &[direct]);
    assert_eq!(counted(store).len(), 6);
    let later = ending_at(9_000, BASE.plus_seconds(60));
    append(store, &[later]);
    assert_eq!(counted(store).len(), 7);
}
