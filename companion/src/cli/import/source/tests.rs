use super::*;

/// A file with what `sql` makes, and the folder that it is in.
fn file(sql: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (folder, path)
}

/// How many rows there are up to the first `most`, and how it ended.
fn read(source: &Source, most: u64) -> (u64, Result<(), String>) {
    let mut rows = 0;
    let done = source.each(|number, row| {
        row.map_err(Failure)?;
        rows = number;
        if number == most { Err(Failure("enough".to_owned())) } else { Ok(()) }
    });
    (rows, done.map_err(|Failure(reason)| reason))
}

#[test]
fn a_value_that_would_take_much_memory_is_refused_with_its_row() {
    let huge = "hex(zeroblob(4 * 1024 * 1024))";
    for sql in [
        format!("CREATE VIEW audit_logs AS SELECT 1767323045 AS timestamp, {huge} AS model"),
        "CREATE VIEW audit_logs AS SELECT 1767323045 AS timestamp, 'm' AS model, zeroblob(900000000) AS response_preview".to_owned(),
        format!("CREATE TABLE audit_logs (timestamp, model, user_id); INSERT INTO audit_logs VALUES (1767323045, 'm', {huge})"),
    ] {
        let (_folder, path) = file(&sql);
        let (rows, done) = read(&Source::open(&path, "audit_logs").unwrap(), 9);
        let reason = done.unwrap_err();
        assert_eq!(rows, 0, "{sql}");
        assert!(reason.contains("audit.db: row 1: a value is larger than 4 MiB"), "{sql}: {reason}");
    }
    // What is not imported is not read.
    for sql in [
        "CREATE VIEW audit_logs AS SELECT 1767323045 AS timestamp, 'm' AS model, zeroblob(900000000) AS \"raw \"\" body\"".to_owned(),
        format!("CREATE TABLE audit_logs (timestamp, model, raw, user_id); INSERT INTO audit_logs VALUES (1767323045, 'm', {huge}, 'u')"),
    ] {
        let (_folder, path) = file(&sql);
        assert_eq!(read(&Source::open(&path, "audit_logs").unwrap(), 9), (1, Ok(())), "{sql}");
    }
}

#[test]
fn the_rows_of_an_endless_view_come_one_by_one_and_one_without_rows_is_given_up() {
    let endless = |condition: &str| {
        file(&format!(
            "CREATE VIEW audit_logs AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)
             SELECT 1767323045 AS timestamp, 'm' AS model, x AS request_id FROM c WHERE {condition}"
        ))
    };
    let (_folder, path) = endless("1");
    // Many times the steps between two rows, of all rows together.
    let source = Source::within(1_000_000, &path, "audit_logs").unwrap();
    assert_eq!(read(&source, 500_000), (500_000, Err("enough".to_owned())));
    let (_folder, path) = endless("x < 3");
    let (rows, done) = read(&Source::within(1_000_000, &path, "audit_logs").unwrap(), 9);
    let reason = done.unwrap_err();
    assert_eq!(rows, 2);
    assert!(reason.contains("audit.db: row 3: it takes too much work"), "{reason}");
}

#[test]
fn only_a_regular_file_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let mut refused = vec![folder.path().to_owned()];
    #[cfg(unix)]
    {
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        refused.extend([pipe, PathBuf::from("/dev/zero")]);
    }
    for path in refused {
        let Err(Failure(reason)) = Source::open(&path, "audit_logs") else { panic!("{}", path.display()) };
        assert!(reason.contains("no regular file"), "{reason}");
    }
}
