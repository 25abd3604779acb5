use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::record::{ProcessEnd, ProcessReport, SkipReason, SkippedHours};
use crate::store::Batch;
use crate::store::conformance::orders::{delivered, ledger};
use crate::store::conformance::property::{compare, round};
use crate::store::conformance::records::{every_field, hostile, tags};

const LATER: Timestamp = Timestamp(BASE.0 + 6 * HOUR);

fn settled(calls: &[CallRecord]) -> TestLedger {
    let mut ledger = TestLedger::with(calls);
    ledger.settle(LATER);
    ledger
}

#[test]
fn an_export_is_the_same_ledger_again_and_twice_changes_nothing() {
    let calls: Vec<_> = (0..200)
        .map(|number| CallRecord {
            tags: tags(&[("team", if number % 2 == 0 { "search" } else { "ads" })]),
            request_hash: Some(format!("{:032x}", number % 20)),
            ..ending_at(number, Timestamp(BASE.0 + number.cast_signed() * 100 * Timestamp::SECOND))
        })
        .chain([CallRecord { span_id: [9; 8], ..every_field() }])
        .collect();
    let mut from = settled(&calls);
    from.settle(BASE.plus_seconds(30_000));
    let done = from.export();
    assert_eq!((done.written, done.known), (201, 0));
    let mut to = TestLedger::new();
    assert_eq!(to.import(&from.dir()), Restored { calls: 201, ..Restored::default() });
    to.settle(BASE.plus_seconds(30_000));
    assert_same(&from.querier, &to.querier, BASE.plus_seconds(30_000));

    assert_eq!(to.import(&from.dir()), Restored { known: 201, ..Restored::default() });
    assert_same(&from.querier, &to.querier, BASE.plus_seconds(30_000));
    // And back again.
    assert_eq!(from.import(&from.dir()).known, 201);
    let again = from.export();
    assert_eq!((again.written, again.known, again.files), (0, 201, 0));
}

#[test]
fn what_no_honest_sender_sends_travels_too() {
    let mut from = TestLedger::new();
    for call in hostile() {
        from.appender.append(&[call]).unwrap();
    }
    from.export();
    let mut to = TestLedger::new();
    to.import(&from.dir());
    assert_eq!(everything(&from.querier), everything(&to.querier));
}

#[test]
fn gaps_journals_keys_and_skipped_spans_travel() {
    let numbered = |number: u64, instance: &str, sequence: u64| CallRecord {
        instance: Some(instance.into()),
        sequence: Some(sequence),
        key_fingerprint: Some(format!("key-{}", number % 3)),
        ..ending_at(number, Timestamp(BASE.0 + number.cast_signed() * 60 * Timestamp::SECOND))
    };
    let calls: Vec<_> =
        [2, 3, 7, 8, 20].iter().enumerate().map(|(at, seq)| numbered(at as u64 * 30, "one", *seq)).collect();
    let mut skipped = SkippedHours::default();
    skipped.add_many(BASE, "langchain", SkipReason::Unknown, 4);
    skipped.add_many(BASE.plus_seconds(7_200), "langchain", SkipReason::Dropped, 2);
    let process = ProcessReport {
        instance: "one".into(),
        service: "shop".into(),
        at: BASE.plus_seconds(9_000),
        last_sequence: 25,
        end: Some(ProcessEnd::Died),
        lost: vec![(4, 5), (21, 22)],
        lost_calls: 6,
        lost_between: Some((BASE, BASE.plus_seconds(60))),
        skipped: 3,
    };
    let mut from = TestLedger::new();
    from.appender
        .append_batch(Batch {
            calls: &calls,
            processes: &[process],
            skipped: Some(&skipped),
            ..Batch::default()
        })
        .unwrap();
    from.appender.append(&[numbered(200, "two", 1), numbered(201, "two", 3)]).unwrap();
    from.export();
    let mut to = TestLedger::new();
    to.import(&from.dir());
    let gaps =
        |ledger: &TestLedger| ledger.querier.sequence_gaps(EVER, LATER, &Default::default(), 100).unwrap();
    assert_eq!(gaps(&from).gaps, 5, "1, 4-6, 9-19, 21-25 of one and 2 of two");
    assert_eq!(gaps(&from), gaps(&to));
    assert_eq!(from.querier.processes().unwrap(), to.querier.processes().unwrap());
    to.settle(LATER);
    from.settle(LATER);
    assert_same(&from.querier, &to.querier, LATER);

    // The process goes on with the new ledger: its numbers are followed from where they were.
    for ledger in [&mut from, &mut to] {
        ledger
            .appender
            .append(&[numbered(300, "two", 4), numbered(301, "two", 2), numbered(302, "two", 6)])
            .unwrap();
        ledger.import(&ledger_dir(ledger));
    }
    assert_eq!(gaps(&from), gaps(&to));
}

