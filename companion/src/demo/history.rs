//! The company's calls of some days, drawn from a seed. The days before the last are as usual; on the last, everything of
//! [`anomalies::ALL`] happens once.

use std::collections::HashMap;

use fastrand::Rng;
use spanledger::PriceTable;

use super::anomalies::{self, Anomaly, Effect, More};
use super::company::{Clock, DAY, MINUTE, SERVICES, Service, around, poisson};
use super::draft::{Draft, Status};
use crate::record::{CallRecord, SkippedHours, Timestamp, Window};
use crate::store::{Appender, Batch, StoreError};

/// How a history is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    /// The same seed gives the same days.
    pub(crate) seed: u64,
    /// Calls per minute in the busiest hours.
    pub(crate) rate: f64,
    /// Days, the one with the anomalies included.
    pub(crate) days: i64,
}

/// A failed call is made again this often.
const RETRIES: i64 = 2;
/// The most calls that one conversation of a usual day has.
const STEPS: u64 = 10;
/// Calls that are appended at a time.
const BATCH: usize = 8_192;

/// Makes the calls of a company.
#[derive(Debug)]
pub(super) struct History<'a> {
    settings: Settings,
    clock: Clock,
    prices: &'a PriceTable,
    /// The last number of each service's process.
    sequences: HashMap<&'static str, u64>,
}

impl<'a> History<'a> {
    pub(super) fn new(settings: Settings, clock: Clock, prices: &'a PriceTable) -> Self {
        Self { settings, clock, prices, sequences: HashMap::new() }
    }

    /// When the first day begins.
    pub(super) const fn begins(&self) -> Timestamp {
        self.clock.day(self.settings.days - 1).from
    }

    /// Appends the days before the last, and tells `progress` how many calls there are. Returns the last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn append(
        mut self,
        ledger: &mut dyn Appender,
        mut progress: impl FnMut(usize),
    ) -> Result<Today, StoreError> {
        let mut calls = 0;
        for ago in (1..self.settings.days).rev() {
            let day = self.day(ago);
            for batch in day.chunks(BATCH) {
                ledger.append(batch)?;
            }
            calls += day.len();
            while ledger.maintain(self.clock.day(ago).to)?.more {}
            progress(calls);
        }
        let mut rest = self.day(0);
        rest.reverse();
        Ok(Today { rest, appended: calls, clock: self.clock, complete: self.clock.midnight })
    }

    /// All calls of a day that arrive, by the time at which they ended.
    pub(super) fn day(&mut self, ago: i64) -> Vec<CallRecord> {
        let window = self.clock.day(ago);
        let mut calls = Vec::new();
        for (index, service) in (0_u64..).zip(&SERVICES) {
            let seed = self.settings.seed.wrapping_mul(1_000_003) ^ ago.unsigned_abs() << 8 ^ index;
            let mut random = Rng::with_seed(seed);
            let mut drafts = Vec::new();
            self.usual(&mut random, service, window, &mut drafts);
            if ago == 0 {
                for anomaly in anomalies::ALL.iter().filter(|anomaly| anomaly.service == service.name) {
                    self.more(&mut random, service, anomaly, &mut drafts);
                }
            }
            self.number(drafts, &mut calls);
        }
        calls.sort_by_key(|call| (call.start.0 + call.duration_ns, call.span_id));
        calls
    }

    /// The traffic of a service, which most anomalies change.
    fn usual(&self, random: &mut Rng, service: &'static Service, window: Window, drafts: &mut Vec<Draft>) {
        for minute in 0..DAY / MINUTE {
            let begins = Timestamp(window.from.0 + minute * MINUTE);
            let surge = self.touching(service, begins).find_map(|anomaly| match anomaly.effect {
                Effect::Surge(times) => Some(times),
                Effect::Silence => Some(0.0),
                _ => None,
            });
            let calls = service.per_minute(self.settings.rate, minute) * surge.unwrap_or(1.0);
            let steps = if service.agent { STEPS.midpoint(4) } else { 1 };
            #[expect(clippy::cast_precision_loss, reason = "some ten steps")]
            let conversations = poisson(random, calls / steps as f64);
            for _ in 0..conversations {
                let at = Timestamp(begins.0 + random.i64(0..MINUTE));
                if service.agent {
                    self.conversation(random, service, at, drafts);
                } else {
                    let draft = Draft::new(random, service, at);
                    self.make(random, draft, drafts);
                }
            }
        }
    }

    /// An agent's steps: each has what came before in its prompt, and all but the last end with a tool.
    fn conversation(
        &self,
        random: &mut Rng,
        service: &'static Service,
        at: Timestamp,
        drafts: &mut Vec<Draft>,
    ) {
        let first = Draft::new(random, service, at);
        let steps = random.u64(4..=STEPS);
        let (mut at, mut input) = (at, first.input);
        for step in 1..=steps {
            let mut draft = first.next_step(random, at);
            draft.input = input;
            draft.tool = step < steps;
            input += draft.output + 900.0;
            let ended = self.make(random, draft, drafts);
            // The tool runs.
            at = Timestamp(ended.0 + random.i64(1..6) * Timestamp::SECOND);
        }
    }

    /// The further calls of an anomaly.
    fn more(&self, random: &mut Rng, service: &'static Service, anomaly: &Anomaly, drafts: &mut Vec<Draft>) {
        let Effect::More(more) = anomaly.effect else { return };
        let Window { from, to } = anomaly.window(self.clock);
        let first = Draft::new(random, service, from);
        for minute in 0..(to.0 - from.0) / MINUTE {
            for _ in 0..poisson(random, more.per_minute) {
                let at = Timestamp(from.0 + minute * MINUTE + random.i64(0..MINUTE));
                if self.touching(service, at).any(|anomaly| anomaly.effect == Effect::Silence) {
                    continue;
                }
                let draft = match more.one_conversation || more.one_request {
                    true => first.next_step(random, at),
                    false => Draft::new(random, service, at),
                };
                drafts.push(with(random, draft, &first, more, anomaly.label));
            }
        }
    }

    /// A call as the anomalies of its time make it, and made again where that helps. Returns when it ended.
    fn make(&self, random: &mut Rng, draft: Draft, drafts: &mut Vec<Draft>) -> Timestamp {
        let mut draft = draft;
        for retry in 0..=RETRIES {
            let mut attempt = draft.clone();
            for anomaly in self.touching(attempt.service, attempt.at) {
                attempt.change(random, anomaly);
            }
            let (status, ended) = (attempt.status, attempt.end());
            drafts.push(attempt);
            if retry == RETRIES || !status.is_retried() {
                return ended;
            }
            draft = draft.again(random, Timestamp(ended.0 + (1 << retry) * Timestamp::SECOND));
        }
        draft.at
    }

    fn touching(&self, service: &'static Service, at: Timestamp) -> impl Iterator<Item = &'static Anomaly> {
        let clock = self.clock;
        anomalies::ALL.iter().filter(move |anomaly| anomaly.touches(service.name, at, clock))
    }

    /// Numbers the calls of a day in the order in which they began, as the library does, and leaves out those that are lost.
    fn number(&mut self, mut drafts: Vec<Draft>, calls: &mut Vec<CallRecord>) {
        drafts.sort_by_key(|draft| draft.at);
        for draft in drafts {
            let service = draft.sender();
            let sequence = self.sequences.entry(service).or_default();
            *sequence += 1;
            let lost = |anomaly: &&Anomaly| {
                anomaly.effect == Effect::Lost && anomaly.touches(service, draft.end(), self.clock)
            };
            if !anomalies::ALL.iter().any(|anomaly| lost(&anomaly)) {
                calls.push(draft.record(*sequence, self.settings.seed, self.prices));
            }
        }
    }
}

