//! The same traffic into a file and into ClickHouse: every report, every rule and every page says the same.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::evaluate::evaluator::{Evaluator, RuleStatus};
use crate::record::{CallRecord, NanoUsd, Origin, Window};
use crate::report::tests::assert_same;
use crate::report::{build, rule_states::report_states};
use crate::rule::config::RulesConfig;
use crate::rule::tests::{START, at, call};
use crate::store::sqlite::{Ledger, Options as FileOptions};
use crate::store::{
    Appender, Dimension, Filter, Page, Querier, RepetitionQuestion, StoreError, conformance::records::tags,
};

const EVER: Window = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };

/// Three days of calls of several services, with what the rules look for: failures, loops, runaway cost, gaps, calls that
/// are repeated, late and accounts of a call that another sender has as well.
fn traffic() -> Vec<CallRecord> {
    let mut random = fastrand::Rng::with_seed(15);
    let mut calls = Vec::new();
    for number in 0_i64..2_500 {
        // Twelve calls within four minutes have one response id.
        let of_a_mock = (700..712).contains(&number);
        let seconds =
            if of_a_mock { 70_000 + (number - 700) * 20 } else { number * 100 + random.i64(0..100) };
        let storm = (1_200..1_260).contains(&number);
        let user = format!("user-{}", random.u8(0..9));
        let service = ["shop", "search", "batch"][random.usize(0..3)];
        let model = ["gpt-4o", "gpt-4o-mini", "unknown-1"][random.usize(0..3)];
        let failed = random.u8(0..if storm { 2 } else { 30 }) == 0;
        let mut made = CallRecord {
            service: service.to_owned(),
            request_model: Some(model.to_owned()),
            response_model: (!failed).then(|| format!("{model}-2024")),
            duration_ns: random.i64(1_000_000..9_000_000_000),
            input_tokens: Some(random.u64(1..1_000_000)),
            first_chunk_ns: random.bool().then(|| random.i64(1_000_000..900_000_000)),
            user: Some(user).filter(|_| number % 5 != 0),
            request_hash: Some(format!("{:032x}", random.u16(0..if storm { 5 } else { 900 }))),
            conversation_id: (number % 7 == 0).then(|| format!("talk-{}", number / 70)),
            instance: Some(format!("of-{service}")),
            cost: (model != "unknown-1").then(|| NanoUsd(random.i64(0..90_000_000))),
            tags: tags(&[("team", ["search", "ads"][random.usize(0..2)])]),
            key_fingerprint: Some(format!("key-{}", random.u8(0..4))),
            response_id: match () {
                () if of_a_mock => Some("chatcmpl-mock".to_owned()),
                () => (number % 3 == 0).then(|| format!("chatcmpl-{number}")),
            },
            ..call(seconds)
        };
        if failed {
            made = CallRecord {
                outcome: spanledger::Outcome::Failed,
                status_code: Some(429),
                error_type: Some("429".to_owned()),
                error_kind: Some("rate_limited".to_owned()),
                input_tokens: None,
                output_tokens: None,
                cost: None,
                ..made
            };
        }
        if number % 40 == 3 {
            // A framework's account of the same call.
            let outer = CallRecord {
                span_id: [u8::try_from(number % 251).unwrap(); 8],
                origin: Origin::ThirdParty,
                scope: "framework".to_owned(),
                start: Timestamp(made.start.0 - 1_000),
                duration_ns: made.duration_ns + 2_000,
                instance: None,
                ..made.clone()
            };
            made.parent_span_id = Some(outer.span_id);
            calls.push(outer);
        }
        let other = |span: u8| CallRecord {
            span_id: [span; 8],
            instance: None,
            start: Timestamp(made.start.0 + 1_000),
            duration_ns: (made.duration_ns - 2_000).max(1),
            ..made.clone()
        };
        let trace = |number: i64| {
            let mut trace = [3; 16];
            trace[8..].copy_from_slice(&number.to_be_bytes());
            trace
        };
        match number % 60 {
            // A gateway's account, next to the client's: in its trace, or with its response id.
            7 => calls.push(witness(other(21))),
            9 => calls.push(CallRecord { trace_id: trace(number), ..witness(other(22)) }),
            // One whose client has no instrumentation.
            17 => calls.push(CallRecord { trace_id: trace(number), response_id: None, ..witness(other(23)) }),
            // Two instrumentations that share nothing but the response id, and one whose ids another sender has as well.
            27 => calls.push(CallRecord {
                trace_id: trace(number),
                origin: Origin::ThirdParty,
                scope: "client".to_owned(),
                ..other(24)
            }),
            37 if made.service == "shop" => {
                calls.push(CallRecord { service: "search".to_owned(), instance: None, ..made.clone() })
            }
            _ => {}
        }
        calls.push(made);
    }
    let mut numbers = std::collections::HashMap::new();
    for call in &mut calls {
        if let Some(instance) = &call.instance {
            let number = numbers.entry(instance.clone()).or_insert(0_u64);
            *number += if random.u8(0..200) == 0 { 2 } else { 1 };
            call.sequence = Some(*number);
        }
    }
    // Retries, and calls that come hours late.
    let again: Vec<CallRecord> = calls.iter().step_by(17).cloned().collect();
    calls.extend(again);
    let late = calls.remove(100);
    calls.insert(2_000, late);
    calls
}

/// The account of a gateway, which its caller may have sent as well.
fn witness(call: CallRecord) -> CallRecord {
    CallRecord { origin: Origin::Witness, service: "gateway".to_owned(), scope: "server".to_owned(), ..call }
}

