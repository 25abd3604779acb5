//! How good the alerts are on the demo's traffic, for `docs/alert-quality.md`.

use std::error::Error;
use std::path::Path;

use spanledger::PriceTable;

use super::company::Clock;
use super::configuration;
use super::history::{History, Settings};
use super::verdicts::{Verdict, Verdicts};
use crate::config::{Flag, load};
use crate::evaluate::backtest::{Backtest, replay};
use crate::record::{Timestamp, Window};
use crate::rule::RuleName;
use crate::rule::config::Preset;
use crate::store::sqlite::{Ledger, Options};

/// 2026-11-23T12:35:00Z: the demo's days end then.
const NOW: Timestamp = Timestamp(1_795_437_300 * Timestamp::SECOND);
const SETTINGS: Settings = Settings { seed: 1, rate: 24.0, days: 5 };

/// What one preset did over the demo's days.
#[derive(Debug)]
pub struct DemoQuality {
    /// Every firing.
    pub found: Backtest,
    /// All days.
    pub window: Window,
    /// When the last of them begins, on which everything goes wrong once. The days before are clean.
    pub last_day: Timestamp,
    /// Each anomaly of the last day, with the rules that fired for it and after how many seconds, the fastest first.
    pub caught: Vec<(&'static str, Vec<(RuleName, i64)>)>,
}

/// Draws the demo's history into a ledger in `folder`, and evaluates the rules of a preset while it is filled.
///
/// # Errors
/// When the ledger cannot be written.
pub fn demo_quality(folder: &Path, preset: Preset) -> Result<DemoQuality, Box<dyn Error>> {
    let clock = Clock::at(NOW);
    let prices = PriceTable::bundled();
    let history = History::new(SETTINGS, clock, &prices);
    let window = Window { from: history.begins(), to: NOW };
    let path = folder.join("demo.db");
    let mut appender = Ledger::open_writer(&path, &Options { now: Some(window.from), ..Options::default() })?
        .begins(window.from)?;
    let mut today = history.append(&mut appender, |_| {})?;
    let querier = Ledger::open_reader(&path)?;
    let file = configuration::write(folder, None, clock, &querier)?;
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(&file, format!("{text}\n[rules]\npreset = \"{preset}\"\n"))?;
    let flags: Vec<Flag> = Vec::new();
    let loaded = load(Some(&file), std::iter::empty(), &flags)?;
    let rules = &loaded.config.rules;
    let found = replay(rules, &querier, window, &mut |at| today.fill(&mut appender, at), &mut |_, _| {})?;
    let Verdicts { anomalies, .. } = Verdicts::of(&found, clock, NOW);
    let caught = anomalies.into_iter().map(|Verdict { label, caught, .. }| (label, caught));
    Ok(DemoQuality { caught: caught.collect(), found, window, last_day: clock.midnight })
}
