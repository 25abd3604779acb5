//! The parameters of a request.

use std::time::Duration;

use crate::promql::{self, Refusal, Selector, TIMES};
use crate::record::Timestamp;

/// The shortest step between two times.
const SHORTEST: i64 = Timestamp::SECOND / 1_000;

#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(query: Option<&str>, form: &[u8]) -> Result<Self, Refusal> {
        let read = |bytes: &[u8]| {
            serde_urlencoded::from_bytes(bytes)
                .map_err(|error| Refusal::Query(format!("invalid parameters: {error}")))
        };
        let mut all: Vec<(String, String)> = read(query.unwrap_or_default().as_bytes())?;
        all.extend(read(form)?);
        Ok(Self(all))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn wanted(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::Query(format!("parameter \"{name}\" is missing")))
    }

    /// A time: seconds since 1970, or RFC 3339.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 9e9);
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        let numeric = seconds.map(|seconds| Timestamp((seconds * 1e3).round() as i64 * 1_000_000));
        let written = || {
            let at: jiff::Timestamp = text.parse().ok()?;
            Some(Timestamp(at.as_nanosecond().try_into().ok()?))
        };
        let time = numeric.or_else(written);
        let wrong = || {
            Refusal::Query(format!("parameter \"{name}\" is {text:?}: it is a number of seconds or RFC 3339"))
        };
        time.ok_or_else(wrong).map(Some)
    }

    /// The times of a range.
    pub(super) fn times(&self) -> Result<Vec<Timestamp>, Refusal> {
        let wanted = |name: &str| {
            let missing = || Refusal::Query(format!("parameter \"{name}\" is missing"));
            self.time(name)?.ok_or_else(missing)
        };
        let (start, end, step) = (wanted("start")?, wanted("end")?, self.step()?);
        if end < start {
            return Err(Refusal::Query("the end of a range is not before its start".to_owned()));
        }
        let count = end.0.saturating_sub(start.0) / step;
        match usize::try_from(count) {
            Ok(count) if count < TIMES => {
                Ok((0..=count as i64).map(|number| Timestamp(start.0 + number * step)).collect())
            }
            _ => Err(Refusal::Limit(format!("a query has at most {TIMES} times; choose a larger step"))),
        }
    }

    /// Seconds, or a duration such as `1m30s`, in nanoseconds.
    fn step(&self) -> Result<i64, Refusal> {
        let text = self.wanted("step")?;
        let duration = match text.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Err(_) => promql_parser::util::parse_duration(text).ok(),
        };
        let step =
            duration.and_then(|step| i64::try_from(step.as_nanos()).ok()).filter(|step| *step >= SHORTEST);
        step.ok_or_else(|| {
            Refusal::Query(format!(
                "parameter \"step\" is {text:?}: it is a number of seconds above 0, or like 1m30s"
            ))
        })
    }

    /// How many entries a list may have.
    pub(super) fn limit(&self, most: usize) -> Result<usize, Refusal> {
        match self.get("limit") {
            None | Some("" | "0") => Ok(most),
            Some(text) => match text.parse::<usize>() {
                Ok(limit) => Ok(limit.min(most)),
                Err(_) => Err(Refusal::Query(format!("parameter \"limit\" is {text:?}: it is a number"))),
            },
        }
    }

    /// What the `match[]` parameters choose.
    pub(super) fn selectors(&self) -> Result<Vec<Selector>, Refusal> {
        self.0.iter().filter(|(key, _)| key == "match[]").map(|(_, text)| promql::selector(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Parameters {
        Parameters::of(Some(query), &[]).unwrap()
    }

    #[test]
    fn reads_times_and_steps_as_prometheus_writes_them() {
        let second = |seconds: i64| Timestamp(seconds * Timestamp::SECOND);
        assert_eq!(of("start=10&end=40&step=15").times().unwrap(), [second(10), second(25), second(40)]);
        assert_eq!(
            of("start=1970-01-01T00:00:10Z&end=100.5&step=1m").times().unwrap(),
            [second(10), second(70)]
        );
        assert_eq!(of("time=0.1234").time("time").unwrap(), Some(Timestamp(123_000_000)));
        for wrong in [
            "start=2&end=1&step=1",
            "start=1&end=2",
            "start=x&end=2&step=1",
            "start=1&end=2&step=0",
            "start=1&end=2&step=-1",
            "start=0&end=1e300&step=1",
        ] {
            assert!(matches!(of(wrong).times(), Err(Refusal::Query(_))), "{wrong}");
        }
        assert!(matches!(of("start=0&end=11000&step=1").times(), Err(Refusal::Limit(_))));
        assert_eq!(of("start=0&end=10999&step=1").times().unwrap().len(), TIMES);
        assert_eq!(
            (of("limit=5").limit(9).unwrap(), of("").limit(9).unwrap(), of("limit=50").limit(9).unwrap()),
            (5, 9, 9)
        );
    }
}
