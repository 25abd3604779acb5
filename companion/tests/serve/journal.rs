//! What an application left in its journal when it died, in the ledger.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use axum::Json;
use axum::routing::post;
use reqwest_middleware::ClientBuilder;
use serde_json::{Value, json};
use spanledger::GenAiMiddleware;
use spanledger::journal::Journal;

use super::process::{PATIENCE, Server, calls, run, spanledger};

const CALLS: u64 = 20;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// An application that makes [`CALLS`] calls, or as many as it is asked for, and dies within one more, unless it is to end in
/// order. Its journal takes 1 MiB. With a folder to pause at it waits there after its first call.
#[test]
#[ignore = "a child of the tests below"]
fn application() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = spanledger::otlp::builder().service_name("shop").endpoint(variable("ENDPOINT"));
        let builder = builder.flush_timeout(Duration::from_secs(1));
        let telemetry = builder.bridge(false).init().unwrap();
        let journal = Journal::builder(variable("JOURNAL")).any_file_system(true).cap(1 << 20).open().unwrap();
        let middleware = GenAiMiddleware::builder().provider("openai").journal(journal).build();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = ClientBuilder::new(client).with(middleware).build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/chat/completions", listener.local_addr().unwrap());
        let answer = async |Json(body): Json<Value>| {
            if body["user"] == "last" {
                std::process::abort();
            }
            // No two processes have a response in common.
            let id = format!("{}-{}", std::process::id(), body["user"]);
            Json(json!({"id": id, "object": "chat.completion", "model": "gpt-4o-mini",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}))
        };
        let router = axum::Router::new().route("/v1/chat/completions", post(answer));
        tokio::spawn(axum::serve(listener, router).into_future());
        let last = std::env::var("ORDERLY").is_err().then(|| "last".to_owned());
        let calls = std::env::var("CALLS").map_or(CALLS, |number| number.parse().unwrap());
        let pause = std::env::var_os("PAUSE").map(PathBuf::from);
        for number in (0..calls).map(|number| number.to_string()).chain(last) {
            let body = json!({"model": "gpt-4o-mini", "user": number, "messages": [{"role": "user", "content": number}]});
            let response = client.post(&url).json(&body).send().await.unwrap();
            response.bytes().await.unwrap();
            if let Some(pause) = pause.as_ref().filter(|_| number == "0") {
                assert!(telemetry.flush(), "the first call is delivered");
                std::fs::write(pause.join("delivered"), "").unwrap();
                while !pause.join("go on").exists() {
                    std::thread::yield_now();
                }
            }
        }
    });
}

fn command(journal: &Path, endpoint: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "serve::journal::application", "--ignored"]);
    command.env("JOURNAL", journal).env("ENDPOINT", endpoint);
    command
}

/// Runs the application until it is dead.
fn die(journal: &Path, endpoint: &str) {
    let output = run(&mut command(journal, endpoint));
    assert!(!output.status.success(), "{output:?}");
}

/// The file in which the only process of a journal has its records.
fn only_segment(journal: &Path) -> PathBuf {
    let process = std::fs::read_dir(journal).unwrap().next().unwrap().unwrap().path();
    process.join("00000001.slj1")
}

fn verify_in_words(journal: &Path, ledger: &Path) -> String {
    let output = run(spanledger().args(["verify", "--journal"]).arg(journal).arg("--ledger").arg(ledger));
    String::from_utf8(output.stdout).unwrap()
}

