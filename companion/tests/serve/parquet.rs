//! Export, import, backup and archive with the real binary, while it receives; other engines read the files.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prost::Message;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::process::{PATIENCE, Server, call, request, run, spanledger};

/// Spans of one request.
const SPANS: u64 = 20;

fn with_ledger(ledger: &Path, arguments: &[&str]) -> Output {
    run(spanledger().args(arguments).arg("--ledger").arg(ledger))
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn report(ledger: &Path, command: &str, window: [&str; 2]) -> Value {
    let [from, to] = window;
    let text = succeeded(&with_ledger(ledger, &[command, "--from", from, "--to", to, "--format", "json"]));
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document.as_object_mut().unwrap().remove("generated_at");
    document
}

/// What every report says of the month of [`some_ledger`], without the time at which it was made.
fn reports(ledger: &Path) -> Vec<Value> {
    let month = ["2026-01-01", "2026-02-01"];
    ["report", "hourly", "daily", "weekly", "monthly"].map(|command| report(ledger, command, month)).to_vec()
}

/// Sends requests, one after the other, until `stop`; counts those that were acknowledged.
async fn send(url: String, first: u64, acknowledged: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    let client = reqwest::Client::new();
    for number in first.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let spans = (number * SPANS..(number + 1) * SPANS).map(call).collect();
        let post = client.post(&url).header(CONTENT_TYPE, "application/x-protobuf");
        let answer = post.body(request(spans).encode_to_vec()).send().await.unwrap();
        assert!(answer.status().is_success());
        acknowledged.fetch_add(SPANS, Ordering::Relaxed);
    }
}

fn total_calls(ledger: &Path) -> u64 {
    report(ledger, "report", ["2026-01-01", "2100-01-01"])["totals"]["calls"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_and_an_export_are_whole_while_calls_are_received() {
    let server = Server::start(&[]);
    let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> = (0..2)
        .map(|sender| {
            tokio::spawn(send(server.traces_url(), sender * 1_000_000, acknowledged.clone(), stop.clone()))
        })
        .collect();
    let until = std::time::Instant::now() + PATIENCE;
    while acknowledged.load(Ordering::Relaxed) < 1_000 {
        assert!(std::time::Instant::now() < until);
        tokio::task::yield_now().await;
    }
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3 {
        let copy = folder.path().join(format!("copy-{number}.db"));
        let before = acknowledged.load(Ordering::Relaxed);
        let ledger = server.ledger();
        let (ledger, to) = (ledger.as_path(), copy.to_str().unwrap());
        succeeded(&tokio::task::block_in_place(|| with_ledger(ledger, &["backup", to])));
        // Pages with their checksums, tables with their indexes, and all that was acknowledged before it began.
        let verified = succeeded(&tokio::task::block_in_place(|| with_ledger(&copy, &["verify"])));
        assert!(total_calls(&copy) >= before, "{verified}");
        let dir = folder.path().join(format!("export-{number}"));
        let before = acknowledged.load(Ordering::Relaxed);
        succeeded(&tokio::task::block_in_place(|| {
            with_ledger(ledger, &["export", "--all", dir.to_str().unwrap()])
        }));
        let again = folder.path().join(format!("again-{number}.db"));
        let import = ["import", "--format", "parquet", dir.to_str().unwrap()];
        succeeded(&tokio::task::block_in_place(|| with_ledger(&again, &import)));
        assert!(total_calls(&again) >= before);
        succeeded(&with_ledger(&again, &["verify"]));
    }
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(total_calls(&server.ledger()), acknowledged.load(Ordering::Relaxed));
    // A copy is a ledger: `serve` goes on with it.
    server.signal("TERM");
    let (status, _) = server.wait();
    assert_eq!(status, Some(0));
    let restored = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("copy-2.db"), restored.path().join("ledger.db")).unwrap();
    let before = total_calls(&restored.path().join("ledger.db"));
    let server = Server::start_in(restored, &[]);
    let done = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let sender = tokio::spawn(send(server.traces_url(), 5_000_000, done.clone(), stop.clone()));
    while done.load(Ordering::Relaxed) < SPANS {
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    sender.await.unwrap();
    assert_eq!(total_calls(&server.ledger()), before + done.load(Ordering::Relaxed));
}

/// A ledger with calls of several models, hours and prices, made from an audit log.
fn some_ledger(folder: &Path) -> std::path::PathBuf {
    let (audit, ledger) = (folder.join("audit.db"), folder.join("ledger.db"));
    let connection = rusqlite::Connection::open(&audit).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE audit_logs (timestamp TEXT, request_id TEXT, model TEXT, prompt_tokens INTEGER,
                completion_tokens INTEGER, status_code INTEGER, cost_usd REAL, user_id TEXT, latency_ms INTEGER);
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499)
             INSERT INTO audit_logs SELECT 1767323045 + i * 97, 'r' || i,
                CASE i % 4 WHEN 0 THEN 'gpt-4o-mini' WHEN 1 THEN 'gpt-4o' WHEN 2 THEN 'of-no-table' ELSE 'claude-3-5-haiku-20241022' END,
                iif(i % 11 = 0, NULL, 1000 + i), iif(i % 11 = 0, NULL, 10 + i % 7), iif(i % 13 = 0, 429, 200),
                iif(i % 5 = 0, 0.000001234 * i, NULL), 'user ' || (i % 17), 100 + i FROM n;",
        )
        .unwrap();
    succeeded(&with_ledger(&ledger, &["import", audit.to_str().unwrap(), "--provider", "openai"]));
    ledger
}