/// The last day, which fills the ledger as its time passes.
#[derive(Debug)]
pub(super) struct Today {
    /// The calls that are not in the ledger yet, the next at the end.
    rest: Vec<CallRecord>,
    /// Calls that are.
    pub(super) appended: usize,
    clock: Clock,
    /// Up to where the ledger is complete.
    complete: Timestamp,
}

impl Today {
    /// Appends what ended before the minute in which `now` is. Returns when that minute began.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn fill(
        &mut self,
        ledger: &mut dyn Appender,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let until = self.clock.minute(self.clock.minute_of(now));
        if until <= self.complete {
            return Ok(self.complete);
        }
        let later = self.rest.iter().rposition(|call| call.start.0 + call.duration_ns >= until.0);
        let mut calls = self.rest.split_off(later.map_or(0, |index| index + 1));
        calls.reverse();
        let skipped = self.skipped(until);
        ledger.append_batch(Batch { calls: &calls, skipped: Some(&skipped), ..Batch::default() })?;
        self.appended += calls.len();
        if self.clock.minute_of(until) % 5 == 0 {
            while ledger.maintain(until)?.more {}
        }
        self.complete = until;
        Ok(until)
    }

    /// The spans that anomalies brought since the last time and that are no calls, evenly over their time.
    fn skipped(&self, until: Timestamp) -> SkippedHours {
        let mut skipped = SkippedHours::default();
        for anomaly in anomalies::ALL {
            let Window { from, to } = anomaly.window(self.clock);
            let minutes = |at: Timestamp| (at.clamp(from, to).0 - from.0) / MINUTE;
            if let Effect::Skipped(reason, spans) = anomaly.effect {
                let so_far = |at| spans * minutes(at).unsigned_abs() / minutes(to).unsigned_abs();
                skipped.add_many(self.complete, anomaly.label, reason, so_far(until) - so_far(self.complete));
            }
        }
        skipped
    }
}

/// A further call of an anomaly.
fn with(random: &mut Rng, mut draft: Draft, first: &Draft, more: More, label: &'static str) -> Draft {
    draft.label = Some(label);
    draft.borrower = more.borrower;
    if let Some(model) = more.model {
        draft.model = (model, model);
    }
    if let Some(user) = more.user {
        draft.user = user;
    }
    if let Some((input, output)) = more.tokens {
        (draft.input, draft.output) = (around(random, input, 0.15), around(random, output, 0.3));
    }
    if more.one_request {
        draft.hash = first.hash;
    }
    draft.status = Status::Good;
    draft
}

#[cfg(test)]
mod tests;
