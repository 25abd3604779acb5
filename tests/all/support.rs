//! What the tests share: providers that play a script, on loopback and in memory, a client whose telemetry stays in
//! memory, and one exchange of every wire format.

pub(crate) mod loopback;
pub(crate) mod memory;
pub(crate) mod observed;
pub(crate) mod recorded;
pub(crate) mod replay;
pub(crate) mod wire;