#[test]
fn duckdb_and_clickhouse_find_the_totals_of_the_report() {
    let python = std::env::var("SPANLEDGER_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let installed = Command::new(&python).args(["-c", "import duckdb, chdb"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "the Python packages duckdb and chdb are needed");
        eprintln!("skipped: {python} has no duckdb and chdb");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ledger = some_ledger(folder.path());
    let dir = folder.path().join("export");
    let done = succeeded(&with_ledger(&ledger, &["export", "--all", dir.to_str().unwrap()]));
    assert!(done.starts_with("wrote 14 files with 500 rows"), "{done}");
    let output = run(Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parquet/read.py"))
        .arg(&dir));
    let found: Value = serde_json::from_str(&succeeded(&output)).unwrap();

    let report = &reports(&ledger)[0];
    let totals = &report["totals"];
    // The report's dollars are its whole nano-dollars, divided once.
    let nanos = |usd: &Value| (usd.as_f64().unwrap_or(0.0) * 1e9).round();
    for engine in ["duckdb", "clickhouse"] {
        let sums = &found[engine]["totals"];
        assert!(
            sums["cost_nano_usd"].as_i64().unwrap() > 0 && sums["unpriced"].as_i64().unwrap() > 0,
            "{sums}"
        );
        for (name, reported) in [
            ("calls", "calls"),
            ("input_tokens", "input_tokens"),
            ("output_tokens", "output_tokens"),
            ("unpriced", "unpriced_calls"),
        ] {
            assert_eq!(sums[name], totals[reported], "{engine} {name}");
        }
        assert_eq!(sums["cost_nano_usd"].as_f64().unwrap(), nanos(&totals["cost_usd"]), "{engine}");
        let models = found[engine]["models"].as_array().unwrap();
        assert_eq!(models.len(), 4);
        for model in models {
            let name = model["model"].as_str().unwrap();
            let reported =
                report["models"].as_array().unwrap().iter().find(|group| group["name"] == name).unwrap();
            assert_eq!(model["calls"], reported["calls"], "{engine} {name}");
            assert_eq!(
                model["cost_nano_usd"].as_f64().unwrap(),
                nanos(&reported["cost_usd"]),
                "{engine} {name}"
            );
        }
    }
    assert_eq!(found["clickhouse"]["first"], "1767323045100000000");
}

#[test]
fn moves_to_another_ledger_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let first = some_ledger(folder.path());
    let wanted = reports(&first);
    let mut from = first.clone();
    for number in 0..2 {
        let (dir, to) =
            (folder.path().join(format!("move-{number}")), folder.path().join(format!("to-{number}.db")));
        succeeded(&with_ledger(&from, &["export", "--all", dir.to_str().unwrap()]));
        let import = ["import", "--format", "parquet", dir.to_str().unwrap()];
        let done = succeeded(&with_ledger(&to, &import));
        assert_eq!(done, "imported 500 calls, 0 were already in the ledger\n");
        assert_eq!(reports(&to), wanted);
        from = to;
    }
    let back = folder.path().join("move-1");
    let done = succeeded(&with_ledger(&first, &["import", "--format", "parquet", back.to_str().unwrap()]));
    assert_eq!(done, "imported 0 calls, 500 were already in the ledger\n");
    assert_eq!(reports(&first), wanted);
}

