//! `spanledger import` and `spanledger prices` over a real ledger.

use rusqlite::Connection;

use super::process::{calls, run, spanledger};

const TABLE: &str = "CREATE TABLE audit_logs (id INTEGER PRIMARY KEY, timestamp TEXT, request_id TEXT, model TEXT,
    prompt_tokens INTEGER, completion_tokens INTEGER, total_tokens INTEGER, latency_ms INTEGER, status_code INTEGER,
    cost_usd REAL, user_id TEXT, request_hash TEXT, response_preview TEXT, ip_address TEXT, error_message TEXT,
    created_at TEXT)";

pub(super) fn audit_log(rows: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("audit.db")).unwrap();
    connection.execute(TABLE, []).unwrap();
    for row in rows {
        connection
            .execute(
                &format!(
                    "INSERT INTO audit_logs (timestamp, request_id, model, prompt_tokens, completion_tokens,
                    latency_ms, status_code, cost_usd, user_id, error_message) VALUES ({row})"
                ),
                [],
            )
            .unwrap();
    }
    folder
}

pub(super) fn import(folder: &tempfile::TempDir) -> (String, String) {
    let output = run(spanledger()
        .arg("import")
        .arg(folder.path().join("audit.db"))
        .args(["--service", "old", "--provider", "openai", "--ledger"])
        .arg(folder.path().join("ledger.db")));
    assert!(output.status.success(), "{output:?}");
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn imports_every_good_row_once_in_any_time_format() {
    let folder = audit_log(&[
        "'2026-01-02T03:04:05Z', 'r1', 'gpt-4o-mini', 1000, 100, 1500, 200, 0.25, 'ann', NULL",
        "'2026-01-02 03:04:05.250', 'r2', 'gpt-4o-mini', 1000, 100, 10, 200, NULL, 'ann', ''",
        "'2026-01-02T04:04:05+01:00', 'r3', 'gpt-4o-mini', NULL, NULL, 20, 429, NULL, NULL, 'slow down, sk-0123456789abcdefghij'",
        "1767323045, 'r4', 'gpt-4o-mini', 5, 5, 30, 0, 0.0, NULL, 'no connection'",
        "1767323045000, 'r5', 'gpt-4o-mini', 5, 5, 40.5, 200, NULL, NULL, NULL",
        "1767323045.5, NULL, 'nobody-knows-this', 5, 5, NULL, 200, 0, NULL, NULL",
    ]);
    let (done, notes) = import(&folder);
    assert_eq!(done, "imported 6 calls, 0 were already in the ledger, 0 rows skipped\n");
    assert!(notes.contains("6 rows read"), "{notes}");
    let (again, _) = import(&folder);
    assert_eq!(again, "imported 0 calls, 6 were already in the ledger, 0 rows skipped\n");

    let output = run(spanledger()
        .args(["calls", "--from", "2026-01-01", "--to", "2026-02-01", "--format", "json", "--ledger"])
        .arg(folder.path().join("ledger.db")));
    let page: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = page["calls"].as_array().unwrap();
    assert_eq!(rows.len(), 6, "{page}");
    let of = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).count();
    assert_eq!((of("completed"), of("failed")), (4, 2), "{page}");
    let refused = rows.iter().find(|row| row["status_code"] == 429).unwrap();
    assert_eq!(refused["error_message"], "slow down, REDACTED");
    let stated = rows.iter().find(|row| row["cost_usd"] == 0.25).unwrap();
    assert!(stated["start"].as_str().unwrap().starts_with("2026-01-02T03:04:05"), "{stated}");
    let unpriced = rows.iter().filter(|row| row["cost_status"] == "unpriced").count();
    assert_eq!(unpriced, 1, "{page}");
    assert!(calls(&folder.path().join("ledger.db")).is_empty(), "they are not of the last day");
}

