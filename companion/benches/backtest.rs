//! How long a backtest of a day with a million calls takes.
//!
//! Method: a SQLite ledger in a temporary folder gets 1,000,000 calls spread evenly over 24 hours (20 models, 5
//! services, 500 users, one call in eight repeating an earlier request, one in 200 failing, sequence numbers without
//! gaps); then all rules with their defaults are evaluated over that day at 15 s steps, 5,761 times. Printed
//! are the wall times of filling and of the backtest, which includes reading the calls from the file. Numbers on
//! the command line change calls and hours: `cargo bench --bench backtest -- 1000000 24`.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

use std::io::Write;
use std::time::Instant;

use spanledger::{CostStatus, Outcome, UsageSource};
use spanledger_companion::bench::{
    Appender, CallRecord, Ledger, NanoUsd, Options, Origin, RulesConfig, Timestamp, Window, backtest,
};

const START: Timestamp = Timestamp(1_793_577_600 * Timestamp::SECOND);

fn call(number: u64, calls: u64, hours: i64) -> CallRecord {
    let failed = number.is_multiple_of(200);
    let span = hours * 3600 * Timestamp::SECOND;
    let at = i128::from(span) * i128::from(number) / i128::from(calls);
    CallRecord {
        trace_id: u128::from(number + 1).to_be_bytes(),
        span_id: (number + 1).to_be_bytes(),
        origin: Origin::Spanledger,
        start: Timestamp(START.0 + i64::try_from(at).unwrap_or_default()),
        duration_ns: 2 * Timestamp::SECOND,
        service: format!("service{}", number % 5),
        provider: "openai".to_owned(),
        operation: "chat".to_owned(),
        request_model: Some(format!("model{}", number % 20)),
        response_model: Some(format!("model{}", number % 20)),
        response_id: Some(format!("chatcmpl-{number:024}")),
        outcome: if failed { Outcome::Failed } else { Outcome::Completed },
        status_code: Some(if failed { 500 } else { 200 }),
        error_type: failed.then(|| "500".to_owned()),
        error_kind: failed.then(|| "server_error".to_owned()),
        finish_reasons: vec!["stop".to_owned()],
        input_tokens: (!failed).then_some(1000 + number % 500),
        output_tokens: (!failed).then_some(200),
        usage_source: if failed { UsageSource::None } else { UsageSource::Provider },
        cost: (!failed).then_some(NanoUsd(1_500_000)),
        cost_status: if failed { CostStatus::NoUsage } else { CostStatus::Exact },
        user: Some(format!("user{}", number % 500)),
        request_hash: Some(format!("{:032x}", if number.is_multiple_of(8) { number / 800 } else { number })),
        instance: Some(format!("instance{}", number % 5)),
        sequence: Some(number / 5 + 1),
        ..CallRecord::default()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let calls = numbers.next().unwrap_or(1_000_000);
    let hours = i64::try_from(numbers.next().unwrap_or(24))?;
    let out = &mut std::io::stdout();

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger.db");
    let began = Instant::now();
    let mut appender = Ledger::open_writer(&path, &Options::default())?;
    for first in (0..calls).step_by(8192) {
        let batch: Vec<CallRecord> =
            (first..calls.min(first + 8192)).map(|number| call(number, calls, hours)).collect();
        appender.append(&batch)?;
    }
    drop(appender);
    writeln!(out, "filled {calls} calls in {:.1} s", began.elapsed().as_secs_f64())?;

    let ledger = Ledger::open_reader(&path)?;
    let window = Window { from: START, to: START.plus_seconds(hours * 3600) };
    let began = Instant::now();
    let found = backtest(&RulesConfig::default(), &ledger, window, &mut |_| {})?;
    writeln!(
        out,
        "backtest: {} evaluations over {} calls in {:.2} s, {} firings",
        found.evaluations,
        found.calls,
        began.elapsed().as_secs_f64(),
        found.firings.len()
    )?;
    Ok(())
}
