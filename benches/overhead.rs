//! What observing a call costs.
//!
//! Method. `cargo bench -p spanledger --features journal --bench overhead`, on an otherwise idle machine. The network is left out: below the
//! middleware is a layer that responds at once from memory, so that what is measured is what the middleware adds.
//! Each case runs
//!
//! - `bare`: without the middleware;
//! - `unobserved`: with it, and no telemetry provider installed;
//! - `observed`: with it, two owner tags, and an SDK whose exporters throw everything away;
//! - `ideal` (whole answers): without it, but the request is parsed once and hashed with SHA-256, one span with 25
//!   attributes is made, and nine measurements are recorded. The aim is `observed - bare` below 1.5 times
//!   `ideal - bare`;
//! - `reqwest_tracing`: without it, and with the `TracingMiddleware` of the crate `reqwest-tracing` instead, whose spans
//!   `tracing-opentelemetry` hands to the same SDK. It knows HTTP alone: neither tokens nor costs, no metrics, and nothing of
//!   the body.
//!
//! `journaled` minus `delivered` is what a journal adds, with the default durability: both have an exporter that throws away
//! what the delivery brings, on a runtime of two workers. On a runtime of one thread (`journaled_one_thread`) the journal's own
//! thread writes, and the call waits for it.
//!
//! Prompts are English-like prose of 1, 4, 32, 256 and 1,024 KiB with a line break every 80 characters; a stream has 1,000 chunks, each in a
//! frame of its own, as OpenAI (chat completions and Responses), Anthropic and Gemini write it.
//!
//! Times depend on what else the machine does; instruction counts do not. `benches/instructions.sh` counts them with
//! callgrind, through `overhead --repeat CASE COUNT`.

use criterion::{BenchmarkId, Criterion};

#[path = "support/calls.rs"]
mod calls;

use calls::{CHUNKS, Case, JOURNAL_WAYS, Outcome, STREAMS, WAYS, What, case};

const PROMPTS: [usize; 5] = [1, 4, 32, 256, 1024];

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--repeat") {
        let [name, count] = &arguments[place + 1..] else { return Err("--repeat CASE COUNT".into()) };
        let case = case(name)?;
        (0..count.parse()?).for_each(|_: u32| case.run());
        return Ok(());
    }
    let mut criterion = Criterion::default().configure_from_args();
    for prompt in PROMPTS {
        let mut group = criterion.benchmark_group(format!("whole/{prompt}KiB"));
        for way in WAYS {
            let case = Case::new(way, What::Whole(prompt))?;
            group.bench_function(BenchmarkId::from_parameter(way), |bencher| bencher.iter(|| case.run()));
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("journal/4KiB");
    for way in JOURNAL_WAYS {
        let case = Case::new(way, What::Whole(4))?;
        group.bench_function(BenchmarkId::from_parameter(way), |bencher| bencher.iter(|| case.run()));
    }
    group.finish();
    for format in STREAMS {
        let mut group = criterion.benchmark_group(format!("stream/{format}"));
        group.throughput(criterion::Throughput::Elements(CHUNKS as u64));
        for way in WAYS.iter().filter(|way| **way != "ideal").chain(&JOURNAL_WAYS) {
            let case = Case::new(way, What::Stream(format, CHUNKS))?;
            group.bench_function(BenchmarkId::from_parameter(way), |bencher| bencher.iter(|| case.run()));
        }
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}
