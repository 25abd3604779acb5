//! The engine of the tests, one for all of a test binary.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use super::super::Options;
use super::super::connection::Connection;

struct Engine {
    address: String,
    /// Ends when its input is closed, which it is when this process ends.
    child: Mutex<Child>,
    _directory: tempfile::TempDir,
}

static ENGINE: LazyLock<Option<Engine>> = LazyLock::new(|| {
    let Some(python) = std::env::var_os("SPANLEDGER_TEST_PYTHON") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "SPANLEDGER_TEST_PYTHON must name a Python with chdb on CI"
        );
        eprintln!("skipped: SPANLEDGER_TEST_PYTHON does not name a Python with chdb");
        return None;
    };
    let front = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/tools/clickhouse/front.py");
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(python)
        .arg(front)
        .arg(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().strip_prefix("listening on ").expect("a Python with chdb: run ./test").to_owned();
    let address = format!("http://127.0.0.1:{port}");
    Some(Engine { address, child: Mutex::new(child), _directory: directory })
});

/// Where the engine is; `None` where the machine has none, which is a failure on CI.
pub(crate) fn address() -> Option<String> {
    ENGINE.as_ref().map(|engine| engine.address.clone())
}

/// Drops the database of a test at its end.
pub(crate) struct Database {
    connection: Connection,
    name: String,
}

impl Database {
    pub(crate) fn of(options: &Options) -> Self {
        Self { connection: Connection::new(options).unwrap(), name: options.database.clone() }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.connection.execute(&format!("DROP DATABASE IF EXISTS {}", self.name)));
    }
}

/// The most memory in megabytes that the engine's process had while `work` went on; nothing where the system does not tell.
pub(crate) fn peak_memory(work: impl FnOnce()) -> u64 {
    let id = ENGINE.as_ref().unwrap().child.lock().unwrap().id();
    // Begins the measurement again.
    drop(std::fs::write(format!("/proc/{id}/clear_refs"), "5"));
    work();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) / 1_000
}

/// Rows and bytes that the engine has read since this was asked.
pub(crate) fn statistics() -> (u64, u64) {
    let address = address().unwrap();
    let host = address.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let request = format!("GET /statistics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut response = String::new();
    std::io::Read::read_to_string(&mut stream, &mut response).unwrap();
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let read: serde_json::Value = serde_json::from_str(body).unwrap();
    (read["rows"].as_u64().unwrap(), read["bytes"].as_u64().unwrap())
}
