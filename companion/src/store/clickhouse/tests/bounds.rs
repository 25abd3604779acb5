//! What a ledger in ClickHouse is bounded by: addresses that do not answer, questions that ask for too much, and age.

use super::*;
use crate::record::Window;
use crate::store::conformance::records::{BASE, call, ending_at};
use crate::store::{Appender as _, Filter, Querier as _, StoreError};

const HOUR: i64 = 3_600;

fn all() -> Window {
    Window { from: Timestamp(0), to: BASE.plus_seconds(1_000 * HOUR) }
}

#[test]
fn asks_the_next_address_where_one_does_not_answer_and_names_what_failed() {
    let Some(address) = engine::address() else { return };
    let alone = options();
    let _keep = engine::Database::of(&alone);
    let dead = "http://127.0.0.1:1".to_owned();
    let both = Options { addresses: vec![dead.clone(), address], ..alone.clone() };
    let mut appender = ClickHouseAppender::open(&both).unwrap();
    appender.append(&[call(1)]).unwrap();
    assert_eq!(ClickHouseQuerier::open(&both).unwrap().totals(all(), &Filter::default()).unwrap().calls, 1);
    let error = ClickHouseQuerier::open(&Options { addresses: vec![dead], ..alone }).unwrap_err().to_string();
    assert!(error.contains("http://127.0.0.1:1"), "{error}");
}

#[test]
fn a_question_that_would_read_too_many_rows_fails() {
    if engine::address().is_none() {
        return;
    }
    let options = options();
    let _keep = engine::Database::of(&options);
    let mut appender = ClickHouseAppender::open(&options).unwrap();
    let calls: Vec<_> = (0..100).map(call).collect();
    appender.append(&calls).unwrap();
    let querier = ClickHouseQuerier::open(&Options { rows: 20, ..options }).unwrap();
    let error = querier.totals(all(), &Filter::default()).unwrap_err().to_string();
    assert!(error.contains("Limit for rows"), "{error}");
}

#[test]
fn a_missing_or_a_newer_ledger_is_refused() {
    if engine::address().is_none() {
        return;
    }
    let options = options();
    let _keep = engine::Database::of(&options);
    assert!(matches!(ClickHouseQuerier::open(&options), Err(StoreError::NoTables { .. })));
    drop(ClickHouseAppender::open(&options).unwrap());
    // Opening it again changes nothing.
    drop(ClickHouseAppender::open(&options).unwrap());
    execute(&options, &format!("INSERT INTO {}.migrations (version) VALUES (900)", options.database));
    assert!(matches!(ClickHouseQuerier::open(&options), Err(StoreError::Newer { found: 900, .. })));
    assert!(matches!(ClickHouseAppender::open(&options), Err(StoreError::Newer { found: 900, .. })));
}

#[test]
fn deletes_whole_days_of_calls_and_keeps_their_totals() {
    if engine::address().is_none() {
        return;
    }
    let options = Options { keep_calls: Some(Duration::from_secs(86_400)), ..options() };
    let _keep = engine::Database::of(&options);
    let mut appender = ClickHouseAppender::open(&options).unwrap();
    let calls: Vec<_> =
        (0..96).map(|number| ending_at(number, BASE.plus_seconds(number.cast_signed() * HOUR))).collect();
    appender.append(&calls).unwrap();
    let querier = ClickHouseQuerier::open(&options).unwrap();
    let before = querier.totals(all(), &Filter::default()).unwrap();
    let mut deleted = 0;
    // An hour at a time is closed, and only days that are closed are deleted.
    loop {
        let done = appender.maintain(BASE.plus_seconds(97 * HOUR)).unwrap();
        deleted += done.deleted;
        if !done.more {
            break;
        }
    }
    assert!((48..=72).contains(&deleted), "{deleted}");
    assert_eq!(querier.totals(all(), &Filter::default()).unwrap(), before);
    let page = crate::store::Page { limit: 1_000, after: None };
    let left = querier.calls(all(), &Filter::default(), page).unwrap().calls;
    assert_eq!(left.len() as u64, 96 - deleted);
    // It cannot be known whether it was there before.
    assert_eq!(appender.append(&calls[..1]).unwrap().too_old, 1);
    assert_eq!(querier.totals(all(), &Filter::default()).unwrap(), before);
}

#[test]
fn a_clock_that_leaps_ahead_deletes_no_more_than_the_newest_call_allows() {
    if engine::address().is_none() {
        return;
    }
    let keep = Some(Duration::from_secs(2 * 86_400));
    let options = Options { keep_calls: keep, keep_sums: keep, ..options() };
    let _keep = engine::Database::of(&options);
    let mut appender = ClickHouseAppender::open(&options).unwrap();
    let calls: Vec<_> =
        (0..20).map(|number| ending_at(number, BASE.plus_seconds(number.cast_signed() * HOUR))).collect();
    appender.append(&calls).unwrap();
    let querier = ClickHouseQuerier::open(&options).unwrap();
    let before = querier.totals(all(), &Filter::default()).unwrap();
    let mut more = true;
    while more {
        let done = appender.maintain(BASE.plus_seconds(90_000 * HOUR)).unwrap();
        assert_eq!(done.deleted, 0);
        more = done.more;
    }
    assert_eq!(querier.totals(all(), &Filter::default()).unwrap(), before);
    // A late call is taken, too, and one that ends now belongs to no minute that is closed.
    let done = appender.append(&[ending_at(30, BASE.plus_seconds(HOUR))]).unwrap();
    assert_eq!((done.inserted, done.too_old), (1, 0));
    let closed = super::super::memory::State::load(&appender.connection, &options.database).unwrap().closed;
    assert!((BASE.plus_seconds(19 * HOUR).0..BASE.plus_seconds(20 * HOUR).0).contains(&closed), "{closed}");
}

