//! Evaluates the rules over a past time as if they had been running then: the same rules, the same state machine,
//! over a part of the ledger that slides through memory.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use crate::evaluate::evaluator::Evaluator;
use crate::record::{CallRecord, Timestamp, Window};
use crate::rule::config::RulesConfig;
use crate::rule::{Labels, RuleName};
use crate::store::memory::MemoryStore;
use crate::store::{Appender, Filter, Page, Querier, StoreError};
use crate::text::seconds::Seconds;

/// Calls are read this long a time, so that neither their number nor the length of the range decides the memory.
const CHUNK: Seconds = Seconds(300);
/// So many calls are asked for at once.
const PAGE: usize = 10_000;
/// So many chunks wait at most until their time has come.
const AHEAD: usize = 1;

/// One time that an alert was firing.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    /// The rule.
    pub rule: RuleName,
    /// The alert's labels.
    pub labels: Labels,
    /// The first evaluation at which it fired.
    pub start: Timestamp,
    /// The evaluation that resolved it, or the end of the range.
    pub end: Timestamp,
    /// The largest value.
    pub peak: f64,
    /// What the value was compared with.
    pub threshold: f64,
}

/// What the rules would have said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backtest {
    /// By the time they began, then by rule and labels.
    pub firings: Vec<Firing>,
    /// How long any alert of a rule was firing.
    pub firing_time: BTreeMap<RuleName, Seconds>,
    /// How near any value of a rule came to its limit: 1 at the limit.
    pub nearest: BTreeMap<RuleName, f64>,
    /// How often the rules were evaluated.
    pub evaluations: u64,
    /// How many calls they looked at.
    pub calls: u64,
}

/// Firings of one rule so close together that they are one message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Message {
    /// When the first began.
    pub start: Timestamp,
    /// When the last ended.
    pub end: Timestamp,
    /// How many times the limit the largest value was.
    pub beyond: f64,
}

/// Firings of one rule less than this apart are one message.
const APART: Seconds = Seconds(300);

impl Backtest {
    /// With what other rules said of the same calls.
    fn with(mut self, others: Self) -> Self {
        self.firings.extend(others.firings);
        self.firings.sort_by(|a, b| (a.start, a.rule, &a.labels).cmp(&(b.start, b.rule, &b.labels)));
        self.firing_time.extend(others.firing_time);
        self.nearest.extend(others.nearest);
        self
    }

    /// The messages of a rule.
    #[must_use]
    pub fn messages(&self, rule: RuleName) -> Vec<Message> {
        let mut messages: Vec<Message> = Vec::new();
        for firing in self.firings.iter().filter(|firing| firing.rule == rule) {
            let beyond = firing.peak / firing.threshold.max(f64::MIN_POSITIVE);
            match messages.last_mut().filter(|last| firing.start <= last.end.plus_seconds(APART.0)) {
                Some(last) => {
                    last.end = last.end.max(firing.end);
                    last.beyond = last.beyond.max(beyond);
                }
                None => messages.push(Message { start: firing.start, end: firing.end, beyond }),
            }
        }
        messages
    }
}

