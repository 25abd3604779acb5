//! Replays recorded exchanges through the middleware and prints what it says of them, one JSON line each.
//!
//! ```text
//! cargo run --example replay -- FILE.jsonl... [--seed N]
//! ```
//!
//! A line of a file holds `id`, `request` (`method`, `url`, `headers`, `body` or `body_base64`) and `response`
//! (`status`, `headers`, `body` or `body_base64`). A loopback server gives the response, cut into chunks by the
//! seed (1 unless given); nothing leaves this machine.

#[path = "../tests/support/replay.rs"]
mod replay;

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use replay::Replay;

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
        for exchange in replay::read(file)? {
            let replayed = replay.run(&exchange).await?;
            writeln!(out, "{}", replayed.to_json(replay.points()))?;
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
