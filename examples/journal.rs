//! A journal brings back what a killed process knew: `cargo run --example journal --features journal`

#[path = "shared/local.rs"]
mod local;

use reqwest_middleware::ClientBuilder;
use spanledger::GenAiMiddleware;
use spanledger::journal::{Journal, Taken, recover};

#[tokio::main]
async fn main() -> local::Anything {
    let directory = tempfile::tempdir()?;
    if let Some(directory) = local::in_another_process(directory.path())? {
        // An application on a disk has `Journal::in_dir(directory)?`; this directory may be in memory.
        let journal = Journal::builder(directory).any_file_system(true).open()?;
        let middleware = GenAiMiddleware::builder().tracer_provider(local::in_memory().0).journal(journal);
        let client = ClientBuilder::new(reqwest::Client::new()).with(middleware.build()).build();
        let url = local::dying_within_call(4).await? + "/v1/chat/completions";
        loop {
            client.post(&url).body(r#"{"model":"gpt-4o-mini","messages":[]}"#).send().await?.text().await?;
        }
    }
    // The next process with the same directory does this by itself, as does a companion that watches it.
    let mut outcomes = Vec::new();
    recover(directory.path(), &mut |_, spans| {
        let outcome_of =
            |span| Some(local::value(span, "spanledger.outcome")).filter(|name| !name.is_empty());
        // The span of the process has none.
        outcomes.extend(spans.iter().filter_map(outcome_of));
        Taken::Delivered
    })?;
    println!("brought back: {outcomes:?}, and that the process died");
    assert_eq!(outcomes, ["completed", "completed", "completed", "interrupted"]);
    Ok(())
}
