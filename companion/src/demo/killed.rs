//! An application that is killed with a call in flight, and what its journal brings back.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest_middleware::ClientBuilder;
use serde_json::json;
use spanledger::Outcome;
use spanledger::journal::Journal;

use super::DemoError;
use crate::clock;
use crate::record::{Timestamp, Window};
use crate::store::sqlite::Ledger;
use crate::store::{Filter, Querier};

/// The service of the application.
const SERVICE: &str = "demo-killed";

/// Calls that end before it is killed.
const CALLS: usize = 5;

/// What the journal brought into the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BroughtBack {
    pub(crate) ended: u64,
    pub(crate) interrupted: u64,
}

/// The application: makes calls with a journal and without a receiver, and waits to be killed within the last.
///
/// # Errors
/// When it cannot begin.
pub(crate) async fn run(journal: &Path, provider: SocketAddr) -> Result<(), DemoError> {
    // Nothing is exported before it dies: the journal alone has its calls.
    let telemetry = spanledger::otlp::builder().service_name(SERVICE).endpoint("http://127.0.0.1:9");
    let _telemetry = telemetry.bridge(false).init()?;
    let journal = Journal::builder(journal).any_file_system(true).open()?;
    let middleware = spanledger::GenAiMiddleware::builder().provider("openai").journal(journal).build();
    let client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build()?).with(middleware).build();
    // How long the provider thinks, in milliseconds.
    let call = async |wait: u64| {
        let body = json!({
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "Who will know that I asked?"}],
            "metadata": {"scene": "answer", "wait": wait},
        });
        let request = client.post(format!("http://{provider}/v1/chat/completions")).json(&body);
        request.send().await?.bytes().await.map_err(reqwest_middleware::Error::from)
    };
    for _ in 0..CALLS {
        call(0).await.map_err(std::io::Error::other)?;
    }
    let last = call(60_000);
    let ready = async {
        // The request has left once the runtime had its turn.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut out = std::io::stdout().lock();
        let _written = out.write_all(b"ready\n").and_then(|()| out.flush());
        drop(out);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = last => drop(answer),
        () = ready => {}
    }
    Ok(())
}

/// Starts the application in a process of its own, and kills it. Blocks.
pub(super) fn kill(journal: &Path, provider: SocketAddr) -> std::io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("demo").arg("--killed").arg(journal).arg("--provider").arg(provider.to_string());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    child.kill()?;
    child.wait()?;
    match line.as_str() {
        "ready\n" => Ok(()),
        _ => Err(std::io::Error::other("the application that is to be killed did not begin")),
    }
}

/// What of the application is in the ledger.
pub(super) fn brought_back(ledger: &Path) -> Result<BroughtBack, DemoError> {
    let querier = Ledger::open_reader(ledger).map_err(crate::app::BuildError::Store)?;
    let all = Window { from: Timestamp(0), to: clock::now().plus_seconds(60) };
    let calls = |outcome| {
        let filter = Filter { service: Some(SERVICE.to_owned()), outcome, ..Filter::default() };
        querier.totals(all, &filter).map(|totals| totals.calls).map_err(crate::app::BuildError::Store)
    };
    let (calls, interrupted) = (calls(None)?, calls(Some(Outcome::Interrupted))?);
    Ok(BroughtBack { ended: calls - interrupted, interrupted })
}

/// Whether everything that was expected is there.
pub(super) const fn is_whole(brought: BroughtBack) -> bool {
    brought.ended == CALLS as u64 && brought.interrupted == 1
}
