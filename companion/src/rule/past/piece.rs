//! How much of the past is read at once.

/// Calls that may be read at once where the past is read in pieces; of five minutes that are added up, the calls in them. Some
/// twenty milliseconds.
const CALLS: u64 = 40_000;

/// What may still be read of a piece of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Everything.
    Whole,
    /// As much as has so many calls.
    Left(u64),
}

impl Piece {
    /// The next piece where not everything is to be read at once.
    pub(crate) const NEXT: Self = Self::Left(CALLS);

    /// Something with so many calls was read, or will be. There is a cost to what has none.
    pub(super) fn take(&mut self, calls: u64) {
        if let Self::Left(left) = self {
            *left = left.saturating_sub(calls.max(10));
        }
    }

    /// Whether the rest is to be read later.
    pub(super) fn is_used_up(self) -> bool {
        self == Self::Left(0)
    }
}
