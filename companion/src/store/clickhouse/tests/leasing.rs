//! Several companions on one ClickHouse: one writes, and another takes over.

use super::*;
use crate::store::conformance::records::call;
use crate::store::{Appender as _, Filter, Querier as _, StoreError};

#[test]
fn one_of_several_companions_writes_and_another_takes_over() {
    if engine::address().is_none() {
        return;
    }
    let first = options();
    let _keep = engine::Database::of(&first);
    let second = Options { holder: "second".to_owned(), ..first.clone() };
    let mut writer = ClickHouseAppender::open(&first).unwrap();
    writer.append(&[call(1)]).unwrap();
    let refused = ClickHouseAppender::open(&second).unwrap_err();
    assert!(matches!(&refused, StoreError::Held { holder, .. } if *holder == first.holder), "{refused}");
    #[derive(clickhouse::Row, serde::Deserialize)]
    struct Claims {
        claims: u64,
    }
    let connection = connection::Connection::new(&second).unwrap();
    let sql = format!("SELECT count() AS claims FROM {}.lease FINAL", first.database);
    assert_eq!(
        connection.row::<Claims>(&sql).unwrap().unwrap().claims,
        1,
        "one that was refused claims nothing"
    );
    // It reads all the same.
    let querier = ClickHouseQuerier::open(&second).unwrap();
    let all = crate::record::Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
    let calls = || querier.totals(all, &Filter::default()).unwrap().calls;
    assert_eq!(calls(), 1);

    // The writer ends in order; what the next one writes replaces what a late one would.
    drop(writer);
    let mut next = ClickHouseAppender::open(&second).unwrap();
    assert_eq!(next.append(&[call(1), call(2)]).unwrap().duplicates, 1);
    assert_eq!(calls(), 2);
    assert!(ClickHouseAppender::open(&first).is_err());
}

#[test]
fn a_writer_that_lost_its_lease_writes_no_more_and_says_so() {
    if engine::address().is_none() {
        return;
    }
    let first = options();
    let _keep = engine::Database::of(&first);
    let mut writer = ClickHouseAppender::open(&first).unwrap();
    let lost = writer.lost();
    writer.expire_lease();
    let second = Options { holder: "second".to_owned(), ..first.clone() };
    let _next = ClickHouseAppender::open(&second).unwrap();
    assert!(!*lost.borrow());
    assert!(matches!(writer.append(&[call(1)]), Err(StoreError::Held { .. })));
    assert!(*lost.borrow());
}

#[test]
fn a_writer_that_was_paused_goes_on_where_no_other_took_over() {
    if engine::address().is_none() {
        return;
    }
    let first = options();
    let _keep = engine::Database::of(&first);
    let mut writer = ClickHouseAppender::open(&first).unwrap();
    writer.append(&[call(1)]).unwrap();
    writer.pause();
    let done = writer.append(&[call(1), call(2)]).unwrap();
    assert_eq!((done.inserted, done.duplicates), (1, 1));
    writer.pause();
    let second = Options { holder: "second".to_owned(), ..first.clone() };
    let mut next = ClickHouseAppender::open(&second).unwrap();
    assert!(matches!(writer.append(&[call(3)]), Err(StoreError::Held { .. })));
    next.append(&[call(3)]).unwrap();
}

#[test]
fn a_text_is_there_for_the_companion_that_takes_over() {
    if engine::address().is_none() {
        return;
    }
    let first = options();
    let _keep = engine::Database::of(&first);
    let writer = ClickHouseAppender::open(&first).unwrap();
    assert_eq!(writer.text("alerts").unwrap(), None);
    let keep = writer.text_keeper("alerts");
    keep("{\"one\": '\\'}").unwrap();
    keep("two").unwrap();
    // Another one of the same process goes on from there, whatever it keeps.
    let again = writer.text_keeper("alerts");
    again("two and a half").unwrap();
    assert_eq!(writer.text("alerts").unwrap().as_deref(), Some("two and a half"));
    keep("two").unwrap();
    drop(writer);
    let second = Options { holder: "second".to_owned(), ..first };
    let next = ClickHouseAppender::open(&second).unwrap();
    assert_eq!(next.text("alerts").unwrap().as_deref(), Some("two"));
    next.text_keeper("alerts")("three").unwrap();
    keep("too late").unwrap();
    assert_eq!(next.text("alerts").unwrap().as_deref(), Some("three"));
}

#[test]
fn a_companion_that_only_answers_takes_nothing_and_notices_a_free_lease() {
    if engine::address().is_none() {
        return;
    }
    let options = options();
    let _keep = engine::Database::of(&options);
    let writer = ClickHouseAppender::open(&options).unwrap();
    let mut standby = Standby::new(&Options { holder: "second".to_owned(), ..options }).unwrap();
    let free = standby.free();
    assert!(matches!(standby.append(&[call(1)]), Err(StoreError::Held { .. })));
    standby.maintain(Timestamp(0)).unwrap();
    assert!(!*free.borrow());
    drop(writer);
    standby.maintain(Timestamp(0)).unwrap();
    assert!(*free.borrow());
}
