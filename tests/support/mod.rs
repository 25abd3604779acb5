//! What the integration tests share: a loopback server that plays a script byte by byte, and a client whose
//! spans and metrics stay in memory.

#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "each test binary includes this module and uses its own part"
)]

pub mod loopback;
pub mod memory;
pub mod observed;
#[cfg(feature = "otlp")]
pub mod receiver;
pub mod wire;