/// Evaluates `config` from `window.from` to `window.to` at its interval. The alerts begin inactive, and sequence
/// numbers from before the range are not missing. `progress` hears the time that has been reached.
///
/// # Errors
/// [`StoreError`] when the ledger cannot be read.
pub fn backtest(
    config: &RulesConfig,
    ledger: &dyn Querier,
    window: Window,
    progress: &mut dyn FnMut(Timestamp),
) -> Result<Backtest, StoreError> {
    let from = window.from.plus_seconds(-config.reach().0);
    // No rule needs another: two threads evaluate half of them each, and one reads the calls for both.
    std::thread::scope(|threads| {
        let (to_totals, of_totals) = sync_channel(AHEAD);
        let (to_others, of_others) = sync_channel(AHEAD);
        let reading = threads.spawn(move || -> Result<(), StoreError> {
            for chunk in chunks(Window { from, to: window.to }) {
                let calls = read(ledger, chunk)?;
                // Handing on fails where the evaluation has ended.
                if to_totals.send(calls.clone()).is_err() || to_others.send(calls).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let half =
            |calls: Receiver<Calls>, wanted: fn(RuleName) -> bool, progress: &mut dyn FnMut(Timestamp)| {
                let evaluator = Evaluator::of(config, wanted);
                let next = &mut |_| calls.recv().map_err(|_| StoreError::Reading);
                let each = &mut |now, _: &Evaluator| progress(now);
                evaluate(config, evaluator, ledger, next, window, &mut |_| Ok(window.to), each)
            };
        let others = threads.spawn(move || half(of_others, |rule| !judges_totals(rule), &mut |_| {}));
        let totals = half(of_totals, judges_totals, progress);
        let others = others.join().unwrap_or_else(|panic| resume_unwind(panic));
        // Without more calls both ended, and this is why.
        reading.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok(totals?.with(others?))
    })
}

/// Whether the rule judges the totals of services, which takes as long as all other rules do.
const fn judges_totals(rule: RuleName) -> bool {
    use RuleName::{
        AuthFailures, CacheCollapse, CostOverrun, HighFailureRate, HighRequestRate, LatencyRegression,
        LedgerSilent, OffHours, RateLimited, ServiceSilent, ShortAnswers, TimeToFirstChunkRegression,
        TokenDrift, UnpricedUsage, UsageMissing,
    };
    matches!(
        rule,
        HighRequestRate
            | HighFailureRate
            | CostOverrun
            | UnpricedUsage
            | UsageMissing
            | AuthFailures
            | RateLimited
            | LedgerSilent
            | LatencyRegression
            | TimeToFirstChunkRegression
            | TokenDrift
            | ShortAnswers
            | CacheCollapse
            | ServiceSilent
            | OffHours
    )
}

/// As [`backtest`], over a ledger that is filled meanwhile: before each evaluation `fill` gives the time up to which the ledger
/// is complete, and after it `each` sees the rules and their alerts.
///
/// # Errors
/// [`StoreError`] when the ledger cannot be read, or filled.
pub(crate) fn replay(
    config: &RulesConfig,
    ledger: &dyn Querier,
    window: Window,
    fill: &mut dyn FnMut(Timestamp) -> Result<Timestamp, StoreError>,
    each: &mut dyn FnMut(Timestamp, &Evaluator),
) -> Result<Backtest, StoreError> {
    let next = &mut |window| read(ledger, window);
    evaluate(config, Evaluator::new(config), ledger, next, window, fill, each)
}

/// Evaluates rules of `config` with the calls that `next` gives of each chunk of time.
fn evaluate(
    config: &RulesConfig,
    mut evaluator: Evaluator,
    ledger: &dyn Querier,
    next: &mut dyn FnMut(Window) -> Result<Calls, StoreError>,
    window: Window,
    fill: &mut dyn FnMut(Timestamp) -> Result<Timestamp, StoreError>,
    each: &mut dyn FnMut(Timestamp, &Evaluator),
) -> Result<Backtest, StoreError> {
    let reach = config.reach();
    let mut store = MemoryStore::sliding(Seconds(reach.0 + CHUNK.0));
    let mut open: BTreeMap<(RuleName, Labels), Firing> = BTreeMap::new();
    let mut result = Backtest::default();
    let mut ahead = Ahead { next, read: window.from.plus_seconds(-reach.0), calls: Vec::new() };
    let mut now = window.from;
    while now <= window.to {
        let complete = fill(now)?;
        result.calls += ahead.append_until(now, complete, &mut store)?;
        store.maintain(now)?;
        evaluator.evaluate_part(&store, ledger, now);
        result.evaluations += 1;
        for (rule, near) in evaluator.nearest() {
            let nearest = result.nearest.entry(rule).or_default();
            *nearest = nearest.max(near);
        }
        for alert in evaluator.each_alert() {
            let key = || (alert.rule, alert.labels.clone());
            if let (true, Some(start)) = (alert.firing(), alert.firing_since) {
                let firing = open.entry(key()).or_insert_with(|| Firing {
                    rule: alert.rule,
                    labels: alert.labels.clone(),
                    start,
                    end: window.to,
                    peak: alert.peak,
                    threshold: alert.threshold,
                });
                firing.peak = alert.peak;
            } else if alert.resolved_at == Some(now)
                && let Some(firing) = open.remove(&key())
            {
                result.firings.push(Firing { end: now, ..firing });
            }
        }
        let mut rules: Vec<RuleName> = open.keys().map(|(rule, _)| *rule).collect();
        rules.dedup();
        for rule in rules {
            result.firing_time.entry(rule).or_default().0 += config.interval.0;
        }
        each(now, &evaluator);
        now = now.plus_seconds(config.interval.0);
    }
    result.firings.extend(open.into_values());
    result.firings.sort_by(|a, b| (a.start, a.rule, &a.labels).cmp(&(b.start, b.rule, &b.labels)));
    Ok(result)
}

/// The calls of the ledger, read ahead and handed on when their time has come.
struct Ahead<'a> {
    next: &'a mut dyn FnMut(Window) -> Result<Calls, StoreError>,
    /// Up to where the ledger was read.
    read: Timestamp,
    calls: Calls,
}

impl Ahead<'_> {
    /// Appends all calls that ended before `now` and says how many.
    fn append_until(
        &mut self,
        now: Timestamp,
        last: Timestamp,
        store: &mut MemoryStore,
    ) -> Result<u64, StoreError> {
        let mut appended = 0;
        loop {
            let later = self.calls.iter().rposition(|call| end(call) >= now).map_or(0, |index| index + 1);
            let mut due = self.calls.split_off(later);
            due.reverse();
            appended += store.take(due).inserted;
            if !self.calls.is_empty() || self.read >= now.min(last) {
                return Ok(appended);
            }
            let Some(window) = chunks(Window { from: self.read, to: last }).next() else {
                return Ok(appended);
            };
            self.calls = (self.next)(window)?;
            self.read = window.to;
        }
    }
}

/// The pieces in which a time is read.
fn chunks(window: Window) -> impl Iterator<Item = Window> {
    let to = move |from: Timestamp| from.plus_seconds(CHUNK.0).min(window.to);
    let first = Window { from: window.from, to: to(window.from) };
    let next = move |before: &Window| Some(Window { from: before.to, to: to(before.to) });
    std::iter::successors(Some(first), next).take_while(|chunk| chunk.from < chunk.to)
}

/// The calls of some time, newest first.
type Calls = Vec<Arc<CallRecord>>;

fn read(ledger: &dyn Querier, window: Window) -> Result<Calls, StoreError> {
    let mut calls = Vec::new();
    let mut after = None;
    loop {
        let page = ledger.calls(window, &Filter::default(), Page { limit: PAGE, after })?;
        calls.extend(page.calls.into_iter().map(|call| Arc::new(without_words(call))));
        after = page.next;
        if after.is_none() {
            return Ok(calls);
        }
    }
}

fn end(call: &CallRecord) -> Timestamp {
    Timestamp(call.start.0.saturating_add(call.duration_ns))
}

/// The call without what no rule reads: it makes up most of its size.
fn without_words(call: CallRecord) -> CallRecord {
    CallRecord {
        operation: String::new(),
        response_id: None,
        finish_reasons: Vec::new(),
        price_source: None,
        service_tier: None,
        server_address: None,
        modality_tokens: None,
        price_factors: Vec::new(),
        client_address: None,
        response_preview: None,
        error_message: None,
        scope: String::new(),
        ..call
    }
}
