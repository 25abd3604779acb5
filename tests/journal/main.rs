//! No call is lost when the process dies: applications that are really killed, against what the provider has counted.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start threads and tasks, and read clocks and the environment"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod provider;
#[path = "../otlp/receiver.rs"]
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::Value;
use opentelemetry_sdk::trace::SpanData;
use provider::{ID, Provider, WAY};
use receiver::Receiver;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use spanledger::journal::{Journal, Taken, recover};
use spanledger::{CallContext, GenAiMiddleware};

/// Calls that are on their way at the same time.
const TASKS: u64 = 8;

// --- the application ------------------------------------------------------------------------------------------------

/// An application that makes calls until it is killed, and writes the id of each that is over to its standard output.
#[test]
#[ignore = "a child of the tests below"]
fn application() {
    let threads: usize = variable("THREADS").parse().unwrap();
    let runtime = match threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        _ => tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    };
    runtime.unwrap().block_on(async {
        let _guard = spanledger::otlp::builder().bridge(false).init().unwrap();
        let journal =
            Journal::builder(variable("JOURNAL")).cap(variable("CAP").parse().unwrap()).open().unwrap();
        let middleware = GenAiMiddleware::builder().journal(journal).build();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = ClientBuilder::new(http).with(middleware).build();
        let next = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> =
            (0..TASKS).map(|task| tokio::spawn(call_on(client.clone(), task, Arc::clone(&next)))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

async fn call_on(client: ClientWithMiddleware, task: u64, next: Arc<AtomicU64>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{number}", variable("NAME"));
        // One task hangs with its first call until the process dies.
        let way = match number % 5 {
            _ if task == 0 => "hang",
            0 | 1 => "stream",
            2 => "endless",
            _ => "whole",
        };
        let url = format!("{}/v1/chat/completions", variable("PROVIDER"));
        let stream = way != "whole";
        let mut response = client
            .post(url)
            .header(ID, &id)
            .header(WAY, way)
            .body(format!(
                r#"{{"model":"gpt-4o","stream":{stream},"messages":[{{"role":"user","content":"{id}"}}]}}"#
            ))
            .with_extension(CallContext::new().conversation_id(&id).user_id("ada"))
            .send()
            .await
            .unwrap();
        if way == "endless" {
            for _ in 0..10 {
                response.chunk().await.unwrap();
            }
            drop(response);
        } else {
            while response.chunk().await.unwrap().is_some() {}
        }
        // In one write, so that what arrives is whole.
        std::io::stdout().lock().write_all(format!("over {id}\n").as_bytes()).unwrap();
    }
}

struct Application {
    child: Child,
    over: std::thread::JoinHandle<BTreeSet<String>>,
}

impl Application {
    fn start(name: &str, threads: usize, journal: &Path, provider: &Provider, receiver: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "application", "--ignored", "--nocapture"])
            .env("NAME", name)
            .env("THREADS", threads.to_string())
            .env("JOURNAL", journal)
            .env("CAP", (64 * 1024 * 1024).to_string())
            .env("PROVIDER", format!("http://{}", provider.address))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver)
            .env("OTEL_SERVICE_NAME", "shop")
            .env("OTEL_BSP_SCHEDULE_DELAY", "20")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let over = std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .filter_map(|line| line.strip_prefix("over ").map(str::to_owned))
                .collect()
        });
        Self { child, over }
    }

    /// Kills it, and gives the calls that it knows to be over.
    fn kill(mut self) -> BTreeSet<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.over.join().unwrap()
    }
}

// --- what arrives ---------------------------------------------------------------------------------------------------

/// The calls that have arrived, as a ledger has them: what comes twice, with the same ids and times, is there once.
#[derive(Debug, Default)]
struct Ledger {
    calls: BTreeMap<String, Row>,
}

#[derive(Debug, PartialEq)]
struct Row {
    span: Vec<u8>,
    ended: u64,
    outcome: String,
}

impl Ledger {
    fn add(&mut self, id: String, row: Row) {
        if let Some(before) = self.calls.get(&id) {
            assert_eq!(*before, row, "{id} has two records");
        }
        self.calls.insert(id, row);
    }

