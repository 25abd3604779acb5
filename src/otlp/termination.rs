//! Sends what is left when the process is asked to end.

use std::io;

use crate::worker_thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Runs `flush` at the first SIGTERM or SIGINT, and lets the signal do then what it does without a handler.
pub(super) fn flush_first(flush: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let wait = move || {
        let Some(signal) = signals.forever().next() else { return };
        flush();
        // Fails for signals that do nothing by default, which these are not.
        let _ends_here = emulate_default_handler(signal);
        // The first process of a container survives a default that it did not ask for.
        std::process::exit(128 + signal);
    };
    worker_thread::spawn("spanledger-signals", wait).map(drop)
}
