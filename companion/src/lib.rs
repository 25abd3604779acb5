//! The parts of the `spanledger` binary, as a library so that tests and benchmarks reach them. Not a stable
//! interface: scripts use the command line, its JSON and its metrics.

pub mod admin;
pub mod alert;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod convert;
pub mod demo;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
pub mod metrics;
pub mod notify;
mod owner_only;
pub mod page;
pub mod plain;
pub mod receiver;
pub mod record;
pub mod report;
pub mod rule;
pub mod seconds;
mod seldom;
pub mod store;
pub mod time;
