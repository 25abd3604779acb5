//! Retries done right: bounded exponential backoff with jitter, `Retry-After`, timeouts, and one span for the call
//! with one below it for each attempt.
//!
//! ```sh
//! cargo run --example retry
//! ```

#[path = "shared/local.rs"]
mod local;

use std::time::Duration;

use reqwest_middleware::Error;
use reqwest_retry::policies::ExponentialBackoff;
use reqwest_retry::{Jitter, RetryTransientMiddleware, Retryable, RetryableStrategy};
use serde_json::json;
use spanledger::semconv::attribute;
use spanledger::{AttemptSpans, GenAiMiddleware, RetryAfter};

/// What is worth another try: the provider is busy, or was never reached. A response that broke off is not: its
/// tokens are paid, and another try pays them twice.
struct Busy;

impl RetryableStrategy for Busy {
    fn handle(&self, result: &Result<reqwest::Response, Error>) -> Option<Retryable> {
        match result {
            Ok(response) => match response.status().as_u16() {
                429 | 500 | 502 | 503 | 504 | 529 => Some(Retryable::Transient),
                400.. => Some(Retryable::Fatal),
                _ => None,
            },
            Err(Error::Reqwest(error)) if error.is_connect() => Some(Retryable::Transient),
            Err(_) => Some(Retryable::Fatal),
        }
    }
}

#[tokio::main]
async fn main() -> local::Anything {
    let (tracers, spans) = local::in_memory();
    // Busy twice, and the second time it says for how long.
    let server = local::serve(|number, _, body| match number {
        0 => local::Reply { status: 529, header: ("x-request-id", "1".into()), pieces: Vec::new() },
        1 => local::Reply { status: 429, header: ("retry-after", "1".into()), pieces: Vec::new() },
        _ => local::chat(body),
    })
    .await?;

    let backoff = ExponentialBackoff::builder()
        .retry_bounds(Duration::from_millis(250), Duration::from_secs(20))
        .jitter(Jitter::Full)
        .build_with_max_retries(4);
    let http = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        // Between two reads: a stream may last, but must not stall.
        .read_timeout(Duration::from_secs(60))
        // Each attempt, to the end of its body.
        .timeout(Duration::from_secs(600))
        .build()?;
    let client = reqwest_middleware::ClientBuilder::new(http)
        .with(GenAiMiddleware::builder().tracer_provider(tracers.clone()).build())
        .with(RetryTransientMiddleware::new_with_policy_and_strategy(backoff, Busy))
        .with(RetryAfter::new().max_wait(Duration::from_secs(30)))
        .with(AttemptSpans::with_tracer_provider(tracers))
        .build();

    let answer = client
        .post(format!("{server}/v1/chat/completions"))
        .json(&json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How is it there?"}]}))
        .send()
        .await?;
    assert!(answer.status().is_success());
    answer.bytes().await?;

    let spans = spans.get_finished_spans()?;
    local::show(&spans);
    let (call, attempts) = spans.split_last().ok_or("no span")?;
    let statuses: Vec<String> =
        attempts.iter().map(|attempt| local::value(attempt, attribute::HTTP_RESPONSE_STATUS_CODE)).collect();
    assert_eq!(statuses, ["529", "429", "200"]);
    assert_eq!(local::value(&attempts[2], attribute::HTTP_REQUEST_RESEND_COUNT), "2");
    assert_eq!(local::value(call, attribute::OUTCOME), "completed");
    let waited = attempts[2].start_time.duration_since(attempts[1].end_time)?;
    assert!(waited >= Duration::from_millis(900), "the provider asked for a second, got {waited:?}");
    Ok(())
}
