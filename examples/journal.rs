//! A journal brings back what a killed process knew: three calls that had ended, and the one that was in flight.
//!
//! ```sh
//! cargo run --example journal --features journal
//! ```

#![expect(clippy::disallowed_methods, reason = "an example reads the environment")]

#[path = "shared/local.rs"]
mod local;

use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use reqwest_middleware::ClientBuilder;
use spanledger::journal::{Journal, Taken, recover};
use spanledger::{Delivery, GenAiMiddleware};

#[tokio::main]
async fn main() -> local::Anything {
    if let Some(directory) = std::env::var_os("JOURNAL_EXAMPLE") {
        return application(directory.as_ref()).await;
    }
    let directory = tempfile::tempdir()?;
    local::run_again("JOURNAL_EXAMPLE", directory.path())?;
    // The next process with the same directory does this by itself, as does a companion that watches it.
    let mut outcomes = Vec::new();
    recover(directory.path(), &mut |_, spans| {
        outcomes.extend(spans.iter().map(|span| local::value(span, "spanledger.outcome")));
        Taken::Delivered
    })?;
    println!("brought back: {outcomes:?}, and that the process died");
    assert_eq!(outcomes, ["completed", "completed", "completed", "interrupted", ""]);
    Ok(())
}

/// Dies within its fourth call, before any of them was exported.
async fn application(directory: &std::path::Path) -> local::Anything {
    let url = local::dying_after(3).await? + "/v1/chat/completions";
    // An application on a disk has `Journal::in_dir(directory)?`; this directory may be in memory.
    let journal = Journal::builder(directory).any_file_system(true).open()?;
    let delivery = Delivery::new(|| Ok(InMemorySpanExporter::default()))?;
    let tracers = SdkTracerProvider::builder().with_span_processor(delivery).build();
    let middleware = GenAiMiddleware::builder().provider("openai").tracer_provider(tracers).journal(journal);
    let client = ClientBuilder::new(reqwest::Client::new()).with(middleware.build()).build();
    loop {
        client.post(&url).body(r#"{"model":"gpt-4o-mini","messages":[]}"#).send().await?.text().await?;
    }
}
