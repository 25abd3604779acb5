//! The store against the real engine: chdb, within a process of its own that speaks HTTP (`tests/tools/clickhouse`).

mod archiving;
mod bounds;
mod cost;
mod differential;
pub(crate) mod engine;
mod late;
mod leasing;
mod remembering;
mod tls;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::store::conformance::{TestStore, store_conformance};

/// A database of its own for each store.
pub(crate) fn options() -> Options {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Options {
        addresses: engine::address().into_iter().collect(),
        user: None,
        password: None,
        authority: None,
        database: format!("test_{number}"),
        holder: format!("holder {number}"),
        timeout: Duration::from_secs(60),
        memory_bytes: 2 << 30,
        rows: 100_000_000,
        keep_calls: None,
        keep_sums: None,
        archival: None,
        created: None,
        groups: Groups::default(),
        recent: RECENT,
        response_ids: 8 << 20,
    }
}

/// Runs a statement on the engine.
pub(crate) fn execute(options: &Options, sql: &str) {
    connection::Connection::new(options).unwrap().execute(sql).unwrap();
}

mod conformance {
    use super::*;

    fn open() -> Option<TestStore> {
        engine::address()?;
        let options = options();
        let appender = ClickHouseAppender::open(&options).unwrap();
        let querier = ClickHouseQuerier::open(&options).unwrap();
        let keep = engine::Database::of(&options);
        Some(TestStore {
            appender: Box::new(appender),
            querier: Box::new(querier),
            reopen: Some(Box::new(move || Box::new(ClickHouseAppender::open(&options).unwrap()))),
            _keep: Box::new(keep),
        })
    }

    // A question is some 12 ms of the engine's analysis, whatever it reads, and a case asks about a hundred and fifty.
    store_conformance!(open, 6);
}
