//! What the library's own examples use as well: a provider on a loopback port, and spans kept in memory.

#[path = "../../shared/local.rs"]
mod local;

pub use local::*;
