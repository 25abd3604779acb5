//! One running program, and where programs come from.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Result, root, wait};

/// How much of a program's log a failed test shows.
const TAIL: usize = 4000;

/// The directory with `otelcol`, `prometheus` and `alertmanager`; `None` when they were not built.
///
/// # Errors
/// When they are missing and `CI` is set: there a test that did not run must not look like one that passed.
pub fn tools() -> Result<Option<PathBuf>> {
    if let Some(directory) = std::env::var_os("SPANLEDGER_TEST_TOOLS_BIN") {
        return Ok(Some(directory.into()));
    }
    let printed = Command::new(root().join("tests/tools/build")).arg("--print").output()?;
    if printed.status.success() {
        return Ok(Some(String::from_utf8(printed.stdout)?.trim().into()));
    }
    if std::env::var_os("CI").is_some() {
        return Err("the programs of the stack are missing: run tests/tools/build".into());
    }
    eprintln!("not run: the programs of the stack are missing: run tests/tools/build");
    Ok(None)
}

/// Below the ports that systems give out by themselves: between the choice of a port and the start of its program no
/// outgoing connection can take it.
const PORTS: Range<u16> = 20_000..30_000;

/// An address that no program listens on at present.
///
/// # Errors
/// When the system has no port left.
pub fn free_address() -> Result<SocketAddr> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in PORTS {
        let number = std::process::id().wrapping_mul(64).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + u16::try_from(number % u32::from(PORTS.end - PORTS.start))?;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener.local_addr()?);
        }
    }
    Err("no port is free".into())
}

/// A child process with its log. It is killed when dropped; a panicking test shows the end of the log.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `command`, with its output in a file in `directory`.
    ///
    /// # Errors
    /// When the file cannot be created or the program not started.
    pub fn start(name: &'static str, command: &mut Command, directory: &Path) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let child = command
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self { name, child, log })
    }

    /// Waits until `url` is answered with success.
    ///
    /// # Errors
    /// When the program ends first, or takes too long; with the end of its log.
    pub async fn ready(&mut self, url: &str) -> Result<()> {
        let client = reqwest::Client::new();
        let answer = wait::until(url, async || {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(Err(format!("{} ended with {status}", self.name)));
            }
            let response = client.get(url).send().await.ok()?;
            response.status().is_success().then_some(Ok(()))
        })
        .await;
        match answer {
            Ok(Ok(())) => Ok(()),
            Ok(Err(message)) => Err(format!("{message}\n{}", self.tail()).into()),
            Err(error) => Err(format!("{error}\n{}", self.tail()).into()),
        }
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let end = &log[log.len().saturating_sub(TAIL)..];
        format!("--- end of the log of {}\n{}", self.name, String::from_utf8_lossy(end))
    }
}

/// A program that a test ends and starts again, on the same addresses and with the same files.
#[derive(Debug)]
pub struct Restartable {
    name: &'static str,
    command: Command,
    directory: PathBuf,
    ready: String,
    program: Program,
}

impl Restartable {
    /// Starts `command` and waits until `ready`, a URL, is answered with success.
    ///
    /// # Errors
    /// As of [`Program::start`] and [`Program::ready`].
    pub async fn start(
        name: &'static str,
        mut command: Command,
        directory: &Path,
        ready: String,
    ) -> Result<Self> {
        let mut program = Program::start(name, &mut command, directory)?;
        program.ready(&ready).await?;
        Ok(Self { name, command, directory: directory.to_owned(), ready, program })
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.program.kill()
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart(&mut self) -> Result<()> {
        self.program = Program::start(self.name, &mut self.command, &self.directory)?;
        self.program.ready(&self.ready).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A process that has already ended cannot be killed, and needs not to be.
        drop(self.kill());
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
    }
}
