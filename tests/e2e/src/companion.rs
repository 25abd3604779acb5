//! The companion: `spanledger serve`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{Program, free_address};
use crate::{Result, root, wait};

/// State 2 of `spanledger_rule_state`.
const FIRING: &str = "2";

/// The running companion.
#[derive(Debug)]
pub struct Companion {
    binary: PathBuf,
    directory: PathBuf,
    /// Where it takes OTLP over gRPC.
    pub grpc: SocketAddr,
    /// Where it takes OTLP over HTTP.
    pub http: SocketAddr,
    /// Where it shows its metrics.
    pub admin: SocketAddr,
    client: reqwest::Client,
    program: Program,
}

/// The binary: `SPANLEDGER_TEST_BIN`, else what `cargo build` makes of the sources.
///
/// # Errors
/// When it cannot be built.
pub fn binary() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("SPANLEDGER_TEST_BIN") {
        return Ok(binary.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--package", "spanledger-companion", "--bin", "spanledger", "--message-format=json"])
        .current_dir(root())
        .output()?;
    if !built.status.success() {
        return Err(
            format!("the companion does not build:\n{}", String::from_utf8_lossy(&built.stderr)).into()
        );
    }
    let messages = String::from_utf8(built.stdout)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo built no executable".into())
}

impl Companion {
    /// Starts it with a ledger in `directory`. Its alerts go to `alertmanager` as well.
    ///
    /// # Errors
    /// When it cannot be built or does not come up.
    pub async fn start(directory: &Path, alertmanager: SocketAddr) -> Result<Self> {
        let directory = directory.join("companion");
        std::fs::create_dir_all(&directory)?;
        // Silence is that of `prometheus::SILENCE` in Prometheus.
        let config = format!(
            "[rules]\ninterval = \"1s\"\npreset = \"fixed\"\n\n[rules.LedgerSilent]\nwindow = \"20s\"\n\n[[notify.alertmanager]]\nurl = \"http://{alertmanager}\"\nresend = \"5s\"\n"
        );
        std::fs::write(directory.join("spanledger.toml"), config)?;
        let binary = tokio::task::spawn_blocking(binary).await??;
        let (grpc, http, admin) = (free_address()?, free_address()?, free_address()?);
        let program = serve(&binary, &directory, grpc, http, admin)?;
        let mut companion =
            Self { binary, directory, grpc, http, admin, client: reqwest::Client::new(), program };
        companion.ready().await?;
        Ok(companion)
    }

    async fn ready(&mut self) -> Result<()> {
        self.program.ready(&format!("http://{}/readyz", self.admin)).await
    }

    /// Its program, for other commands.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Its ledger.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.directory.join("ledger.db")
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.program.kill()
    }

    /// Starts it again on the same addresses and the same ledger.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart(&mut self) -> Result<()> {
        self.program = serve(&self.binary, &self.directory, self.grpc, self.http, self.admin)?;
        self.ready().await
    }

    /// All calls of the ledger, newest first, as `spanledger calls --format json` lists them.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn calls(&self) -> Result<Vec<Value>> {
        let mut command = tokio::process::Command::new(&self.binary);
        command.args([
            "calls",
            "--last",
            "3650d",
            "--limit",
            "10000",
            "--format",
            "json",
            "--ledger",
            "ledger.db",
        ]);
        let listed = command.current_dir(&self.directory).output().await?;
        if !listed.status.success() {
            return Err(format!("spanledger calls: {}", String::from_utf8_lossy(&listed.stderr)).into());
        }
        let mut document: Value = serde_json::from_slice(&listed.stdout)?;
        match document["calls"].take() {
            Value::Array(calls) => Ok(calls),
            other => Err(format!("spanledger calls: no array of calls but {other}").into()),
        }
    }

    /// The rows by the exchange they are about, once there are `count` of them.
    ///
    /// # Errors
    /// When they do not come, when there are more, or when two are about the same exchange.
    pub async fn rows(&self, count: usize) -> Result<BTreeMap<String, Value>> {
        let calls = wait::until("all calls in the ledger", async || {
            let calls = self.calls().await.ok()?;
            (calls.len() >= count).then_some(calls)
        })
        .await?;
        let listed = calls.len();
        let rows: BTreeMap<String, Value> = calls
            .into_iter()
            .filter_map(|call| Some((call["conversation_id"].as_str()?.to_owned(), call)))
            .collect();
        if listed == count && rows.len() == count {
            Ok(rows)
        } else {
            Err(format!("{listed} rows about {} exchanges, where {count} calls were made", rows.len()).into())
        }
    }

    /// The names of the rules that fire.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn firing(&self) -> Result<BTreeSet<String>> {
        let url = format!("http://{}/metrics", self.admin);
        let metrics = self.client.get(url).send().await?.error_for_status()?.text().await?;
        let states = metrics.lines().filter(|line| line.starts_with("spanledger_rule_state{"));
        Ok(states
            .filter(|line| line.rsplit(' ').next() == Some(FIRING))
            .filter_map(|line| line.split_once("rule=\"")?.1.split_once('"'))
            .map(|(rule, _)| rule.to_owned())
            .collect())
    }
}

fn serve(
    binary: &Path,
    directory: &Path,
    grpc: SocketAddr,
    http: SocketAddr,
    admin: SocketAddr,
) -> Result<Program> {
    let mut command = Command::new(binary);
    command.args(["serve", "--ledger", "ledger.db", "--config", "spanledger.toml"]);
    for (flag, address) in [("--otlp-grpc", grpc), ("--otlp-http", http), ("--admin", admin)] {
        command.arg(flag).arg(address.to_string());
    }
    Program::start("companion", &mut command, directory)
}
