//! A journal brings back what a killed process knew: three calls that had ended, and the one that was in flight.
//!
//! ```sh
//! cargo run --example journal --features journal
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

#[path = "shared/local.rs"]
mod local;

use std::path::Path;
use std::process::Command;

use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use spanledger::journal::{Journal, Taken, recover};
use spanledger::semconv::attribute;
use spanledger::{Delivery, GenAiMiddleware};

#[tokio::main]
async fn main() -> local::Anything {
    if let Some(directory) = std::env::var_os("JOURNAL_EXAMPLE") {
        return application(Path::new(&directory)).await;
    }
    let directory = tempfile::tempdir()?;
    let status = Command::new(std::env::current_exe()?).env("JOURNAL_EXAMPLE", directory.path()).status()?;
    println!("the application has died: {status}");
    // The next process with the same directory does this by itself, as does a companion that watches it.
    let mut outcomes = Vec::new();
    let recovered = recover(directory.path(), &mut |_, spans| {
        outcomes.extend(spans.iter().map(|span| local::value(span, attribute::OUTCOME)));
        Taken::Delivered
    })?;
    println!("brought back: {recovered:?}");
    assert_eq!(outcomes, ["completed", "completed", "completed", "interrupted", ""]);
    Ok(())
}

/// Makes calls until it dies within the fourth, before any of them was exported.
async fn application(directory: &Path) -> local::Anything {
    let answer =
        |number, _: &str, body: &[u8]| if number < 3 { local::chat(body) } else { std::process::abort() };
    let provider = local::serve(answer).await?;
    let delivery = Delivery::new(|| Ok(InMemorySpanExporter::default()))?;
    let tracers = SdkTracerProvider::builder().with_span_processor(delivery).build();
    // An application says `Journal::in_dir("/var/lib/shop/journal")?`; this directory may be in memory.
    let journal = Journal::builder(directory).any_file_system(true).open()?;
    let middleware = GenAiMiddleware::builder().provider("openai").tracer_provider(tracers).journal(journal);
    let client =
        reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(middleware.build()).build();
    loop {
        let request = client.post(format!("{provider}/v1/chat/completions"));
        request
            .body(r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"?"}]}"#)
            .send()
            .await?
            .text()
            .await?;
    }
}
