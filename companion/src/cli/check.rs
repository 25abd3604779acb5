//! `spanledger check`: evaluates all rules once, for cron and CI.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::rules::standing::{Standing, standings};
use super::{Failure, write_all};
use crate::plain::{Align, Ink, Table, Terminal, harmless};
use crate::record::Timestamp;
use crate::rule::config::RulesConfig;
use crate::rule::evaluator::Evaluator;
use crate::store::Querier;
use crate::time::rfc3339;

/// How to write what was found.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A rule whose condition holds now counts as firing; its `for` is not waited for.
Exit status: 0 no rule fires, 1 a rule fires, 2 an error.

Examples:
  spanledger check --ledger spanledger.db
  spanledger check --format json | jq '.rules[] | select(.state == \"firing\")'")]
pub struct Args {
    /// How to write what was found.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For a terminal.
    Table,
    /// For programs.
    Json,
}

/// `--format json`.
#[derive(Debug, Serialize)]
struct Checked {
    /// When, RFC 3339.
    at: String,
    /// How many rules fire.
    firing: usize,
    rules: Vec<Standing>,
}

/// Evaluates every enabled rule at `now` and writes how it stands. Status 1 says that one fires.
///
/// # Errors
/// [`Failure`] when a rule could not be evaluated and none fires, or `out` cannot be written.
pub fn run(
    args: &Args,
    rules: &RulesConfig,
    querier: &dyn Querier,
    now: Timestamp,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut evaluator = Evaluator::new(&rules.clone().without_waiting());
    let rules = standings(&evaluator.evaluate_all(querier, now));
    let firing = rules.iter().filter(|rule| rule.firing()).count();
    let failed: Vec<String> =
        rules.iter().filter_map(|rule| Some(format!("{}: {}", rule.name, rule.error.as_ref()?))).collect();
    let text = match args.format {
        Format::Table => table(&rules, terminal),
        Format::Json => {
            let checked = Checked { at: rfc3339(now), firing, rules };
            format!("{}\n", serde_json::to_string_pretty(&checked)?)
        }
    };
    write_all(out, &text)?;
    if firing > 0 {
        Ok(ExitCode::from(1))
    } else if failed.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure(format!("{} rules could not be evaluated: {}", failed.len(), failed.join("; "))))
    }
}

fn table(rules: &[Standing], terminal: Terminal) -> String {
    let columns = [
        ("RULE", Align::Left),
        ("STATE", Align::Left),
        ("SEVERITY", Align::Left),
        ("VALUE", Align::Right),
        ("THRESHOLD", Align::Right),
        ("DETAIL", Align::Left),
    ];
    let mut table = Table::new(columns.len() - 1, &columns);
    for rule in rules {
        table.push(vec![
            rule.title(),
            rule.state.to_owned(),
            rule.severity.to_string(),
            rule.value_text(),
            rule.threshold_text(),
            rule.detail(),
        ]);
    }
    let mut out = String::new();
    table.write(&mut out, terminal, 0);
    for rule in rules.iter().filter(|rule| rule.firing()) {
        out.push('\n');
        out.push_str(&terminal.paint(Ink::Red, &format!("{}: {}", rule.title(), rule.advice)));
        out.push('\n');
        for alert in &rule.alerts {
            out.push_str(&format!("  {}\n", harmless(&alert.description)));
        }
    }
    out
}

#[cfg(test)]
mod tests;