    /// What the receiver took from the application itself.
    fn add_received(&mut self, receiver: &Receiver) {
        use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
        for span in &receiver.received.lock().unwrap().spans {
            let text = |name: &str| {
                let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
                match found.value.clone()?.value? {
                    StringValue(text) => Some(text),
                    _ => None,
                }
            };
            if let Some(id) = text("gen_ai.conversation.id") {
                let row = Row {
                    span: span.span_id.clone(),
                    ended: span.end_time_unix_nano,
                    outcome: text("spanledger.outcome").unwrap(),
                };
                self.add(id, row);
            }
        }
    }

    /// What a recovery sends.
    fn add_recovered(&mut self, spans: &[SpanData]) {
        for span in spans {
            let text = |name: &str| {
                let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name)?;
                match &found.value {
                    Value::String(text) => Some(text.as_str().to_owned()),
                    _ => None,
                }
            };
            if let Some(id) = text("gen_ai.conversation.id") {
                assert_eq!(text("user.id").as_deref(), Some("ada"), "{id}");
                assert_eq!(text("gen_ai.provider.name").as_deref(), Some("127.0.0.1"), "{id}");
                assert_eq!(text("spanledger.request.hash").unwrap().len(), 32, "{id}");
                let ended = span.end_time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
                let row = Row {
                    span: span.span_context.span_id().to_bytes().to_vec(),
                    ended: u64::try_from(ended).unwrap(),
                    outcome: text("spanledger.outcome").unwrap(),
                };
                self.add(id, row);
            }
        }
    }
}

/// Numbers from a fixed seed: a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Kills applications at random points, `rounds` times, and compares what the provider has counted with what arrives.
fn every_call_arrives(rounds: u64, threads: usize) {
    let receiver = Receiver::start();
    let mut random = Random(threads as u64);
    for round in 0..rounds {
        let directory = tempfile::tempdir().unwrap();
        let provider = Provider::start();
        // A receiver that is away in every third round.
        let away = round % 3 == 2;
        let endpoint = if away { "http://127.0.0.1:9".to_owned() } else { receiver.endpoint() };
        let application =
            Application::start(&format!("r{round}"), threads, directory.path(), &provider, &endpoint);
        provider.counted.wait_for(10 + random.below(500) as usize);
        let over = application.kill();
        let counted = provider.counted.ids();

        let mut ledger = Ledger::default();
        ledger.add_received(&receiver);
        let mut ends = Vec::new();
        let recovered = recover(directory.path(), &mut |resource, spans| {
            assert_eq!(resource.get(&"service.name".into()), Some(Value::from("shop")));
            ledger.add_recovered(&spans);
            ends.extend(spans.iter().filter(|span| span.name == "spanledger.process").cloned());
            Taken::Delivered
        });
        assert_eq!(recovered.unwrap().len(), 1);
        let arrived: BTreeSet<String> =
            ledger.calls.keys().filter(|id| id.starts_with(&format!("r{round}-"))).cloned().collect();
        let missing: Vec<_> = counted.difference(&arrived).collect();
        assert!(missing.is_empty(), "round {round}: {missing:?} of {} are missing", counted.len());
        for id in &over {
            assert!(
                ["completed", "dropped"].contains(&ledger.calls[id].outcome.as_str()),
                "round {round}: {id} was over: {:?}",
                ledger.calls[id]
            );
        }
        assert_eq!(ends.len(), 1, "that the process died is reported once");
        assert!(ends[0].attributes.iter().any(|attribute| attribute.value == Value::from("died")));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left");
    }
}

/// How often, unless `SPANLEDGER_KILLS` says otherwise.
fn kills(few: u64) -> u64 {
    std::env::var("SPANLEDGER_KILLS").map_or(few, |kills| kills.parse().unwrap())
}

#[test]
fn every_call_arrives_once_when_the_application_is_killed() {
    every_call_arrives(kills(12), 4);
}

#[test]
fn every_call_arrives_once_when_an_application_of_one_thread_is_killed() {
    every_call_arrives(kills(6), 1);
}
