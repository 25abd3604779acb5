//! How good the alerts are: what the rules would have reported on real traffic, and how fast.
//!
//! Method: each trace becomes a SQLite ledger, priced by the table in `trace.rs`; the rules are evaluated over the whole
//! of it at 15 s steps with each preset, as `spanledger backtest` does. Firings are compared with the labels of the
//! trace, by the definitions in `score.rs`; without labels every firing is false. The result is Markdown on the standard
//! output: `cargo bench -p spanledger-companion --bench alert_quality > docs/alert-quality.md`.
//!
//! The traces are read from the folder in `SPANLEDGER_TRAFFIC`, `../shared/traffic` by default; without it nothing is
//! measured. Words on the command line choose traces by their names; `--json FOLDER` writes the firings of each run.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

#[path = "alert_quality/score.rs"]
mod score;
#[path = "alert_quality/trace.rs"]
mod trace;
#[path = "alert_quality/write.rs"]
mod write;

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use spanledger_companion::bench::{Ledger, Preset, RulesConfig, Timestamp, Window, backtest};

use score::{Labels, Score};
use trace::Trace;

/// The traces, and which of them have labels.
const TRACES: [(&str, bool); 4] =
    [("pair_14d", false), ("team_14d", false), ("users_14d", false), ("pair_14d_injected", true)];

/// All traces begin on a Monday at midnight UTC.
const START: Timestamp = Timestamp(1_793_577_600 * Timestamp::SECOND);

/// What one preset did on one trace.
struct Run {
    trace: &'static str,
    labelled: bool,
    preset: Preset,
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
        chosen.peek().is_none() || chosen.any(|word| word == name)
    };
    let presets: Vec<Preset> = match words.iter().any(|word| word == "learned") {
        true => vec![Preset::Learned],
        false => vec![Preset::Learned, Preset::Fixed],
    };
    if !folder.is_dir() {
        eprintln!("skipped: no traffic in {}", folder.display());
        return Ok(());
    }
    let mut runs = Vec::new();
    for (name, labelled) in TRACES.into_iter().filter(|(name, _)| wanted(name)) {
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
        for preset in presets.clone() {
            let began = Instant::now();
            let found = backtest(&RulesConfig::of(preset), &ledger, window, &mut |_| {})?;
            eprintln!(
                "{name} {preset}: {} evaluations over {} calls in {:.1} s, {} firings",
                found.evaluations,
                found.calls,
                began.elapsed().as_secs_f64(),
                found.firings.len()
            );
            if let Some(folder) = &json {
                std::fs::write(folder.join(format!("{name}.{preset}.json")), write::json(&found, window))?;
            }
            let score = Score::of(&found, &labels, window);
            runs.push(Run { trace: name, labelled, preset, score });
        }
    }
    write::markdown(&runs, &mut std::io::stdout().lock())?;
    Ok(())
}