#[test]
fn reports_bad_rows_by_their_number_and_leaves_them_out() {
    let folder = audit_log(&[
        "'2026-01-02', 'good', 'm', 1, 1, 1, 200, NULL, NULL, NULL",
        "'yesterday', 'r2', 'm', 1, 1, 1, 200, NULL, NULL, NULL",
        "NULL, 'r3', 'm', 1, 1, 1, 200, NULL, NULL, NULL",
        "'2026-01-02', 'r4', 'm', -1, 1, 1, 200, NULL, NULL, NULL",
        "'2026-01-02', 'r5', 'm', 1, 'many', 1, 200, NULL, NULL, NULL",
        "'2026-01-02', 'r6', 'm', 1, 1, -5, 200, NULL, NULL, NULL",
        "'2026-01-02', 'r7', 'm', 1, 1, 1, 999, NULL, NULL, NULL",
        "'2026-01-02', NULL, NULL, 1, 1, 1, 200, NULL, NULL, NULL",
        "'2200-01-02', 'r9', 'm', 1, 1, 1, 200, NULL, NULL, NULL",
        "'2026-01-02', x'00ff', 'm', 1, 1, 1, 200, NULL, NULL, NULL",
    ]);
    let (done, notes) = import(&folder);
    assert_eq!(done, "imported 1 call, 0 were already in the ledger, 9 rows skipped\n");
    for (row, reason) in [
        (2, "\"yesterday\" is not a valid time"),
        (3, "no timestamp"),
        (4, "prompt_tokens \"-1\" is not a number of tokens"),
        (5, "completion_tokens \"many\" is not a number of tokens"),
        (6, "latency_ms -5 is not from 0 to 86400000"),
        (7, "status_code \"999\" is not an HTTP status"),
        (8, "neither request_id nor model"),
        (9, "is in the future"),
        (10, "request_id is a blob"),
    ] {
        let reported = notes
            .lines()
            .any(|line| line.starts_with(&format!("row {row} skipped: ")) && line.contains(reason));
        assert!(reported, "{row} {reason} in {notes}");
    }
}

#[test]
fn says_what_is_wrong_with_a_file_that_is_no_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.db");
    Connection::open(&file).unwrap().execute("CREATE TABLE t (a)", []).unwrap();
    let output = run(spanledger().arg("import").arg(&file).arg("--ledger").arg(folder.path().join("l.db")));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no table audit_logs"));
}

#[test]
fn says_what_to_do_while_another_process_writes_the_ledger() {
    use spanledger_companion::bench::{Ledger, Options};

    let folder = audit_log(&["'2026-01-02', 'r1', 'gpt-4o-mini', 7, 3, 1, 200, NULL, NULL, NULL"]);
    let ledger = folder.path().join("ledger.db");
    let _served = Ledger::open_writer(&ledger, &Options::default()).unwrap();
    let output =
        run(spanledger().arg("import").arg(folder.path().join("audit.db")).arg("--ledger").arg(&ledger));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("ledger.db is locked") && said.contains("`spanledger serve` runs, stop it"),
        "{said}"
    );
}

