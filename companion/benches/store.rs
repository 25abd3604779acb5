//! How fast the SQLite ledger appends and answers, and what a call takes on disk.
//!
//! Method. `cargo bench -p spanledger-companion --bench store [-- --calls N --hours H --folder DIR --keep]`, on an otherwise idle
//! machine. Calls come from a fixed pseudo-random sequence, so that every run writes the same: 5 services, 3
//! providers, 10 models, 1,000 users of whom few call often, 5 % failures, 60 % streams, one request hash in
//! ten from a pool of 1,000, ids and addresses of the usual length.
//!
//! 1. Append: for each batch size a new ledger; only the time inside `append` counts, every batch is synced to
//!    the disk before it returns (`synchronous=FULL`).
//! 2. Load: 10 million calls spread evenly over 24 hours by default, in batches of 8,192, each ending up to
//!    three seconds out of order, with the housekeeping every 64 batches as `serve` would run it.
//! 3. Questions on that ledger, which another process could be asking: each first on a new connection, then
//!    the median of five more. The windows end at an odd nanosecond, so that edges are read from the calls.
//!    Then the whole report as the page makes it, from the questions to the text.
//! 4. Append to that ledger while a reader asks without pause: the rate, and how long the log grows.
//!
//! `--keep` leaves the loaded ledger in the folder, and a later run with `--keep` asks it without loading again; then only
//! the third part runs.
//!
//! Rates and times are given by the clock and by the time on a processor (Linux only), which other programs disturb less.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use spanledger::{CostStatus, Outcome, UsageSource};
use spanledger_companion::bench::{
    Appender, CallRecord, Dimension, Filter, Ledger, NanoUsd, Options, Origin, Page, Querier, SqliteQuerier,
    StoreError, Timestamp, Window, build_report, to_html,
};

/// 2026-10-01 00:00:00 UTC.
const DAY: Timestamp = Timestamp(1_790_812_800_000_000_000);

type Outcomes = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcomes {
    let (mut calls, mut hours, mut keep) = (10_000_000, 24, false);
    let mut folder = std::env::temp_dir().join(format!("spanledger-bench-{}", std::process::id()));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--calls" => calls = arguments.next().ok_or("--calls takes a number")?.parse()?,
            "--hours" => hours = arguments.next().ok_or("--hours takes a number")?.parse()?,
            "--folder" => folder = PathBuf::from(arguments.next().ok_or("--folder takes a path")?),
            "--keep" => keep = true,
            // Cargo's own.
            _ => {}
        }
    }
    std::fs::create_dir_all(&folder)?;
    if keep {
        return questions_only(&folder, calls, hours);
    }
    let done = measure(&folder, calls, hours);
    std::fs::remove_dir_all(&folder)?;
    done
}

fn questions_only(folder: &Path, calls: u64, hours: i64) -> Outcomes {
    let ledger = folder.join(format!("day-{calls}-{hours}.db"));
    let length_ns = hours * 3_600 * Timestamp::SECOND;
    if !ledger.exists() {
        load(&ledger, calls, length_ns)?;
    }
    questions(&ledger, length_ns)
}

fn measure(folder: &Path, calls: u64, hours: i64) -> Outcomes {
    append_by_batch_size(folder)?;
    let ledger = folder.join("day.db");
    let length_ns = hours * 3_600 * Timestamp::SECOND;
    load(&ledger, calls, length_ns)?;
    questions(&ledger, length_ns)?;
    append_beside_a_reader(&ledger, length_ns)
}

fn append_by_batch_size(folder: &Path) -> Outcomes {
    println!("append, new ledger each\n  batch  spread ms      calls/s   calls/s of processor   bytes/call");
    for (batch_size, calls, spread_ms) in [
        (1, 1_000, 20),
        (64, 20_000, 20),
        (512, 100_000, 20),
        (2_048, 200_000, 20),
        (8_192, 200_000, 20),
        (8_192, 200_000, 3_000),
    ] {
        let path = folder.join(format!("append-{batch_size}-{spread_ms}.db"));
        let mut ledger = Ledger::open_writer(&path, &Options::default())?;
        // 10,000 calls per second of ledger time.
        let mut source = Source { spread_ns: spread_ms * 1_000_000, ..Source::new(100_000) };
        let mut spent = Spent::default();
        for _ in 0..calls / batch_size {
            let batch = source.batch(batch_size);
            spent.measure(|| ledger.append(&batch))?;
        }
        ledger.maintain(DAY)?;
        println!(
            "  {batch_size:>5} {spread_ms:>10} {} {:>12.0}",
            spent.rates(calls),
            bytes(&path) as f64 / calls as f64
        );
    }
    Ok(())
}

