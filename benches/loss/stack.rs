//! The real companion and the real Collector.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The companion's binary.
pub(crate) fn spanledger() -> Command {
    let path = std::env::var_os("SPANLEDGER_TEST_BIN");
    Command::new(path.unwrap_or_else(|| panic!("set SPANLEDGER_TEST_BIN to the companion's binary")))
}

fn otelcol() -> Option<PathBuf> {
    Some(Path::new(&std::env::var_os("SPANLEDGER_TEST_TOOLS_BIN")?).join("otelcol"))
}

pub(crate) fn has_collector() -> bool {
    otelcol().is_some()
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Waits until something listens.
fn wait_for(address: SocketAddr) {
    let until = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < until, "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A companion with a ledger of its own.
pub(crate) struct Companion {
    folder: tempfile::TempDir,
    grpc: SocketAddr,
    http: SocketAddr,
    child: Child,
}

impl Companion {
    pub(crate) fn start(folder: tempfile::TempDir) -> Self {
        let (grpc, http) = (free_address(), free_address());
        let child = serve(folder.path(), grpc, http);
        Self { folder, grpc, http, child }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.http)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.child = serve(self.folder.path(), self.grpc, self.http);
    }

    /// Calls in the ledger, and calls that the report names as missing.
    pub(crate) fn report(&self) -> (u64, u64) {
        let output = spanledger()
            .args(["report", "--last", "24h", "--format", "json", "--ledger"])
            .arg(self.folder.path().join("ledger.db"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |value: &Value| value.as_u64().unwrap();
        (number(&report["totals"]["calls"]), number(&report["gaps"]["missing_calls"]))
    }

    /// Waits until the ledger has so many calls, at most for some time.
    pub(crate) fn wait_for(&self, calls: u64, patience: Duration) {
        let until = Instant::now() + patience;
        while self.report().0 < calls && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn serve(folder: &Path, grpc: SocketAddr, http: SocketAddr) -> Child {
    let mut child = spanledger()
        .args(["serve", "--admin", "127.0.0.1:0", "--ledger"])
        .arg(folder.join("ledger.db"))
        .args(["--otlp-grpc", &grpc.to_string(), "--otlp-http", &http.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Its first line is written when it takes requests.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    wait_for(http);
    child
}

/// A Collector with the shipped configuration.
pub(crate) struct Collector {
    command: Command,
    http: SocketAddr,
    child: Child,
}

impl Collector {
    pub(crate) fn start(folder: &Path, companion: &Companion) -> Self {
        let (http, config) = (free_address(), Path::new(env!("CARGO_MANIFEST_DIR")).join("collector"));
        let mut command = Command::new(otelcol().unwrap());
        command
            .arg("--config")
            .arg(config.join("config.yaml"))
            .arg("--config")
            .arg(config.join("config.local.yaml"))
            .env("SPANLEDGER_COLLECTOR_GRPC", free_address().to_string())
            .env("SPANLEDGER_COLLECTOR_HTTP", http.to_string())
            .env("SPANLEDGER_COLLECTOR_HEALTH", free_address().to_string())
            .env("SPANLEDGER_COLLECTOR_PORT", free_address().port().to_string())
            .env("SPANLEDGER_COLLECTOR_STORAGE", folder.join("queue"))
            .env("SPANLEDGER_COMPANION_ENDPOINT", companion.grpc.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        wait_for(http);
        Self { command, http, child }
    }

    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Killed, and at once started again.
    pub(crate) fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = self.command.spawn().unwrap();
        wait_for(self.http);
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
