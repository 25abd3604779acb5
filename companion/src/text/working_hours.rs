//! Hours of the week in a time zone: `Mon-Fri 08:00-18:00 Europe/Berlin`.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::Timestamp;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// From a time of day to a later one, on the same days of every week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkingHours {
    text: String,
    /// From Monday on.
    days: [bool; 7],
    /// Minutes since midnight.
    from: i64,
    to: i64,
    zone: TimeZone,
}

impl Default for WorkingHours {
    /// `Mon-Fri 08:00-18:00 UTC`
    fn default() -> Self {
        let days = [true, true, true, true, true, false, false];
        let text = "Mon-Fri 08:00-18:00 UTC".to_owned();
        Self { text, days, from: 8 * 60, to: 18 * 60, zone: TimeZone::UTC }
    }
}

impl WorkingHours {
    /// When the working hours in which `at` is began; `None` at other times.
    #[must_use]
    pub(crate) fn began(&self, at: Timestamp) -> Option<Timestamp> {
        let time = jiff::Timestamp::from_nanosecond(at.0.into()).ok()?.to_zoned(self.zone.clone());
        let day = usize::try_from(time.weekday().to_monday_zero_offset()).ok()?;
        let minute = i64::from(time.hour()) * 60 + i64::from(time.minute());
        if !self.days[day] || minute < self.from || minute >= self.to {
            return None;
        }
        let into = (minute - self.from) * 60 + i64::from(time.second());
        Some(at.plus_seconds(-into))
    }
}

impl FromStr for WorkingHours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} are no working hours; expected something like Mon-Fri 08:00-18:00 Europe/Berlin"
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let [week, hours, zone] = words.as_slice() else { return Err(wrong()) };
        let mut days = [false; 7];
        for part in week.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let day =
                |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name)).ok_or_else(wrong);
            let (first, last) = (day(first)?, day(last)?);
            // `Fri-Mon` goes over the end of the week.
            (0..=(last + 7 - first) % 7).for_each(|more| days[(first + more) % 7] = true);
        }
        let (from, to) = hours.split_once('-').ok_or_else(wrong)?;
        let (from, to) = (minutes(from).ok_or_else(wrong)?, minutes(to).ok_or_else(wrong)?);
        if from >= to {
            return Err(format!("{text:?}: working hours end later on the day on which they begin"));
        }
        let zone = TimeZone::get(zone).map_err(|_| {
            format!("{zone:?} is not a known time zone; expected a name like UTC or Europe/Berlin")
        })?;
        Ok(Self { text: text.to_owned(), days, from, to, zone })
    }
}

/// `08:30` as minutes since midnight, `24:00` included.
pub(crate) fn minutes(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let all = hour * 60 + minute;
    ((0..24).contains(&hour) && (0..60).contains(&minute) || all == 24 * 60).then_some(all)
}

impl fmt::Display for WorkingHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for WorkingHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WorkingHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn began(hours: &str, at: &str) -> Option<String> {
        let at: jiff::Timestamp = at.parse().expect(at);
        let hours: WorkingHours = hours.parse().expect(hours);
        let began = hours.began(Timestamp(i64::try_from(at.as_nanosecond()).expect("a year of today")))?;
        Some(jiff::Timestamp::from_nanosecond(began.0.into()).expect("a time").to_string())
    }

    #[test]
    fn working_hours_are_those_of_their_time_zone() {
        // Berlin is one hour ahead of UTC in winter and two in summer.
        let berlin = "Mon-Fri 08:00-18:00 Europe/Berlin";
        assert_eq!(began(berlin, "2026-11-02T06:59:59Z"), None);
        assert_eq!(began(berlin, "2026-11-02T07:00:00Z").as_deref(), Some("2026-11-02T07:00:00Z"));
        assert_eq!(began(berlin, "2026-07-06T15:59:00Z").as_deref(), Some("2026-07-06T06:00:00Z"));
        assert_eq!(began(berlin, "2026-07-06T16:00:00Z"), None);
        assert_eq!(began(berlin, "2026-11-07T10:00:00Z"), None);
        assert_eq!(
            began("Sun-Mon,Wed 00:00-24:00 UTC", "2026-11-04T23:59:00Z").as_deref(),
            Some("2026-11-04T00:00:00Z")
        );
        assert_eq!(began("Sun-Mon,Wed 00:00-24:00 UTC", "2026-11-03T12:00:00Z"), None);
    }

    #[test]
    fn refuses_what_are_no_hours_and_says_why() {
        for (text, reason) in [
            ("Mon-Fri", "are no working hours"),
            ("Mon-Fry 08:00-18:00 UTC", "are no working hours"),
            ("Mon-Fri 8-18 UTC", "are no working hours"),
            ("Mon-Fri 18:00-08:00 UTC", "end later on the day"),
            ("Mon-Fri 08:00-18:00 Europe/Nowhere", "not a known time zone"),
        ] {
            let error = text.parse::<WorkingHours>().expect_err(text);
            assert!(error.contains(reason), "{error}");
        }
        assert_eq!(WorkingHours::default().to_string().parse(), Ok(WorkingHours::default()));
    }
}