#[test]
fn rollups_are_made_again_when_late_calls_come_and_after_a_writer_that_could_not() {
    if engine::address().is_none() {
        return;
    }
    let options = options();
    let _keep = engine::Database::of(&options);
    let mut appender = ClickHouseAppender::open(&options).unwrap();
    appender.append(&[call(1)]).unwrap();
    while appender.maintain(BASE.plus_seconds(10 * HOUR)).unwrap().more {}
    let querier = ClickHouseQuerier::open(&options).unwrap();
    let calls = || querier.totals(all(), &Filter::default()).unwrap().calls;
    appender.append(&[call(2), call(3)]).unwrap();
    assert_eq!(calls(), 3);
    // As if the writer had ended between the calls and their rollups.
    let database = &options.database;
    execute(
        &options,
        &format!(
            "INSERT INTO {database}.minutes SELECT * REPLACE (toUInt64(0) AS calls, version + 1 AS version) \
             FROM {database}.minutes FINAL"
        ),
    );
    execute(
        &options,
        &format!(
            "INSERT INTO {database}.hours SELECT * REPLACE (toUInt64(0) AS calls, version + 1 AS version) \
             FROM {database}.hours FINAL"
        ),
    );
    execute(&options, &format!("INSERT INTO {database}.state VALUES ('rolled', 0, 18446744073709551615)"));
    assert_eq!(calls(), 0);
    drop(appender);
    let _next = ClickHouseAppender::open(&options).unwrap();
    assert_eq!(calls(), 3);
}

#[test]
fn a_backlog_is_closed_by_the_hour_within_the_memory_of_a_statement() {
    if engine::address().is_none() {
        return;
    }
    // A day of 5,000 users: what all of its hours take together is far more.
    let options = Options { memory_bytes: 150 << 20, ..options() };
    let _keep = engine::Database::of(&options);
    let connection = connection::Connection::new(&options).unwrap();
    schema::migrate(&connection, &options.database).unwrap();
    let calls = 200_000;
    let ample = Options { memory_bytes: 2 << 30, ..options.clone() };
    execute(
        &ample,
        &super::cost::generate(&options.database, super::cost::END.plus_seconds(-86_400), calls, 0),
    );
    let mut appender = ClickHouseAppender::open(&options).unwrap();
    let state = || super::super::memory::State::load(&connection, &options.database).unwrap();
    let hour = HOUR * Timestamp::SECOND;
    let mut steps = 0;
    loop {
        let more = appender.maintain(super::cost::END.plus_seconds(600)).unwrap().more;
        steps += 1;
        // Each step is kept, so that one that fails costs no other.
        let closed = state().closed;
        assert!(!more || closed == super::cost::END.0 - (24 - steps) * hour, "{closed} after {steps}");
        if !more {
            break;
        }
    }
    assert!((24..=25).contains(&steps), "{steps}");
    let querier = ClickHouseQuerier::open(&options).unwrap();
    let day = Window::last(86_400, super::cost::END);
    assert_eq!(querier.totals(day, &Filter::default()).unwrap().calls, calls);
    let users = querier.breakdown(day, &Filter::default(), crate::store::Dimension::User, 10_000).unwrap();
    assert_eq!(users.iter().map(|user| user.totals.calls).sum::<u64>(), calls);
}

#[test]
fn witnesses_of_a_long_past_are_looked_at_a_few_hours_at_a_time() {
    if engine::address().is_none() {
        return;
    }
    let options = options();
    let _keep = engine::Database::of(&options);
    let mut appender = ClickHouseAppender::open(&options).unwrap();
    let witness = |number: u64, hours: i64| crate::record::CallRecord {
        origin: crate::record::Origin::Witness,
        ..ending_at(number, BASE.plus_seconds(hours * HOUR))
    };
    appender.append(&[witness(1, 0), witness(2, 100)]).unwrap();
    let querier = ClickHouseQuerier::open(&options).unwrap();
    let calls = || querier.totals(all(), &Filter::default()).unwrap().calls;
    let mut maintain = || appender.maintain(BASE.plus_seconds(200 * HOUR)).unwrap().more;
    assert!(maintain());
    let connection = connection::Connection::new(&options).unwrap();
    let waited = super::super::memory::State::load(&connection, &options.database).unwrap().waited;
    assert_eq!((waited, calls()), (BASE.plus_seconds(6 * HOUR).0, 1));
    while maintain() {}
    assert_eq!(calls(), 2);
}
