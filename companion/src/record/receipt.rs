//! When something arrived.

use super::Timestamp;

/// When something arrived, by the clock of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) time: Timestamp,
    /// Whether that clock is believed. As long as it is not, a call that ends much later shows that the clock is behind as well
    /// as that its sender's is ahead.
    pub(crate) believed: bool,
}

impl From<Timestamp> for Receipt {
    fn from(time: Timestamp) -> Self {
        Self { time, believed: true }
    }
}

/// What the ends of the calls of a request say of the clock of the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Whether one is about when the clock says.
    pub(crate) agree: bool,
    /// Whether one is not ahead of it.
    pub(crate) before: bool,
    /// How many are so far ahead that they keep their own time, since the clock is not believed.
    pub(crate) beyond: u64,
}