#[test]
fn says_what_is_wrong_and_imports_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = some_ledger(folder.path());
    let dir = folder.path().join("export");
    let dir = dir.to_str().unwrap();
    succeeded(&with_ledger(&ledger, &["export", "--all", dir]));
    let table = Path::new(dir).join("date=2026-01-02/calls-05.parquet");
    let mut bytes = std::fs::read(&table).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&table, bytes).unwrap();
    let to = folder.path().join("to.db");
    let output = with_ledger(&to, &["import", "--format", "parquet", dir]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("nothing was imported") && error.contains("calls-05.parquet: its checksum"),
        "{error}"
    );
    assert!(!to.exists());
    let output = with_ledger(&ledger, &["export", "--all", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("it is no part of an export: name a new folder"), "{error}");
}

#[tokio::test]
async fn archives_what_is_past_retention_while_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, config) = (folder.path().join("archive"), folder.path().join("spanledger.toml"));
    std::fs::create_dir(&archive).unwrap();
    let text = format!("[ledger.retention]\nmax_age = \"1h\"\n[ledger.archive]\ndir = {archive:?}\n");
    std::fs::write(&config, text).unwrap();
    let server = Server::start_in(folder, &["--config", config.to_str().unwrap()]);
    assert_eq!(server.metric("spanledger_ledger_archive_failing"), Some(0.0));
    // Calls of four hours ago, and of now.
    let hours = 4 * 3_600 * 1_000_000_000;
    let spans = (0..SPANS).map(|number| match number % 2 {
        0 => call(number),
        _ => {
            let mut span = call(number);
            span.start_time_unix_nano -= hours;
            span.end_time_unix_nano -= hours;
            span
        }
    });
    let post =
        reqwest::Client::new().post(server.traces_url()).header(CONTENT_TYPE, "application/x-protobuf");
    let answer = post.body(request(spans.collect()).encode_to_vec()).send().await.unwrap();
    assert!(answer.status().is_success());
    let until = std::time::Instant::now() + PATIENCE;
    while server.metric("spanledger_ledger_deleted_calls_total") != Some((SPANS / 2) as f64) {
        assert!(std::time::Instant::now() < until, "{}", server.log());
        tokio::task::yield_now().await;
    }
    assert_eq!(server.metric("spanledger_ledger_archived_rows_total"), Some((SPANS / 2) as f64));
    assert_eq!(server.calls().len() as u64, SPANS / 2);
    assert_eq!(total_calls(&server.ledger()), SPANS, "totals by the hour stay");
    let old = server.folder.path().join("old.db");
    let import = ["import", "--format", "parquet", archive.to_str().unwrap()];
    let done = succeeded(&with_ledger(&old, &import));
    assert_eq!(done, "imported 10 calls, 0 were already in the ledger\n");
}
