//! What a call costs when every call brings a new name, and what the rules cost then.
//!
//! Method. `cargo bench -p spanledger-companion --bench names [-- --calls N --kind KIND]`. For each kind of name that a sender
//! chooses, and for all of them together, a new ledger gets 100,000 calls by default, a hundred per second, each with a name of
//! that kind that no call had before, in batches of 500, with the housekeeping every 1,000 calls (10 s) as in `serve`. Printed
//! are the time on a processor per call (Linux; by the clock elsewhere), housekeeping included, of the first and of the last
//! tenth, and their ratio; how much the process's memory grew; and the rules: all of them are evaluated every 15 s for another
//! ten minutes of such calls, and the slowest evaluation of any rule is given, with the median of all together. The last column
//! is a report about the last day, all its questions together. `same` brings one name for all and is what the others compare
//! with; `response id, repeated` has one response id for all calls, as some servers send.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

use std::time::{Duration, Instant};

use spanledger::{CostStatus, Outcome, UsageSource};
use spanledger_companion::bench::{
    Appender, CallRecord, Ledger, NanoUsd, Options, Origin, RuleName, RuleTimes, RulesConfig, Tags,
    Timestamp, Window, build_report,
};

type Outcomes<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// 2026-11-02 00:00 UTC.
const START: Timestamp = Timestamp(1_793_577_600 * Timestamp::SECOND);
const STEP: i64 = Timestamp::SECOND / 100;
const BATCH: u64 = 500;
const MAINTAIN: u64 = 1_000;
const EVALUATIONS: u64 = 40;
/// Calls of 15 s.
const EACH: u64 = 1_500;

/// A kind of name, and how a call gets one.
type Kind = (&'static str, fn(&mut CallRecord, u64));

const KINDS: [Kind; 21] = [
    ("same", |_, _| {}),
    ("service", |call, number| call.service = format!("service {number}")),
    ("provider", |call, number| call.provider = format!("provider {number}")),
    ("model", |call, number| call.response_model = Some(format!("model {number}"))),
    ("request model", |call, number| call.request_model = Some(format!("model {number}"))),
    ("operation", |call, number| call.operation = format!("operation {number}")),
    ("error", |call, number| {
        (call.outcome, call.status_code) = (Outcome::Failed, Some(500));
        call.error_type = Some(format!("request {number} failed"));
        call.error_kind.clone_from(&call.error_type);
    }),
    ("finish reason", |call, number| call.finish_reasons = vec![format!("reason {number}")]),
    ("tag value", |call, number| {
        call.tags.add("request", &format!("id {number}"));
    }),
    ("tag key", |call, number| {
        call.tags.add(&format!("key{number}"), "x");
    }),
    ("user", |call, number| call.user = Some(format!("user {number}"))),
    ("client address", |call, number| {
        call.client_address = Some(format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255));
    }),
    ("server address", |call, number| call.server_address = Some(format!("{number}.example.com"))),
    ("conversation", |call, number| call.conversation_id = Some(format!("conversation {number}"))),
    ("key", |call, number| call.key_fingerprint = Some(format!("{:016x}", spread(number)))),
    ("instance", |call, number| {
        (call.instance, call.sequence) = (Some(format!("{:016x}", spread(number))), Some(2));
    }),
    ("scope", |call, number| {
        (call.origin, call.scope) = (Origin::ThirdParty, format!("scope {number}"));
    }),
    ("request hash", |call, number| call.request_hash = Some(format!("{number:032x}"))),
    ("response id", |call, number| call.response_id = Some(format!("response {number}"))),
    ("response id, repeated", |call, _| call.response_id = Some("response".to_owned())),
    ("all", |call, number| {
        for (name, change) in KINDS {
            if !matches!(name, "all" | "same" | "response id, repeated") {
                change(call, number);
            }
        }
    }),
];

fn main() -> Outcomes {
    let (mut calls, mut only) = (100_000, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--calls" => calls = arguments.next().ok_or("--calls takes a number")?.parse()?,
            "--kind" => only = Some(arguments.next().ok_or("--kind takes a kind")?),
            _ => {}
        }
    }
    println!(
        "| new with each call | us per call, first tenth | last tenth | ratio | memory, MiB | slowest rule | ms | all rules, ms | report, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, change) in
        KINDS.into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
    {
        measure(name, change, calls)?;
    }
    Ok(())
}

