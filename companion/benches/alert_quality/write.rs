//! The result as Markdown, and the firings as the JSON of `spanledger backtest`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::json;
use spanledger_companion::bench::{Backtest, RulesConfig, Severity, Timestamp, Window, accompanies};

use super::Run;
use super::score::{RuleScore, Score, Span};

pub(crate) fn json(found: &Backtest, window: Window) -> String {
    #[expect(clippy::cast_precision_loss, reason = "times to the microsecond")]
    let seconds = |at: Timestamp| (at.0 - window.from.0) as f64 / 1e9;
    let firings: Vec<_> = found
        .firings
        .iter()
        .map(|firing| {
            json!({
                "rule": firing.rule, "labels": firing.labels, "start": seconds(firing.start),
                "end": seconds(firing.end), "peak": firing.peak, "threshold": firing.threshold,
            })
        })
        .collect();
    json!({ "from": 0.0, "to": seconds(window.to), "firings": firings }).to_string()
}

/// Everything above the tables.
const ABOVE: &str = "\
# Alert quality

What the rules report on real traffic, measured by `companion/benches/alert_quality.rs`, which writes this page:

```sh
cargo bench -p spanledger-companion --bench alert_quality > docs/alert-quality.md
```

The traces are fourteen days of real LLM traffic of two services, of four services, and of one gateway with nine users; the
fourth is the first with 1.8 % of calls failing, labelled anomalies and hard cases that must not fire (deployments,
nightly batches, daily ramps, health checks, small services). On the first three every firing counts as false. A message
is one or more firings of a rule less than five minutes apart. *Share of time* is how long the rule fired. Delays are from
the end of the first affected call; the rules are evaluated once per minute here (every 15 s by `serve`). `learned` and `fixed` are the
values of `[rules] preset`.

Rules with the severity `info` are information: they go into one digest per day, so that messages are pages and digests. A
digest is counted for each day, from 09:00 UTC to the next, on which one of them began to fire that does not only accompany a page.

Repeat it on your own ledger: `spanledger backtest --last 14d` prints the same columns, and `spanledger backtest --last 14d --tune`
proposes limits with which each rule sends at most one message per week, tries them, and prints both.
";

/// Messages per day.
pub(crate) struct PerDay {
    pub(crate) pages: f64,
    pub(crate) digests: f64,
    /// What is in the digests.
    pub(crate) information: f64,
}

impl PerDay {
    pub(crate) fn of(score: &Score, config: &RulesConfig) -> Self {
        let informs = |rule| config.rule(rule).settings.severity == Severity::Info;
        let messages = |info: bool| -> f64 {
            let chosen = score.rules.iter().filter(|(rule, _)| informs(*rule) == info);
            count(chosen.map(|(_, score)| score.messages).sum()) / score.days
        };
        let spans = |info: bool| {
            let chosen = score.rules.iter().filter(move |(rule, _)| informs(*rule) == info);
            chosen.flat_map(|(_, score)| &score.spans)
        };
        // As the digest has it: what accompanies a page is no news.
        let is_known = |span: &Span| {
            spans(false).any(|page| {
                page.start < span.end + 3600.0
                    && span.start < page.end + 3600.0
                    && accompanies(&span.labels, &page.labels)
            })
        };
        #[expect(clippy::cast_possible_truncation, reason = "days of two weeks")]
        let day = |span: &Span| ((span.start - 9.0 * 3600.0) / 86_400.0).floor() as i64;
        let days: BTreeSet<i64> = spans(true).filter(|span| !is_known(span)).map(day).collect();
        Self { pages: messages(false), digests: count(days.len()) / score.days, information: messages(true) }
    }

    pub(crate) fn together(&self) -> f64 {
        self.pages + self.digests
    }
}

pub(crate) fn markdown(runs: &[Run], out: &mut impl Write) -> io::Result<()> {
    let shipped = || runs.iter().filter(|run| run.scale == super::SHIPPED);
    write!(out, "{ABOVE}")?;
    writeln!(out, "\n## Messages per day\n")?;
    writeln!(
        out,
        "| trace | preset | pages | digests | together | information in them | worst rule |\n|---|---|---:|---:|---:|---:|---|"
    )?;
    for run in shipped() {
        let per_day = PerDay::of(&run.score, &RulesConfig::of(run.preset));
        let worst = run.score.rules.iter().max_by_key(|(_, score)| score.messages);
        let worst = worst.filter(|(_, score)| score.messages > 0).map_or_else(
            || "-".to_owned(),
            |(rule, score)| format!("{rule} ({:.2})", count(score.messages) / run.score.days),
        );
        writeln!(
            out,
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {worst} |",
            run.trace,
            run.preset,
            per_day.pages,
            per_day.digests,
            per_day.together(),
            per_day.information
        )?;
    }
    super::cross::markdown(runs, out)?;
    for run in shipped() {
        writeln!(out, "\n## {}, {}\n", run.trace, run.preset)?;
        table(run, out)?;
    }
    Ok(())
}

fn table(run: &Run, out: &mut impl Write) -> io::Result<()> {
    if run.labelled {
        writeln!(
            out,
            "| rule | caught | masked | median delay | largest delay | false per day | messages per day | share of time | false by | missed |"
        )?;
        writeln!(out, "|---|---:|---:|---:|---:|---:|---:|---:|---|---|")?;
    } else {
        writeln!(out, "| rule | firings per day | messages per day | share of time |\n|---|---:|---:|---:|")?;
    }
    let mut quiet = Vec::new();
    for (rule, score) in &run.score.rules {
        let (all, rates) = (score.caught + score.masked + score.missed.len(), rates(score, run.score.days));
        if all == 0 && score.false_firings == 0 {
            quiet.push(rule.as_str());
        } else if run.labelled {
            let seconds =
                |delay: Option<&f64>| delay.map_or_else(|| "-".to_owned(), |delay| format!("{delay:.0} s"));
            let median = seconds(score.delays.get(score.delays.len() / 2));
            let largest = seconds(score.delays.last());
            let by: Vec<String> = score.by.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            writeln!(
                out,
                "| {rule} | {} of {all} | {} | {median} | {largest} | {rates} | {} | {} |",
                score.caught,
                score.masked,
                by.join(", "),
                score.missed.join(", ")
            )?;
        } else {
            writeln!(out, "| {rule} | {rates} |")?;
        }
    }
    if !quiet.is_empty() {
        writeln!(out, "\nNever: {}.", quiet.join(", "))?;
    }
    Ok(())
}

fn rates(score: &RuleScore, days: f64) -> String {
    format!(
        "{:.2} | {:.2} | {:.2} %",
        count(score.false_firings) / days,
        count(score.messages) / days,
        score.firing_share * 100.0
    )
}

#[expect(clippy::cast_precision_loss, reason = "counts of firings")]
fn count(number: usize) -> f64 {
    number as f64
}
