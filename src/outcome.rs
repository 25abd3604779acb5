//! How a call ended: the terminal facts every call gets exactly once.

use std::fmt;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The whole answer arrived.
    Completed,
    /// The body ended, or its transport failed, before the provider's end marker.
    Truncated,
    /// The caller stopped reading the body.
    Dropped,
    /// The caller dropped the future before the response headers arrived.
    Cancelled,
    /// An HTTP error status, an error inside a 200 answer, or no connection.
    Failed,
    /// A connect, read or total time-out.
    TimedOut,
}

impl Outcome {
    /// Every outcome, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Completed, Self::Truncated, Self::Dropped, Self::Cancelled, Self::Failed, Self::TimedOut];

    /// The value of `spanledger.outcome`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Truncated => "truncated",
            Self::Dropped => "dropped",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
        }
    }

    /// The outcome whose attribute value is `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }

    /// Whether the call carries `error.type` and span status Error. `Dropped` and `Cancelled` do not:
    /// the caller chose them.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Truncated | Self::Failed | Self::TimedOut)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
