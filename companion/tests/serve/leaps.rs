//! The clock of the machine is wrong, or leaps, while the server runs. `libfaketime` shows a process another time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use spanledger_companion::bench::now;

use super::process::{Server, call, request, run, spanledger};

const DAY: i64 = 86_400_000_000_000;
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The clock of a machine, which a test sets.
struct Clock {
    file: PathBuf,
    library: String,
}

impl Clock {
    /// One that is right; none where the library is not installed.
    fn new(folder: &Path) -> Option<Self> {
        let library = format!("/usr/lib/{}-linux-gnu/{LIBRARY}", std::env::consts::ARCH);
        if !Path::new(&library).exists() {
            eprintln!("skipped: no {library}, which Debian's package faketime has");
            return None;
        }
        let clock = Self { file: folder.join("clock"), library };
        clock.set(0);
        Some(clock)
    }

    /// Lets the clock be so many days ahead, or behind.
    fn set(&self, days: i64) {
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{days:+}d\n")).unwrap();
        fs::rename(next, &self.file).unwrap();
    }

    /// A server that sees this clock. Its clock that only runs is the machine's own, as after a real leap.
    fn server(&self, folder: tempfile::TempDir) -> Server {
        let mut program = spanledger();
        program
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let log = File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
        let config = folder.path().join("config.toml");
        fs::write(&config, "[ledger.retention]\nmax_age = \"30d\"\n").unwrap();
        Server::start_as(program, log, folder, &["--config", config.to_str().unwrap()])
    }
}

/// A call that ended so many days ago, or will.
fn ended(number: u64, days: i64) -> Span {
    let by = |time: u64| time.checked_add_signed(days * DAY).unwrap();
    let span = call(number);
    Span {
        start_time_unix_nano: by(span.start_time_unix_nano),
        end_time_unix_nano: by(span.end_time_unix_nano),
        ..span
    }
}

/// Sends calls, all of which must be acknowledged.
async fn send(server: &Server, spans: Vec<Span>) {
    let post =
        reqwest::Client::new().post(server.traces_url()).header(CONTENT_TYPE, "application/x-protobuf");
    let response = post.body(request(spans).encode_to_vec()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let response = ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    assert_eq!(response.partial_success.unwrap_or_default().rejected_spans, 0);
}

/// All calls of the ledger, those that a wrong clock put into the future too.
fn every_call(server: &Server) -> Vec<serde_json::Value> {
    let window = ["--from", "2000-01-01T00:00:00Z", "--to", "2090-01-01T00:00:00Z"];
    let output = run(spanledger()
        .args(["calls", "--format", "json", "--limit", "1000"])
        .args(window)
        .arg("--ledger")
        .arg(server.ledger()));
    assert!(output.status.success(), "{output:?}");
    let page: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    page["calls"].as_array().unwrap().clone()
}

/// Ends a server in order, which does the housekeeping a last time.
fn end(server: Server) -> tempfile::TempDir {
    server.signal("TERM");
    let (status, folder) = server.wait();
    assert_eq!(status, Some(0));
    folder
}

/// What the clock does in the life of one process: days ahead at its start, and each leap after it.
type Life = &'static [i64];

#[tokio::test]
async fn a_clock_that_is_wrong_or_leaps_deletes_refuses_and_misplaces_nothing() {
    const LIVES: [(&str, &[Life]); 7] = [
        ("leaps ahead and back", &[&[0, 200, 0]]),
        ("leaps ahead, and is right after the next start", &[&[0, 200]]),
        ("is ahead at start, then right", &[&[200, 0]]),
        ("is ahead at two starts", &[&[200], &[400]]),
        ("is years behind at start, then right", &[&[-9_000, 0]]),
        ("leaps back, and is behind at the next start", &[&[0, -200], &[-200]]),
        ("leaps ahead and further, then behind", &[&[0, 20, 200, -200]]),
    ];
    for (what, lives) in LIVES {
        let folder = tempfile::tempdir().unwrap();
        let place = tempfile::tempdir().unwrap();
        let Some(clock) = Clock::new(place.path()) else { return };
        let server = clock.server(folder);
        // The history that a wrong clock would delete: a call per day.
        send(&server, (1..=20).map(|day| ended(day, -(day as i64))).collect()).await;
        let history = every_call(&server);
        assert_eq!(history.len(), 20, "{what}");
        let mut folder = end(server);
        let (mut number, mut right) = (100, Vec::new());
        for life in lives {
            clock.set(life[0]);
            let server = clock.server(folder);
            for days in life.iter() {
                clock.set(*days);
                // A sender that has the right time, and one on this machine. What the second one says is long ago
                // is too old, and refused with a reason.
                right.push(ended(number, 0));
                send(&server, vec![right[right.len() - 1].clone()]).await;
                if *days >= 0 {
                    send(&server, vec![ended(number + 1, *days)]).await;
                }
                number += 2;
            }
            folder = end(server);
        }
        clock.set(0);
        let server = clock.server(folder);
        right.push(ended(number, 0));
        send(&server, vec![right[right.len() - 1].clone()]).await;
        assert!(server.log().contains("the clock has leapt"), "{what}: the server did not see another time");
        let calls = every_call(&server);
        let start = |call: &serde_json::Value| {
            call["start"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_nanosecond()
        };
        let kept = lives.iter().flat_map(|life| life.iter()).filter(|days| **days >= 0).count();
        assert_eq!(calls.len(), history.len() + right.len() + kept, "{what}: {calls:#?}");
        assert!(history.iter().all(|call| calls.contains(call)), "{what}");
        for span in right {
            let sent = i128::from(span.start_time_unix_nano);
            assert!(calls.iter().any(|call| start(call) == sent), "{what}: {sent} of {calls:#?}");
        }
        let most = i128::from(now().0 + DAY);
        assert!(calls.iter().all(|call| start(call) < most), "{what}: {calls:#?}");
    }
}

/// A machine without a battery begins years ago, and its clock is set when it has found the network.
#[tokio::test]
async fn a_new_ledger_whose_clock_is_behind_keeps_each_call_at_its_time() {
    for days in [-20_500, -400, -40, -2] {
        let place = tempfile::tempdir().unwrap();
        let Some(clock) = Clock::new(place.path()) else { return };
        let mut sent = Vec::new();
        let mut folder = tempfile::tempdir().unwrap();
        // Of two lives with the wrong clock the second one ends with the right one, as the third begins.
        for life in [[days, days], [days, 0], [0, 0]] {
            clock.set(life[0]);
            let server = clock.server(folder);
            for days in life {
                clock.set(days);
                let span = ended(sent.len() as u64, 0);
                send(&server, vec![span.clone()]).await;
                sent.push(span.start_time_unix_nano);
            }
            folder = end(server);
        }
        clock.set(0);
        let server = clock.server(folder);
        let mut kept: Vec<i128> = every_call(&server)
            .iter()
            .map(|call| call["start"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_nanosecond())
            .collect();
        kept.sort_unstable();
        sent.sort_unstable();
        assert_eq!(kept, sent.iter().map(|sent| i128::from(*sent)).collect::<Vec<_>>(), "{days} days");
        assert_eq!(server.metric("spanledger_ledger_deleted_calls_total"), Some(0.0));
    }
}
