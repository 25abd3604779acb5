//! What the values of rules count, and how people read them.

use crate::text::seconds::Seconds;

/// What a rule's values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Requests a minute.
    PerMinute,
    /// A share between 0 and 1.
    Share,
    /// US dollars.
    Usd,
    /// Tokens.
    Tokens,
    /// Calls.
    Calls,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// A value for people: `62.5%`, `$12.30`, `1,200`.
    #[must_use]
    pub fn format(self, value: f64) -> String {
        match self {
            Self::Share => format!("{}%", trimmed(value * 100.0, 2)),
            // An amount above 0 does not read as 0.
            Self::Usd if value != 0.0 && value.abs() < 0.01 => format!("${value:.6}"),
            Self::Usd => format!("${value:.2}"),
            #[expect(clippy::cast_possible_truncation, reason = "values are far below 2^63 seconds")]
            Self::Seconds => Seconds(value as i64).to_string(),
            Self::PerMinute | Self::Tokens | Self::Calls => trimmed(value, 1),
        }
    }
}

/// `value` with at most `decimals` decimals, no trailing zeros, and thousands set apart.
fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        if index > 0 && left % 3 == 0 && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Dollars of a threshold: whole ones without cents.
pub(crate) fn dollars(usd: f64) -> String {
    if usd.fract() == 0.0 { format!("${usd:.0}") } else { Unit::Usd.format(usd) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_values_as_people_read_them() {
        for (unit, value, text) in [
            (Unit::Share, 0.625, "62.5%"),
            (Unit::Share, 1.0, "100%"),
            (Unit::Share, 0.000_01, "0%"),
            (Unit::Usd, 1234.5, "$1234.50"),
            (Unit::Usd, 0.001_5, "$0.001500"),
            (Unit::Usd, 0.0, "$0.00"),
            (Unit::Tokens, 1_234_567.0, "1,234,567"),
            (Unit::Calls, 0.0, "0"),
            (Unit::PerMinute, 100.25, "100.2"),
            (Unit::Seconds, 901.0, "15m1s"),
        ] {
            assert_eq!(unit.format(value), text);
        }
        assert_eq!((dollars(100.0), dollars(2.5)), ("$100".to_owned(), "$2.50".to_owned()));
    }
}
