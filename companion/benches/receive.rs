//! How many spans a second the companion takes by OTLP/gRPC into the durable ledger, and with how much memory.
//!
//! Method. `cargo bench -p spanledger-companion --bench receive [-- --seconds N]`, on an otherwise idle machine.
//! The program starts the real binary on ports the system chooses and sends from its own process, so that sender
//! and receiver share the machine's cores. Requests hold 512 spans of ours with 22 attributes each; every span
//! has ids, a request hash and a sequence number of its own. A request counts when it is acknowledged, and so
//! durable. Memory is the receiver's `VmHWM`, bytes on disk are the ledger's files after the end.
//!
//! 1. As fast as it goes, with four requests on the way.
//! 2. 10,000 spans a second.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use spanledger::semconv::attribute;

type Outcomes<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Spans of one request: what the SDKs' batch processors send at most.
const BATCH: u64 = 512;

fn main() -> Outcomes<()> {
    let mut seconds = 20;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--seconds" {
            seconds = arguments.next().ok_or("--seconds takes a number")?.parse()?;
        }
    }
    let length = Duration::from_secs(seconds);
    println!(
        "{:>12} {:>12} {:>12} {:>14} {:>16}",
        "asked/s", "spans/s", "peak MB", "bytes/span", "p99 request ms"
    );
    measure(None, length)?;
    measure(Some(10_000), length)
}

fn measure(rate: Option<u64>, length: Duration) -> Outcomes<()> {
    let folder = tempfile::tempdir()?;
    let (mut receiver, address) = start(folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let sent = runtime.block_on(send(address, rate, length))?;
    let peak = peak_kilobytes(receiver.id())?;
    Command::new("kill").arg(receiver.id().to_string()).status()?;
    receiver.wait()?;
    let bytes: u64 = ["ledger.db", "ledger.db-wal"]
        .iter()
        .filter_map(|name| std::fs::metadata(folder.path().join(name)).ok())
        .map(|file| file.len())
        .sum();
    println!(
        "{:>12} {:>12} {:>12} {:>14} {:>16.1}",
        rate.map_or_else(|| "all".to_owned(), |rate| rate.to_string()),
        u128::from(sent.spans) * 1000 / sent.took.as_millis().max(1),
        peak / 1024,
        bytes / sent.spans.max(1),
        sent.p99.as_secs_f64() * 1e3,
    );
    Ok(())
}

fn start(folder: &Path) -> Outcomes<(Child, String)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spanledger"))
        .args(["serve", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .arg("--ledger")
        .arg(folder.join("ledger.db"))
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
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (address, next) = (address.clone(), next.clone());
        senders.spawn(async move {
            let mut client = TraceServiceClient::connect(address).await?;
            let mut took = Vec::new();
            while began.elapsed() < length {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if let Some(rate) = rate {
                    let due = Duration::from_secs_f64((number * BATCH) as f64 / rate as f64);
                    tokio::time::sleep_until((began + due).into()).await;
                }
                let request = request(number);
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

fn request(number: u64) -> ExportTraceServiceRequest {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_nanos()).unwrap_or_default();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![pair(attribute::SERVICE_NAME, text("checkout"))],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: (number * BATCH..(number + 1) * BATCH).map(|number| span(number, now)).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn span(number: u64, now: u64) -> Span {
    // Ids are spread like random ones, and the same in every run.
    let random = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let models = ["gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5", "gemini-2.5-flash"];
    let model = models[usize::try_from(number % 4).unwrap_or_default()];
    let int = |value: u64| Value::IntValue(i64::try_from(value).unwrap_or_default());
    let stop = ArrayValue { values: vec![AnyValue { value: Some(text("stop")) }] };
    Span {
        trace_id: [random.to_be_bytes(), random.rotate_left(17).to_be_bytes()].concat(),
        span_id: random.rotate_left(31).to_be_bytes().to_vec(),
        parent_span_id: random.rotate_left(43).to_be_bytes().to_vec(),
        name: format!("chat {model}"),
        kind: 3,
        start_time_unix_nano: now - 1_500_000_000 - random % 1_000_000_000,
        end_time_unix_nano: now - random % 1_000_000,
        attributes: vec![
            pair(attribute::OPERATION_NAME, text("chat")),
            pair(attribute::PROVIDER_NAME, text("openai")),
            pair(attribute::REQUEST_MODEL, text(model)),
            pair(attribute::RESPONSE_MODEL, text(model)),
            pair(attribute::RESPONSE_ID, text(&format!("chatcmpl-{random:x}"))),
            pair(attribute::RESPONSE_FINISH_REASONS, Value::ArrayValue(stop)),
            pair(attribute::REQUEST_STREAM, Value::BoolValue(true)),
            pair(attribute::RESPONSE_TIME_TO_FIRST_CHUNK, Value::DoubleValue(0.3)),
            pair(attribute::SERVER_ADDRESS, text("api.openai.com")),
            pair(attribute::SERVER_PORT, int(443)),
            pair(attribute::HTTP_RESPONSE_STATUS_CODE, int(200)),
            pair(attribute::USAGE_INPUT_TOKENS, int(random % 4000)),
            pair(attribute::USAGE_OUTPUT_TOKENS, int(random % 900)),
            pair(attribute::USAGE_SOURCE, text("provider")),
            pair(attribute::USAGE_COST, Value::DoubleValue(0.001)),
            pair(attribute::COST_STATUS, text("exact")),
            pair(attribute::COST_PRICE_SOURCE, text("genai-prices 0.2.1")),
            pair(attribute::USER_ID, text(&format!("user-{}", random % 1000))),
            pair(attribute::REQUEST_HASH, text(&format!("{random:016x}{random:016x}"))),
            pair(attribute::OUTCOME, text("completed")),
            pair(attribute::INSTANCE, text("4f2b6a1c9d8e7f00")),
            pair(attribute::SEQUENCE, int(number + 1)),
        ],
        ..Span::default()
    }
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

fn peak_kilobytes(process: u32) -> Outcomes<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(peak.trim().trim_end_matches(" kB").parse()?)
}