/// A status without what depends on the machine.
fn said(statuses: &[RuleStatus]) -> Vec<String> {
    let said = |status: &RuleStatus| {
        format!(
            "{} {:?} {:?} {:?} {:?} {:?} {:?}",
            status.name,
            status.labels,
            status.state,
            status.value,
            status.threshold,
            status.description,
            status.error
        )
    };
    statuses.iter().map(said).collect()
}

/// The calls, page by page, that one of both has and the other has not, or not so often.
fn differing([one, other]: [&dyn Querier; 2], window: Window, limit: usize) -> Vec<String> {
    let listed = |querier: &dyn Querier| {
        let mut calls: BTreeMap<String, i32> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = querier.calls(window, &Filter::default(), Page { limit, after }).unwrap();
            page.calls.iter().for_each(|call| *calls.entry(format!("{call:?}")).or_default() += 1);
            after = page.next;
            if after.is_none() {
                return calls;
            }
        }
    };
    let (one, other) = (listed(one), listed(other));
    let calls: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differs = calls.into_iter().filter(|call| one.get(*call) != other.get(*call));
    differs.map(|call| format!("{:?} and {:?}: {call}", one.get(call), other.get(call))).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(
    [one, other]: [&dyn Querier; 2],
    what: &str,
    ask: impl Fn(&dyn Querier) -> Result<T, StoreError>,
) {
    assert_eq!(ask(one).unwrap(), ask(other).unwrap(), "{what}");
}

#[test]
fn reports_rules_and_pages_are_those_of_a_file() {
    if engine::address().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let groups = Groups::of([vec!["shop", "batch", "gateway"], vec!["search"]]);
    let of_file = FileOptions { groups: groups.clone(), ..FileOptions::default() };
    let mut file = Ledger::open_writer(&path, &of_file).unwrap();
    // It remembers little more than a batch, and so asks for most of what it needs.
    let options = Options { groups, recent: 320, ..options() };
    let _keep = engine::Database::of(&options);
    let mut tables = ClickHouseAppender::open(&options).unwrap();
    let traffic = traffic();
    let end = |call: &CallRecord| Timestamp(call.start.0 + call.duration_ns);
    for (number, batch) in traffic.chunks(300).enumerate() {
        let done = (file.append(batch).unwrap(), tables.append(batch).unwrap());
        if done.0 != done.1 {
            let (one, other) =
                (Ledger::open_reader(&path).unwrap(), ClickHouseQuerier::open(&options).unwrap());
            panic!("{done:?} in batch {number}: {:#?}", differing([&one, &other], EVER, 1_000));
        }
        let now = batch.iter().map(end).max().unwrap();
        while file.maintain(now).unwrap().more {}
        while tables.maintain(now).unwrap().more {}
        if [1, 4].contains(&number) {
            drop(tables);
            tables = ClickHouseAppender::open(&options).unwrap();
        }
    }
    let of_witnesses = Filter { service: Some("gateway".to_owned()), ..Filter::default() };

    let of_file = Ledger::open_reader(&path).unwrap();
    let of_tables = ClickHouseQuerier::open(&options).unwrap();
    let both: [&dyn Querier; 2] = [&of_file, &of_tables];
    let last = at(2_500 * 100);
    let rules = RulesConfig::default();
    let mut evaluators = [Evaluator::new(&rules), Evaluator::new(&rules)];
    for seconds in [121_000, 124_000, 250_000] {
        let [one, other] = &mut evaluators;
        let now = at(seconds);
        let (one, other) = (one.evaluate_all(both[0], now), other.evaluate_all(both[1], now));
        assert_eq!(said(&one), said(&other), "at {seconds}");
        let window = Window::last(86_400, now);
        let reports = [(both[0], one), (both[1], other)]
            .map(|(querier, statuses)| build(querier, window, &report_states(&statuses), now).unwrap());
        let [one, other] = reports;
        assert_same(other, one);
    }

    assert!(both[0].totals(EVER, &of_witnesses).unwrap().calls > 20, "witnesses that stay alone count");
    let any = Filter::default();
    let shop = Filter { service: Some("shop".to_owned()), ..Filter::default() };
    for window in [Window { from: START, to: last }, Window { from: at(4_567), to: at(190_003) }] {
        for filter in [&any, &shop] {
            same(both, "totals", |querier| querier.totals(window, filter));
            same(both, "five minutes", |querier| {
                querier.five_minutes(window, filter, Some(Dimension::Model))
            });
            same(both, "largest", |querier| querier.largest_calls(window, filter, 10, 50));
            same(both, "served", |querier| querier.served_models(window, filter, 50));
            same(both, "conversations", |querier| querier.conversations(window, filter, 50));
            same(both, "duplicates", |querier| querier.duplicates(window, filter));
            same(both, "last", |querier| querier.last_call(window.to, filter));
            same(both, "gaps", |querier| querier.sequence_gaps(window, last, filter, 1_000));
            let question =
                RepetitionQuestion { by: Some(Dimension::Service), groups: 9, more_than: 2, hashes: 20 };
            same(both, "repetition", |querier| {
                let mut groups = querier.repetition(window, filter, &question)?;
                // Of calls that end in one nanosecond either may be the newest.
                groups.iter_mut().flat_map(|group| &mut group.repeated).for_each(|seen| seen.model.clear());
                Ok(groups)
            });
        }
        same(both, "keys", |querier| querier.key_uses(window, 50));
        same(both, "tags", |querier| querier.tag_keys());
        let differing = differing(both, window, 333);
        assert!(differing.is_empty(), "pages: {differing:#?}");
    }
}
