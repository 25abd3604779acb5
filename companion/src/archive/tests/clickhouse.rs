//! From a file to a ClickHouse and back: every account, and what else is known.

use super::*;
use crate::record::{Origin, ProcessEnd, ProcessReport, SkipReason, SkippedHours};
use crate::store::clickhouse::tests::{engine, options};
use crate::store::clickhouse::{ClickHouseAppender, ClickHouseExporter, ClickHouseQuerier};
use crate::store::conformance::records::{every_field, tags};
use crate::store::{Batch, Filter, Page};

/// Calls of hours, with numbers that are missing, credentials, and a framework's account of some.
fn some_calls() -> Vec<CallRecord> {
    let mut calls = Vec::new();
    for number in 0..300_u64 {
        let inner = CallRecord {
            tags: tags(&[("team", if number % 2 == 0 { "search" } else { "ads" })]),
            request_hash: Some(format!("{:032x}", number % 20)),
            key_fingerprint: Some(format!("key-{}", number % 3)),
            instance: Some("one".into()),
            // Each tenth number is missing.
            sequence: Some(1 + number + number / 9),
            ..ending_at(number, Timestamp(BASE.0 + number.cast_signed() * 100 * Timestamp::SECOND))
        };
        if number % 7 == 0 {
            calls.push(CallRecord {
                span_id: [200; 8],
                origin: Origin::ThirdParty,
                scope: "framework".into(),
                service: "outer".into(),
                user: Some("eve".into()),
                start: Timestamp(inner.start.0 - 1_000),
                duration_ns: inner.duration_ns + 2_000,
                key_fingerprint: None,
                instance: None,
                sequence: None,
                ..inner.clone()
            });
            calls.push(CallRecord { parent_span_id: Some([200; 8]), user: None, ..inner });
        } else {
            calls.push(inner);
        }
    }
    calls.push(CallRecord { span_id: [9; 8], instance: None, sequence: None, ..every_field() });
    calls
}

fn sorted(querier: &dyn Querier) -> Vec<CallRecord> {
    let page = Page { limit: 1_000, after: None };
    let mut calls = querier.calls(EVER, &Filter::default(), page).unwrap().calls;
    calls.sort_by_key(|call| (call.trace_id, call.span_id));
    calls
}

fn same(one: &dyn Querier, other: &dyn Querier, now: Timestamp) {
    assert_eq!(sorted(one), sorted(other));
    assert_eq!(one.skipped(EVER).unwrap(), other.skipped(EVER).unwrap());
    let window = Window { from: BASE.plus_seconds(-3_600), to: now };
    assert_eq!(one.key_uses(window, 100).unwrap(), other.key_uses(window, 100).unwrap());
    let gaps = |querier: &dyn Querier| querier.sequence_gaps(EVER, now, &Filter::default(), 1_000).unwrap();
    assert_eq!(gaps(one), gaps(other));
    let report = |querier: &dyn Querier| crate::report::build(querier, window, &[], now).unwrap();
    crate::report::tests::assert_same(report(one), report(other));
}

#[test]
fn moves_to_a_clickhouse_and_back() {
    if engine::address().is_none() {
        return;
    }
    let now = BASE.plus_seconds(40_000);
    let mut skipped = SkippedHours::default();
    skipped.add_many(BASE, "langchain", SkipReason::Unknown, 4);
    let report = ProcessReport {
        instance: "two".into(),
        service: "shop".into(),
        at: BASE.plus_seconds(7_000),
        last_sequence: 9,
        end: Some(ProcessEnd::Died),
        lost: vec![(4, 5)],
        lost_calls: 3,
        lost_between: Some((BASE, BASE.plus_seconds(60))),
        skipped: 2,
    };
    let mut from = TestLedger::new();
    let calls = some_calls();
    let batch = Batch { calls: &calls, skipped: Some(&skipped), processes: &[report], ..Batch::default() };
    from.appender.append_batch(batch).unwrap();
    from.settle(now);
    assert_eq!(from.querier.sequence_gaps(EVER, now, &Filter::default(), 9).unwrap().lost, 3);
    from.export();

    let options = options();
    let _keep = engine::Database::of(&options);
    let files = check(&from.dir(), &mut |_, _| {}).unwrap();
    let mut tables = ClickHouseAppender::open(&options).unwrap();
    let done = restore(&files, &mut tables, &mut |_| {}).unwrap();
    assert_eq!((done.calls, done.other_accounts), (301, 43));
    let querier = ClickHouseQuerier::open(&options).unwrap();
    same(&querier, &from.querier, now);
    // Again, by another process: nothing changes.
    drop(tables);
    let mut tables = ClickHouseAppender::open(&options).unwrap();
    let done = restore(&files, &mut tables, &mut |_| {}).unwrap();
    assert_eq!((done.calls, done.other_accounts, done.known), (0, 0, 344));
    tables.maintain(now).unwrap();
    same(&querier, &from.querier, now);

    let back = from.folder.path().join("back");
    let exporter = ClickHouseExporter::new(querier.clone());
    assert_eq!(export(&exporter, &back, EVER).written, 344);
    assert_eq!(export(&exporter, &back, EVER).files, 0);
    let mut to = TestLedger::new();
    let done = to.import(&back);
    assert_eq!((done.calls, done.other_accounts), (301, 43));
    to.settle(now);
    same(&to.querier, &from.querier, now);

    // What has come since is written to further files, and taken in.
    let late = [CallRecord { sequence: Some(10), ..calls[1].clone() }]
        .map(|call| CallRecord { trace_id: [77; 16], ..call });
    tables.append(&late).unwrap();
    let exporter = ClickHouseExporter::new(querier.clone());
    assert_eq!(export(&exporter, &back, EVER).written, 1);
    let done = to.import(&back);
    assert_eq!((done.calls, done.known), (1, 344));
    to.settle(now);
    assert_eq!(sorted(&to.querier), sorted(&querier));
}
