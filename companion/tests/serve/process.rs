//! A running `spanledger serve`, and questions to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use spanledger::semconv::attribute;
use spanledger_companion::bench::now;

/// Long enough for a loaded machine; nothing waits this long when it works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with a clean environment.
pub(crate) fn spanledger() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanledger"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SPANLEDGER_")) {
        command.env_remove(name);
    }
    command
}

/// A server and the folder of its ledger. Dropped, it is killed.
pub(crate) struct Server {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), args)
    }

    /// Starts over the ledger in `folder`.
    pub(crate) fn start_in(folder: tempfile::TempDir, args: &[&str]) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        Self::start_logging_to(log, folder, args)
    }

    /// As [`Server::start_in`], with another file for the log.
    pub(crate) fn start_logging_to(log: std::fs::File, folder: tempfile::TempDir, args: &[&str]) -> Self {
        Self::start_as(spanledger(), log, folder, args)
    }

    /// As [`Server::start_logging_to`], as a process with an environment of its own.
    pub(crate) fn start_as(
        mut program: Command,
        log: std::fs::File,
        folder: tempfile::TempDir,
        args: &[&str],
    ) -> Self {
        let mut child = program
            .arg("serve")
            .args(["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .arg("--ledger")
            .arg(folder.path().join("ledger.db"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("{error}: {line:?}\n{log}")
        });
        assert_eq!(ready["event"], "ready");
        let address = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        Self {
            grpc: address("otlp_grpc"),
            http: address("otlp_http"),
            admin: address("admin"),
            folder,
            child,
        }
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub(crate) fn traces_url(&self) -> String {
        format!("http://{}/v1/traces", self.http)
    }

    /// The calls of the ledger as `spanledger calls` gives them, newest first.
    pub(crate) fn calls(&self) -> Vec<serde_json::Value> {
        calls(&self.ledger())
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        get(self.admin, path)
    }

    /// The value of a series of `/metrics`.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics");
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end and gives the status and the folder.
    pub(crate) fn wait(mut self) -> (Option<i32>, tempfile::TempDir) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
                return (status.code(), folder);
            }
            assert!(Instant::now() < until, "it does not end\n{}", self.log());
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn calls(ledger: &Path) -> Vec<serde_json::Value> {
    let output =
        run(spanledger().args(["calls", "--format", "json", "--limit", "1000", "--ledger"]).arg(ledger));
    assert!(output.status.success(), "{output:?}");
    let page: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    page["calls"].as_array().unwrap().clone()
}

pub(crate) fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// One plain HTTP request without a client's help.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

pub(crate) fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(crate) fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

/// A call of ours that has just ended, with ids made of `number`.
pub(crate) fn call(number: u64) -> Span {
    let end = now().0.unsigned_abs();
    Span {
        trace_id: [[0xAB; 8], number.to_be_bytes()].concat(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        start_time_unix_nano: end - 1_000_000,
        end_time_unix_nano: end,
        attributes: vec![
            pair(attribute::OPERATION_NAME, text("chat")),
            pair(attribute::PROVIDER_NAME, text("openai")),
            pair(attribute::REQUEST_MODEL, text("gpt-4o-mini")),
            pair(attribute::OUTCOME, text("completed")),
            pair(attribute::USAGE_INPUT_TOKENS, Value::IntValue(1000)),
            pair(attribute::USAGE_OUTPUT_TOKENS, Value::IntValue(100)),
        ],
        ..Span::default()
    }
}

pub(crate) fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![pair(attribute::SERVICE_NAME, text("checkout"))],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}
