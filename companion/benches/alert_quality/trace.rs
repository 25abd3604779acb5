//! A trace as calls of a ledger.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use spanledger::{CostStatus, Outcome, UsageSource};
use spanledger_companion::bench::{Appender, CallRecord, Ledger, NanoUsd, Options, Origin, Timestamp};

/// US dollars for a million input and output tokens of the traces' models; others are unpriced.
const PRICES: [(&str, f64, f64); 4] =
    [("qwen-plus", 0.4, 1.2), ("qwen-max", 1.6, 6.4), ("gpt-4o-mini", 0.15, 0.6), ("gpt-4o", 2.5, 10.0)];

pub(crate) struct Trace {
    calls: Vec<CallRecord>,
    pub(crate) end: Timestamp,
}

impl Trace {
    pub(crate) fn read(path: &Path, start: Timestamp) -> Result<Self, Box<dyn Error>> {
        let lines = BufReader::new(GzDecoder::new(File::open(path)?)).lines();
        let mut calls = Vec::new();
        let mut columns: Vec<String> = Vec::new();
        for line in lines {
            let line = line?;
            let fields: Vec<&str> = line.split(',').collect();
            if columns.is_empty() {
                columns = fields.into_iter().map(str::to_owned).collect();
                continue;
            }
            let field = |name: &str| {
                columns.iter().position(|column| column == name).and_then(|at| fields.get(at)).copied()
            };
            calls.push(call(calls.len() as u64 + 1, start, |name| field(name).unwrap_or_default())?);
        }
        calls.sort_by_key(end);
        let end = calls.last().map_or(start, |call| Timestamp(end(call)));
        Ok(Self { calls, end })
    }

    /// Writes all calls to a new ledger.
    pub(crate) fn fill(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let mut ledger = Ledger::open_writer(path, &Options::default())?;
        for calls in self.calls.chunks(8192) {
            ledger.append(calls)?;
        }
        let after = self.end.plus_seconds(3600);
        while ledger.maintain(after)?.more {}
        Ok(())
    }
}

fn end(call: &CallRecord) -> i64 {
    call.start.0 + call.duration_ns
}

fn call<'a>(
    number: u64,
    start: Timestamp,
    field: impl Fn(&str) -> &'a str,
) -> Result<CallRecord, Box<dyn Error>> {
    let given = |name: &str| Some(field(name)).filter(|value| !value.is_empty()).map(str::to_owned);
    let status: u16 = field("status").parse()?;
    let succeeded = (200..300).contains(&status);
    let usage = succeeded && field("usage") != "none";
    let tokens = |name: &str| usage.then(|| field(name).parse().unwrap_or(0));
    let (input_tokens, output_tokens): (Option<u64>, Option<u64>) =
        (tokens("input_tokens"), tokens("output_tokens"));
    let model = field("model");
    let price = PRICES.iter().find(|(name, ..)| model.starts_with(name)).filter(|_| usage);
    #[expect(clippy::cast_precision_loss, reason = "tokens of one call")]
    let cost = price.and_then(|(_, input, output)| {
        let usd = input * input_tokens.unwrap_or(0) as f64 + output * output_tokens.unwrap_or(0) as f64;
        NanoUsd::from_usd(usd / 1e6)
    });
    #[expect(clippy::cast_possible_truncation, reason = "seconds of two weeks in nanoseconds")]
    let nanos = |name: &str| -> Result<i64, std::num::ParseFloatError> {
        Ok((field(name).parse::<f64>()? * 1e9).round() as i64)
    };
    Ok(CallRecord {
        trace_id: u128::from(number).to_be_bytes(),
        span_id: number.to_be_bytes(),
        origin: Origin::Spanledger,
        start: Timestamp(start.0 + nanos("t")?),
        duration_ns: nanos("latency")?,
        service: field("service").to_owned(),
        operation: "chat".to_owned(),
        request_model: Some(model.to_owned()),
        response_model: succeeded.then(|| model.to_owned()),
        outcome: if succeeded { Outcome::Completed } else { Outcome::Failed },
        status_code: Some(status).filter(|status| *status > 0),
        error_type: (!succeeded).then(|| status.to_string()),
        error_kind: (!succeeded).then(|| status.to_string()),
        input_tokens,
        output_tokens,
        usage_source: if usage { UsageSource::Provider } else { UsageSource::None },
        cost,
        cost_status: match (usage, cost) {
            (true, Some(_)) => CostStatus::Exact,
            (true, None) => CostStatus::Unpriced,
            (false, _) => CostStatus::NoUsage,
        },
        user: given("user"),
        request_hash: given("request_hash"),
        instance: given("instance"),
        sequence: field("sequence").parse().ok(),
        ..CallRecord::default()
    })
}