/// A folder with an export of the ledger as it is.
fn ledger_dir(ledger: &TestLedger) -> PathBuf {
    let dir = ledger.folder.path().join("again");
    export(&ledger.querier, &dir, EVER);
    dir
}

#[test]
fn a_part_of_a_process_makes_no_gaps() {
    let numbered = |number: u64| CallRecord {
        instance: Some("one".into()),
        sequence: Some(number + 1),
        ..ending_at(number, Timestamp(BASE.0 + number.cast_signed() * 600 * Timestamp::SECOND))
    };
    let calls: Vec<_> = (0..40).map(numbered).collect();
    let from = TestLedger::with(&calls);
    // Two hours in the middle, without the end of the process.
    export(
        &from.querier,
        &from.dir(),
        Window { from: BASE.plus_seconds(7_200), to: BASE.plus_seconds(14_400) },
    );
    let mut to = TestLedger::new();
    to.import(&from.dir());
    let now = BASE.plus_seconds(86_400);
    let gaps =
        |ledger: &TestLedger| ledger.querier.sequence_gaps(EVER, now, &Default::default(), 100).unwrap().gaps;
    assert_eq!(gaps(&to), 0);
    // Its next calls come from elsewhere.
    to.appender.append(&calls[24..]).unwrap();
    assert_eq!(gaps(&to), 0);
    to.appender.append(&[CallRecord { sequence: Some(43), ..numbered(60) }]).unwrap();
    assert_eq!(gaps(&to), 1);
}

#[test]
fn a_call_of_which_the_ledger_has_another_account_is_counted_once() {
    let account = |number: u64, scope: &str| CallRecord {
        response_id: Some("resp-1".into()),
        origin: crate::record::Origin::ThirdParty,
        scope: scope.into(),
        ..ending_at(number, BASE)
    };
    let from = TestLedger::with(&[account(1, "framework")]);
    from.export();
    let mut to = TestLedger::with(&[account(2, "client")]);
    to.import(&from.dir());
    let mut both = TestLedger::with(&[account(2, "client")]);
    both.appender.append(&[account(1, "framework")]).unwrap();
    let calls = |ledger: &TestLedger| ledger.querier.totals(EVER, &Default::default()).unwrap().calls;
    assert_eq!((calls(&to), calls(&both)), (1, 1));
    assert_eq!(everything(&to.querier), everything(&both.querier));
}

#[test]
fn any_ledger_travels() {
    let mut runner = TestRunner::new(Config { cases: 8, ..Config::default() });
    let rounds = proptest::collection::vec(round(), 1..4);
    let result = runner.run(&rounds, |rounds| {
        let mut from = TestLedger::new();
        let mut asked = Vec::new();
        for (batch, maintain, window, filter) in rounds {
            from.appender.append(&batch).unwrap();
            if let Some(now) = maintain {
                from.settle(Timestamp(now));
            }
            asked.push((window, filter));
        }
        if from.export().files == 0 {
            return Ok(());
        }
        let mut to = TestLedger::new();
        to.import(&from.dir());
        for ledger in [&mut from, &mut to] {
            ledger.settle(LATER);
        }
        assert_same(&from.querier, &to.querier, LATER);
        prop_assert_eq!(to.import(&from.dir()).calls, 0);
        assert_same(&from.querier, &to.querier, LATER);
        let calls: Vec<CallRecord> = everything(&from.querier)
            .into_iter()
            .flat_map(|(_, rows, _)| rows)
            .filter(|row| row.counted)
            .map(|row| row.call)
            .collect();
        let store = to.into_store();
        for (window, filter) in asked {
            compare(&store, &calls, window, &filter)?;
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn accounts_of_one_call_travel_with_what_was_decided_of_them() {
    let mut runner = TestRunner::new(Config { cases: 16, ..Config::default() });
    let result = runner.run(&delivered(), |(spans, delivery)| {
        let TestLedger { folder, appender, querier } = TestLedger::new();
        let mut store = TestStore {
            appender: Box::new(appender),
            querier: Box::new(querier.clone()),
            reopen: None,
            _keep: Box::new(()),
        };
        ledger(&mut store, &spans, &delivery);
        let dir = folder.path().join("export");
        if export(&querier, &dir, EVER).files == 0 {
            // There were no calls.
            return Ok(());
        }
        let mut to = TestLedger::new();
        to.import(&dir);
        to.settle(Timestamp(BASE.0 + 4 * HOUR));
        assert_same(&querier, &to.querier, LATER);
        to.import(&dir);
        assert_same(&querier, &to.querier, LATER);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
