//! `spanledger backtest`: when the rules would have fired in a past period, so that thresholds can be chosen from
//! real history.

mod tune;

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
use crate::text::number::{counted, percent};
use crate::text::seconds::in_words;
use crate::text::table::{Align, Table};
use crate::text::terminal::Terminal;
use crate::text::time::{WindowArgs, format, rfc3339, to_the_second};

/// The past period to evaluate.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The rules and their interval are those of the configuration; name another with --config to try it. \
Alerts begin inactive at --from. The end of a firing includes `keep_firing_for`; what still fires at --to ends there.

Examples:
  spanledger backtest --last 7d
  spanledger backtest --from 2026-11-01 --to 2026-11-08 --config strict.toml --format json
  spanledger backtest --last 14d --tune")]
pub struct Args {
    #[command(flatten)]
    window: WindowArgs,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Proposes limits with which each rule sends at most this many messages per week, tries them, and prints them as
    /// configuration [default: 1 where no number follows].
    #[arg(long, value_name = "MESSAGES", num_args = 0..=1, default_missing_value = "1", value_parser = messages)]
    tune: Option<f64>,
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
    /// With `--tune`: the limits that are proposed, and what the rules did with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    tuned: Option<Tuned>,
}

/// What `--tune` found.
#[derive(Debug, Serialize)]
struct Tuned {
    proposals: Vec<tune::Proposal>,
    rules: Vec<RuleSummary>,
}

/// What one rule did over the whole time.
#[derive(Debug, Serialize)]
struct RuleSummary {
    rule: RuleName,
    firings: usize,
    firings_per_day: f64,
    /// Firings less than five minutes apart are one message.
    messages_per_day: f64,
    /// The part of the time in which any of its alerts fired, from 0 to 1.
    firing_share: f64,
}