fn recover(journal: &Path, more: &[&str], ledger: &Path) -> String {
    let output = run(spanledger().arg("recover").arg(journal).args(more).arg("--ledger").arg(ledger));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The exit status and the result of a comparison.
fn verify(journal: &Path, ledger: &Path) -> (Option<i32>, Value) {
    let output = run(spanledger()
        .args(["verify", "--format", "json", "--journal"])
        .arg(journal)
        .arg("--ledger")
        .arg(ledger));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn outcomes(calls: &[Value], outcome: &str) -> usize {
    calls.iter().filter(|call| call["outcome"] == outcome).count()
}

/// No receiver listens there.
const AWAY: &str = "http://127.0.0.1:9";

#[test]
fn a_dead_process_is_recovered_once_and_every_call_is_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, ledger) = (folder.path().join("journal"), folder.path().join("ledger.db"));
    std::fs::create_dir(&journal).unwrap();
    assert!(recover(&journal, &[], &ledger).starts_with("recovered 0 processes: "));
    die(&journal, AWAY);

    let (status, before) = verify(&journal, &ledger);
    assert_eq!((status, &before["complete"]), (Some(0), &json!(true)));
    let process = &before["processes"][0];
    assert_eq!((&process["state"], &process["service"]), (&json!("to_recover"), &json!("shop")));
    let counts = ["opened", "closed", "delivered", "waiting_calls", "in_ledger", "interrupted"];
    assert_eq!(counts.map(|name| process[name].as_u64().unwrap()), [CALLS + 1, CALLS, 0, CALLS, 0, 1]);

    assert_eq!(
        recover(&journal, &[], &ledger),
        "recovered 1 process: 20 calls that had ended, 1 call interrupted in flight, 0 calls refused\n"
    );
    assert!(recover(&journal, &[], &ledger).starts_with("recovered 0 processes: "));
    let found = calls(&ledger);
    assert_eq!((outcomes(&found, "completed"), outcomes(&found, "interrupted")), (20, 1));
    let (status, after) = verify(&journal, &ledger);
    assert_eq!((status, &after["complete"]), (Some(0), &json!(true)));
    let process = &after["processes"][0];
    assert_eq!(process["state"], "died");
    assert_eq!(
        ["last_sequence", "in_ledger", "interrupted"].map(|name| process[name].as_u64().unwrap()),
        [CALLS, CALLS, 1]
    );
    let text = verify_in_words(&journal, &ledger);
    assert!(text.ends_with("complete: every call is in the ledger or in the journal\n"), "{text}");
}

#[test]
fn a_call_whose_record_is_damaged_is_named_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, ledger) = (folder.path().join("journal"), folder.path().join("ledger.db"));
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    die(&journal, AWAY);
    let segment = only_segment(&journal);
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    recover(&empty, &[], &ledger);
    let (status, before) = verify(&journal, &ledger);
    let process = &before["processes"][0];
    assert_eq!(
        (status, &process["checksum_errors"], &process["unproved"]),
        (Some(1), &json!(1), &json!("damaged"))
    );
    let text = verify_in_words(&journal, &ledger);
    assert!(text.contains("\n  damage     1 checksum error, "), "{text}");

    recover(&journal, &[], &ledger);
    let (status, compared) = verify(&journal, &ledger);
    assert_eq!(
        (status, &compared["complete"], &compared["missing_calls"]),
        (Some(1), &json!(false), &json!(1))
    );
    let missing = compared["processes"][0]["missing"][0][0].as_u64().unwrap();
    assert!((1..=CALLS).contains(&missing), "{missing}");
    // The report names it as well: the journal reported the last number.
    let report = run(spanledger().args(["report", "--format", "json", "--ledger"]).arg(&ledger));
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    // A gap is reported two minutes after it was noticed.
    assert_eq!(report["gaps"]["lost_calls"], 0);
}

#[test]
fn a_record_that_is_cut_is_named_before_the_recovery() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, ledger) = (folder.path().join("journal"), folder.path().join("ledger.db"));
    std::fs::create_dir(&journal).unwrap();
    recover(&journal, &[], &ledger);
    die(&journal, AWAY);
    let segment = only_segment(&journal);
    let bytes = std::fs::read(&segment).unwrap();
    // The last record is the beginning of the last call.
    std::fs::write(&segment, &bytes[..bytes.len() - 5]).unwrap();
    let process = |compared: &Value| compared["processes"][0].clone();
    let cut = process(&verify(&journal, &ledger).1);
    assert_eq!((&cut["checksum_errors"], &cut["opened"]), (&json!(0), &json!(CALLS)));
    let torn = cut["torn_bytes"].as_u64().unwrap();
    assert!(torn > 0);
    let text = verify_in_words(&journal, &ledger);
    assert!(text.contains(&format!("\n  damage     0 checksum errors, {torn} torn bytes\n")), "{text}");
}

#[test]
fn a_process_that_ended_in_order_is_told_from_one_that_died() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, ledger) = (folder.path().join("journal"), folder.path().join("ledger.db"));
    let output = run(command(&journal, AWAY).env("ORDERLY", "yes"));
    assert!(output.status.success(), "{output:?}");
    recover(&journal, &[], &ledger);
    let (status, compared) = verify(&journal, &ledger);
    let process = &compared["processes"][0];
    assert_eq!((status, &process["state"]), (Some(0), &json!("ended")));
    let counts = ["last_sequence", "in_ledger", "interrupted"].map(|name| process[name].as_u64().unwrap());
    assert_eq!(counts, [CALLS, CALLS, 0]);
}

