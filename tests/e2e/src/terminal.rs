//! A real terminal: tmux, whose screen is read and whose keys are pressed.

use std::path::Path;
use std::process::Command;

use crate::{Result, wait};

/// A terminal of 80 columns and 24 lines that runs a shell. It ends when dropped.
#[derive(Debug)]
pub struct Terminal {
    /// A server of its own, so that no other session is touched.
    server: String,
}

impl Terminal {
    /// Starts a shell in `directory`; `None` when tmux is missing.
    ///
    /// # Errors
    /// When tmux is missing and `CI` is set, or cannot be started.
    pub fn start(directory: &Path, name: &str) -> Result<Option<Self>> {
        if Command::new("tmux").arg("-V").output().is_err() {
            if std::env::var_os("CI").is_some() {
                return Err("tmux is missing: run ./test".into());
            }
            eprintln!("not run: tmux is missing");
            return Ok(None);
        }
        let terminal = Self { server: format!("spanledger-{name}-{}", std::process::id()) };
        let directory = directory.display().to_string();
        terminal.tmux(&[
            "-u",
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "-c",
            &directory,
            "sh",
        ])?;
        Ok(Some(terminal))
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String> {
        let done =
            Command::new("tmux").args(["-L", &self.server]).args(arguments).env_remove("TMUX").output()?;
        if !done.status.success() {
            return Err(format!("tmux {arguments:?}: {}", String::from_utf8_lossy(&done.stderr)).into());
        }
        Ok(String::from_utf8(done.stdout)?)
    }

    /// What is on the screen.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn screen(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Presses keys, by tmux' names for them.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn press(&self, keys: &[&str]) -> Result<()> {
        self.tmux(&[&["send-keys"], keys].concat()).map(drop)
    }

    /// Types a line for the shell.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn run(&self, line: &str) -> Result<()> {
        self.tmux(&["send-keys", "-l", line])?;
        self.press(&["Enter"])
    }

    /// Waits until the screen has all of `texts`, and gives it.
    ///
    /// # Errors
    /// When it does not get them.
    pub async fn shows(&self, texts: &[&str]) -> Result<String> {
        let what = format!("{texts:?} on the screen");
        self.until(&what, |screen| texts.iter().all(|text| screen.contains(text))).await
    }

    /// Waits until the screen has `text` no more, and gives it.
    ///
    /// # Errors
    /// When it keeps it.
    pub async fn hides(&self, text: &str) -> Result<String> {
        self.until(&format!("no {text:?} on the screen"), |screen| !screen.contains(text)).await
    }

    async fn until(&self, what: &str, right: impl Fn(&str) -> bool) -> Result<String> {
        let shown = wait::until(what, async || {
            let screen = self.screen().ok()?;
            right(&screen).then_some(screen)
        })
        .await;
        shown.map_err(|error| format!("{error}; it shows:\n{}", self.screen().unwrap_or_default()).into())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}