fn load(path: &Path, calls: u64, length_ns: i64) -> Outcomes {
    let mut ledger = Ledger::open_writer(path, &Options::default())?;
    let mut source = Source::new(length_ns / calls.cast_signed());
    let (mut appending, mut maintaining, mut longest) = (Spent::default(), Spent::default(), Duration::ZERO);
    let batches = calls.div_ceil(8_192);
    for number in 0..batches {
        let batch = source.batch(8_192.min(calls - number * 8_192));
        appending.measure(|| ledger.append(&batch))?;
        if number % 64 == 63 || number + 1 == batches {
            let mut more = true;
            while more {
                let run = Instant::now();
                more = maintaining.measure(|| ledger.maintain(source.now()))?.more;
                longest = longest.max(run.elapsed());
            }
        }
    }
    println!(
        "\nload of {calls} calls over {} h: append {}, housekeeping {:.1} s ({:.1} s of processor, longest {:.0} ms), {:.0} bytes/call",
        length_ns / 3_600 / Timestamp::SECOND,
        appending.rates(calls),
        maintaining.wall.as_secs_f64(),
        maintaining.processor.as_secs_f64(),
        longest.as_secs_f64() * 1e3,
        bytes(path) as f64 / calls as f64
    );
    Ok(())
}

fn questions(path: &Path, length_ns: i64) -> Outcomes {
    println!("\nquestions (24 h, unless another is named)     first ms    median ms  ms of processor");
    let now = Timestamp(DAY.0 + length_ns - 123_456_789);
    let minutes = |minutes: i64| Window::last(minutes * 60, now);
    let day = Window { from: Timestamp(now.0 - length_ns), to: now };
    let aligned = Window { from: DAY, to: Timestamp(DAY.0 + length_ns) };
    let any = Filter::default();
    let service = Filter { service: Some("service-1".into()), ..Filter::default() };
    let model = Filter { model: Some("model-3".into()), ..Filter::default() };
    let silent = Filter { service: Some("nobody".into()), ..Filter::default() };

    ask(path, "rule: totals 5 min", |q| q.totals(minutes(5), &any))?;
    ask(path, "rule: totals 5 min, one service", |q| q.totals(minutes(5), &service))?;
    ask(path, "rule: totals 1 h", |q| q.totals(minutes(60), &any))?;
    ask(path, "rule: totals 1 h, one model", |q| q.totals(minutes(60), &model))?;
    ask(path, "rule: models 5 min", |q| q.breakdown(minutes(5), &any, Dimension::Model, 100))?;
    ask(path, "rule: users 5 min", |q| q.breakdown(minutes(5), &any, Dimension::User, 20))?;
    ask(path, "rule: largest calls 5 min", |q| q.largest_calls(minutes(5), &any, 8_000, 10))?;
    ask(path, "rule: repeated 5 min", |q| q.repeated(minutes(5), &any, 3, 10))?;
    ask(path, "rule: duplicates 5 min", |q| q.duplicates(minutes(5), &any))?;
    ask(path, "rule: sequence gaps", |q| q.sequence_gaps(Window::last(86_400, now), now, &any, 100))?;
    ask(path, "rule: last call", |q| q.last_call(now, &any))?;
    ask(path, "rule: last call, one service", |q| q.last_call(now, &service))?;
    ask(path, "rule: last call, silent service", |q| q.last_call(now, &silent))?;
    ask(path, "report: totals 24 h", |q| q.totals(day, &any))?;
    ask(path, "report: latency 24 h", |q| q.latency(day, &any))?;
    for by in
        [Dimension::Model, Dimension::Provider, Dimension::Service, Dimension::Error, Dimension::CostStatus]
    {
        ask(path, &format!("report: {by:?} 24 h").to_lowercase(), |q| q.breakdown(day, &any, by, 100))?;
    }
    ask(path, "report: top 20 users 24 h", |q| q.breakdown(day, &any, Dimension::User, 20))?;
    ask(path, "report: repeated 24 h", |q| q.repeated(day, &any, 3, 10))?;
    ask(path, "report: series 24 h by hour, aligned", |q| q.series(aligned, &any, 3_600))?;
    ask(path, "report: series 24 h by 15 min, aligned", |q| q.series(aligned, &any, 900))?;
    ask(path, "report: series 24 h by 15 min, odd", |q| q.series(day, &any, 900))?;
    for (name, window) in [("aligned", aligned), ("odd", day)] {
        ask(path, &format!("whole report 24 h, {name}"), |q| {
            build_report(q, window, &[], now).map(|report| to_html(&report))
        })?;
    }
    ask(path, "page: newest 50 calls", |q| q.calls(day, &any, Page { limit: 50, after: None }))?;
    let trace = Filter { trace_id: Some([9; 16]), ..Filter::default() };
    ask(path, "calls: an unknown trace 1 h", |q| {
        q.calls(minutes(60), &trace, Page { limit: 50, after: None })
    })?;
    Ok(())
}

