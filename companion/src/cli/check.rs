//! `spanledger check`: evaluates all rules once, for cron and CI.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::format::Format;
use super::rule_rows::{RuleRow, listed, rule_rows};
use super::{Failure, write_all};
use crate::evaluate::evaluator::Evaluator;
use crate::record::Timestamp;
use crate::rule::RuleName;
use crate::rule::config::RulesConfig;
use crate::store::{Filter, Querier};
use crate::text::seconds::in_words;
use crate::text::table::{Align, Table};
use crate::text::terminal::{Ink, Terminal, harmless, plural};
use crate::text::time::{rfc3339, to_the_second};
use crate::text::wrap::wrap;

/// In fewer columns a detail is a line of its own, as next to the others a few characters of it are left.
const WIDE: usize = 120;

/// Evaluates all rules once.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A rule whose condition holds now counts as firing; its `for` is ignored.
Exit status: 0 no rule fires, 1 a rule fires, 2 an error. A rule without data does not fire, but is not reported as healthy \
either: its state is `no_data`. When no call was recorded for long, the table ends with the time of the last one. \
LedgerSilent fires only while the time before the silence had calls; to notice a longer silence, read `last_call_at` \
in the JSON.

Examples:
  spanledger check --ledger spanledger.db
  spanledger check --format json | jq '.rules[] | select(.state == \"firing\")'
  spanledger check --format json | jq -e '.silent | not'    status 1 when calls stopped long ago")]
pub struct Args {
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `--format json`.
#[derive(Debug, Serialize)]
struct Checked {
    /// When, RFC 3339.
    at: String,
    /// How many rules fire.
    firing: usize,
    /// How many rules have nothing to judge.
    no_data: usize,
    /// When the newest call ended, RFC 3339; `null` without any.
    last_call_at: Option<String>,
    /// Whether no call ended within the window of `LedgerSilent`, or ever.
    silent: bool,
    rules: Vec<RuleRow>,
}

/// Evaluates every enabled rule at `now` and writes its state. Status 1 means that one fires.
///
/// # Errors
/// `Failure` when a rule could not be evaluated and none fires, or `out` cannot be written.
pub fn run(
    args: &Args,
    config: &RulesConfig,
    querier: &dyn Querier,
    now: Timestamp,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut evaluator = Evaluator::new(&config.clone().without_waiting());
    let rules = rule_rows(&evaluator.evaluate_all(querier, now));
    let firing = rules.iter().filter(|rule| rule.firing()).count();
    let failed: Vec<String> =
        rules.iter().filter_map(|rule| Some(format!("{}: {}", rule.name, rule.error.as_ref()?))).collect();
    let no_data = rules.iter().filter(|rule| rule.no_data.is_some()).count();
    let last_call = querier.last_call(now, &Filter::default())?;
    let silent = last_call
        .is_none_or(|last| last < now.plus_seconds(-config.rule(RuleName::LedgerSilent).settings.window.0));
    let text = match args.format {
        Format::Text if silent => {
            let note = silence(last_call, now, no_data, rules.len());
            table(&rules, terminal) + "\n" + &terminal.paint(Ink::Yellow, &note) + "\n"
        }
        Format::Text => table(&rules, terminal),
        Format::Json => {
            let last_call_at = last_call.map(rfc3339);
            let checked = Checked { at: rfc3339(now), firing, no_data, last_call_at, silent, rules };
            format!("{}\n", serde_json::to_string_pretty(&checked)?)
        }
    };
    write_all(out, &text)?;
    if firing > 0 {
        Ok(ExitCode::from(1))
    } else if failed.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure(format!(
            "{} {} could not be evaluated: {}",
            failed.len(),
            plural(failed.len() as u64, "rule"),
            failed.join("; ")
        )))
    }
}

/// What is to be known when the rules look at nothing.
fn silence(last_call: Option<Timestamp>, now: Timestamp, no_data: usize, rules: usize) -> String {
    let since = last_call.map_or_else(
        || "nothing has ever been recorded".to_owned(),
        |last| {
            let ago = in_words(now.0.saturating_sub(last.0) / Timestamp::SECOND);
            format!("nothing has been recorded since {}, {ago} ago", to_the_second(last))
        },
    );
    let have = if no_data == 1 { "has" } else { "have" };
    format!(
        "{since}: {no_data} of {rules} rules {have} no data, so this check cannot confirm that everything is healthy"
    )
}

fn table(rules: &[RuleRow], terminal: Terminal) -> String {
    let mut columns = vec![
        ("RULE", Align::Left),
        ("STATE", Align::Left),
        ("SEVERITY", Align::Left),
        ("VALUE", Align::Right),
        ("THRESHOLD", Align::Right),
    ];
    let wide = terminal.columns >= WIDE;
    if wide {
        columns.push(("DETAIL", Align::Left));
    }
    let mut table = Table::new(if wide { columns.len() - 1 } else { 0 }, &columns);
    let mut below = Vec::new();
    for rule in rules {
        let mut cells = vec![
            rule.title(),
            rule.state.to_owned(),
            rule.severity.to_string(),
            rule.value_text(),
            rule.threshold_text(),
        ];
        if wide {
            cells.push(rule.detail());
        } else {
            below.push(rule.detail());
        }
        table.push(cells);
    }
    let mut out = String::new();
    table.write_with_notes(&mut out, terminal, 0, &below);
    for rule in rules.iter().filter(|rule| rule.firing()) {
        out.push('\n');
        out.push_str(&terminal.paint(Ink::Red, &format!("{}: {}", rule.title(), rule.advice)));
        out.push('\n');
        for alert in &rule.alerts {
            let description = harmless(&alert.description);
            // The title has those of the rule.
            let mut whose = alert.labels.clone();
            whose.retain(|name, _| !rule.labels.contains_key(name));
            let text =
                if whose.is_empty() { description } else { format!("{}: {description}", listed(&whose)) };
            wrap(&mut out, "  ", &text, terminal.columns);
        }
    }
    out
}

#[cfg(test)]
mod tests;
