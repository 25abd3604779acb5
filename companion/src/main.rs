//! The `spanledger` binary.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use spanledger_companion::cli::{Cli, readable};

/// The status of every failure; 1 means that a rule fires.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    return_memory();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // What was given is named, and may have been copied from anywhere.
        Err(error) if error.use_stderr() => {
            return failed(&readable(&error.to_string()));
        }
        // Help, or the version.
        Err(error) => error.exit(),
    };
    match cli.run() {
        Ok(status) => status,
        Err(failure) => failed(&format!("spanledger: {}\n", readable(&failure.to_string()))),
    }
}

/// Lets glibc's allocator return memory. By default each thread has an arena, of which only the end is returned, and blocks as large
/// as a request stay in them once one has been freed: 10 MB more at 10,000 spans per second. `MALLOC_ARENA_MAX` and its like
/// are read before this and lose.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn return_memory() {
    /// In bytes: glibc's own defaults, which it raises as it goes unless they are set.
    const LARGE: libc::c_int = 128 * 1024;
    for (parameter, value) in
        [(libc::M_ARENA_MAX, 1), (libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, LARGE)]
    {
        #[expect(unsafe_code, reason = "no safe interface has glibc's parameters")]
        // SAFETY: takes two numbers and is called before there are threads. A value that is refused changes nothing.
        unsafe {
            libc::mallopt(parameter, value);
        }
    }
}

/// Where the standard error is closed as well, the status alone reports the failure.
fn failed(text: &str) -> ExitCode {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(FAILURE)
}
