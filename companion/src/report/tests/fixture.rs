//! A fixed day of calls, with a quiet night, a burst of errors and names that try to break out.

use std::collections::BTreeMap;

use spanledger::{CostStatus, Outcome, UsageSource};

use crate::record::{CallRecord, NanoUsd, Origin, SkipReason, SkippedHours, Timestamp, Window};
use crate::report::{RuleState, RuleStatus};
use crate::rule::RuleName;
use crate::store::memory::MemoryStore;
use crate::store::{Appender, Batch};

/// 2026-11-23T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_435_200 * Timestamp::SECOND);
pub(crate) const DAY: Window = Window { from: NOW.plus_seconds(-86_400), to: NOW };
pub(crate) const HOSTILE: &str = "<script>alert('x')</script>\u{1b}[2J\u{202e}\"&=cmd";

/// Numbers that look random and are the same in every run.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn unit(&mut self) -> f64 {
        self.next() as f64 / f64::from(1_u32 << 31)
    }

    fn pick<'a>(&mut self, weighted: &[(&'a str, u64)]) -> &'a str {
        let mut left = self.next() % weighted.iter().map(|(_, weight)| weight).sum::<u64>();
        weighted
            .iter()
            .find(|(_, weight)| {
                let hit = left < *weight;
                left = left.saturating_sub(*weight);
                hit
            })
            .map_or("", |(name, _)| name)
    }
}

/// One completed call with nothing unusual about it.
pub(crate) fn call(n: u64, start: Timestamp) -> CallRecord {
    CallRecord {
        trace_id: (u128::from(n) << 64 | 0xfeed_beef).to_be_bytes(),
        span_id: n.to_be_bytes(),
        origin: Origin::Spanledger,
        start,
        duration_ns: Timestamp::SECOND,
        service: "checkout".to_owned(),
        provider: "openai".to_owned(),
        operation: "chat".to_owned(),
        request_model: Some("gpt-4o-mini".to_owned()),
        response_model: Some("gpt-4o-mini-2024-07-18".to_owned()),
        status_code: Some(200),
        finish_reasons: vec!["stop".to_owned()],
        input_tokens: Some(1000),
        output_tokens: Some(200),
        usage_source: UsageSource::Provider,
        cost: Some(NanoUsd(270_000)),
        cost_status: CostStatus::Exact,
        price_source: Some("genai-prices 0.2.1".to_owned()),
        request_hash: Some(format!("{:032x}", u128::from(n) * 0x9e37_79b9_7f4a_7c15)),
        instance: Some("c0ffee".to_owned()),
        sequence: Some(n),
        ..CallRecord::default()
    }
}

/// A ledger that holds `calls`.
pub(crate) fn ledger(calls: &[CallRecord]) -> MemoryStore {
    let mut store = MemoryStore::new();
    store.append(calls).unwrap();
    store
}

/// Adds spans of agents, tools and unknown operations that end within [`DAY`].
pub(crate) fn skip(store: &mut impl Appender) {
    let mut skipped = SkippedHours::default();
    for (scope, reason, spans) in [
        ("openinference.instrumentation.langchain", SkipReason::Workflow, 318),
        ("openinference.instrumentation.langchain", SkipReason::Tool, 96),
        ("strands.telemetry.tracer", SkipReason::Agent, 41),
        (HOSTILE, SkipReason::Unknown, 12),
    ] {
        for number in 0..spans {
            skipped.add(DAY.from.plus_seconds(number * 240), scope, reason);
        }
    }
    store.append_batch(Batch { skipped: Some(&skipped), ..Batch::default() }).unwrap();
}

/// 1,593 calls that end within [`DAY`].
pub(crate) fn calls() -> Vec<CallRecord> {
    let mut random = Lcg(42);
    let mut calls = Vec::new();
    for minute in 0..1440_i64 {
        let hour = minute as f64 / 60.0 + 12.0;
        let busy = 0.35 + 3.0 * (1.0 + ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos()) / 2.0;
        let burst = (1150..1185).contains(&minute);
        let n = (busy * random.unit() * 1.6 + if burst { 3.0 } else { 0.0 }) as u64;
        for _ in 0..n {
            let start = DAY.from.plus_seconds(minute * 60 + (random.next() % 50) as i64);
            let mut one = call(calls.len() as u64 + 1, start);
            vary(&mut one, &mut random, burst);
            one.duration_ns = one.duration_ns.min(NOW.0 - one.start.0 - 1);
            calls.push(one);
        }
    }
    number(&mut calls);
    calls
}

/// One process a service. Some numbers of two of them never came.
fn number(calls: &mut [CallRecord]) {
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    for call in calls {
        let number = newest.entry(call.service.clone()).or_default();
        *number += match (call.service.as_str(), *number) {
            ("checkout", 200) => 4,
            ("checkout", 500) | ("batch-enrichment", 50) => 2,
            _ => 1,
        };
        call.sequence = Some(*number);
        // Two providers report what their calls cost: one as the tables have it, one 5 % more.
        call.computed_cost = match call.provider.as_str() {
            "gcp.gemini" => call.cost,
            "anthropic" => call.cost.map(|cost| NanoUsd(cost.0 * 20 / 21)),
            _ => None,
        };
        call.instance = Some(match call.service.as_str() {
            "checkout" => "c0ffee00c0ffee00c0ffee00c0ffee00".to_owned(),
            "batch-enrichment" => "<u>\u{202e}f00d</u>".to_owned(),
            _ => "decade00decade00decade00decade00".to_owned(),
        });
    }
}

