//! The parameters of a request.

use std::time::Duration;

use super::EVER;
use crate::clock;
use crate::record::{Timestamp, Window};
use crate::traceql::Refusal;

#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(query: Option<&str>) -> Result<Self, Refusal> {
        let read = serde_urlencoded::from_str(query.unwrap_or_default());
        read.map(Self).map_err(|error| Refusal::Query(format!("invalid parameters: {error}")))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// The query in TraceQL, which has two names.
    pub(super) fn query(&self) -> &str {
        self.get("q").or_else(|| self.get("query")).unwrap_or_default()
    }

    pub(super) fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse::<usize>() {
            Ok(0) => Ok(default),
            Ok(number) => Ok(number.min(most)),
            Err(_) => Err(Refusal::Query(format!("parameter \"{name}\" is {text:?}: it is a number"))),
        }
    }

    /// Seconds, milliseconds, microseconds or nanoseconds since 1970, by their size, or RFC 3339.
    fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = || {
            Refusal::Query(format!("parameter \"{name}\" is {text:?}: it is a number of seconds or RFC 3339"))
        };
        if let Ok(number) = text.parse::<i64>() {
            let unit = match number.unsigned_abs() {
                0..100_000_000_000 => Timestamp::SECOND,
                100_000_000_000..100_000_000_000_000 => 1_000_000,
                100_000_000_000_000..100_000_000_000_000_000 => 1_000,
                _ => 1,
            };
            return Ok(Some(Timestamp(number.saturating_mul(unit))));
        }
        let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        Ok(Some(Timestamp(i64::try_from(at.as_nanosecond()).map_err(|_| wrong())?)))
    }

    /// Where the calls ended; all of time where nothing is asked.
    pub(super) fn window(&self) -> Result<Window, Refusal> {
        let from = self.time("start")?.filter(|time| time.0 != 0).unwrap_or(EVER.from);
        let to = self.time("end")?.filter(|time| time.0 != 0).unwrap_or(EVER.to);
        if from > to {
            return Err(Refusal::Query("the end is not before the start".to_owned()));
        }
        Ok(Window { from, to })
    }

    /// The same, for metrics: `since` is how long before now.
    pub(super) fn window_or_last_hour(&self) -> Result<Window, Refusal> {
        if self.get("start").is_some() {
            let window = self.window()?;
            return Ok(Window { to: if window.to == EVER.to { clock::now() } else { window.to }, ..window });
        }
        let now = clock::now();
        let since = match self.get("since") {
            None => 3_600 * Timestamp::SECOND,
            Some(text) => duration(text)
                .ok_or_else(|| Refusal::Query(format!("parameter \"since\" is {text:?}: it is like 1h")))?,
        };
        Ok(Window { from: Timestamp(now.0.saturating_sub(since)), to: now })
    }

    /// Nanoseconds of one step; some hundred steps where nothing is asked.
    pub(super) fn step(&self, window: Window) -> Result<i64, Refusal> {
        let Some(text) = self.get("step") else {
            return Ok((window.to.0.saturating_sub(window.from.0) / 200).max(Timestamp::SECOND));
        };
        let step = match text.parse::<f64>() {
            Ok(seconds) => {
                Duration::try_from_secs_f64(seconds).ok().and_then(|step| i64::try_from(step.as_nanos()).ok())
            }
            Err(_) => duration(text),
        };
        step.filter(|step| *step > 0)
            .ok_or_else(|| Refusal::Query(format!("parameter \"step\" is {text:?}: it is like 30s")))
    }
}

fn duration(text: &str) -> Option<i64> {
    let parsed = promql_parser::util::parse_duration(text).ok()?;
    i64::try_from(parsed.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_in_the_units_that_grafana_sends() {
        let of = |text: &str| Parameters::of(Some(text)).unwrap();
        let wanted = Timestamp(1_790_000_040 * Timestamp::SECOND);
        for text in
            ["1790000040", "1790000040000", "1790000040000000", "1790000040000000000", "2026-09-21T14:14:00Z"]
        {
            assert_eq!(of(&format!("start={text}")).window().unwrap().from, wanted, "{text}");
        }
        assert_eq!(of("").window().unwrap(), EVER);
        assert!(of("start=5&end=4").window().is_err() && of("start=noon").window().is_err());
        let window = Window { from: Timestamp(0), to: wanted };
        assert_eq!(of("step=30s").step(window).unwrap(), 30 * Timestamp::SECOND);
        assert_eq!(of("step=60").step(window).unwrap(), 60 * Timestamp::SECOND);
        assert!(of("step=0").step(window).is_err());
        assert_eq!(
            (of("limit=5").number("limit", 20, 9).unwrap(), of("limit=50").number("limit", 20, 9).unwrap()),
            (5, 9)
        );
    }
}
