//! The application: a process that makes calls at a rate until it is ended.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use spanledger::GenAiMiddleware;

/// Set in the environment of an application: its calls per second.
const RATE: &str = "SPANLEDGER_BENCH_RATE";
/// Tasks that make calls.
const TASKS: u32 = 4;

/// Numbers the responses: two calls with one response id would be accounts of one call.
static RESPONSES: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

/// The provider: responds from memory.
struct Memory;

#[async_trait::async_trait]
impl Middleware for Memory {
    async fn handle(
        &self,
        _request: Request,
        _extensions: &mut Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let id = format!("{}-{}", std::process::id(), RESPONSES.fetch_add(1, Ordering::Relaxed));
        let body = serde_json::json!({"id": id, "model": "gpt-4o-mini",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}});
        let mut response = http::Response::new(reqwest::Body::from(body.to_string()));
        response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
        Ok(Response::from(response))
    }
}

pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(RATE).is_some()
}

/// Makes calls until standard input ends.
pub(crate) fn run() {
    let rate: f64 = std::env::var(RATE).unwrap().parse().unwrap();
    std::thread::spawn(|| {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        STOP.store(true, Ordering::SeqCst);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let guard = spanledger::otlp::builder()
            .bridge(false)
            .service_name("loss")
            .flush_timeout(Duration::from_secs(60))
            .init()
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = ClientBuilder::new(http).with(GenAiMiddleware::new()).with(Memory).build();
        let tasks: Vec<_> =
            (0..TASKS).map(|_| tokio::spawn(calls(client.clone(), rate / f64::from(TASKS)))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        drop(guard);
    });
}

async fn calls(client: ClientWithMiddleware, rate: f64) {
    let began = Instant::now();
    let mut made = 0.0;
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    while !STOP.load(Ordering::SeqCst) {
        ticks.tick().await;
        while made < rate * began.elapsed().as_secs_f64() && !STOP.load(Ordering::SeqCst) {
            let request = client
                .post("https://api.openai.com/v1/chat/completions")
                .body(r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#);
            request.send().await.unwrap().bytes().await.unwrap();
            made += 1.0;
            // Not buffered beyond the line: what was written is counted, however the process ends.
            std::io::stdout().write_all(b".\n").unwrap();
        }
    }
}

/// How an application ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Kill,
    Terminate,
    Order,
}

/// A running application.
pub(crate) struct Application {
    child: Child,
    made: Arc<AtomicU64>,
    reader: JoinHandle<()>,
}

impl Application {
    pub(crate) fn start(rate: u64, endpoint: &str, journal: Option<&Path>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(RATE, rate.to_string()).env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        if let Some(journal) = journal {
            command.env("SPANLEDGER_JOURNAL_DIR", journal);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        let made = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&made);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                let calls = buffer[..read].iter().filter(|byte| **byte == b'.').count() as u64;
                counted.fetch_add(calls, Ordering::SeqCst);
            }
        });
        let mut application = Self { child, made, reader };
        // A busy machine needs some time for its start, which is none of its calls'.
        while application.made() == 0 {
            assert!(
                application.child.try_wait().unwrap().is_none(),
                "the application ended before its first call"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        application
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The calls that were over until now.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    /// Ends it, and gives the calls that were over.
    pub(crate) fn end(mut self, end: End) -> u64 {
        match end {
            End::Kill => self.child.kill().unwrap(),
            End::Terminate => {
                let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
                assert!(sent.unwrap().success());
            }
            End::Order => drop(self.child.stdin.take()),
        }
        self.child.wait().unwrap();
        self.reader.join().unwrap();
        self.made.load(Ordering::SeqCst)
    }
}