#[test]
fn shows_prices_and_models_without_one() {
    let folder = audit_log(&["'2026-01-02', 'r1', 'nobody-knows-this', 7, 3, 1, 200, NULL, NULL, NULL"]);
    import(&folder);
    let prices = |args: &[&str]| {
        let output =
            run(spanledger().arg("prices").args(args).arg("--ledger").arg(folder.path().join("ledger.db")));
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let known: serde_json::Value =
        serde_json::from_str(&prices(&["gpt-4o-mini", "--provider", "openai", "--format", "json"])).unwrap();
    assert_eq!(known["rates"][0]["usd_per_million"], 0.15, "{known}");
    assert!(known["rates"][0]["price_source"].as_str().is_some_and(|source| !source.is_empty()));
    for format in ["text", "json"] {
        let unknown = run(spanledger().args(["prices", "nobody-knows-this", "--format", format]));
        assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
        let said = String::from_utf8(unknown.stderr).unwrap();
        let expected = "no price is known for \"nobody-knows-this\" (searched: the bundled genai-prices)";
        assert!(said.contains(expected) && said.contains("prices.toml"), "{said}");
    }
    let seen = prices(&["--from", "2026-01-01", "--to", "2026-02-01"]);
    assert!(seen.contains("nobody-knows-this"), "{seen}");
}

#[test]
fn imports_views_and_tables_without_row_ids_and_columns_named_as_these() {
    for table in [
        "CREATE TABLE log (timestamp TEXT, request_id TEXT, model TEXT);
         INSERT INTO log VALUES ('2026-01-02', 'r1', 'm'), ('never', 'r2', 'm');
         CREATE VIEW audit_logs AS SELECT timestamp, request_id, model FROM log",
        "CREATE TABLE audit_logs (timestamp TEXT, request_id TEXT PRIMARY KEY, model TEXT) WITHOUT ROWID;
         INSERT INTO audit_logs VALUES ('2026-01-02', 'r1', 'm'), ('never', 'r2', 'm')",
        "CREATE TABLE audit_logs (rowid TEXT, timestamp TEXT, request_id TEXT, model TEXT);
         INSERT INTO audit_logs VALUES ('a', '2026-01-02', 'r1', 'm'), ('b', 'never', 'r2', 'm')",
    ] {
        let folder = tempfile::tempdir().unwrap();
        Connection::open(folder.path().join("audit.db")).unwrap().execute_batch(table).unwrap();
        let (done, notes) = import(&folder);
        assert_eq!(done, "imported 1 call, 0 were already in the ledger, 1 row skipped\n", "{table}");
        assert!(notes.contains("row 2 skipped: "), "{notes}");
    }
}

#[test]
fn says_which_rows_are_older_than_the_ledger_keeps() {
    use std::time::Duration;

    use spanledger_companion::bench::Appender as _;
    use spanledger_companion::bench::Timestamp;
    use spanledger_companion::bench::{Ledger, Options};

    let old = [
        "'2026-01-01', 'r1', 'm', 1, 1, 1, 200, NULL, NULL, NULL",
        "'2026-01-02', 'r2', 'm', 1, 1, 1, 200, NULL, NULL, NULL",
    ];
    let folder = audit_log(&[old[0], old[1], "'2026-03-02', 'r3', 'm', 1, 1, 1, 200, NULL, NULL, NULL"]);
    import(&folder);
    let keep_calls = Some(Duration::from_secs(30 * 86_400));
    let march: Timestamp = Timestamp(1_772_409_600 * Timestamp::SECOND);
    let options = Options { keep_calls, ..Options::default() };
    let mut served =
        Ledger::open_writer(&folder.path().join("ledger.db"), &options).unwrap().begins(march).unwrap();
    assert_eq!(served.maintain(march.plus_seconds(60)).unwrap().deleted, 2);
    drop(served);
    let (done, _) = import(&folder);
    assert_eq!(
        done,
        "imported 0 calls, 1 was already in the ledger, 0 rows skipped\n\
         2 calls are older than the retention of this ledger and not imported; import into a ledger with a longer \
         retention.max_age\n"
    );
}

#[test]
fn a_missing_file_or_table_is_named_once_and_makes_no_ledger() {
    let folder = audit_log(&[]);
    let fails = |file: &str, table: &str| {
        let output = run(spanledger()
            .arg("import")
            .arg(folder.path().join(file))
            .args(["--table", table, "--ledger"])
            .arg(folder.path().join("ledger.db")));
        assert!(!output.status.success(), "{output:?}");
        assert!(!folder.path().join("ledger.db").exists(), "{file} {table}");
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = fails("none.db", "audit_logs");
    assert_eq!(missing.matches("none.db").count(), 1, "{missing}");
    assert!(fails("audit.db", "calls").contains("no table calls; name another with --table"));
}

#[test]
fn a_period_that_cannot_be_read_is_reported_before_a_missing_ledger() {
    let folder = tempfile::tempdir().unwrap();
    for flags in [["--last", "soon"], ["--from", "yesterday"], ["--to", "2026-13-01"]] {
        let output =
            run(spanledger().arg("calls").args(flags).arg("--ledger").arg(folder.path().join("none.db")));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.contains(flags[1]) && error.contains(flags[0]) && !error.contains("none.db"),
            "{error}"
        );
    }
}
