//! From a file to another store and back, through what every store answers and takes.

use super::*;
use crate::record::{SkipReason, SkippedHours};
use crate::store::any::{Appending, Asked};
use crate::store::conformance::records::{every_field, tags};
use crate::store::memory::MemoryStore;
use crate::store::{Batch, Filter, Page};

fn some_calls() -> Vec<CallRecord> {
    let calls = (0..300).map(|number| CallRecord {
        tags: tags(&[("team", if number % 2 == 0 { "search" } else { "ads" })]),
        request_hash: Some(format!("{:032x}", number % 20)),
        instance: Some("one".into()),
        // Each tenth number is missing.
        sequence: Some(1 + number + number / 9),
        ..ending_at(number, Timestamp(BASE.0 + number.cast_signed() * 100 * Timestamp::SECOND))
    });
    calls.chain([CallRecord { span_id: [9; 8], instance: None, ..every_field() }]).collect()
}

#[test]
fn moves_to_another_store_and_back() {
    let now = BASE.plus_seconds(40_000);
    let mut skipped = SkippedHours::default();
    skipped.add_many(BASE, "langchain", SkipReason::Unknown, 4);
    let mut from = TestLedger::new();
    let calls = some_calls();
    from.appender.append_batch(Batch { calls: &calls, skipped: Some(&skipped), ..Batch::default() }).unwrap();
    from.settle(now);
    from.export();

    // Twice, which changes nothing.
    let other = MemoryStore::new();
    for _ in 0..2 {
        let mut ledger = Appending { appender: other.clone(), querier: &other };
        restore(&check(&from.dir(), &mut |_, _| {}).unwrap(), &mut ledger, &mut |_| {}).unwrap();
    }
    let sorted = |querier: &dyn Querier| {
        let mut calls =
            querier.calls(EVER, &Filter::default(), Page { limit: 1_000, after: None }).unwrap().calls;
        calls.sort_by_key(|call| (call.trace_id, call.span_id));
        calls
    };
    assert_eq!(sorted(&other), sorted(&from.querier));
    assert_eq!(
        other.totals(EVER, &Filter::default()).unwrap(),
        from.querier.totals(EVER, &Filter::default()).unwrap()
    );
    assert_eq!(other.skipped(EVER).unwrap(), from.querier.skipped(EVER).unwrap());

    let back = from.folder.path().join("back");
    let done = export(&Asked(&other), &back, EVER);
    assert_eq!(done.written, 301);
    assert_eq!(export(&Asked(&other), &back, EVER).files, 0);
    let mut to = TestLedger::new();
    assert_eq!(to.import(&back).calls, 301);
    to.settle(now);
    assert_eq!(sorted(&to.querier), sorted(&from.querier));
    let gaps =
        |ledger: &TestLedger| ledger.querier.sequence_gaps(EVER, now, &Filter::default(), 100).unwrap();
    assert_eq!((gaps(&to).gaps, gaps(&to).numbers), (gaps(&from).gaps, gaps(&from).numbers));
    let window = Window { from: BASE.plus_seconds(-3_600), to: now };
    let report = |ledger: &TestLedger| {
        crate::report::to_json(&crate::report::build(&ledger.querier, window, &[], now).unwrap()).unwrap()
    };
    assert_eq!(report(&to), report(&from));
}
