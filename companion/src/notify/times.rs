//! When a target is not to be disturbed: outside its hours, in its mute times, and on holidays.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::Timestamp;
use crate::text::hours::{Hours, date, time_zone};

/// Bytes of a file of holidays.
const LARGEST: u64 = 1 << 20;
/// The word that names the days of the file.
const HOLIDAYS: &str = "holidays";

/// One entry of a target's `mute`: hours of every week, or the holidays of the file, in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MuteTime {
    Hours(Hours),
    Holidays(TimeZone, String),
}

impl FromStr for MuteTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(HOLIDAYS) {
            Some(zone) => Ok(Self::Holidays(time_zone(zone.trim())?, text.to_owned())),
            None => {
                text.parse().map(Self::Hours).map_err(|error| format!("{error}, or {HOLIDAYS} Europe/Berlin"))
            }
        }
    }
}

impl fmt::Display for MuteTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours(hours) => hours.fmt(f),
            Self::Holidays(_, text) => f.pad(text),
        }
    }
}

impl Serialize for MuteTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MuteTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Days on which people do not work: `2026-12-24`, or of every year `12-25`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holidays {
    dates: BTreeSet<Date>,
    /// Month and day.
    yearly: BTreeSet<(i8, i8)>,
}

impl Holidays {
    /// Reads a file with one day per line, after which a name may follow; `#` begins a comment.
    ///
    /// # Errors
    /// A text for people when it cannot be read, or a line is no day.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let fault = |reason: &str| format!("{}: {reason}", path.display());
        let length = std::fs::metadata(path).map_err(|error| fault(&error.to_string()))?.len();
        if length > LARGEST {
            return Err(fault("is larger than 1 MiB"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fault(&error.to_string()))?;
        let mut holidays = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let Some(day) = line.split_whitespace().next() else { continue };
            holidays.add(day).ok_or_else(|| {
                let expected = "is no day; expected one such as 2026-12-24, or of every year 12-25";
                format!("{}:{}: {day:?} {expected}", path.display(), index + 1)
            })?;
        }
        Ok(holidays)
    }

    fn add(&mut self, day: &str) -> Option<()> {
        // Every day of a year is one of a leap year.
        match day.len() {
            5 => {
                let date: Date = format!("2024-{day}").parse().ok()?;
                self.yearly.insert((date.month(), date.day()));
            }
            10 => _ = self.dates.insert(day.parse().ok()?),
            _ => return None,
        }
        Some(())
    }

    fn holds(&self, date: Date) -> bool {
        self.dates.contains(&date) || self.yearly.contains(&(date.month(), date.day()))
    }
}

/// When a target gets messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times {
    /// Only within these; always without any.
    active: Vec<Hours>,
    /// Not within these.
    mute: Vec<MuteTime>,
    holidays: Arc<Holidays>,
}

impl Times {
    pub(super) fn new(active: &[Hours], mute: &[MuteTime], holidays: &Arc<Holidays>) -> Self {
        Self { active: active.to_vec(), mute: mute.to_vec(), holidays: Arc::clone(holidays) }
    }

    /// Whether nothing is sent at `at`.
    pub(super) fn are_muted(&self, at: Timestamp) -> bool {
        let muted = |time: &MuteTime| match time {
            MuteTime::Hours(hours) => hours.holds(at),
            MuteTime::Holidays(zone, _) => date(at, zone).is_some_and(|date| self.holidays.holds(date)),
        };
        let inactive = !self.active.is_empty() && !self.active.iter().any(|hours| hours.holds(at));
        inactive || self.mute.iter().any(muted)
    }
}
