//! The parts of the `spanledger` binary, as a library so that its tests, benchmarks and fuzz targets reach them. Not a
//! stable interface: scripts use the command line, its JSON and its metrics.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "tests start threads and tasks, and read clocks and the environment"
    )
)]

mod admin;
mod alert;
mod app;
mod archive;
pub mod cli;
mod clock;
mod config;
mod convert;
mod demo;
mod evaluate;
mod explain;
mod failure;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod inbox;
mod journal;
mod live;
mod metrics;
mod net;
mod notify;
mod otlp;
mod page;
mod periods;
mod promql;
mod receiver;
mod record;
mod report;
mod rule;
mod silence;
mod store;
mod text;
mod traceql;
mod traces;

/// What the benchmarks and the tests of the binary use.
#[doc(hidden)]
pub mod bench {
    pub use crate::clock::now;
    pub use crate::demo::quality::{DemoQuality, demo_quality};
    pub use crate::evaluate::backtest::{Backtest, Firing, backtest};
    pub use crate::evaluate::times::RuleTimes;
    pub use crate::notify::digest::accompanies;
    pub use crate::record::{CallRecord, NanoUsd, Origin, Tags, Timestamp, Window};
    pub use crate::report::{build as build_report, to_html};
    pub use crate::rule::config::{Preset, RulesConfig};
    pub use crate::rule::{RuleName, Severity};
    pub use crate::store::identity::Groups;
    pub use crate::store::sqlite::{Ledger, Options, SqliteQuerier};
    pub use crate::store::{Appender, Dimension, Filter, Page, Querier, StoreError};
}
