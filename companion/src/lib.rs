//! The parts of the `spanledger` binary, as a library so that tests and benchmarks reach them. Not a stable
//! interface: scripts use the command line, its JSON and its metrics.

pub mod cli;
pub mod page;
pub mod plain;
pub mod record;
pub mod report;
pub mod store;
pub mod time;
