//! What one sender spoils costs no other sender a call, and its own request not more than the span that is spoiled: twenty
//! honest services and one bad one send through the real Collector, which merges their requests on their way.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::StatusCode;
use spanledger_e2e::collector::Collector;
use spanledger_e2e::companion::Companion;
use spanledger_e2e::program::{free_address, tools};
use spanledger_e2e::{Result, wait};

const HONEST: u64 = 20;
/// Spans or log records of one request.
const TOGETHER: u64 = 4;
/// Is replaced by bytes that are not UTF-8, which no encoder would write.
const MARK: &[u8; 8] = b"MARKMARK";

/// A field of protobuf that has a length.
fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    prost::encoding::encode_varint(number << 3 | 2, &mut written);
    prost::encoding::encode_varint(bytes.len() as u64, &mut written);
    [written.as_slice(), bytes].concat()
}

/// A request of `service` with one resource, one scope named `scope`, and `items` in it. Spans and log records have the
/// same numbers.
fn request(service: &str, scope: &str, items: &[Vec<u8>]) -> Vec<u8> {
    let resource = field(1, &pair("service.name", text(service)).encode_to_vec());
    let scope = field(1, &field(1, scope.as_bytes()));
    let items: Vec<u8> = items.iter().flat_map(|item| field(2, item)).collect();
    field(1, &[field(1, &resource), field(2, &[scope, items].concat())].concat())
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

/// A call, the `number`th of all.
fn span(number: u64) -> Span {
    let now = now();
    Span {
        trace_id: [[0xAB; 8], number.to_be_bytes()].concat(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: "chat gpt-4o-mini".to_owned(),
        kind: 3,
        start_time_unix_nano: now - 1_000_000,
        end_time_unix_nano: now,
        attributes: vec![
            pair("gen_ai.operation.name", text("chat")),
            pair("gen_ai.provider.name", text("openai")),
            pair("gen_ai.request.model", text("gpt-4o-mini")),
            pair("spanledger.outcome", text("completed")),
            pair("gen_ai.usage.input_tokens", Value::IntValue(1000)),
        ],
        ..Span::default()
    }
}

/// An event in which Claude Code reports a call.
fn log(number: u64) -> LogRecord {
    LogRecord {
        time_unix_nano: now(),
        body: Some(AnyValue { value: Some(text("claude_code.api_request")) }),
        attributes: vec![
            pair("event.name", text("api_request")),
            pair("session.id", text("s1")),
            pair("request_id", text(&format!("req-{number}"))),
            pair("model", text("claude-sonnet-4-5")),
            pair("input_tokens", text("10")),
            pair("output_tokens", text("5")),
        ],
        ..LogRecord::default()
    }
}

fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a call has the time at which it was made")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or_default()
}

/// An attribute whose value is `depth` lists deep, as the field `number`. Written by hand: an encoder calls itself.
fn deep(number: u64, depth: usize) -> Vec<u8> {
    let value = (0..depth).fold(vec![0x18, 1], |value, _| field(5, &field(1, &value)));
    field(number, &[field(1, b"deep"), field(2, &value)].concat())
}

/// How a span is spoiled, and whether the ledger has the call all the same.
type Spoil = (&'static str, fn(Span) -> Vec<u8>, bool);

fn with(mut span: Span, key: &str, value: Value) -> Vec<u8> {
    span.attributes.push(pair(key, value));
    span.encode_to_vec()
}

fn with_text(mut log: LogRecord, key: &str, value: &str) -> Vec<u8> {
    log.attributes.push(pair(key, text(value)));
    log.encode_to_vec()
}

fn marked() -> String {
    String::from_utf8_lossy(MARK).into_owned()
}

/// All that the Collector takes.
const SPOILT: [Spoil; 13] = [
    ("a value that is not UTF-8", |span| with(span, "user.id", text(&marked())), true),
    ("a key that is not UTF-8", |span| with(span, &marked(), text("x")), true),
    ("a name that is not UTF-8", |span| Span { name: marked(), ..span }.encode_to_vec(), true),
    ("100 lists deep", |span| [span.encode_to_vec(), deep(9, 100)].concat(), true),
    ("9,000 lists deep", |span| [span.encode_to_vec(), deep(9, 9_000)].concat(), true),
    ("unknown fields", |span| [span.encode_to_vec(), field(99, b"x"), field(2_000, b"y")].concat(), true),
    ("no ids", |span| Span { trace_id: vec![], span_id: vec![], ..span }.encode_to_vec(), false),
    (
        "ids of zeros",
        |span| Span { trace_id: vec![0; 16], span_id: vec![0; 8], ..span }.encode_to_vec(),
        false,
    ),
    (
        "tokens that are no number",
        |span| with(span, "gen_ai.usage.output_tokens", Value::DoubleValue(f64::NAN)),
        true,
    ),
    (
        "times out of range",
        |span| Span { start_time_unix_nano: 0, end_time_unix_nano: u64::MAX, ..span }.encode_to_vec(),
        true,
    ),
    ("an unknown kind", |span| Span { kind: -7, ..span }.encode_to_vec(), true),
    ("an attribute of 3 MiB", |span| with(span, "page", text(&"x".repeat(3 << 20))), true),
    ("an attribute of 7 MiB", |span| with(span, "page", text(&"x".repeat(7 << 20))), true),
];

/// `request` with the mark made invalid.
fn spoilt(mut request: Vec<u8>) -> Vec<u8> {
    let at: Vec<_> = memchr::memmem::find_iter(&request, MARK).collect();
    for at in at {
        request[at..at + MARK.len()].fill(0xFF);
    }
    request
}

async fn send(collector: &Collector, signal: &str, body: Vec<u8>) -> Result<StatusCode> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{}/v1/{signal}", collector.http);
    Ok(client.post(url).header("content-type", "application/x-protobuf").body(body).send().await?.status())
}

/// A companion that is away, and a Collector that keeps what it is sent until it is back, and so has to merge.
async fn start(tools: &std::path::Path, directory: &std::path::Path) -> Result<(Companion, Collector)> {
    let mut companion = Companion::start(directory, free_address()?).await?;
    // Counts how many requests it makes of those it takes.
    let level = "service:\n  telemetry:\n    metrics:\n      level: detailed\n";
    let collector = Collector::start(tools, directory, companion.grpc, free_address()?, level, &[]).await?;
    companion.kill()?;
    Ok((companion, collector))
}

/// Calls by service, once there are `wanted` or time is up.
async fn calls(companion: &Companion, wanted: u64) -> Result<BTreeMap<String, u64>> {
    let by_service = async || {
        let mut found = BTreeMap::new();
        for call in companion.calls().await? {
            *found.entry(call["service"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        Ok::<_, spanledger_e2e::Error>(found)
    };
    let all = async || {
        by_service().await.ok().filter(|found: &BTreeMap<_, u64>| found.values().sum::<u64>() >= wanted)
    };
    match wait::until("all calls", all).await {
        Ok(found) => Ok(found),
        // What is missing is more telling than the wait.
        Err(_) => by_service().await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_span_costs_no_other_span_on_its_way_through_the_collector() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let (mut companion, collector) = start(&tools, directory.path()).await?;
    let mut next = 0;
    let mut spans = || {
        next += TOGETHER;
        (next - TOGETHER..next).map(span).collect::<Vec<_>>()
    };
    let (mut wanted, mut requests) = (BTreeMap::<String, u64>::new(), 0_u32);
    for (what, spoil, kept) in SPOILT {
        for sender in 0..HONEST {
            let service = format!("honest-{sender}");
            let items: Vec<_> = spans().iter().map(Message::encode_to_vec).collect();
            assert_eq!(send(&collector, "traces", request(&service, "app", &items)).await?, 200, "{what}");
            *wanted.entry(service).or_default() += TOGETHER;
            requests += 1;
            if sender != HONEST / 2 {
                continue;
            }
            // The second of its spans, named after what is wrong with it.
            let mut items: Vec<_> = spans().iter().map(Message::encode_to_vec).collect();
            items[1] = spoil(Message::decode(items[1].as_slice())?);
            let body = spoilt(request(what, "app", &items));
            assert_eq!(send(&collector, "traces", body).await?, 200, "{what}");
            wanted.insert(what.to_owned(), TOGETHER - u64::from(!kept));
            requests += 1;
        }
    }
    companion.restart().await?;
    assert_eq!(calls(&companion, wanted.values().sum()).await?, wanted);
    let sent = metric(&collector, "otelcol_exporter_queue_batch_send_size_count").await?;
    assert!(sent > 0.0 && sent * 2.0 < f64::from(requests), "{requests} requests became {sent}: not merged");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_log_record_costs_no_other_record_on_its_way_through_the_collector() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let (mut companion, collector) = start(&tools, directory.path()).await?;
    type Spoil = fn(LogRecord) -> Vec<u8>;
    let spoil: [(&str, Spoil); 3] = [
        ("a value that is not UTF-8", |log| with_text(log, "user.id", &marked())),
        ("9,000 lists deep", |log| [log.encode_to_vec(), deep(6, 9_000)].concat()),
        ("an attribute of 3 MiB", |log| with_text(log, "page", &"x".repeat(3 << 20))),
    ];
    let (mut wanted, mut next) = (BTreeMap::<String, u64>::new(), 0);
    let mut records = || {
        next += TOGETHER;
        (next - TOGETHER..next).map(log).collect::<Vec<_>>()
    };
    for (what, spoil) in spoil {
        for sender in 0..=HONEST {
            let mut items: Vec<_> = records().iter().map(Message::encode_to_vec).collect();
            let service = if sender == HONEST / 2 {
                items[1] = spoil(Message::decode(items[1].as_slice())?);
                what.to_owned()
            } else {
                format!("honest-{sender}")
            };
            let body = spoilt(request(&service, "com.anthropic.claude_code.events", &items));
            assert_eq!(send(&collector, "logs", body).await?, 200, "{what}");
            *wanted.entry(service).or_default() += TOGETHER;
        }
    }
    companion.restart().await?;
    assert_eq!(calls(&companion, wanted.values().sum()).await?, wanted);
    Ok(())
}

/// What the Collector itself refuses is refused to its sender alone, and kept from no other.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_collector_cannot_read_is_refused_to_its_sender_alone() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let (mut companion, collector) = start(&tools, directory.path()).await?;
    let refused: [(&str, Vec<u8>); 4] = [
        // Field 5, the name, as a number.
        ("a wrong wire type", [span(1_000).encode_to_vec(), vec![0x28, 3]].concat()),
        ("a group", [span(1_001).encode_to_vec(), vec![0x93, 3, 0x94, 3]].concat()),
        ("ids of a wrong length", Span { trace_id: b"12345".to_vec(), ..span(1_002) }.encode_to_vec()),
        ("more than a request may have", with(span(1_003), "page", text(&"x".repeat(20 << 20)))),
    ];
    let mut wanted = BTreeMap::<String, u64>::new();
    for (number, (what, bad)) in refused.into_iter().enumerate() {
        let status = send(&collector, "traces", request(what, "app", &[bad])).await?;
        assert!(status.is_client_error(), "{what}: {status}");
        let honest = span(number as u64).encode_to_vec();
        assert_eq!(send(&collector, "traces", request("honest", "app", &[honest])).await?, 200);
        *wanted.entry("honest".to_owned()).or_default() += 1;
    }
    companion.restart().await?;
    assert_eq!(calls(&companion, wanted.values().sum()).await?, wanted);
    Ok(())
}

/// The total of all series of a metric of the Collector.
async fn metric(collector: &Collector, name: &str) -> Result<f64> {
    let metrics = reqwest::get(format!("http://{}/metrics", collector.metrics)).await?.text().await?;
    let series = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    Ok(series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
