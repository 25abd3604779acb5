//! Hours, days, weeks and months of a time zone, with its changes of the clock.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use crate::record::{Timestamp, Window};
use crate::text::number::counted;
use crate::text::time::parse_time;

/// The most periods of one command; each is several queries.
const MOST: usize = 2_000;

/// The length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Hour,
    Day,
    Week,
    Month,
}

impl Period {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// How many periods are listed where nothing else is asked for.
    const fn usual(self) -> i64 {
        match self {
            Self::Hour => 24,
            Self::Day => 30,
            Self::Week | Self::Month => 12,
        }
    }

    /// The start of the period that holds `at`.
    fn start(self, at: &Zoned) -> Result<Zoned, jiff::Error> {
        let zone = at.time_zone().clone();
        match self {
            // With the offset of `at`: where the clock goes back, an hour occurs twice.
            Self::Hour => at.with().minute(0).second(0).subsec_nanosecond(0).build(),
            Self::Day => at.start_of_day(),
            Self::Week => {
                let days = i64::from(at.date().weekday().to_monday_zero_offset());
                at.date().checked_sub(days.days())?.to_zoned(zone)
            }
            Self::Month => at.date().first_of_month().to_zoned(zone),
        }
    }

    /// The start of the period `count` after the one that begins at `start`.
    fn after(self, start: &Zoned, count: i64) -> Result<Zoned, jiff::Error> {
        let zone = start.time_zone().clone();
        match self {
            Self::Hour => start.checked_add(count.hours()),
            Self::Day => start.date().checked_add(count.days())?.to_zoned(zone),
            Self::Week => start.date().checked_add((7 * count).days())?.to_zoned(zone),
            Self::Month => start.date().checked_add(count.months())?.to_zoned(zone),
        }
    }

    fn label(self, start: &Zoned) -> String {
        let format = match self {
            Self::Hour => "%Y-%m-%d %H:%M",
            Self::Day | Self::Week => "%Y-%m-%d",
            Self::Month => "%Y-%m",
        };
        start.strftime(format).to_string()
    }
}

/// One period, cut to what is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// When the period begins, as people of the time zone write it.
    pub(crate) label: String,
    pub(crate) window: Window,
}

/// What the flags name.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ends<'a> {
    /// Seconds up to now.
    pub(crate) last: Option<i64>,
    pub(crate) from: Option<&'a str>,
    pub(crate) to: Option<&'a str>,
}

/// Reads the name of a time zone.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!("{name:?} is not a known time zone; expected an IANA name such as UTC or Europe/Berlin")
    })
}

/// The periods from the one that holds the start to the one that holds the end, oldest first.
///
/// # Errors
/// A text for people when a time cannot be read, when the end is not after the start, or when there are too many periods.
pub(crate) fn slots(
    period: Period,
    ends: Ends<'_>,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<Vec<Slot>, String> {
    let beyond = |error: jiff::Error| format!("the period is outside what a calendar holds: {error}");
    let zoned = |at: Timestamp| {
        jiff::Timestamp::from_nanosecond(i128::from(at.0)).map(|at| at.to_zoned(zone.clone()))
    };
    let current = period.start(&zoned(now).map_err(beyond)?).map_err(beyond)?;
    // To the end of the current period, so that its newest calls are in it.
    let to = match ends.to {
        Some(text) => read(text, zone)?,
        None => stamp(&period.after(&current, 1).map_err(beyond)?),
    };
    let from = match (ends.from, ends.last) {
        (Some(text), _) => read(text, zone)?,
        (None, Some(seconds)) => {
            stamp(&period.start(&zoned(now.plus_seconds(-seconds)).map_err(beyond)?).map_err(beyond)?)
        }
        (None, None) => {
            let last =
                period.start(&zoned(Timestamp(to.0.saturating_sub(1))).map_err(beyond)?).map_err(beyond)?;
            stamp(&period.after(&last, 1 - period.usual()).map_err(beyond)?)
        }
    };
    if from >= to {
        return Err("the periods are empty: --from is not before --to".to_owned());
    }
    let mut slots = Vec::new();
    let mut start = period.start(&zoned(from).map_err(beyond)?).map_err(beyond)?;
    while stamp(&start) < to {
        if slots.len() == MOST {
            return Err(format!(
                "more than {} between --from and --to; choose longer periods",
                counted(MOST as u64, period.name())
            ));
        }
        let next = period.after(&start, 1).map_err(beyond)?;
        let window = Window { from: stamp(&start).max(from), to: stamp(&next).min(to) };
        slots.push(Slot { label: period.label(&start), window });
        start = next;
    }
    Ok(slots)
}

/// A time of a flag. A date alone begins at midnight of the time zone.
fn read(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let date = if text.trim().len() == 10 { text.trim().parse::<Date>().ok() } else { None };
    match date.and_then(|date| date.to_zoned(zone.clone()).ok()) {
        Some(midnight) => Ok(stamp(&midnight)),
        None => parse_time(text).map_err(|error| error.to_string()),
    }
}

fn stamp(at: &Zoned) -> Timestamp {
    Timestamp(i64::try_from(at.timestamp().as_nanosecond()).unwrap_or(i64::MAX))
}
