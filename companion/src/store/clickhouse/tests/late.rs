//! Rows that land in the tables after the writer has read them: of an insert that it gave up, or of a writer before.

use super::super::row::{CallRow, Decided};
use super::*;
use crate::record::{CallRecord, Origin, Window};
use crate::store::conformance::records::{BASE, call};
use crate::store::identity::Shared;
use crate::store::{Appender, Filter, Querier as _};

const HOUR: i64 = 3_600;

fn all() -> Window {
    Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) }
}

/// Inserts a counted account as a writer with this version would.
fn land(options: &Options, call: &CallRecord, version: u64) {
    let decided = Decided { counted: true, waits: false, version, sender: &call.service };
    let row = CallRow::of(call, &Shared::default(), decided);
    let connection = connection::Connection::new(options).unwrap();
    connection.insert(&format!("{}.calls", options.database), vec![row]).unwrap();
}

fn account(number: u64) -> CallRecord {
    CallRecord {
        origin: Origin::ThirdParty,
        scope: "framework".to_owned(),
        response_id: Some("resp".to_owned()),
        ..call(number)
    }
}

fn own(number: u64) -> CallRecord {
    let outer = account(number);
    CallRecord {
        origin: Origin::Spanledger,
        scope: String::new(),
        start: Timestamp(outer.start.0 + 1_000_000),
        duration_ns: outer.duration_ns - 2_000_000,
        ..outer
    }
}

#[test]
fn what_a_writer_wrote_after_it_lost_the_lease_counts_once() {
    if engine::address().is_none() {
        return;
    }
    let first = options();
    let _keep = engine::Database::of(&first);
    let mut writer = ClickHouseAppender::open(&first).unwrap();
    writer.append(&[call(500)]).unwrap();
    let version = writer.version();
    writer.expire_lease();
    let second = Options { holder: "second".to_owned(), ..first.clone() };
    let mut next = ClickHouseAppender::open(&second).unwrap();
    let querier = ClickHouseQuerier::open(&second).unwrap();
    let calls = || querier.totals(all(), &Filter::default()).unwrap().calls;
    // The minute is closed, then the first one's insert arrives.
    next.append(&[own(1)]).unwrap();
    while next.maintain(BASE.plus_seconds(10 * HOUR)).unwrap().more {}
    land(&first, &account(2), version + 10);
    land(&first, &call(3), version + 11);
    while next.maintain(BASE.plus_seconds(10 * HOUR)).unwrap().more {}
    assert_eq!(calls(), 3, "one account of the response, and the two others");
    // It is settled for good, also for a writer that comes after.
    while next.maintain(BASE.plus_seconds(10 * HOUR)).unwrap().more {}
    assert_eq!(next.append(&[account(2), call(3), own(1)]).unwrap().duplicates, 3);
    drop(next);
    let _last = ClickHouseAppender::open(&first).unwrap();
    assert_eq!(calls(), 3);
}

#[test]
fn an_insert_that_was_given_up_and_lands_late_is_in_the_rollups() {
    if engine::address().is_none() {
        return;
    }
    let options = options();
    let _keep = engine::Database::of(&options);
    let mut writer = ClickHouseAppender::open(&options).unwrap();
    writer.append(&[call(1)]).unwrap();
    while writer.maintain(BASE.plus_seconds(10 * HOUR)).unwrap().more {}
    let querier = ClickHouseQuerier::open(&options).unwrap();
    let calls = || querier.totals(all(), &Filter::default()).unwrap().calls;
    assert_eq!(calls(), 1);
    // The insert of call 2 is given up: its version is used, and what is remembered is read again.
    let version = writer.give_up_an_insert();
    writer.append(&[call(3)]).unwrap();
    assert_eq!(calls(), 2);
    land(&options, &call(2), version);
    assert_eq!(calls(), 2, "its minute is closed");
    while writer.maintain(BASE.plus_seconds(10 * HOUR)).unwrap().more {}
    assert_eq!(calls(), 3);
    // One that lands after its batch was sent again changes nothing.
    let version = writer.give_up_an_insert();
    writer.append(&[call(4)]).unwrap();
    land(&options, &call(4), version);
    while writer.maintain(BASE.plus_seconds(10 * HOUR)).unwrap().more {}
    assert_eq!(calls(), 4);
}

#[test]
fn what_lands_after_two_writers_have_ended_is_counted() {
    if engine::address().is_none() {
        return;
    }
    let options = options();
    let _keep = engine::Database::of(&options);
    let hours = |number: i64| BASE.plus_seconds(number * HOUR);
    let mut first = ClickHouseAppender::open(&options).unwrap();
    first.append(&[call(1)]).unwrap();
    while first.maintain(hours(10)).unwrap().more {}
    // It ends with an insert under way.
    let version = first.give_up_an_insert();
    drop(first);
    let mut second = ClickHouseAppender::open(&options).unwrap();
    // Another one of the first lands in a minute that is closed, and is taken in; then the second one ends as well.
    land(&options, &call(2), version + 1);
    while second.maintain(hours(10)).unwrap().more {}
    let querier = ClickHouseQuerier::open(&options).unwrap();
    let calls = || querier.totals(all(), &Filter::default()).unwrap().calls;
    assert_eq!(calls(), 2);
    second.append(&[call(3)]).unwrap();
    land(&options, &call(4), version + 2);
    assert_eq!(calls(), 3, "the fourth landed in a minute that is closed");
    drop(second);
    let mut third = ClickHouseAppender::open(&options).unwrap();
    assert_eq!(calls(), 4, "what landed before the third had read the tables");
    land(&options, &call(5), version);
    while third.maintain(hours(10)).unwrap().more {}
    assert_eq!(calls(), 5, "what landed after it had");
    assert_eq!(third.append(&[call(5)]).unwrap().duplicates, 1);
}
