//! Durations as configuration writes them: `90s`, `5m`, `1h30m`, `1d`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::time::in_words;

/// A duration in whole seconds, written like in Prometheus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub i64);

/// Longest first, as they are printed.
const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl Seconds {
    /// One minute.
    pub const MINUTE: Self = Self(60);
    /// One hour.
    pub const HOUR: Self = Self(3600);
    /// One day.
    pub const DAY: Self = Self(86_400);

    /// The same duration for timers; negative ones are zero.
    #[must_use]
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::try_from(self.0).unwrap_or(0))
    }

    /// For people: `5 min`, `1 h 30 min`.
    #[must_use]
    pub fn words(self) -> String {
        in_words(self.0)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        for (unit, size) in UNITS {
            if rest >= size || (unit == 's' && self.0 <= 0) {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a valid duration; expected something like 30s, 5m, 1h30m or 1d");
        let mut total: i64 = 0;
        let mut rest = text;
        // Units fall from day to second, each at most once.
        let mut units = UNITS.iter();
        if text.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let count: i64 = rest[..digits].parse().map_err(|_| wrong())?;
            let unit = rest[digits..].chars().next().ok_or_else(wrong)?;
            let (_, size) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
            total = count.checked_mul(*size).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
            rest = &rest[digits + unit.len_utf8()..];
        }
        Ok(Self(total))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        for (text, seconds) in
            [("0s", 0), ("45s", 45), ("5m", 300), ("1h30m", 5400), ("1d", 86_400), ("1d1s", 86_401)]
        {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
            assert_eq!(Seconds(seconds).to_string(), text);
        }
        assert_eq!("90s".parse(), Ok(Seconds(90)));
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in
            ["", "5", "m", "5 m", "-5m", "5x", "1m1h", "5m5m", "99999999999999999999s", "9999999999999999d"]
        {
            let message = text.parse::<Seconds>().expect_err(text);
            assert!(message.contains(&format!("{text:?}")), "{message}");
        }
    }

    #[test]
    fn is_shown_in_words() {
        for (seconds, words) in
            [(300, "5 min"), (3600, "1 h"), (90, "1 min 30 s"), (0, "0 s"), (172_800, "2 d")]
        {
            assert_eq!(Seconds(seconds).words(), words);
        }
    }
}
