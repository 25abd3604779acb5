//! The rules over the demo's traffic.

use std::io::{self, Write};

use spanledger_companion::bench::{DemoQuality, Preset, RuleName, RulesConfig, Severity, Timestamp, Window};

use super::score::{Labels, Score};
use super::write::PerDay;

pub(crate) fn markdown(demos: &[(Preset, DemoQuality)], out: &mut impl Write) -> io::Result<()> {
    if demos.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "
## The demo's traffic

`spanledger demo` draws four usual days of a small company from a seed, and a fifth on which everything goes wrong once. On the usual
days every firing counts as false. *Caught* is an anomaly of the fifth for which any rule fired, by the first of them; delays are
from when it begins.

| preset | pages per day | digests per day | share of time | caught | median delay | largest delay | missed |
|---|---:|---:|---:|---:|---:|---:|---|"
    )?;
    for (preset, demo) in demos {
        let clean = Window { from: demo.window.from, to: demo.last_day };
        let mut found = demo.found.clone();
        found.firings.retain(|firing| firing.start < clean.to);
        let score = Score::of(&found, &Labels::default(), clean);
        let per_day = PerDay::of(&score, &RulesConfig::of(*preset));
        let mut delays: Vec<i64> =
            demo.caught.iter().filter_map(|(_, rules)| rules.first()).map(|(_, seconds)| *seconds).collect();
        delays.sort_unstable();
        let missed: Vec<&str> =
            demo.caught.iter().filter(|(_, rules)| rules.is_empty()).map(|(label, _)| *label).collect();
        let seconds =
            |delay: Option<&i64>| delay.map_or_else(|| "-".to_owned(), |delay| format!("{delay} s"));
        writeln!(
            out,
            "| {preset} | {:.2} | {:.2} | {:.2} % | {} of {} | {} | {} | {} |",
            per_day.pages,
            per_day.digests,
            firing_share(&found.firings, clean) * 100.0,
            delays.len(),
            demo.caught.len(),
            seconds(delays.get(delays.len() / 2)),
            seconds(delays.last()),
            missed.join(", ")
        )?;
    }
    writeln!(out, "\n| anomaly | learned: rules, with the delay of each | fixed |\n|---|---|---|")?;
    let Some((_, first)) = demos.first() else { return Ok(()) };
    for (label, _) in &first.caught {
        let by = |demo: &DemoQuality| -> String {
            let rules = demo.caught.iter().find(|(name, _)| name == label).map(|(_, rules)| rules.as_slice());
            let named = |(rule, seconds): &(RuleName, i64)| format!("{rule} {seconds} s");
            rules.unwrap_or_default().iter().map(named).collect::<Vec<_>>().join(", ")
        };
        let cells: Vec<String> = demos.iter().map(|(_, demo)| by(demo)).collect();
        writeln!(out, "| {label} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// The share of a time in which any rule fired that does not only inform.
#[expect(clippy::cast_precision_loss, reason = "seconds of days")]
fn firing_share(firings: &[spanledger_companion::bench::Firing], window: Window) -> f64 {
    let config = RulesConfig::of(Preset::Learned);
    let pages = firings.iter().filter(|firing| config.rule(firing.rule).settings.severity != Severity::Info);
    let (mut covered, mut to) = (0, window.from.0);
    for firing in pages {
        covered += (firing.end.0.min(window.to.0) - firing.start.0.max(to)).max(0);
        to = to.max(firing.end.0);
    }
    covered as f64 / (window.to.0 - window.from.0).max(Timestamp::SECOND) as f64
}
