//! Hours of the week in a time zone: `Mon-Fri 08:00-18:00 Europe/Berlin`, or over midnight `Fri 22:00-06:00 UTC`.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::Timestamp;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// From a time of day to another one on the same days of every week. What ends before it begins ends on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hours {
    text: String,
    /// From Monday on: where they begin.
    days: [bool; 7],
    /// Minutes since midnight.
    from: i64,
    to: i64,
    zone: TimeZone,
}

impl Default for Hours {
    /// `Mon-Fri 08:00-18:00 UTC`
    fn default() -> Self {
        let days = [true, true, true, true, true, false, false];
        let text = "Mon-Fri 08:00-18:00 UTC".to_owned();
        Self { text, days, from: 8 * 60, to: 18 * 60, zone: TimeZone::UTC }
    }
}

impl Hours {
    /// When the hours in which `at` is began; `None` at other times.
    #[must_use]
    pub(crate) fn began(&self, at: Timestamp) -> Option<Timestamp> {
        let today = date(at, &self.zone)?;
        let hours = [Some(today), today.yesterday().ok()].into_iter().flatten();
        hours
            .filter_map(|date| self.on(date))
            .find(|(from, to)| *from <= at && at < *to)
            .map(|(from, _)| from)
    }

    /// Whether `at` is within.
    #[must_use]
    pub(crate) fn holds(&self, at: Timestamp) -> bool {
        self.began(at).is_some()
    }

    /// Those that begin on a date. A time that a change of the clock leaves out is as much later as the clock goes on, and of
    /// a time that comes twice the first counts.
    fn on(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        if !self.days[day] {
            return None;
        }
        let last = if self.from < self.to { date } else { date.tomorrow().ok()? };
        Some((self.time(date, self.from)?, self.time(last, self.to)?))
    }

    fn time(&self, date: Date, minutes: i64) -> Option<Timestamp> {
        // `24:00` is the midnight after.
        let date = if minutes == 24 * 60 { date.tomorrow().ok()? } else { date };
        let (hour, minute) = (i8::try_from(minutes / 60 % 24).ok()?, i8::try_from(minutes % 60).ok()?);
        let time = date.at(hour, minute, 0, 0).to_zoned(self.zone.clone()).ok()?.timestamp();
        i64::try_from(time.as_nanosecond()).ok().map(Timestamp)
    }
}

/// The date at a time in a zone.
pub(crate) fn date(at: Timestamp, zone: &TimeZone) -> Option<Date> {
    Some(jiff::Timestamp::from_nanosecond(at.0.into()).ok()?.to_zoned(zone.clone()).date())
}

/// The time zone of an IANA name.
///
/// # Errors
/// A text for people when there is none of the name.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| format!("{name:?} is not a known time zone; expected a name like UTC or Europe/Berlin"))
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} are no hours of a week; expected something like Mon-Fri 08:00-18:00 Europe/Berlin"
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
        if from == to || from == 24 * 60 {
            return Err(format!("{text:?}: hours end later than they begin; a whole day is 00:00-24:00"));
        }
        Ok(Self { text: text.to_owned(), days, from, to, zone: time_zone(zone)? })
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

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::time::{parse_time, rfc3339};

    fn began(hours: &str, at: &str) -> Option<String> {
        let hours: Hours = hours.parse().expect(hours);
        hours.began(parse_time(at).expect(at)).map(rfc3339)
    }

    #[test]
    fn hours_are_those_of_their_time_zone() {
        // Berlin is one hour ahead of UTC in winter and two in summer.
        let berlin = "Mon-Fri 08:00-18:00 Europe/Berlin";
        for (at, from) in [
            ("2026-11-02T06:59:59Z", None),
            ("2026-11-02T07:00:00Z", Some("2026-11-02T07:00:00Z")),
            ("2026-07-06T15:59:00Z", Some("2026-07-06T06:00:00Z")),
            ("2026-07-06T16:00:00Z", None),
            ("2026-11-07T10:00:00Z", None),
        ] {
            assert_eq!(began(berlin, at).as_deref(), from, "{at}");
        }
        let days = "Sun-Mon,Wed 00:00-24:00 UTC";
        assert_eq!(began(days, "2026-11-04T23:59:00Z").as_deref(), Some("2026-11-04T00:00:00Z"));
        assert_eq!(began(days, "2026-11-03T12:00:00Z"), None);
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
        let night = "Fri 22:00-06:00 Europe/Berlin";
        for (at, from) in [
            ("2026-11-06T20:59:59Z", None),
            ("2026-11-06T21:00:00Z", Some("2026-11-06T21:00:00Z")),
            ("2026-11-07T04:59:59Z", Some("2026-11-06T21:00:00Z")),
            ("2026-11-07T05:00:00Z", None),
            // Early on Friday the night of Thursday goes on, which is none of these.
            ("2026-11-06T02:00:00Z", None),
        ] {
            assert_eq!(began(night, at).as_deref(), from, "{at}");
        }
    }

    #[test]
    fn hours_follow_the_clock_on_the_days_on_which_it_changes() {
        let night = "Sat 22:00-06:00 Europe/Berlin";
        // Nine hours, and seven.
        for (at, held) in [
            ("2026-10-24T20:00:00Z", true),
            ("2026-10-25T04:59:00Z", true),
            ("2026-10-25T05:00:00Z", false),
            ("2026-03-28T21:00:00Z", true),
            ("2026-03-29T03:59:00Z", true),
            ("2026-03-29T04:00:00Z", false),
        ] {
            assert_eq!(began(night, at).is_some(), held, "{at}");
        }
        // 02:30 does not exist: 03:30 counts.
        let gap = "Sun 02:30-04:00 Europe/Berlin";
        assert_eq!(began(gap, "2026-03-29T01:45:00Z").as_deref(), Some("2026-03-29T01:30:00Z"));
        // Work began by the clock of the morning after the change.
        let work = "Sun 00:00-12:00 Europe/Berlin";
        assert_eq!(began(work, "2026-03-29T08:00:00Z").as_deref(), Some("2026-03-28T23:00:00Z"));
    }

    #[test]
    fn refuses_what_are_no_hours_and_says_why() {
        for (text, reason) in [
            ("Mon-Fri", "are no hours of a week"),
            ("Mon-Fry 08:00-18:00 UTC", "are no hours of a week"),
            ("Mon-Fri 8-18 UTC", "are no hours of a week"),
            ("Mon-Fri 18:00-18:00 UTC", "end later than they begin"),
            ("Mon-Fri 24:00-08:00 UTC", "end later than they begin"),
            ("Mon-Fri 08:00-18:00 Europe/Nowhere", "not a known time zone"),
        ] {
            let error = text.parse::<Hours>().expect_err(text);
            assert!(error.contains(reason), "{error}");
        }
        assert_eq!(Hours::default().to_string().parse(), Ok(Hours::default()));
    }
}
