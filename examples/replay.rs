//! Replays recorded exchanges through the middleware and prints what it says of them, one JSON line each.
//!
//! ```text
//! cargo run --example replay -- FILE.jsonl... [--seed N]
//! ```
//!
//! A line of a file holds `id`, `request` (`method`, `url`, `headers`, `body` or `body_base64`) and `response`
//! (`status`, `headers`, `body` or `body_base64`). A loopback server gives the response, cut into chunks by the
//! seed (1 unless given); nothing leaves this machine.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]
#![expect(clippy::unwrap_used, reason = "shares what the tests observe with")]

#[path = "../tests/all/support/observed.rs"]
mod observed;
#[path = "../tests/all/support/replay.rs"]
mod replay;

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use replay::{Exchange, Point, Replay, Replayed};
use serde_json::{Map, Value, json};

const USAGE: &str = "usage: replay FILE.jsonl... [--seed N]";
/// Exchanges between two signs of life.
const PROGRESS: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (files, seed) = arguments(std::env::args().skip(1))?;
    let replay = Replay::start(seed).await?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut done = 0;
    for file in &files {
        for exchange in replay::read::<Exchange>(file)? {
            let replayed = replay.run(&exchange).await?;
            writeln!(out, "{}", to_json(&replayed, replay.points()))?;
            done += 1;
            if done % PROGRESS == 0 {
                eprintln!("{done} exchanges replayed");
            }
        }
    }
    out.flush()?;
    eprintln!("{done} exchanges replayed with seed {seed}");
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<(Vec<PathBuf>, u64), Box<dyn Error>> {
    let (mut files, mut seed) = (Vec::new(), 1);
    while let Some(argument) = given.next() {
        if argument == "--seed" {
            let value = given.next().ok_or("--seed needs a number")?;
            seed = value.parse().map_err(|error| format!("--seed {value}: {error}"))?;
        } else if argument.starts_with('-') {
            return Err(format!("unknown option {argument}\n{USAGE}").into());
        } else {
            files.push(PathBuf::from(argument));
        }
    }
    if files.is_empty() { Err(USAGE.into()) } else { Ok((files, seed)) }
}

/// One exchange as one JSON object, together with the call's metrics.
fn to_json(replayed: &Replayed, points: Vec<Point>) -> Value {
    let mut metrics = Map::new();
    for (name, labels, value) in points {
        let points = metrics.entry(name).or_insert_with(|| json!([]));
        if let Some(points) = points.as_array_mut() {
            points.push(json!({"attributes": labels, "value": value}));
        }
    }
    json!({
        "id": replayed.id,
        "spans": replayed.spans.iter().map(span_to_json).collect::<Vec<_>>(),
        "metrics": metrics,
        "body_identical": replayed.body_identical,
    })
}

fn span_to_json(span: &SpanData) -> Value {
    let kind = match span.span_kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    };
    let status = match span.status {
        Status::Unset => "unset",
        Status::Ok => "ok",
        Status::Error { .. } => "error",
    };
    json!({"name": span.name, "kind": kind, "status": status, "attributes": replay::attributes(span)})
}