fn append_beside_a_reader(path: &Path, length_ns: i64) -> Outcomes {
    const CALLS: u64 = 500_000;
    let mut ledger = Ledger::open_writer(path, &Options::default())?;
    let mut source = Source { number: length_ns.cast_unsigned() / 100_000, state: 1, ..Source::new(100_000) };
    let querier = Ledger::open_reader(path)?;
    let done = std::sync::atomic::AtomicBool::new(false);
    let log = PathBuf::from(format!("{}-wal", path.display()));
    let (mut spent, mut longest_log) = (Spent::default(), 0);
    let asked = std::thread::scope(|scope| -> Result<u64, Box<dyn std::error::Error>> {
        let reader = scope.spawn(|| {
            let mut asked = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let window = Window::last(300, Timestamp(DAY.0 + length_ns));
                if querier.repeated(window, &Filter::default(), 3, 10).is_ok() {
                    asked += 1;
                }
            }
            asked
        });
        for number in 0..CALLS / 2_000 {
            let batch = source.batch(2_000);
            spent.measure(|| ledger.append(&batch))?;
            if number % 50 == 0 {
                ledger.maintain(source.now())?;
            }
            longest_log = longest_log.max(std::fs::metadata(&log).map_or(0, |log| log.len()));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        Ok(reader.join().unwrap_or(0))
    })?;
    println!(
        "\nappend in batches of 2,000 beside one reader without pause ({asked} questions): {} calls/s, log at most {:.0} MB",
        spent.rates(CALLS),
        longest_log as f64 / 1e6
    );
    Ok(())
}

fn ask<T>(path: &Path, name: &str, question: impl Fn(&SqliteQuerier) -> Result<T, StoreError>) -> Outcomes {
    let querier = Ledger::open_reader(path)?;
    let time = || -> Result<(f64, f64), StoreError> {
        let mut spent = Spent::default();
        spent.measure(|| question(&querier).map(black_box))?;
        Ok((spent.wall.as_secs_f64() * 1e3, spent.processor.as_secs_f64() * 1e3))
    };
    let (first, _) = time()?;
    let (mut walls, mut processors) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let (wall, processor) = time()?;
        walls.push(wall);
        processors.push(processor);
    }
    walls.sort_by(f64::total_cmp);
    processors.sort_by(f64::total_cmp);
    println!("  {name:<40} {first:>9.1} {:>12.1} {:>18.1}", walls[2], processors[2]);
    Ok(())
}

/// Time by the clock and on a processor.
#[derive(Default)]
struct Spent {
    wall: Duration,
    processor: Duration,
}

impl Spent {
    fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (begun, processor) = (Instant::now(), on_processor());
        let value = work();
        self.wall += begun.elapsed();
        self.processor += on_processor().saturating_sub(processor);
        value
    }

    fn rates(&self, calls: u64) -> String {
        let rate = |spent: Duration| calls as f64 / spent.as_secs_f64();
        format!("{:>12.0} {:>12.0}", rate(self.wall), rate(self.processor))
    }
}

