//! Whole-pipeline tests: starts the real Collector, Prometheus, Alertmanager and companion on loopback, and sends
//! recorded and hand-written calls through the library to them.
//!
//! The programs come from `SPANLEDGER_TEST_TOOLS_BIN`, else from what `tests/tools/build` has built. Where they are missing, a
//! test prints that and passes; with `CI` set it fails. Every port is chosen by the system.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start threads and tasks, and read clocks and the environment"
)]

pub mod alertmanager;
pub mod application;
pub mod collector;
pub mod companion;
pub mod dashboard;
pub mod exchange;
pub mod names;
pub mod phoenix;
pub mod program;
pub mod prometheus;
pub mod provider;
mod python;
pub mod server;
pub mod stack;
pub mod terminal;
pub mod wait;
pub mod webhook;

use std::path::PathBuf;

pub use python::python;

/// Anything that goes wrong in a test is its failure.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// The result of every step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