#[test]
fn a_journal_whose_segments_are_gone_or_of_another_version_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, ledger) = (folder.path().join("journal"), folder.path().join("ledger.db"));
    std::fs::create_dir(&journal).unwrap();
    recover(&journal, &[], &ledger);
    die(&journal, AWAY);
    let process = std::fs::read_dir(&journal).unwrap().next().unwrap().unwrap().path();
    let (segment, newer) = (process.join("00000001.slj1"), process.join("00000001.slj9"));

    std::fs::rename(&segment, &newer).unwrap();
    let (status, compared) = verify(&journal, &ledger);
    assert_eq!((status, &compared["processes"][0]["unproved"]), (Some(1), &json!("other_version")));
    std::fs::remove_file(newer).unwrap();
    let (status, compared) = verify(&journal, &ledger);
    assert_eq!((status, &compared["processes"][0]["unproved"]), (Some(1), &json!("no_segments")));
    assert_eq!(compared["complete"], false);
}

#[test]
fn a_companion_that_watches_the_directory_takes_what_the_exporter_did_not_send() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let config = folder.path().join("spanledger.toml");
    std::fs::write(&config, format!("[journal]\ndirs = [{journal:?}]\nevery = \"1s\"\n")).unwrap();
    let server = Server::start_in(folder, &["--config", config.to_str().unwrap()]);
    die(&journal, &format!("http://{}", server.http));
    let until = Instant::now() + PATIENCE;
    while std::fs::read_dir(&journal).unwrap().next().is_some() {
        assert!(Instant::now() < until, "it is not recovered\n{}", server.log());
        std::thread::yield_now();
    }
    let found = server.calls();
    assert_eq!((outcomes(&found, "completed"), outcomes(&found, "interrupted")), (20, 1));
    // Another one, by hand, while the ledger is held: over OTLP.
    let other = tempfile::tempdir().unwrap();
    die(other.path(), AWAY);
    let held = run(spanledger().arg("recover").arg(other.path()).arg("--ledger").arg(server.ledger()));
    assert_eq!(held.status.code(), Some(2), "{held:?}");
    let endpoint = format!("http://{}", server.http);
    assert_eq!(
        recover(other.path(), &["--endpoint", &endpoint], &server.ledger()),
        "recovered 1 process: 20 calls that had ended, 1 call interrupted in flight, 0 calls refused\n"
    );
    assert_eq!(server.calls().len(), 42);
    assert_eq!(verify(&journal, &server.ledger()).0, Some(0));
}

#[test]
fn what_a_journal_dropped_at_its_cap_is_on_metrics_as_in_verify() {
    const MADE: u64 = 6_000;
    let (server, journal, pause) =
        (Server::start(&[]), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut application = command(journal.path(), &format!("http://{}", server.http))
        .env("CALLS", MADE.to_string())
        .env("PAUSE", pause.path())
        .spawn()
        .unwrap();
    let until = Instant::now() + PATIENCE;
    while !pause.path().join("delivered").exists() {
        assert!(Instant::now() < until, "the first call is not delivered");
        std::thread::yield_now();
    }
    // Away for all others.
    server.signal("KILL");
    let (_, folder) = server.wait();
    std::fs::write(pause.path().join("go on"), "").unwrap();
    assert!(!application.wait().unwrap().success());
    let server = Server::start_in(folder, &[]);
    recover(journal.path(), &["--endpoint", &format!("http://{}", server.http)], &server.ledger());

    let (status, compared) = verify(journal.path(), &server.ledger());
    let lost = compared["lost_calls"].as_u64().unwrap();
    assert_eq!((status, &compared["missing_calls"]), (Some(1), &json!(0)), "dropped, and so not complete");
    assert!((1..MADE).contains(&lost), "{lost}");
    // They are counted at an interval.
    #[expect(clippy::cast_precision_loss, reason = "a number of calls")]
    let wanted = [lost, lost, MADE + 1 - lost].map(|calls| Some(calls as f64));
    let names =
        ["spanledger_ledger_lost_calls", "spanledger_ledger_missing_calls", "spanledger_ledger_calls"];
    let until = Instant::now() + PATIENCE;
    while names.map(|name| server.metric(name)) != wanted {
        assert!(Instant::now() < until, "{lost} lost, and {:?}", names.map(|name| server.metric(name)));
        std::thread::yield_now();
    }
}
