//! `spanledger backtest`: when the rules would have fired in a past period, so that thresholds can be chosen from
//! real history.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use super::format::Format;
use super::rule_rows::listed;
use super::{Failure, write_all};
use crate::clock;
use crate::evaluate::backtest::{Backtest, Firing, backtest};
use crate::record::{Timestamp, Window};
use crate::rule::config::RulesConfig;
use crate::rule::{Labels, RuleName};
use crate::store::Querier;
use crate::text::number::percent;
use crate::text::seconds::in_words;
use crate::text::table::{Align, Table};
use crate::text::terminal::{Terminal, plural};
use crate::text::time::{WindowArgs, rfc3339, to_the_second};

/// The past period to evaluate.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The rules and their interval are those of the configuration; name another with --config to try it. \
Alerts begin inactive at --from. The end of a firing includes `keep_firing_for`; what still fires at --to ends there.

Examples:
  spanledger backtest --last 7d
  spanledger backtest --from 2026-11-01 --to 2026-11-08 --config strict.toml --format json")]
pub struct Args {
    #[command(flatten)]
    window: WindowArgs,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `--format json`.
#[derive(Debug, Serialize)]
struct Found {
    /// The first and the last time, RFC 3339.
    from: String,
    to: String,
    /// How often the rules were evaluated, and how many calls they saw.
    evaluations: u64,
    calls: u64,
    /// Every rule that is configured, in the order of the documentation.
    rules: Vec<RuleSummary>,
    firings: Vec<Item>,
}

/// What one rule did over the whole time.
#[derive(Debug, Serialize)]
struct RuleSummary {
    rule: RuleName,
    firings: usize,
    firings_per_day: f64,
    /// The part of the time in which any of its alerts fired, from 0 to 1.
    firing_share: f64,
}

impl RuleSummary {
    fn of(rule: RuleName, found: &Backtest, window: Window) -> Self {
        let seconds = (window.to.0 - window.from.0) / Timestamp::SECOND;
        let firings = found.firings.iter().filter(|firing| firing.rule == rule).count();
        let time = found.firing_time.get(&rule).map_or(0, |time| time.0);
        Self {
            rule,
            firings,
            firings_per_day: ratio(
                i64::try_from(firings).unwrap_or(i64::MAX).saturating_mul(86_400),
                seconds,
            ),
            firing_share: ratio(time, seconds).min(1.0),
        }
    }
}

#[derive(Debug, Serialize)]
struct Item {
    rule: RuleName,
    labels: Labels,
    start: String,
    end: String,
    peak: f64,
    threshold: f64,
}

impl From<&Firing> for Item {
    fn from(firing: &Firing) -> Self {
        Self {
            rule: firing.rule,
            labels: firing.labels.clone(),
            start: rfc3339(firing.start),
            end: rfc3339(firing.end),
            peak: firing.peak,
            threshold: firing.threshold,
        }
    }
}

/// How often progress is reported.
const PROGRESS: Duration = Duration::from_secs(1);

/// Evaluates `rules` over the window and writes each firing to `out`; the progress goes to `notes` (the standard
/// error).
///
/// # Errors
/// `Failure` when the window cannot be read, the ledger cannot answer, or `out` cannot be written.
pub fn run(
    args: &Args,
    rules: &RulesConfig,
    querier: &dyn Querier,
    now: Timestamp,
    terminal: Terminal,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Failure> {
    let window = args.window.window(now)?;
    let began = clock::instant();
    let mut reported = began;
    let mut progress = |reached: Timestamp| {
        if reported.elapsed() >= PROGRESS {
            reported = clock::instant();
            let share = ratio(reached.0 - window.from.0, window.to.0 - window.from.0);
            // A closed standard error does not stop the evaluation.
            let _ = writeln!(notes, "{:>5} {}", percent(share), rfc3339(reached));
        }
    };
    let found = backtest(rules, querier, window, &mut progress)?;
    let text = match args.format {
        Format::Json => {
            let enabled =
                RuleName::ALL.into_iter().filter(|rule| !rules.rule(*rule).scopes(rule.rule()).is_empty());
            let json = Found {
                from: rfc3339(window.from),
                to: rfc3339(window.to),
                evaluations: found.evaluations,
                calls: found.calls,
                rules: enabled.map(|rule| RuleSummary::of(rule, &found, window)).collect(),
                firings: found.firings.iter().map(Item::from).collect(),
            };
            format!("{}\n", serde_json::to_string_pretty(&json)?)
        }
        Format::Text => tables(&found, window, terminal),
    };
    let _ = writeln!(
        notes,
        "{} {} over {} {} in {:.1} s",
        found.evaluations,
        plural(found.evaluations, "evaluation"),
        found.calls,
        plural(found.calls, "call"),
        began.elapsed().as_secs_f64()
    );
    write_all(out, &text)
}

fn tables(found: &Backtest, window: Window, terminal: Terminal) -> String {
    let seconds = (window.to.0 - window.from.0) / Timestamp::SECOND;
    let mut out =
        format!("{} to {} ({})\n\n", to_the_second(window.from), to_the_second(window.to), in_words(seconds));
    if found.firings.is_empty() {
        out.push_str("no rule fired\n");
        return out;
    }
    let columns = [
        ("RULE", Align::Left),
        ("FIRINGS", Align::Right),
        ("PER DAY", Align::Right),
        ("SHARE OF TIME", Align::Right),
    ];
    let mut totals = Table::new(0, &columns);
    for rule in RuleName::ALL {
        let summary = RuleSummary::of(rule, found, window);
        if summary.firings > 0 {
            totals.push(vec![
                rule.to_string(),
                summary.firings.to_string(),
                format!("{:.1}", summary.firings_per_day),
                percent(summary.firing_share),
            ]);
        }
    }
    totals.write(&mut out, terminal, 0);
    out.push('\n');
    let columns = [
        ("RULE", Align::Left),
        ("START", Align::Left),
        ("END", Align::Left),
        ("PEAK", Align::Right),
        ("THRESHOLD", Align::Right),
        ("LABELS", Align::Left),
    ];
    let mut list = Table::new(columns.len() - 1, &columns);
    for firing in &found.firings {
        let unit = firing.rule.rule().unit;
        list.push(vec![
            firing.rule.to_string(),
            to_the_second(firing.start),
            to_the_second(firing.end),
            unit.format(firing.peak),
            unit.format(firing.threshold),
            listed(&firing.labels),
        ]);
    }
    list.write(&mut out, terminal, 0);
    out
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