fn measure(name: &str, change: fn(&mut CallRecord, u64), calls: u64) -> Outcomes {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger.db");
    let mut ledger = Ledger::open_writer(&path, &Options::default())?;
    let at = |number: u64| Timestamp(START.0 + STEP * number.cast_signed());
    let append = |ledger: &mut dyn Appender, from: u64, to: u64| -> Outcomes<Duration> {
        let mut took = Duration::ZERO;
        for first in (from..to).step_by(usize::try_from(BATCH)?) {
            let next = to.min(first + BATCH);
            let mut batch: Vec<CallRecord> = (first..next).map(|number| call(number, at(number))).collect();
            (first..next).zip(&mut batch).for_each(|(number, call)| change(call, number));
            let began = processor();
            ledger.append(&batch)?;
            if next.is_multiple_of(MAINTAIN) {
                while ledger.maintain(at(next))?.more {}
            }
            took += processor().saturating_sub(began);
        }
        Ok(took)
    };
    let before = resident();
    let tenth = calls / 10;
    let mut tenths = Vec::new();
    for number in 0..10 {
        tenths.push(append(&mut ledger, number * tenth, (number + 1) * tenth)?);
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of calls")]
    let per_call = |took: Duration| took.as_secs_f64() * 1e6 / tenth as f64;
    let (first, last) = (per_call(tenths[0]), per_call(tenths[9]));
    let grown = resident().saturating_sub(before) / 1024;

    let reader = Ledger::open_reader(&path)?;
    let mut rules = RuleTimes::new(&RulesConfig::default());
    let mut slowest: Option<(RuleName, Duration)> = None;
    let mut totals = Vec::new();
    for evaluation in 0..EVALUATIONS {
        let to = calls + EACH * (evaluation + 1);
        append(&mut ledger, to - EACH, to)?;
        let found = rules.evaluate(&reader, at(to))?;
        totals.push(found.iter().map(|(_, took)| *took).sum::<Duration>());
        let largest = found.into_iter().max_by_key(|(_, took)| *took);
        slowest = slowest.into_iter().chain(largest).max_by_key(|(_, took)| *took);
    }
    let now = at(calls + EACH * EVALUATIONS);
    let began = Instant::now();
    build_report(&reader, Window { from: now.plus_seconds(-86_400), to: now }, &[], now)?;
    let report = began.elapsed();
    totals.sort_unstable();
    let median = totals[totals.len() / 2];
    let (rule, longest) =
        slowest.map_or(("none".to_owned(), Duration::ZERO), |(rule, took)| (rule.to_string(), took));
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "| {name} | {first:.1} | {last:.1} | {:.2} | {grown} | {rule} | {:.1} | {:.1} | {:.1} |",
        last / first,
        ms(longest),
        ms(median),
        ms(report)
    );
    Ok(())
}

/// Time that this thread has had on a processor.
fn processor() -> Duration {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let clock = || BEGAN.get_or_init(Instant::now).elapsed();
    let read = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = read.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(clock, Duration::from_nanos)
}

/// Memory of the process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Random ids are in no order, unlike numbers.
const fn spread(number: u64) -> u64 {
    (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn call(number: u64, end: Timestamp) -> CallRecord {
    let duration_ns = Timestamp::SECOND;
    CallRecord {
        // Spread, as ids are.
        trace_id: (u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
            .to_be_bytes(),
        span_id: spread(number).to_be_bytes(),
        origin: Origin::Spanledger,
        start: Timestamp(end.0 - duration_ns),
        duration_ns,
        service: "shop".to_owned(),
        provider: "openai".to_owned(),
        operation: "chat".to_owned(),
        request_model: Some("gpt-4o-mini".to_owned()),
        response_model: Some("gpt-4o-mini".to_owned()),
        outcome: Outcome::Completed,
        status_code: Some(200),
        input_tokens: Some(500 + number % 3_000),
        output_tokens: Some(100 + number % 300),
        usage_source: UsageSource::Provider,
        cost: Some(NanoUsd(1_500_000)),
        cost_status: CostStatus::Exact,
        tags: Tags::default(),
        ..CallRecord::default()
    }
}