/// This thread's time on a processor; zero where the system does not tell.
fn on_processor() -> Duration {
    let nanos = std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// The ledger's file and its log.
fn bytes(path: &Path) -> u64 {
    let log = PathBuf::from(format!("{}-wal", path.display()));
    [path, &log].iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum()
}

/// The calls, in the order in which senders deliver them.
struct Source {
    number: u64,
    state: u64,
    every_ns: i64,
    /// How far out of order calls come, in nanoseconds.
    spread_ns: u64,
    /// One counter a process.
    sequences: [u64; 10],
}

impl Source {
    fn new(every_ns: i64) -> Self {
        Self {
            number: 0,
            state: 0x9e37_79b9_7f4a_7c15,
            every_ns,
            spread_ns: 3_000_000_000,
            sequences: [0; 10],
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp(DAY.0 + self.number.cast_signed() * self.every_ns)
    }

    fn batch(&mut self, calls: u64) -> Vec<CallRecord> {
        (0..calls).map(|_| self.call()).collect()
    }

    /// xorshift64*.
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random() % bound
    }

    fn call(&mut self) -> CallRecord {
        self.number += 1;
        let end = (self.now().0 - self.below(self.spread_ns).cast_signed()).max(DAY.0);
        // About log-normal: 0.3 s to 40 s.
        let duration_ns = 300_000_000_i64 << self.below(7);
        let duration_ns = duration_ns + self.below(duration_ns.cast_unsigned()).cast_signed();
        let model = self.below(10);
        let stream = self.below(10) < 6;
        let fate = self.below(1_000);
        let (outcome, status_code, error_type) = match fate {
            0..20 => (Outcome::Failed, Some(429), Some("rate_limit_exceeded")),
            20..35 => (Outcome::Failed, Some(500), Some("server_error")),
            35..40 => (Outcome::Failed, Some(401), Some("invalid_api_key")),
            40..45 => (Outcome::TimedOut, None, Some("timeout")),
            45..50 => (Outcome::Truncated, Some(200), Some("body")),
            50..60 => (Outcome::Dropped, Some(200), None),
            _ => (Outcome::Completed, Some(200), None),
        };
        let answered = outcome == Outcome::Completed;
        let (input, output) = (self.below(8_000), self.below(2_000));
        let cost_status = match (answered, model) {
            (false, _) => CostStatus::NoUsage,
            (true, 9) => CostStatus::Unpriced,
            (true, _) => CostStatus::Exact,
        };
        let request_hash = match self.below(10) {
            0 => u128::from(self.below(1_000)) << 64,
            _ => u128::from(self.random()) << 64 | u128::from(self.random()),
        };
        let user = self.below(1_000).min(self.below(1_000));
        let process = self.below(10);
        self.sequences[process as usize] += 1;
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&self.random().to_be_bytes());
        trace_id[8..].copy_from_slice(&self.random().to_be_bytes());
        CallRecord {
            trace_id,
            span_id: self.random().to_be_bytes(),
            parent_span_id: Some(self.random().to_be_bytes()),
            origin: Origin::Spanledger,
            start: Timestamp(end - duration_ns),
            duration_ns,
            first_chunk_ns: (stream && answered).then_some(duration_ns / 4),
            service: format!("service-{}", process % 5),
            provider: ["openai", "anthropic", "gcp.gemini"][(model % 3) as usize].into(),
            operation: "chat".into(),
            request_model: Some(format!("model-{model}")),
            response_model: answered.then(|| format!("model-{model}")),
            response_id: answered.then(|| format!("chatcmpl-{:029x}", self.random())),
            stream,
            outcome,
            status_code,
            error_type: error_type.map(str::to_owned),
            error_kind: error_type.map(str::to_owned),
            finish_reasons: if answered { vec!["stop".into()] } else { Vec::new() },
            input_tokens: answered.then_some(input),
            output_tokens: answered.then_some(output),
            cache_read_tokens: answered.then_some(input / 2),
            reasoning_tokens: answered.then_some(output / 3),
            usage_source: if answered { UsageSource::Provider } else { UsageSource::None },
            cost: (cost_status == CostStatus::Exact)
                .then(|| NanoUsd((input * 2_500 + output * 10_000).cast_signed())),
            cost_status,
            price_source: answered.then(|| "genai-prices 0.2".into()),
            service_tier: answered.then(|| "default".into()),
            server_address: Some("api.openai.com".into()),
            user: Some(format!("user-{user:06}")),
            client_address: Some(format!("10.0.{}.{}", user / 250, user % 250)),
            request_hash: Some(format!("{request_hash:032x}")),
            instance: Some(format!("{process:032x}")),
            sequence: Some(self.sequences[process as usize]),
            error_message: error_type.map(|text| format!("the provider said {text}")),
            scope: String::new(),
            ..CallRecord::default()
        }
    }
}
