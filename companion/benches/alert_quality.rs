//! How good the alerts are: what the rules would have reported on real traffic, and how fast.
//!
//! Method: each trace becomes a SQLite ledger, priced by the table in `trace.rs`; the rules are evaluated over the whole
//! of it once per minute with each preset, as `spanledger backtest` does every 15 s. Firings are compared with the labels of the
//! trace, by the definitions in `score.rs`; without labels every firing is false. The result is Markdown on the standard
//! output: `cargo bench -p spanledger-companion --bench alert_quality > docs/alert-quality.md`.
//!
//! The traces are read from the folder in `SPANLEDGER_TRAFFIC`, `../shared/traffic` by default; without it nothing is
//! measured. Words on the command line choose traces by their names, and `demo`; `learned` alone leaves out the other preset,
//! `quick` the cross-validation; `--json FOLDER` writes the firings of each run.
//!
//! Cross-validation: the rules are also evaluated with all their limits some times as large. For each trace, the limits of each
//! rule are chosen by the other traces alone (`cross.rs`) and judged on this one, which had no part in the choice.
//!
//! The demo's traffic is drawn from its seed: four usual days, and one on which everything goes wrong once.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

#[path = "alert_quality/cross.rs"]
mod cross;
#[path = "alert_quality/demo.rs"]
mod demo;
#[path = "alert_quality/score.rs"]
mod score;
#[path = "alert_quality/trace.rs"]
mod trace;
#[path = "alert_quality/write.rs"]
mod write;

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use spanledger_companion::bench::{Ledger, Preset, RulesConfig, Timestamp, Window, backtest, demo_quality};

use score::{Labels, Score};
use trace::Trace;

/// The traces, and which of them have labels.
const TRACES: [(&str, bool); 4] =
    [("pair_14d", false), ("team_14d", false), ("users_14d", false), ("pair_14d_injected", true)];

/// All traces begin on a Monday at midnight UTC.
const START: Timestamp = Timestamp(1_793_577_600 * Timestamp::SECOND);

/// Once per minute shows the same as every 15 s, as the companion does, in a quarter of the time; delays are up to a minute longer.
const INTERVAL: &str = "1m";

/// How large the limits are that the cross-validation chooses from, in percent of those that are shipped.
const SCALES: [u32; 4] = [80, SHIPPED, 125, 160];
const SHIPPED: u32 = 100;

/// What one preset did on one trace.
struct Run {
    trace: &'static str,
    labelled: bool,
    preset: Preset,
    /// How large its limits are, in percent of those that are shipped.
    scale: u32,
    score: Score,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::var_os("SPANLEDGER_TRAFFIC").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/traffic"),
        PathBuf::from,
    );
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let json =
        words.iter().position(|word| word == "--json").and_then(|at| words.get(at + 1)).map(PathBuf::from);
    let wanted = |name: &str| {
        let mut chosen = words.iter().filter(|word| TRACES.iter().any(|(trace, _)| trace == word)).peekable();
        (chosen.peek().is_none() && !words.iter().any(|word| word == "demo"))
            || chosen.any(|word| word == name)
    };
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let fixed = [(Preset::Fixed, SHIPPED)].into_iter().filter(|_| !has("learned"));
    let scales = SCALES.into_iter().filter(|scale| *scale == SHIPPED || !has("quick"));
    let settings: Vec<(Preset, u32)> = scales.map(|scale| (Preset::Learned, scale)).chain(fixed).collect();
    let mut demos = Vec::new();
    if has("demo") || !TRACES.iter().any(|(trace, _)| has(trace)) {
        for preset in [Preset::Learned, Preset::Fixed] {
            let kept = tempfile::tempdir()?;
            demos.push((preset, demo_quality(kept.path(), preset)?));
            eprintln!("demo {preset}");
        }
    }
    if !folder.is_dir() {
        eprintln!("skipped: no traffic in {}", folder.display());
    }
    let mut runs = Vec::new();
    for (name, labelled) in TRACES.into_iter().filter(|(name, _)| folder.is_dir() && wanted(name)) {
        let trace = Trace::read(&folder.join(format!("{name}.csv.gz")), START)?;
        let labels = match labelled {
            true => Labels::read(&folder.join(format!("{name}.labels.json")))?,
            false => Labels::default(),
        };
        let kept = tempfile::tempdir()?;
        let path = kept.path().join("ledger.db");
        trace.fill(&path)?;
        let ledger = Ledger::open_reader(&path)?;
        let window = Window { from: START, to: trace.end };
        for (preset, scale) in settings.iter().copied() {
            let began = Instant::now();
            let rules: RulesConfig =
                toml::from_str(&format!("preset = \"{preset}\"\ninterval = \"{INTERVAL}\""))?;
            let rules = if scale == SHIPPED { rules } else { rules.scaled(f64::from(scale) / 100.0) };
            let found = backtest(&rules, &ledger, window, &mut |_| {})?;
            eprintln!(
                "{name} {preset} {scale} %: {} evaluations over {} calls in {:.1} s, {} firings",
                found.evaluations,
                found.calls,
                began.elapsed().as_secs_f64(),
                found.firings.len()
            );
            if let Some(folder) = &json {
                std::fs::write(
                    folder.join(format!("{name}.{preset}.{scale}.json")),
                    write::json(&found, window),
                )?;
            }
            let score = Score::of(&found, &labels, window);
            runs.push(Run { trace: name, labelled, preset, scale, score });
        }
    }
    let mut out = std::io::stdout().lock();
    write::markdown(&runs, &mut out)?;
    demo::markdown(&demos, &mut out)?;
    Ok(())
}
