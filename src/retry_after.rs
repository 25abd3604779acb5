//! Waits as long as a provider asks before a request is sent again.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{Extensions, HeaderMap, HeaderName};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};
use tokio::time::{Instant, sleep_until};

/// The default of [`RetryAfter::max_wait`]: most rate limits are per minute.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// OpenAI and Azure give milliseconds here, next to whole seconds in the standard header.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Makes a retry layer honour `Retry-After`, in seconds or as a date, and `retry-after-ms`. Put it **inside** the
/// retry layer (after it, in the order of `with`): it remembers what a response asked for, and holds back the next
/// attempt of the same request until then. The retry layer's own delay runs at the same time, so that the longer
/// of both counts, and the last attempt never waits.
#[derive(Debug, Clone)]
pub struct RetryAfter {
    max_wait: Duration,
}

/// When a request may be sent again, kept in its extensions: a retry layer hands them to every attempt.
#[derive(Debug, Clone, Copy)]
struct NotBefore(Instant);

impl Default for RetryAfter {
    fn default() -> Self {
        Self::new()
    }
}

impl RetryAfter {
    /// Waits up to a minute.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_wait: MAX_WAIT }
    }

    /// The longest wait; a provider that asks for more gets no more. Defaults to 60 seconds.
    #[must_use]
    pub const fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }
}

#[async_trait::async_trait]
impl Middleware for RetryAfter {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        if let Some(NotBefore(instant)) = extensions.remove::<NotBefore>() {
            sleep_until(instant).await;
        }
        let response = next.run(request, extensions).await?;
        let refused = response.status().is_client_error() || response.status().is_server_error();
        if refused
            && let Some(wait) = wait(response.headers(), crate::clock::timestamp())
            && let Some(instant) = Instant::now().checked_add(wait.min(self.max_wait))
        {
            extensions.insert(NotBefore(instant));
        }
        Ok(response)
    }
}

/// How long the headers ask to wait, seen from `now`. A date that is past asks for nothing.
fn wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let milliseconds = text(&RETRY_AFTER_MS).and_then(|text| text.parse::<f64>().ok());
    if let Some(wait) = milliseconds.and_then(|wait| Duration::try_from_secs_f64(wait / 1_000.0).ok()) {
        return Some(wait);
    }
    let asked = text(&RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(asked).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn asked(name: &'static str, value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        // Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110.
        wait(&headers, UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    #[test]
    fn reads_seconds_milliseconds_and_all_forms_of_dates() {
        assert_eq!(asked("retry-after", "20"), Some(Duration::from_secs(20)));
        assert_eq!(asked("retry-after", " 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(asked("retry-after-ms", "1500"), Some(Duration::from_millis(1_500)));
        for date in
            ["Sun, 06 Nov 1994 08:50:07 GMT", "Sunday, 06-Nov-94 08:50:07 GMT", "Sun Nov  6 08:50:07 1994"]
        {
            assert_eq!(asked("retry-after", date), Some(Duration::from_secs(30)), "{date}");
        }
        assert_eq!(asked("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn reads_seconds_where_milliseconds_are_nonsense() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after-ms", "-1".parse().unwrap());
        headers.insert("retry-after", "20".parse().unwrap());
        assert_eq!(wait(&headers, UNIX_EPOCH), Some(Duration::from_secs(20)));
    }

    #[test]
    fn takes_no_nonsense() {
        for nonsense in ["soon", "-1", "nan", "inf", "1e400", "", "Sun, 99 Nov 1994 08:50:07 GMT"] {
            assert_eq!(asked("retry-after", nonsense), None, "{nonsense}");
        }
    }
}
