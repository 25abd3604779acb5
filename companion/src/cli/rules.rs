//! `spanledger rules`: the rules with their settings and state, and those that Prometheus can evaluate.

mod prometheus;

use std::io::Write;

use serde::Serialize;

use super::format::Format;
use super::{Failure, write_all};
use crate::alert::Alert;
use crate::evaluate::evaluator::Evaluator;
use crate::record::Timestamp;
use crate::rule::config::{Key, RulesConfig};
use crate::store::Querier;
use crate::text::number::{count, or_dash};
use crate::text::seconds::Seconds;
use crate::text::table::{Align, Table};
use crate::text::terminal::Terminal;

use super::rule_rows::{RuleRow, rule_rows};

/// What to write about the rules.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanledger rules
  spanledger rules --format json
  spanledger rules export --format prometheus > spanledger.rules.yml")]
pub struct Args {
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Command {
    /// Print the rules for another system, with the configured thresholds.
    #[command(after_help = "\
Example:
  spanledger rules export --format prometheus > spanledger.rules.yml")]
    Export {
        /// The other system.
        #[arg(long, value_enum, default_value_t = System::Prometheus)]
        format: System,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum System {
    /// A rules file over the library's metrics, without the rules that need users, hashes or sequence numbers.
    Prometheus,
}

/// One rule with its settings.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    row: RuleRow,
    window: Seconds,
    #[serde(rename = "for")]
    hold: Seconds,
    keep_firing_for: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lookback: Option<Seconds>,
}

#[derive(Debug, Serialize)]
struct List {
    interval: Seconds,
    rules: Vec<Listed>,
}

impl Args {
    /// Whether the ledger is asked.
    #[must_use]
    pub const fn needs_ledger(&self) -> bool {
        self.command.is_none()
    }
}

/// Writes the rules of `config` to `out`. Their state is what they say of `querier` at `now` after the `alerts` that
/// a running `serve` has saved; without a querier it is not known.
///
/// # Errors
/// `Failure` when `out` cannot be written.
pub fn run(
    args: &Args,
    config: &RulesConfig,
    querier: Option<&dyn Querier>,
    alerts: Vec<Alert>,
    now: Timestamp,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if let Some(Command::Export { format: System::Prometheus }) = args.command {
        return write_all(out, &prometheus::export(config));
    }
    let mut evaluator = Evaluator::new(config);
    evaluator.restore(alerts);
    let statuses = match querier {
        Some(querier) => evaluator.evaluate_all(querier, now),
        None => evaluator.without_ledger(now),
    };
    let monitors = evaluator.monitors();
    let rules: Vec<Listed> = rule_rows(&statuses)
        .into_iter()
        .zip(monitors.iter())
        .map(|(row, monitor)| {
            let settings = &monitor.scope.settings;
            let reads = |key| monitor.rule.reads(key);
            Listed {
                row,
                window: settings.window,
                hold: settings.hold,
                keep_firing_for: settings.keep_firing_for,
                min_calls: reads(Key::MinCalls).then_some(settings.min_calls),
                lookback: reads(Key::Lookback).then_some(settings.lookback),
            }
        })
        .collect();
    let text = match args.format {
        Format::Json => {
            format!("{}\n", serde_json::to_string_pretty(&List { interval: config.interval, rules })?)
        }
        Format::Text => table(&rules, terminal),
    };
    write_all(out, &text)
}

fn table(rules: &[Listed], terminal: Terminal) -> String {
    let columns = [
        ("RULE", Align::Left),
        ("STATE", Align::Left),
        ("SEVERITY", Align::Left),
        ("VALUE", Align::Right),
        ("THRESHOLD", Align::Right),
        ("WINDOW", Align::Right),
        ("MIN CALLS", Align::Right),
        ("FOR", Align::Right),
        ("KEEP", Align::Right),
        ("SINCE", Align::Left),
    ];
    // Names stay whole, so that they can be searched.
    let last = columns.len() - 1;
    let mut table = Table::new(last, &columns);
    for rule in rules {
        let sign = rule.row.name.rule().compare.sign();
        table.push(vec![
            rule.row.title(),
            rule.row.state.to_owned(),
            rule.row.severity.to_string(),
            rule.row.value_text(),
            format!("{sign} {}", rule.row.threshold_text()),
            rule.window.to_string(),
            or_dash(rule.min_calls, count),
            rule.hold.to_string(),
            rule.keep_firing_for.to_string(),
            rule.row.since.clone().unwrap_or_default(),
        ]);
    }
    // On 80 columns the state has its place; the settings are in the JSON whatever the width.
    let [keep, hold, min_calls, window] = [8, 7, 6, 5];
    let quiet = rules.iter().all(|rule| rule.row.since.is_none());
    let order =
        if quiet { [last, min_calls, keep, hold, window] } else { [min_calls, keep, hold, window, last] };
    table.leave_out(&order, terminal);
    let mut out = String::new();
    table.write(&mut out, terminal, 0);
    out
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod verdicts;
