//! What the values of rules count, and how people read them.

use crate::record::NanoUsd;
use crate::text::number::{number, or_dash, percent, seconds, usd};

/// What a rule's values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Requests per minute.
    PerMinute,
    /// A share between 0 and 1.
    Share,
    /// US dollars.
    Usd,
    /// Tokens.
    Tokens,
    /// Calls.
    Calls,
    /// Services.
    Services,
    /// Seconds.
    Seconds,
    /// How many times as much.
    Times,
}

impl Unit {
    /// A value for people: `62.5 %`, `$12.30`, `1,200`, `15 min 1 s`.
    #[must_use]
    pub fn format(self, value: f64) -> String {
        match self {
            Self::Share => percent(value),
            Self::Usd => or_dash(NanoUsd::from_usd(value), usd),
            Self::Seconds => seconds(value),
            Self::Times => format!("{}x", number(value)),
            Self::PerMinute | Self::Tokens | Self::Calls | Self::Services => number(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_values_as_people_read_them() {
        for (unit, value, text) in [
            (Unit::Share, 0.625, "62.5 %"),
            (Unit::Share, 1.0, "100 %"),
            (Unit::Share, 0.000_01, "<0.1 %"),
            (Unit::Usd, 1234.5, "$1,234.50"),
            (Unit::Usd, 0.001_5, "$0.0015"),
            (Unit::Usd, 0.0, "$0.00"),
            (Unit::Usd, f64::NAN, "–"),
            (Unit::Tokens, 1_234_567.0, "1,234,567"),
            (Unit::Calls, 0.0, "0"),
            (Unit::PerMinute, 12.25, "12.2"),
            (Unit::Seconds, 901.0, "15 min 1 s"),
            (Unit::Times, 2.5, "2.5x"),
        ] {
            assert_eq!(unit.format(value), text);
        }
    }
}
