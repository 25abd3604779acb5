//! Times, durations and windows as people write and read them. All text is UTC.

#[cfg(test)]
mod tests;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::record::{Timestamp, Window};
use crate::text::seconds::Seconds;

/// Windows are at most this long: 100 years of 365 days, so that nothing downstream overflows.
const LONGEST_SECONDS: i64 = 100 * 365 * 86_400;

/// Why a text is not a valid time, duration or window. The message quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TimeError(String);

/// A window given by flags.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct WindowArgs {
    /// Period up to the end of this minute, such as 90s, 15m, 24h or 7d [default: 24h].
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["from", "to"], value_parser = checked(duration_seconds))]
    pub last: Option<String>,
    /// Start of the period (inclusive): RFC 3339, or a date for midnight UTC [default: 24h before --to].
    #[arg(long, value_name = "TIME", value_parser = checked(parse_time))]
    pub from: Option<String>,
    /// End of the period (exclusive) [default: now].
    #[arg(long, value_name = "TIME", value_parser = checked(parse_time))]
    pub to: Option<String>,
}

/// Reads a text when the command line is read, before any file is opened, and keeps it as it was written.
fn checked<T: 'static>(
    read: fn(&str) -> Result<T, TimeError>,
) -> impl Fn(&str) -> Result<String, TimeError> + Clone + Send + Sync {
    move |text| read(text).map(|_| text.to_owned())
}

/// Checks a duration of a flag.
pub(crate) fn checked_duration() -> impl Fn(&str) -> Result<String, TimeError> + Clone + Send + Sync {
    checked(duration_seconds)
}

impl WindowArgs {
    /// The window these flags name at `now`. Defaults to the last 24 hours.
    ///
    /// # Errors
    /// [`TimeError`] when a text cannot be read or the window is empty.
    pub(crate) fn window(&self, now: Timestamp) -> Result<Window, TimeError> {
        window(self.last.as_deref(), self.from.as_deref(), self.to.as_deref(), now)
    }
}

/// The window that `last`, or `from` and `to`, name at `now`. Defaults to the last 24 hours; a missing `to`
/// is `now`, a missing `from` 24 hours before `to`.
///
/// # Errors
/// [`TimeError`] when a text cannot be read, when the window is empty, or when `last` comes with the others.
pub(crate) fn window(
    last: Option<&str>,
    from: Option<&str>,
    to: Option<&str>,
    now: Timestamp,
) -> Result<Window, TimeError> {
    match (last, from, to) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            Err(TimeError("give either a duration, or from and to, not both".to_owned()))
        }
        (last, None, None) => Ok(trailing(last.map_or(Ok(86_400), duration_seconds)?, now)),
        (None, from, to) => {
            let to = to.map_or(Ok(now), parse_time)?;
            let from = from.map_or(Ok(to.plus_seconds(-86_400)), parse_time)?;
            if from >= to {
                return Err(TimeError(format!(
                    "the window is empty: from {} is not before to {}",
                    rfc3339(from),
                    rfc3339(to)
                )));
            }
            if to.0.saturating_sub(from.0) > LONGEST_SECONDS.saturating_mul(Timestamp::SECOND) {
                return Err(TimeError("the window is longer than 100 years".to_owned()));
            }
            Ok(Window { from, to })
        }
    }
}

/// The last `seconds`. From one hour on, both ends are whole minutes and the current minute is included, because
/// whole minutes are read from rollups.
fn trailing(seconds: i64, now: Timestamp) -> Window {
    const MINUTE: i64 = 60 * Timestamp::SECOND;
    if seconds < 3600 || seconds % 60 != 0 {
        return Window::last(seconds, now);
    }
    let begun = now.0.div_euclid(MINUTE) + i64::from(now.0.rem_euclid(MINUTE) != 0);
    Window::last(seconds, Timestamp(begun.saturating_mul(MINUTE)))
}

/// Reads a duration as configuration writes it, such as `90s`, `1h30m` or `7d`, in whole seconds.
pub(crate) fn duration_seconds(text: &str) -> Result<i64, TimeError> {
    let Seconds(seconds) = text.trim().parse().map_err(TimeError)?;
    if !(1..=LONGEST_SECONDS).contains(&seconds) {
        return Err(TimeError(format!("the duration {text:?} is not between 1 s and 100 years")));
    }
    Ok(seconds)
}

/// Reads a time: RFC 3339, or without an offset a date or a date and time, which are taken as UTC.
///
/// # Errors
/// [`TimeError`] when it cannot be read, or is before 1970 or after 2261.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, TimeError> {
    let trimmed = text.trim();
    let in_utc = |at: DateTime| at.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let read = trimmed.parse::<jiff::Timestamp>().ok().or_else(|| {
        // A civil time would silently lose an offset that the first attempt could not read.
        let civil = if trimmed.len() == 10 {
            trimmed.parse::<Date>().ok().map(|date| date.to_datetime(jiff::civil::Time::midnight()))
        } else if trimmed.len() <= 29 && !trimmed.contains(['+', '[', 'Z', 'z']) {
            trimmed.parse::<DateTime>().ok()
        } else {
            None
        };
        civil.and_then(|at| in_utc(at).ok())
    });
    let at = read.ok_or_else(|| {
        TimeError(format!(
            "{text:?} is not a valid time; expected RFC 3339 (2026-11-23T09:30:00Z) or a date (2026-11-23)"
        ))
    })?;
    i64::try_from(at.as_nanosecond())
        .ok()
        .filter(|nanos| *nanos >= 0)
        .map(Timestamp)
        .ok_or_else(|| TimeError(format!("the time {text:?} is not between 1970 and 2261")))
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    // Every i64 of nanoseconds is within jiff's range of years -9999 to 9999.
    jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default()
}

/// RFC 3339 in UTC, with as many digits of the second as it takes.
#[must_use]
pub(crate) fn rfc3339(at: Timestamp) -> String {
    instant(at).to_string()
}

/// RFC 3339 in UTC without the fraction of the second, for columns that people read.
#[must_use]
pub(crate) fn to_the_second(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// `strftime` in UTC; the formats are this crate's own.
#[must_use]
pub(crate) fn format(at: Timestamp, format: &'static str) -> String {
    instant(at).strftime(format).to_string()
}
