//! Days, weeks and months of a time zone, each from a first day of its own.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::record::{Timestamp, Window};

/// The length of a budget's period, and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Period {
    pub(super) length: Length,
    pub(super) zone: TimeZone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Day,
    /// From this day on.
    Week(Weekday),
    /// From this day of the month on; from its last day where it is shorter.
    Month(i8),
}

impl Period {
    /// The period that holds `at`; `None` at the ends of the calendar.
    pub(super) fn window(&self, at: Timestamp) -> Option<Window> {
        let start = self.length.start(self.local(at)?)?;
        Some(Window { from: self.midnight(start)?, to: self.midnight(self.length.next(start)?)? })
    }

    /// The date at `at`, as `2026-11-01`.
    pub(super) fn date(&self, at: Timestamp) -> String {
        self.local(at).map_or_else(String::new, |date| date.to_string())
    }

    fn local(&self, at: Timestamp) -> Option<Date> {
        let at = jiff::Timestamp::from_nanosecond(i128::from(at.0)).ok()?;
        Some(at.to_zoned(self.zone.clone()).date())
    }

    /// When `date` begins. Where the clock skips its midnight, that is the first time after it.
    fn midnight(&self, date: Date) -> Option<Timestamp> {
        let at = date.to_zoned(self.zone.clone()).ok()?.start_of_day().ok()?;
        i64::try_from(at.timestamp().as_nanosecond()).ok().map(Timestamp)
    }
}

impl Length {
    fn start(self, date: Date) -> Option<Date> {
        match self {
            Self::Day => Some(date),
            Self::Week(first) => {
                let since = date.weekday().since(first);
                date.checked_sub(i64::from(since).days()).ok()
            }
            Self::Month(first) => {
                let this = in_month(date, first)?;
                if date >= this {
                    Some(this)
                } else {
                    in_month(date.first_of_month().yesterday().ok()?, first)
                }
            }
        }
    }

    /// The start after the one on `start`.
    fn next(self, start: Date) -> Option<Date> {
        match self {
            Self::Day => start.tomorrow().ok(),
            Self::Week(_) => start.checked_add(7.days()).ok(),
            Self::Month(first) => in_month(start.last_of_month().tomorrow().ok()?, first),
        }
    }
}

/// The day `first` of the month of `date`, or its last.
fn in_month(date: Date, first: i8) -> Option<Date> {
    date.with().day(first.clamp(1, date.days_in_month())).build().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::time::{parse_time, rfc3339};

    fn period(length: Length, zone: &str) -> Period {
        Period { length, zone: TimeZone::get(zone).expect(zone) }
    }

    fn bounds(length: Length, zone: &str, at: &str) -> [String; 2] {
        let window = period(length, zone).window(parse_time(at).expect(at)).expect(at);
        [rfc3339(window.from), rfc3339(window.to)]
    }

    #[test]
    fn periods_follow_the_clock_of_their_zone() {
        let berlin = "Europe/Berlin";
        // 25 hours, and 23.
        assert_eq!(
            bounds(Length::Day, berlin, "2026-10-25T12:00:00Z"),
            ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"]
        );
        assert_eq!(
            bounds(Length::Day, berlin, "2026-03-29T12:00:00Z"),
            ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"]
        );
        // A shift of half an hour: Lord Howe is 10:30 ahead in winter and 11:00 in summer.
        assert_eq!(
            bounds(Length::Day, "Australia/Lord_Howe", "2026-10-04T02:00:00Z"),
            ["2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"]
        );
        assert_eq!(
            bounds(Length::Day, "Asia/Kolkata", "2026-11-23T19:00:00Z"),
            ["2026-11-23T18:30:00Z", "2026-11-24T18:30:00Z"]
        );
        // Midnight itself is skipped.
        assert_eq!(
            bounds(Length::Day, "Africa/Cairo", "2026-04-24T10:00:00Z"),
            ["2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"]
        );
    }

    #[test]
    fn weeks_and_months_begin_on_their_first_day() {
        let week = |first| bounds(Length::Week(first), "UTC", "2026-11-22T12:00:00Z");
        assert_eq!(week(Weekday::Monday), ["2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"]);
        assert_eq!(week(Weekday::Sunday), ["2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"]);
        let month = |first, at| bounds(Length::Month(first), "UTC", at);
        assert_eq!(month(1, "2026-02-14T00:00:00Z"), ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]);
        assert_eq!(month(15, "2026-02-14T00:00:00Z"), ["2026-01-15T00:00:00Z", "2026-02-15T00:00:00Z"]);
        assert_eq!(month(31, "2026-02-28T00:00:00Z"), ["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"]);
        assert_eq!(month(31, "2028-02-28T00:00:00Z"), ["2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z"]);
    }

    proptest! {
        #[test]
        fn periods_join_without_gap_or_overlap(
            seconds in 0_i64..4_000_000_000,
            zone in prop::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo",
                "America/Sao_Paulo", "Pacific/Apia", "America/Havana", "Asia/Kathmandu", "Pacific/Chatham", "Africa/Casablanca",
            ]),
            length in prop_oneof![
                Just(Length::Day),
                (0_i8..7).prop_map(|day| Length::Week(Weekday::from_monday_zero_offset(day).expect("a day"))),
                (1_i8..=31).prop_map(Length::Month),
            ],
        ) {
            let period = period(length, zone);
            let at = Timestamp(0).plus_seconds(seconds);
            let window = period.window(at).expect("a period");
            prop_assert!(window.from <= at && at < window.to, "{window:?}");
            let next = period.window(window.to).expect("a period");
            prop_assert_eq!(next.from, window.to);
            let last = period.window(Timestamp(window.to.0 - 1)).expect("a period");
            prop_assert_eq!(last, window);
        }
    }
}
