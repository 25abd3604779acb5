use super::*;
use crate::record::{Origin, SkipReason, SkippedHours};
use crate::store::Batch;
use crate::store::identity::Groups;

#[test]
fn what_comes_late_for_an_hour_is_in_a_further_file_and_nothing_is_written_again() {
    let mut ledger = TestLedger::with(&[call(1), call(3)]);
    ledger.export();
    let first = names(&ledger.dir());
    assert_eq!(first, ["date=2025-06-15/calls-15.json", "date=2025-06-15/calls-15.parquet"]);
    let dir = ledger.dir();
    let bytes = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let before = bytes(&first[1]);
    ledger.appender.append(&[call(2), call(4)]).unwrap();
    let done = ledger.export();
    assert_eq!((done.written, done.known, done.files), (2, 2, 1));
    assert_eq!(bytes(&first[1]), before);
    assert!(names(&ledger.dir()).contains(&"date=2025-06-15/calls-15-1.parquet".to_owned()));
    assert_eq!(ledger.export().files, 0);

    let mut to = TestLedger::new();
    assert_eq!(to.import(&ledger.dir()).calls, 4);
    assert_same(&ledger.querier, &to.querier, BASE.plus_seconds(3_600));
}

#[test]
fn what_else_is_known_of_an_hour_is_written_again_when_it_changes_without_a_call() {
    let mut ledger = TestLedger::with(&[call(1)]);
    let skip = |ledger: &mut TestLedger, spans: u64| {
        let mut skipped = SkippedHours::default();
        skipped.add_many(BASE, "langchain", SkipReason::Unknown, spans);
        ledger.appender.append_batch(Batch { skipped: Some(&skipped), ..Batch::default() }).unwrap();
        ledger.settle(BASE.plus_seconds(10));
    };
    skip(&mut ledger, 2);
    ledger.export();
    let mut early = TestLedger::new();
    early.import(&ledger.dir());
    skip(&mut ledger, 5);
    let done = ledger.export();
    assert_eq!((done.written, done.known, done.files), (0, 1, 1));
    assert_eq!(ledger.export().files, 0, "it is written once");
    for to in [&mut early, &mut TestLedger::new()] {
        to.import(&ledger.dir());
        assert_eq!(to.querier.skipped(EVER).unwrap(), ledger.querier.skipped(EVER).unwrap());
        assert_same(&ledger.querier, &to.querier, BASE.plus_seconds(3_600));
    }
}

#[test]
fn an_account_that_is_no_longer_counted_is_written_again_and_counted_once() {
    let outer = CallRecord {
        origin: Origin::ThirdParty,
        scope: "framework".into(),
        response_id: Some("resp-1".into()),
        ..ending_at(1, BASE)
    };
    let inner = CallRecord {
        parent_span_id: Some(outer.span_id),
        trace_id: outer.trace_id,
        scope: "client".into(),
        ..CallRecord { span_id: [9; 8], ..outer.clone() }
    };
    let mut ledger = TestLedger::with(std::slice::from_ref(&outer));
    ledger.export();
    // A ledger that has the first file already.
    let mut early = TestLedger::new();
    assert_eq!(early.import(&ledger.dir()).calls, 1);

    ledger.appender.append(&[inner]).unwrap();
    let counted = |ledger: &TestLedger| ledger.querier.totals(EVER, &Default::default()).unwrap().calls;
    assert_eq!(counted(&ledger), 1);
    assert_eq!(ledger.export().written, 2, "the new account, and the one that is counted no more");
    for to in [&mut early, &mut TestLedger::new()] {
        to.import(&ledger.dir());
        assert_same(&ledger.querier, &to.querier, BASE.plus_seconds(3_600));
        to.import(&ledger.dir());
        assert_eq!(counted(to), 1);
    }
}

#[test]
fn a_part_of_an_hour_can_be_exported_and_the_rest_later() {
    let at = |minute: i64| {
        ending_at(
            minute.unsigned_abs(),
            Timestamp(BASE.0.div_euclid(HOUR) * HOUR + minute * 60 * Timestamp::SECOND),
        )
    };
    let ledger = TestLedger::with(&(0..180).map(at).collect::<Vec<_>>());
    let begins = Timestamp(BASE.0.div_euclid(HOUR) * HOUR);
    let part = Window { from: begins.plus_seconds(20 * 60), to: begins.plus_seconds(100 * 60) };
    let done = export(&ledger.querier, &ledger.dir(), part);
    assert_eq!((done.written, done.files), (80, 2));
    let done = ledger.export();
    assert_eq!((done.written, done.known, done.files), (100, 80, 3));
    let mut to = TestLedger::new();
    assert_eq!(to.import(&ledger.dir()).calls, 180);
}

#[test]
fn calls_beyond_one_microsecond_come_in_the_order_of_time() {
    let calls: Vec<_> =
        (0..2_000).map(|number| ending_at(number, Timestamp(BASE.0 - number.cast_signed() % 7))).collect();
    let ledger = TestLedger::with(&calls);
    assert_eq!(ledger.export().written, 2_000);
    assert_eq!(ledger.export(), HourDone { known: 2_000, ..HourDone::default() });
    let rows: Vec<_> = everything(&ledger.querier).into_iter().flat_map(|(_, rows, _)| rows).collect();
    assert!(rows.is_sorted_by_key(StoredCall::place));
    assert_eq!(rows.len(), 2_000);
}

#[test]
fn calls_of_separate_senders_with_the_same_ids_are_both_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let groups = Groups::of([vec!["shop"], vec!["blog"]]);
    let options = Options { groups, ..Options::default() };
    let mut ledger = Ledger::open_writer(&path, &options).unwrap();
    let honest = call(1);
    let forged = CallRecord { service: "blog".into(), ..honest.clone() };
    ledger.append(std::slice::from_ref(&honest)).unwrap();
    ledger.append(std::slice::from_ref(&forged)).unwrap();
    let querier = Ledger::open_reader(&path).unwrap();
    let dir = folder.path().join("export");
    assert_eq!(export(&querier, &dir, EVER).written, 2);
    assert_eq!(export(&querier, &dir, EVER).known, 2);
    let to = folder.path().join("to.db");
    let mut ledger = Ledger::open_writer(&to, &options).unwrap();
    restore(&check(&dir, &mut |_, _| {}).unwrap(), &mut ledger, &mut |_| {}).unwrap();
    assert_eq!(everything(&querier), everything(&Ledger::open_reader(&to).unwrap()));
}
