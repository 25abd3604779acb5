//! Everything at once: application and companion are killed under load, again and again, while the disk of the ledger is
//! full or has just been made free. What the provider has counted is compared with the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use reqwest_middleware::ClientBuilder;
use serde_json::{Value, json};
use spanledger::journal::Journal;
use spanledger::{CallContext, GenAiMiddleware};

use super::full::SmallDisk;
use super::process::{PATIENCE, Server};

/// Calls that are on the way at a time.
const TASKS: usize = 4;
/// Calls of a round after which both are killed, at the latest.
const CALLS: usize = 20_000;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// An application that makes calls until it is killed.
#[test]
#[ignore = "a child of the test below"]
fn application() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = spanledger::otlp::builder().service_name("shop").endpoint(variable("ENDPOINT"));
        let _telemetry = builder.bridge(false).init().unwrap();
        let journal = Journal::builder(variable("JOURNAL")).any_file_system(true).open().unwrap();
        let middleware = GenAiMiddleware::builder().provider("openai").journal(journal).build();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = ClientBuilder::new(client).with(middleware).build();
        let calls = (0..TASKS).map(|task| {
            let client = client.clone();
            tokio::spawn(async move {
                for number in 0_u64.. {
                    let id = format!("{}-{task}-{number}", variable("NAME"));
                    let body = json!({"model": "gpt-4o-mini", "user": id, "messages": [{"role": "user", "content": id}]});
                    let call = client.post(variable("PROVIDER")).json(&body);
                    let call = call.with_extension(CallContext::new().conversation_id(&id)).send();
                    call.await.unwrap().bytes().await.unwrap();
                }
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    });
}

/// The ids of the calls that have reached the provider.
type Counted = Arc<Mutex<BTreeSet<String>>>;

async fn answer(State(counted): State<Counted>, Json(body): Json<Value>) -> Json<Value> {
    let id = body["user"].as_str().unwrap().to_owned();
    assert!(counted.lock().unwrap().insert(id.clone()), "{id} is asked for twice");
    Json(json!({"id": id, "object": "chat.completion", "model": "gpt-4o-mini",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}))
}

fn start(round: usize, provider: &str, server: &Server, journal: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serve::combined::application", "--ignored"])
        .env("NAME", format!("r{round}"))
        .env("PROVIDER", provider)
        .env("ENDPOINT", format!("http://{}", server.http))
        .env("JOURNAL", journal)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the ledger has: how often each id is counted. A flag marks other accounts of a call.
fn kept(ledger: &Path) -> BTreeMap<String, i64> {
    let file = rusqlite::Connection::open(ledger).unwrap();
    let mut rows = file
        .prepare("SELECT conversation_id, count(*) FROM calls WHERE flags & 64 = 0 GROUP BY conversation_id")
        .unwrap();
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_both_sides_are_killed_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else { return };
    let journal = tempfile::tempdir().unwrap();
    let counted = Counted::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = format!("http://{}/v1/chat/completions", listener.local_addr().unwrap());
    let router =
        axum::Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&counted));
    tokio::spawn(axum::serve(listener, router).into_future());

    let mut folder = tempfile::tempdir_in(disk.0.path()).unwrap();
    let mut ballast = None;
    // With room, until the disk is full; on the full disk; with room again.
    for round in 0..3 {
        let server = Server::start_in(folder, &[]);
        if round == 0 {
            ballast = Some(disk.fill());
        }
        let mut application = start(round, &provider, &server, journal.path());
        let began = counted.lock().unwrap().len();
        let until = Instant::now() + PATIENCE;
        loop {
            let made = counted.lock().unwrap().len() - began;
            let failed = server.metric("spanledger_ledger_failed_calls_total").unwrap();
            let taken = server.metric("spanledger_ledger_appended_calls_total").unwrap();
            let done = match round {
                0 => taken > 0.0 && failed > 0.0,
                1 => failed > 0.0 && made > 200,
                _ => taken > 200.0,
            };
            if done || made > CALLS {
                assert!(done, "round {round}: {taken} taken, {failed} failed of {made}");
                break;
            }
            assert!(Instant::now() < until, "round {round}: {taken} taken, {failed} failed of {made}");
            std::thread::yield_now();
        }
        // Both at once, under load.
        application.kill().unwrap();
        server.signal("KILL");
        application.wait().unwrap();
        folder = server.wait().1;
        if round == 1 {
            std::fs::remove_file(ballast.take().unwrap()).unwrap();
        }
    }

    // What was not acknowledged is in the journals.
    let config = journal.path().join("../spanledger-combined.toml");
    let watched = format!("[journal]\ndirs = [{:?}]\nevery = \"1s\"\n", journal.path());
    std::fs::write(&config, watched).unwrap();
    let server = Server::start_in(folder, &["--config", config.to_str().unwrap()]);
    let until = Instant::now() + PATIENCE;
    while std::fs::read_dir(journal.path()).unwrap().next().is_some() {
        assert!(Instant::now() < until, "the journals are not recovered\n{}", server.log());
        std::thread::yield_now();
    }
    server.signal("TERM");
    let (_, folder) = server.wait();
    std::fs::remove_file(config).unwrap();
    let (made, kept) = (counted.lock().unwrap().clone(), kept(&folder.path().join("ledger.db")));
    let missing: Vec<_> = made.iter().filter(|id| !kept.contains_key(*id)).collect();
    assert!(missing.is_empty(), "{} of {} are missing: {missing:?}", missing.len(), made.len());
    let twice: Vec<_> = kept.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "counted twice: {twice:?}");
    // Calls that were in flight may not have reached the provider.
    let surplus = kept.keys().filter(|id| !made.contains(*id)).count();
    assert!(surplus <= 3 * TASKS, "{surplus} calls that the provider has not seen");
    eprintln!("{} calls, all in the ledger once", made.len());
}