impl RuleSummary {
    fn of(rule: RuleName, found: &Backtest, window: Window) -> Self {
        let seconds = (window.to.0 - window.from.0) / Timestamp::SECOND;
        let firings = found.firings.iter().filter(|firing| firing.rule == rule).count();
        let time = found.firing_time.get(&rule).map_or(0, |time| time.0);
        let per_day =
            |number: usize| ratio(i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(86_400), seconds);
        Self {
            rule,
            firings,
            firings_per_day: per_day(firings),
            messages_per_day: per_day(found.messages(rule).len()),
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

/// In fewer columns labels are a line of their own.
const WIDE: usize = 120;
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
    let enabled =
        || RuleName::ALL.into_iter().filter(|rule| !rules.rule(*rule).scopes(rule.rule()).is_empty());
    let tuned = match args.tune {
        None => None,
        Some(per_week) => {
            let proposals = tune::proposals(rules, &found, window, per_week);
            let tried = proposals
                .iter()
                .fold(rules.clone(), |rules, proposal| rules.with_limits(proposal.rule, &proposal.settings));
            let again = backtest(&tried, querier, window, &mut progress)?;
            let rules = enabled().map(|rule| RuleSummary::of(rule, &again, window)).collect();
            Some(Tuned { proposals, rules })
        }
    };
    let text = match args.format {
        Format::Json => {
            let json = Found {
                from: rfc3339(window.from),
                to: rfc3339(window.to),
                evaluations: found.evaluations,
                calls: found.calls,
                rules: enabled().map(|rule| RuleSummary::of(rule, &found, window)).collect(),
                firings: found.firings.iter().map(Item::from).collect(),
                tuned,
            };
            format!("{}\n", serde_json::to_string_pretty(&json)?)
        }
        Format::Text => match tuned {
            None => tables(&found, window, terminal),
            Some(tuned) => tune_tables(&tuned, &found, rules, window, terminal),
        },
    };
    let _ = writeln!(
        notes,
        "{} over {} in {:.1} s",
        counted(found.evaluations, "evaluation"),
        counted(found.calls, "call"),
        began.elapsed().as_secs_f64()
    );
    write_all(out, &text)
}

/// What `--tune` takes.
fn messages(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a number of messages per week from 0 up, such as 1".to_owned())
}

fn period(window: Window) -> String {
    let seconds = (window.to.0 - window.from.0) / Timestamp::SECOND;
    format!("{} to {} ({})\n\n", to_the_second(window.from), to_the_second(window.to), in_words(seconds))
}

/// The columns of `docs/alert-quality.md`.
fn totals(summaries: &[RuleSummary], out: &mut String, terminal: Terminal) {
    let columns = [
        ("RULE", Align::Left),
        ("FIRINGS", Align::Right),
        ("PER DAY", Align::Right),
        ("MESSAGES PER DAY", Align::Right),
        ("SHARE OF TIME", Align::Right),
    ];
    let mut table = Table::new(0, &columns);
    for summary in summaries.iter().filter(|summary| summary.firings > 0) {
        table.push(vec![
            summary.rule.to_string(),
            summary.firings.to_string(),
            format!("{:.2}", summary.firings_per_day),
            format!("{:.2}", summary.messages_per_day),
            percent(summary.firing_share),
        ]);
    }
    table.write(out, terminal, 0);
}

/// What the rules did, what is proposed, and what they would have done with that.
fn tune_tables(
    tuned: &Tuned,
    found: &Backtest,
    rules: &RulesConfig,
    window: Window,
    terminal: Terminal,
) -> String {
    let mut out = period(window);
    let fired = |summaries: &[RuleSummary]| summaries.iter().any(|summary| summary.firings > 0);
    let now: Vec<RuleSummary> =
        RuleName::ALL.into_iter().map(|rule| RuleSummary::of(rule, found, window)).collect();
    for (title, summaries) in [("With the limits in force", &now), ("With the limits below", &tuned.rules)] {
        out.push_str(&format!("{title}:\n\n"));
        match fired(summaries) {
            true => totals(summaries, &mut out, terminal),
            false => out.push_str("no rule fired\n"),
        }
        out.push('\n');
    }
    if tuned.proposals.is_empty() {
        out.push_str("No other limits are proposed.\n");
        return out;
    }
    out.push_str(
        "# A larger limit misses what is smaller: compare with the firings that it drops (without --tune).\n",
    );
    for proposal in &tuned.proposals {
        let settings = rules.rule(proposal.rule).settings;
        let old = |key: &str| match key {
            "factor" => settings.factor,
            "floor" => settings.floor,
            _ => settings.threshold,
        };
        let before: Vec<String> =
            proposal.settings.iter().map(|(key, _)| format!("{key} = {:?}", old(key))).collect();
        out.push_str(&format!("# was {}\n", before.join(", ")));
        out.push_str(&tune::toml(std::slice::from_ref(proposal)));
    }
    out
}

fn tables(found: &Backtest, window: Window, terminal: Terminal) -> String {
    let mut out = period(window);
    if found.firings.is_empty() {
        out.push_str("no rule fired\n");
        return out;
    }
    let summaries: Vec<RuleSummary> =
        RuleName::ALL.into_iter().map(|rule| RuleSummary::of(rule, found, window)).collect();
    totals(&summaries, &mut out, terminal);
    out.push('\n');
    let mut columns = vec![
        ("RULE", Align::Left),
        ("START (UTC)", Align::Left),
        ("FOR", Align::Right),
        ("PEAK", Align::Right),
        ("THRESHOLD", Align::Right),
    ];
    let wide = terminal.columns >= WIDE;
    if wide {
        columns.push(("LABELS", Align::Left));
    }
    let mut list = Table::new(if wide { columns.len() - 1 } else { 0 }, &columns);
    let mut below = Vec::new();
    for firing in &found.firings {
        let unit = firing.rule.rule().unit;
        let mut cells = vec![
            firing.rule.to_string(),
            format(firing.start, "%m-%d %H:%M"),
            in_words((firing.end.0 - firing.start.0) / Timestamp::SECOND),
            unit.format(firing.peak),
            unit.format(firing.threshold),
        ];
        if wide {
            cells.push(listed(&firing.labels));
        } else {
            below.push(listed(&firing.labels));
        }
        list.push(cells);
    }
    list.write_with_notes(&mut out, terminal, 0, &below);
    out
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
