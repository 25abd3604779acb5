//! How long each rule takes over a large ledger.
//!
//! Method. `cargo bench -p spanledger-companion --bench rules [-- --calls N --hours H]`, on an otherwise idle machine. A ledger in
//! a temporary folder gets 10 million calls spread evenly over 24 hours by default: 25 services with 40 models each, so
//! 1,000 series, 100,000 users, one conversation for twelve calls, one call in 200 failing, one request in eight repeating
//! an earlier one. Then the ledger goes on as in `serve`: 15 s of calls are appended, the housekeeping runs, and all rules are
//! evaluated, 80 times; after each evaluation the past that is still missing is read, piece by piece. Printed are the first
//! evaluation of each rule and of the others the median and the largest, in milliseconds by the clock; at the end all rules
//! together, the pieces of the past, and the process's peak memory (`VmHWM`, Linux).

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use spanledger::{CostStatus, Outcome, UsageSource};
use spanledger_companion::bench::{
    Appender, CallRecord, Ledger, NanoUsd, Options, Origin, RuleName, RuleTimes, RulesConfig, Timestamp,
};

/// 2026-11-02 00:00 UTC.
const START: Timestamp = Timestamp(1_793_577_600 * Timestamp::SECOND);
const EVALUATIONS: u64 = 80;
const INTERVAL: i64 = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut calls, mut hours) = (10_000_000_u64, 24_u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--calls" => calls = arguments.next().ok_or("--calls takes a number")?.parse()?,
            "--hours" => hours = arguments.next().ok_or("--hours takes a number")?.parse()?,
            _ => {}
        }
    }
    let step = i64::try_from(hours * 3_600 * 1_000_000_000 / calls)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger.db");
    let mut ledger = Ledger::open_writer(&path, &Options::default())?;
    let at = |number: u64| Timestamp(START.0 + step * number.cast_signed());
    let mut next = 0;
    let mut append = |ledger: &mut dyn Appender, to: u64| -> Result<(), Box<dyn std::error::Error>> {
        while next < to {
            let until = to.min(next + 8_192);
            let batch: Vec<CallRecord> = (next..until).map(|number| call(number, at(number))).collect();
            ledger.append(&batch)?;
            next = until;
            if next % (64 * 8_192) == 0 || next == to {
                while ledger.maintain(at(next))?.more {}
            }
        }
        Ok(())
    };
    append(&mut ledger, calls)?;
    let reader = Ledger::open_reader(&path)?;
    let mut rules = RuleTimes::new(&RulesConfig::default());
    let mut times: BTreeMap<RuleName, Vec<Duration>> = BTreeMap::new();
    let mut totals: Vec<Duration> = Vec::new();
    let each = (INTERVAL * Timestamp::SECOND / step).cast_unsigned().max(1);
    let mut pieces: Vec<Duration> = Vec::new();
    for evaluation in 0..EVALUATIONS {
        let to = calls + each * evaluation;
        append(&mut ledger, to)?;
        let found = rules.evaluate(&reader, at(to))?;
        totals.push(found.iter().map(|(_, took)| *took).sum());
        for (rule, took) in found {
            times.entry(rule).or_default().push(took);
        }
        let mut more = true;
        while more {
            let began = Instant::now();
            more = rules.learn(&reader, at(to))?;
            pieces.push(began.elapsed());
        }
    }
    println!("{:<28} {:>10} {:>10} {:>10}", "rule", "first ms", "median ms", "largest ms");
    for (rule, took) in
        times.into_iter().map(|(rule, took)| (rule.to_string(), took)).chain([("all".to_owned(), totals)])
    {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let mut rest = took[1..].to_vec();
        rest.sort_unstable();
        let (median, largest) = (rest[rest.len() / 2], rest[rest.len() - 1]);
        println!("{rule:<28} {:>10.1} {:>10.2} {:>10.1}", ms(took[0]), ms(median), ms(largest));
    }
    pieces.sort_unstable();
    println!(
        "past: {} pieces, median {:.2} ms, largest {:.1} ms, together {:.1} s",
        pieces.len(),
        pieces[pieces.len() / 2].as_secs_f64() * 1e3,
        pieces[pieces.len() - 1].as_secs_f64() * 1e3,
        pieces.iter().sum::<Duration>().as_secs_f64()
    );
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    }
    Ok(())
}

fn call(number: u64, end: Timestamp) -> CallRecord {
    // Spread so that neighbours have nothing in common.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let failed = mixed.is_multiple_of(200);
    let (service, model, user) = (mixed % 25, mixed / 25 % 40, mixed / 1_000 % 100_000);
    let model = format!("model-{model}");
    let duration_ns = 1_000_000_000 + (mixed % 4_000_000_000).cast_signed();
    CallRecord {
        trace_id: u128::from(number + 1).to_be_bytes(),
        span_id: (number + 1).to_be_bytes(),
        origin: Origin::Spanledger,
        start: Timestamp(end.0 - duration_ns),
        duration_ns,
        service: format!("service-{service}"),
        provider: "openai".to_owned(),
        operation: "chat".to_owned(),
        request_model: Some(model.clone()),
        response_model: Some(model),
        outcome: if failed { Outcome::Failed } else { Outcome::Completed },
        status_code: Some(if failed { 500 } else { 200 }),
        error_type: failed.then(|| "500".to_owned()),
        error_kind: failed.then(|| "500".to_owned()),
        input_tokens: (!failed).then_some(500 + mixed % 3_000),
        output_tokens: (!failed).then_some(100 + mixed % 300),
        usage_source: if failed { UsageSource::None } else { UsageSource::Provider },
        cost: (!failed).then_some(NanoUsd(1_500_000)),
        cost_status: if failed { CostStatus::NoUsage } else { CostStatus::Exact },
        user: Some(format!("user-{user}")),
        conversation_id: Some(format!("conversation-{}", number / 12)),
        request_hash: Some(format!(
            "{:032x}",
            if mixed.is_multiple_of(8) { mixed % 100_000 } else { number }
        )),
        instance: Some(format!("instance-{service}")),
        sequence: None,
        ..CallRecord::default()
    }
}
