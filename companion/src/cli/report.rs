//! `spanledger report`: the report on a window.

use std::io::Write;
use std::path::PathBuf;

use super::format::ReportFormat;
use super::{Failure, write_all};
use crate::record::Timestamp;
use crate::report::{self, RuleState, RuleStatus};
use crate::rule::budget::Budgets;
use crate::store::Querier;
use crate::text::terminal::Terminal;
use crate::text::time::WindowArgs;

/// What to report on, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A call belongs to the period in which it ended. All times are UTC. The rules are evaluated once, at the end of the \
period or now, if that is earlier.

Examples:
  spanledger report
  spanledger report --last 7d --format html -o week.html
  spanledger report --from 2026-11-01 --to 2026-12-01
  spanledger report --format json | jq .totals.cost_usd")]
pub struct Args {
    #[command(flatten)]
    window: WindowArgs,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Evaluates all rules at one time.
pub type RulesAt<'a> = dyn Fn(Timestamp) -> Result<Vec<RuleState>, Failure> + 'a;

/// Writes the report to `out`, or to the file that `args` names. The rules are those at the end of the window.
///
/// # Errors
/// `Failure` when the window cannot be read, the ledger cannot answer, or the file cannot be written.
pub(crate) fn run(
    args: &Args,
    querier: &dyn Querier,
    budgets: &Budgets,
    rules_at: &RulesAt<'_>,
    now: Timestamp,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let window = args.window.window(now)?;
    let mut rules = rules_at(window.to.min(now))?;
    // One evaluation knows no history: whatever exceeds its threshold then, fires.
    for rule in rules.iter_mut().filter(|rule| rule.state == RuleStatus::Pending) {
        rule.state = RuleStatus::Firing;
    }
    let budgets = budgets.standings(querier, window.to.min(now))?;
    let report = report::build(querier, window, &rules, now)?.with_budgets(budgets);
    let terminal = if args.output.is_some() { Terminal::PLAIN } else { terminal };
    let text = match args.format {
        ReportFormat::Text => report::to_text(&report, terminal),
        ReportFormat::Json => report::to_json(&report)?,
        ReportFormat::Html => report::to_html(&report),
    };
    match &args.output {
        None => write_all(out, &text),
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Failure(format!("cannot write the report to {}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::fixture::{NOW, calls, ledger, rules};
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn report(flags: &[&str]) -> Result<String, Failure> {
        let args = Cli::try_parse_from([&["report"], flags].concat()).unwrap().args;
        let mut out = Vec::new();
        run(&args, &ledger(&calls()), &Budgets::default(), &|_| Ok(rules()), NOW, Terminal::PLAIN, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn writes_each_format() {
        assert!(report(&[]).unwrap().starts_with("Spanledger report\n"));
        assert!(report(&["--last", "7d", "--format", "html"]).unwrap().starts_with("<!DOCTYPE html>"));
        let json =
            report(&["--from", "2026-11-22", "--to", "2026-11-23T06:00:00Z", "--format", "json"]).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["window"]["to"], "2026-11-23T06:00:00Z");
    }

    #[test]
    fn asks_for_the_rules_at_the_end_of_the_window_but_not_in_the_future() {
        for (to, asked) in
            [("2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z"), ("2026-12-01", "2026-11-23T12:00:00Z")]
        {
            let args = Cli::try_parse_from(["report", "--from", "2026-11-01", "--to", to]).unwrap().args;
            let at = std::cell::Cell::new(None);
            let rules_at = |time| {
                at.set(Some(time));
                Ok(Vec::new())
            };
            run(&args, &ledger(&[]), &Budgets::default(), &rules_at, NOW, Terminal::PLAIN, &mut Vec::new())
                .unwrap();
            assert_eq!(crate::text::time::rfc3339(at.get().unwrap()), asked);
        }
    }

    #[test]
    fn writes_a_file_and_names_the_one_it_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.txt");
        assert_eq!(report(&["--output", path.to_str().unwrap()]).unwrap(), "");
        assert_eq!(std::fs::read_to_string(path).unwrap(), report(&[]).unwrap());
        let error = report(&["--output", folder.path().to_str().unwrap()]).unwrap_err().to_string();
        assert!(error.starts_with("cannot write the report to "), "{error}");
    }

    #[test]
    fn a_duration_and_a_start_do_not_go_together() {
        assert!(Cli::try_parse_from(["report", "--last", "1h", "--from", "2026-11-01"]).is_err());
    }
}
