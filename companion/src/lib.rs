//! The parts of the `spanledger` binary, as a library so that tests and benchmarks reach them. Not a stable
//! interface: scripts use the command line, its JSON and its metrics.

#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "tests start threads and tasks, and read clocks and the environment"
    )
)]

pub mod admin;
pub mod alert;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod convert;
pub mod demo;
pub mod evaluate;
pub mod failure;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
pub mod metrics;
pub mod net;
pub mod notify;
pub(crate) mod otlp;
pub mod page;
pub mod receiver;
pub mod record;
pub mod report;
pub mod rule;
pub mod store;
pub mod text;