fn vary(call: &mut CallRecord, random: &mut Lcg, burst: bool) {
    let model = random.pick(&[
        ("gpt-4o-mini-2024-07-18", 46),
        ("claude-sonnet-4-5-20250929", 24),
        ("gemini-2.5-flash", 16),
        ("gpt-4.1-2025-04-14", 8),
        ("llama-3.3-70b-internal", 5),
        (HOSTILE, 1),
    ]);
    call.request_model = Some(model.to_owned());
    call.response_model = Some(model.to_owned());
    let (provider, price) = match model {
        "claude-sonnet-4-5-20250929" => ("anthropic", 3000),
        "gemini-2.5-flash" => ("gcp.gemini", 300),
        "gpt-4.1-2025-04-14" => ("openai", 2000),
        "llama-3.3-70b-internal" | HOSTILE => ("_OTHER", 0),
        _ => ("openai", 150),
    };
    call.provider = provider.to_owned();
    call.service =
        random.pick(&[("checkout", 50), ("support-assistant", 35), ("batch-enrichment", 15)]).to_owned();
    call.user = Some(random.pick(&[
        ("alice@example.com", 30),
        ("bob@example.com", 22),
        ("svc-nightly", 14),
        ("carol@example.com", 9),
        ("dave@example.com", 5),
        ("", 18),
        ("<b>mallory</b>", 2),
    ]))
    .filter(|user| !user.is_empty())
    .map(str::to_owned);
    if random.unit() < 0.12 {
        call.request_hash =
            Some(format!("{:032x}", u128::from(random.next() % 9 + 1) * 0x00ab_cdef_0123_4567));
    }
    let (input, output) = (200 + random.next() % 6000, 20 + random.next() % 1500);
    (call.input_tokens, call.output_tokens) = (Some(input), Some(output));
    call.cost = Some(NanoUsd((input * price + output * price * 4) as i64));
    if price == 0 {
        (call.cost, call.cost_status, call.price_source) = (None, CostStatus::Unpriced, None);
    }
    let slow = if burst { 3.0 } else { 1.0 };
    let seconds = (0.3 + output as f64 / 400.0 + (1.0 / (1.001 - random.unit())).ln() * 0.8) * slow;
    call.duration_ns = (seconds * 1e9) as i64;
    call.stream = random.unit() < 0.6;
    if call.stream {
        call.first_chunk_ns = Some((call.duration_ns as f64 * (0.1 + 0.2 * random.unit())) as i64);
    }
    let failing = random.unit() < if burst { 0.62 } else { 0.018 };
    if failing {
        let kind = random.pick(if burst {
            &[("rate_limit_exceeded", 8), ("overloaded_error", 3), ("timeout", 1)]
        } else {
            &[("timeout", 3), ("invalid_api_key", 2), ("connect", 1), ("body", 1)]
        });
        call.error_type = Some(kind.to_owned());
        call.error_kind = Some(kind.to_owned());
        (call.outcome, call.status_code) = match kind {
            "timeout" => (Outcome::TimedOut, None),
            "connect" => (Outcome::Failed, None),
            "body" => (Outcome::Truncated, Some(200)),
            "invalid_api_key" => (Outcome::Failed, Some(401)),
            "overloaded_error" => (Outcome::Failed, Some(529)),
            _ => (Outcome::Failed, Some(429)),
        };
        (call.input_tokens, call.output_tokens, call.cost) = (None, None, None);
        (call.usage_source, call.cost_status, call.price_source) =
            (UsageSource::None, CostStatus::NoUsage, None);
        call.first_chunk_ns = None;
        call.finish_reasons.clear();
    } else if random.unit() < 0.015 {
        call.outcome = Outcome::Dropped;
        call.usage_source = UsageSource::Partial;
    }
}

/// One rule in each state.
pub(crate) fn rules() -> Vec<RuleState> {
    let rule = |name: RuleName, state, severity: &str, value, threshold| RuleState {
        name: name.to_string(),
        state,
        severity: severity.to_owned(),
        value,
        threshold,
        advice: name.rule().advice.to_owned(),
        unit: name.rule().unit,
        detail: None,
        labels: BTreeMap::new(),
        since: matches!(state, RuleStatus::Firing | RuleStatus::Pending).then(|| NOW.plus_seconds(-600)),
    };
    let mut repeated = rule(RuleName::RepeatedRequests, RuleStatus::Firing, "info", Some(7.0), 3.0);
    repeated.labels.insert("request_hash".to_owned(), "<i>abcdef0123456789</i>".to_owned());
    let mut failures = rule(RuleName::HighFailureRate, RuleStatus::Firing, "critical", Some(0.6215), 0.5);
    failures.detail = Some("87 of 140 calls failed within 5 min".to_owned());
    let mut silent = rule(RuleName::LedgerSilent, RuleStatus::NoData, "warning", None, 900.0);
    silent.detail = Some("no call within the hour before".to_owned());
    vec![
        rule(RuleName::HighRequestRate, RuleStatus::Inactive, "warning", Some(3.2), 100.0),
        silent,
        repeated,
        failures,
        rule(RuleName::RateLimited, RuleStatus::Pending, "warning", Some(0.18), 0.1),
        rule(RuleName::CostOverrun, RuleStatus::Resolved, "critical", Some(12.5), 100.0),
    ]
}
