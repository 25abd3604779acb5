//! How many spans per second the companion accepts by OTLP/gRPC into the durable ledger, and with how much memory.
//!
//! Method. `cargo bench -p spanledger-companion --bench receive [-- --seconds N] [--rate N]`, on an otherwise idle machine.
//! The program starts the real binary (or the one that `SPANLEDGER_TEST_BIN` names, to compare revisions) on ports the
//! system chooses and sends from its own process, so that sender and receiver share the machine's cores. Requests hold 512
//! spans of ours with 22 attributes each, in 1,000 series of 25 services and 40 models; every span has ids, times, a
//! request hash and a sequence number of its own. What is the same in all of them is encoded
//! once, so that the sender's share of the processors is small. A request counts when it is acknowledged, and
//! so durable. Memory is the receiver's resident memory when it is ready, and its peak (`VmHWM`); bytes on disk
//! are the ledger's files after the end; processor time is that of each process, by span.
//!
//! 1. As fast as possible, with four requests in flight.
//! 2. 10,000 spans per second, or as many as `--rate` asks for, and then nothing else.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[path = "receive/requests.rs"]
mod requests;
#[path = "receive/wire.rs"]
mod wire;

use requests::{BATCH, Requests};

type Outcomes<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcomes<()> {
    let (mut seconds, mut rate) = (20, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--seconds" {
            seconds = arguments.next().ok_or("--seconds takes a number")?.parse()?;
        } else if argument == "--rate" {
            rate = Some(arguments.next().ok_or("--rate takes a number")?.parse()?);
        }
    }
    let length = Duration::from_secs(seconds);
    println!(
        "{:>8} {:>9} {:>9} {:>9} {:>11} {:>9} {:>24} {:>22}",
        "asked/s",
        "spans/s",
        "ready MB",
        "peak MB",
        "bytes/span",
        "p99 ms",
        "receiver processor us/span",
        "sender us/span"
    );
    if rate.is_none() {
        measure(None, length)?;
    }
    measure(rate.or(Some(10_000)), length)
}

fn measure(rate: Option<u64>, length: Duration) -> Outcomes<()> {
    let folder = tempfile::tempdir()?;
    let (mut receiver, address) = start(folder.path())?;
    let ready = kilobytes(receiver.id(), "VmRSS:")?;
    let before = (on_processor(receiver.id())?, on_processor(std::process::id())?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let sent = runtime.block_on(send(address, rate, length))?;
    let after = (on_processor(receiver.id())?, on_processor(std::process::id())?);
    let peak = kilobytes(receiver.id(), "VmHWM:")?;
    Command::new("kill").arg(receiver.id().to_string()).status()?;
    receiver.wait()?;
    let bytes: u64 = ["ledger.db", "ledger.db-wal"]
        .iter()
        .filter_map(|name| std::fs::metadata(folder.path().join(name)).ok())
        .map(|file| file.len())
        .sum();
    let by_span = |spent: Duration| spent.as_secs_f64() * 1e6 / sent.spans.max(1) as f64;
    println!(
        "{:>8} {:>9} {:>9} {:>9} {:>11} {:>9.1} {:>24.1} {:>22.1}",
        rate.map_or_else(|| "all".to_owned(), |rate| rate.to_string()),
        u128::from(sent.spans) * 1000 / sent.took.as_millis().max(1),
        ready / 1024,
        peak / 1024,
        bytes / sent.spans.max(1),
        sent.p99.as_secs_f64() * 1e3,
        by_span(after.0 - before.0),
        by_span(after.1 - before.1),
    );
    Ok(())
}

fn start(folder: &Path) -> Outcomes<(Child, String)> {
    let binary = std::env::var_os("SPANLEDGER_TEST_BIN");
    let mut child = Command::new(binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_spanledger").into()))
        .args(["serve", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .arg("--ledger")
        .arg(folder.join("ledger.db"))
        // An older companion takes an unknown variable of its prefix for a mistake.
        .env_remove("SPANLEDGER_TEST_BIN")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let ready: serde_json::Value = serde_json::from_str(&line)?;
    Ok((child, format!("http://{}", ready["otlp_grpc"].as_str().ok_or("no address")?)))
}

struct Sent {
    spans: u64,
    took: Duration,
    p99: Duration,
}

async fn send(address: String, rate: Option<u64>, length: Duration) -> Outcomes<Sent> {
    let requests = Arc::new(Requests::new());
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (address, next, requests) = (address.clone(), next.clone(), requests.clone());
        senders.spawn(async move {
            let mut client = wire::Client::connect(address).await?;
            let mut took = Vec::new();
            while began.elapsed() < length {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if let Some(rate) = rate {
                    let due = Duration::from_secs_f64((number * BATCH) as f64 / rate as f64);
                    tokio::time::sleep_until((began + due).into()).await;
                }
                let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
                let request = requests.encoded(number, u64::try_from(now.as_nanos())?);
                let asked = Instant::now();
                client.export(request).await?;
                took.push(asked.elapsed());
            }
            Outcomes::Ok(took)
        });
    }
    let mut all = Vec::new();
    while let Some(took) = senders.join_next().await {
        all.extend(took??);
    }
    let took = began.elapsed();
    all.sort_unstable();
    let p99 = all.get(all.len() * 99 / 100).copied().unwrap_or_default();
    Ok(Sent { spans: all.len() as u64 * BATCH, took, p99 })
}

/// A line of the process's status, in kB.
fn kilobytes(process: u32, line: &str) -> Outcomes<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let value = status.lines().find_map(|found| found.strip_prefix(line)).ok_or("no such line")?;
    Ok(value.trim().trim_end_matches(" kB").parse()?)
}

/// The time all threads of the process spent on a processor: user and system time, in hundredths of a second.
fn on_processor(process: u32) -> Outcomes<Duration> {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program may hold anything but ends with the last parenthesis.
    let (_, fields) = line.rsplit_once(") ").ok_or("no name")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}
