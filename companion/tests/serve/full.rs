//! A full disk under the receivers: requests are refused as retryable, nothing acknowledged is lost, and what is sent
//! again when there is space is counted once.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use spanledger::semconv::attribute;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::process::{Server, call, pair, request, text};

/// Spans of one request, some 25 KiB in the ledger. `spanledger calls` shows up to 1000 rows.
const SPANS: u64 = 20;
/// What is left of the disk for the calls; the log of the database takes it first.
const ROOM: u64 = 768 * 1024;

/// Runs a command that mounts. Where it cannot, the output names the reason; where `CI` is set, that must be that this user
/// may not mount: a test that did not run must not look like one that passed.
pub(crate) fn is_mounted(mount: &mut std::process::Command) -> bool {
    let reason = match mount.output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let refused = ["permission denied", "not permitted", "superuser", "only root", "loop device"]
        .iter()
        .any(|words| reason.to_lowercase().contains(words));
    assert!(refused || std::env::var_os("CI").is_none(), "no file system can be mounted: {reason}");
    // Past the test harness, which shows nothing of a test that passes.
    let _ = writeln!(std::io::stderr(), "not run: no file system can be mounted: {}", reason.trim());
    false
}

/// A file system of six megabytes in memory; unmounted when dropped.
pub(crate) struct SmallDisk(pub(crate) tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may not mount.
    pub(crate) fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(folder.path());
        is_mounted(&mut mount).then(|| Self(folder))
    }

    /// Takes all of the disk but [`ROOM`]; gives it back when the file is removed.
    pub(crate) fn fill(&self) -> std::path::PathBuf {
        let path = self.0.path().join("ballast");
        let mut ballast = File::create(&path).unwrap();
        let mut taken = 0;
        while ballast.write_all(&[0; 4096]).is_ok() {
            taken += 4096;
        }
        ballast.set_len(taken - ROOM).unwrap();
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

/// How one request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Taken,
    /// Refused as retryable, with a delay in the response.
    Again,
}

/// Sends over both protocols.
struct Sender {
    url: String,
    http: reqwest::Client,
    grpc: TraceServiceClient<Channel>,
}

impl Sender {
    async fn to(server: &Server) -> Self {
        let grpc = TraceServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
        Self { url: server.traces_url(), http: reqwest::Client::new(), grpc }
    }

    async fn by_http(&self, request: &ExportTraceServiceRequest) -> Answer {
        let post = self.http.post(&self.url).header(CONTENT_TYPE, "application/x-protobuf");
        let answer = post.body(request.encode_to_vec()).send().await.unwrap();
        if answer.status().is_success() {
            return Answer::Taken;
        }
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "1");
        Answer::Again
    }

    async fn by_grpc(&mut self, request: &ExportTraceServiceRequest) -> Answer {
        let Err(status) = self.grpc.export(request.clone()).await else { return Answer::Taken };
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
        assert!(
            status.get_details_retry_info().is_some_and(|retry| retry.retry_delay.is_some()),
            "{status:?}"
        );
        Answer::Again
    }

    /// Even requests by HTTP, odd ones by gRPC.
    async fn send(&mut self, number: usize, request: &ExportTraceServiceRequest) -> Answer {
        match number % 2 {
            0 => self.by_http(request).await,
            _ => self.by_grpc(request).await,
        }
    }
}

/// Request `number`, whose calls take room: their previews are long and unlike.
fn large(number: u64) -> ExportTraceServiceRequest {
    let spans = (number * SPANS..(number + 1) * SPANS).map(|number| {
        let mut span = call(number);
        let preview = format!("{number:08}").repeat(128);
        span.attributes.push(pair(attribute::RESPONSE_PREVIEW, text(&preview)));
        span
    });
    request(spans.collect())
}

fn ids(calls: &[serde_json::Value]) -> HashSet<String> {
    calls.iter().map(|call| call["trace_id"].as_str().unwrap().to_owned()).collect()
}

fn ids_of(number: usize) -> impl Iterator<Item = String> {
    let first = number as u64 * SPANS;
    (first..first + SPANS).map(|span| format!("abababababababab{span:016x}"))
}

#[tokio::test]
async fn a_full_disk_loses_nothing_acknowledged_and_takes_the_rest_once_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let mut server = Server::start_in(tempfile::tempdir_in(disk.0.path()).unwrap(), &[]);
    let mut sender = Sender::to(&server).await;
    let mut requests = vec![large(0)];
    let mut answers = vec![sender.send(0, &requests[0]).await];
    let ballast = disk.fill();
    // Until each protocol has refused some, and no longer than the reader below can see.
    let refused = |answers: &[Answer], parity: usize| {
        answers.iter().skip(parity).step_by(2).filter(|answer| **answer == Answer::Again).count()
    };
    while refused(&answers, 0) < 2 || refused(&answers, 1) < 2 {
        let number = requests.len();
        assert!(number < 50, "the disk is not full: {answers:?}");
        requests.push(large(number as u64));
        answers.push(sender.send(number, &requests[number]).await);
    }
    assert!(server.is_running());
    assert_eq!(answers[0], Answer::Taken);

    std::fs::remove_file(ballast).unwrap();
    let kept = ids(&server.calls());
    for (number, answer) in answers.iter().enumerate() {
        let here = ids_of(number).filter(|id| kept.contains(id)).count() as u64;
        let expected = if *answer == Answer::Taken { SPANS } else { 0 };
        assert_eq!(here, expected, "request {number} was answered {answer:?}");
    }
    for (number, request) in requests.iter().enumerate() {
        assert_eq!(sender.send(number, request).await, Answer::Taken, "request {number}");
    }
    let all = server.calls();
    assert_eq!(all.len() as u64, requests.len() as u64 * SPANS);
    assert_eq!(ids(&all).len(), all.len());
    let appended = server.metric("spanledger_receiver_spans_total{result=\"accepted\"}");
    assert_eq!(appended, Some(all.len() as f64));
}

#[tokio::test]
async fn goes_on_when_its_log_cannot_be_written() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut server = Server::start_logging_to(full, tempfile::tempdir().unwrap(), &[]);
    let mut sender = Sender::to(&server).await;
    for number in 0..2 {
        assert_eq!(sender.send(number, &large(number as u64)).await, Answer::Taken);
    }
    assert!(server.is_running());
    assert_eq!(server.calls().len() as u64, 2 * SPANS);
}
