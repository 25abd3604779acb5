//! `calls --follow`: calls as they arrive, each once.
//!
//! Spans arrive in batches, after calls that ended later. So each look reads the last two minutes again, and what was
//! printed is remembered.

use std::collections::{BTreeSet, HashSet};
use std::io::{ErrorKind, Write};
use std::time::Duration;

use super::{csv, json};
use crate::cli::format::{CallsFormat, escaped};
use crate::cli::{Failure, write_all};
use crate::clock;
use crate::record::{CallRecord, Timestamp, Window};
use crate::store::{Filter, Page, Querier, StoreError};
use crate::text::number::{count, counted, in_seconds, or_dash, seconds, usd};
use crate::text::terminal::{fit, harmless};
use crate::text::time::format;

/// How often the ledger is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How far back each look reads, in seconds.
const BACK: i64 = 120;
/// Rows that one look reads, and calls that are remembered; where more end within [`BACK`], the newest.
const MOST: usize = 20_000;

/// Prints until Ctrl-C, SIGTERM or a closed pipe.
pub(super) fn run(
    querier: &dyn Querier,
    filter: &Filter,
    limit: usize,
    form: CallsFormat,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Failure> {
    let mut follower = Follower::default();
    let mut first = follower.begin(querier, filter, limit, clock::now())?;
    first.reverse();
    if form == CallsFormat::Csv {
        write_all(out, &csv::heading())?;
    }
    if !print(&first, form, out)? {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = crate::app::stop_token()?;
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok::<(), Failure>(()),
                _ = ticks.tick() => {}
            }
            match follower.look(querier, filter, clock::now()) {
                Ok(calls) if !print(&calls, form, out)? => return Ok(()),
                // The next look may succeed.
                Ok(_) | Err(StoreError::Busy { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    })?;
    match follower.late(querier, filter)? {
        0 => Ok(()),
        late => write_all(
            notes,
            &format!(
                "{} arrived more than two minutes after their end and are not printed\n",
                counted(late, "call")
            ),
        ),
    }
}

/// What was printed.
#[derive(Debug, Default)]
struct Follower {
    /// Calls before the first look.
    before: u64,
    printed: u64,
    /// Of the newest calls, by their end.
    newest: BTreeSet<(i64, [u8; 16], [u8; 8])>,
    responses: HashSet<String>,
    /// Response ids in the order of their arrival, to forget the oldest.
    order: std::collections::VecDeque<String>,
}

impl Follower {
    /// The newest calls, newest first. Everything that is in the ledger now is not new.
    fn begin(
        &mut self,
        querier: &dyn Querier,
        filter: &Filter,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<CallRecord>, StoreError> {
        let mut found = self.unseen(querier, filter, now)?;
        found.truncate(limit);
        // No look reads these.
        let older = Window { to: now.plus_seconds(-BACK), ..all() };
        let rest = Page { limit: limit - found.len(), after: None };
        found.extend(querier.calls(older, filter, rest)?.calls);
        self.before = querier.totals(all(), filter)?.calls;
        Ok(found)
    }

    /// The calls that arrived since the last look, by their end.
    fn look(
        &mut self,
        querier: &dyn Querier,
        filter: &Filter,
        now: Timestamp,
    ) -> Result<Vec<CallRecord>, StoreError> {
        let mut calls = self.unseen(querier, filter, now)?;
        calls.reverse();
        self.printed += u64::try_from(calls.len()).unwrap_or(u64::MAX);
        Ok(calls)
    }

    /// Calls that arrived and were not found by any look.
    fn late(&self, querier: &dyn Querier, filter: &Filter) -> Result<u64, StoreError> {
        Ok(querier.totals(all(), filter)?.calls.saturating_sub(self.before + self.printed))
    }

    /// Remembers and returns the calls of the newest two minutes that were not seen, newest first.
    fn unseen(
        &mut self,
        querier: &dyn Querier,
        filter: &Filter,
        now: Timestamp,
    ) -> Result<Vec<CallRecord>, StoreError> {
        // Clocks of senders may be ahead.
        let window = Window { from: now.plus_seconds(-BACK), to: Timestamp(i64::MAX) };
        let found = querier.calls(window, filter, Page { limit: MOST, after: None })?.calls;
        let mut new = Vec::new();
        let oldest = found.last().map_or(i64::MAX, end);
        for call in found {
            let fresh = self.newest.insert((end(&call), call.trace_id, call.span_id));
            // Another account of a call may become the one that counts.
            let same = call.response_id.as_ref().is_some_and(|id| !self.remember(id));
            if fresh && !same {
                new.push(call);
            }
        }
        let keep = (oldest, [0; 16], [0; 8]);
        self.newest = self.newest.split_off(&keep);
        Ok(new)
    }

    /// Whether the response id is new.
    fn remember(&mut self, id: &str) -> bool {
        let new = self.responses.insert(id.to_owned());
        if new {
            self.order.push_back(id.to_owned());
            if self.order.len() > MOST {
                let oldest = self.order.pop_front().unwrap_or_default();
                self.responses.remove(&oldest);
            }
        }
        new
    }
}

const fn all() -> Window {
    Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) }
}

const fn end(call: &CallRecord) -> i64 {
    call.start.0.saturating_add(call.duration_ns)
}

/// Prints calls; `false` when no one reads any more.
fn print(calls: &[CallRecord], form: CallsFormat, out: &mut dyn Write) -> Result<bool, Failure> {
    let mut text = String::new();
    for call in calls {
        match form {
            CallsFormat::Text => text.push_str(&line(call)),
            CallsFormat::Json => text.push_str(&json::line(call)?),
            CallsFormat::Csv => text.push_str(&csv::row(call)),
        }
    }
    match out.write_all(escaped(&text).as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure(format!("cannot write the output: {error}"))),
    }
}

/// Columns as wide for every call, since the widest is not known.
fn line(call: &CallRecord) -> String {
    let pad = |text: &str, columns: usize| {
        let text = fit(text, columns);
        let width = unicode_width::UnicodeWidthStr::width(text.as_str());
        text + &" ".repeat(columns.saturating_sub(width))
    };
    let outcome = match call.status_code {
        Some(status) if status != 200 => format!("{} {status}", call.outcome),
        _ => call.outcome.to_string(),
    };
    let text = format!(
        "{}  {}  {}  {:>8}  {:>11}  {:>8}  {}",
        format(call.start, "%m-%d %H:%M:%S"),
        pad(&harmless(call.model()), 20),
        pad(&outcome, 10),
        or_dash(call.total_tokens(), count),
        or_dash(call.cost, usd),
        seconds(in_seconds(call.duration_ns)),
        fit(&harmless(call.user.as_deref().unwrap_or("–")), 16),
    );
    text.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests;
