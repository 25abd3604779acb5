//! Durations as configuration writes them: `90s`, `5m`, `1h30m`, `1d`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// A length of time in words: `24 h`, `7 d`, `1 h 30 min`, `45 s`.
#[must_use]
pub(crate) fn in_words(seconds: i64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    // One day reads better as hours, as does anything between one day and two.
    let parts =
        if seconds < 2 * 86_400 { [(0, "d"), (seconds / 3600, "h"), parts[2], parts[3]] } else { parts };
    let words: Vec<String> =
        parts.iter().filter(|(n, _)| *n != 0).take(2).map(|(n, unit)| format!("{n} {unit}")).collect();
    if words.is_empty() { "0 s".to_owned() } else { words.join(" ") }
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
    fn lengths_read_as_people_write_them() {
        for (seconds, words) in [
            (0, "0 s"),
            (45, "45 s"),
            (5400, "1 h 30 min"),
            (86_400, "24 h"),
            (604_800, "7 d"),
            (176_400, "2 d 1 h"),
        ] {
            assert_eq!(in_words(seconds), words);
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
