//! `spanledger top`: what happens now, in a terminal.

mod source;
mod state;
mod view;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyEventKind};

use self::source::Source;
use self::state::{Action, By, State};
use super::{Common, Failure, values};
use crate::clock;
use crate::text::seconds::Seconds;

/// How long a key is waited for before the signals are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// A source that answers slowly is asked less often: it works at most one part in so many of the time.
const SHARE: u32 = 10;

/// What to watch, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Figures are those of the minute before. Over a ledger, the rules are shown as `serve` last saved them. The ledger is opened \
to read only, and `serve` may write it meanwhile. A source that answers slowly is asked less often.

Keys: Tab moves between names and calls, arrows or j/k select, Enter shows a call or filters by a name, m/u/s/p list models, \
users, services or providers, t the values of a tag, o sorts by another column, / filters by text, Esc goes back, Space pauses, f follows the \
newest call, ? lists the keys, q ends.

Examples:
  spanledger top
  spanledger top --by user --every 5s
  spanledger top --url https://companion.example:4319 --token-file token")]
pub(super) struct Args {
    /// Ask a running companion at this address of its admin listener, instead of reading a ledger.
    #[arg(long, value_name = "URL", value_parser = values::address)]
    url: Option<String>,
    /// File with the token of the admin listener [default: no token].
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// How often to ask, from 1s to 1h.
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    every: Seconds,
    /// What to list first.
    #[arg(long, value_enum, default_value_t)]
    by: By,
}

/// Shows the view until it is ended by a key or a signal. The terminal is restored in every case.
///
/// # Errors
/// `Failure` when there is no terminal, the ledger cannot be opened, or the terminal cannot be used.
pub(super) fn run(args: &Args, common: &Common) -> Result<(), Failure> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        let advice = "top needs a terminal; `spanledger calls --follow` and `spanledger report` write to files and pipes";
        return Err(Failure(advice.to_owned()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let source = match &args.url {
        Some(url) => Source::remote(url, args.token_file.as_deref())?,
        None => Source::ledger(common)?,
    };
    // The first signal ends the loop, so that the terminal is restored.
    let stop = runtime.block_on(async { crate::app::stop_token() })?;
    let mut state = State::new(args.by, source.name());
    let every = Duration::from_secs(args.every.0.clamp(1, 3600).unsigned_abs());
    // Restores the terminal in a panic as well.
    let mut terminal =
        ratatui::try_init().map_err(|error| Failure(format!("the terminal cannot be used: {error}")))?;
    let done = (|| -> Result<(), Failure> {
        let mut next = clock::instant();
        while !stop.is_cancelled() {
            if clock::instant() >= next && !state.paused() {
                let began = clock::instant();
                state.show(source.read(&state.filter(), &runtime));
                next = clock::instant() + every.max(began.elapsed() * SHARE);
            }
            terminal.draw(|frame| view::draw(frame, &mut state))?;
            if !event::poll(LOOK)? {
                continue;
            }
            let Event::Key(key) = event::read()? else { continue };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            match state.press(key) {
                Action::Nothing => {}
                Action::Read => next = clock::instant(),
                Action::Open(id) => state.open(source.call(&id, &runtime)),
                Action::End => return Ok(()),
            }
        }
        Ok(())
    })();
    ratatui::restore();
    done
}

#[cfg(test)]
mod tests;
