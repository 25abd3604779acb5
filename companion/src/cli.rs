//! The command line: one file per subcommand.

pub mod backtest;
pub mod backup;
mod call;
pub mod calls;
pub mod check;
mod completions;
pub mod config;
pub mod demo;
mod export;
mod format;
pub mod health;
pub mod import;
pub mod inbox;
mod mcp;
pub mod notify;
mod periods;
pub mod prices;
pub mod recover;
pub mod report;
mod rule_rows;
pub mod rules;
pub mod serve;
pub mod silence;
mod top;
mod values;
pub mod verify;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use toml::Value;

use crate::app;
use crate::clock;
use crate::config::{Flag, Loaded, Store, load};
use crate::evaluate::evaluator::Evaluator;
use crate::failure::Failure;
use crate::record::Timestamp;
use crate::rule::budget::Budgets;
use crate::store::Querier;
use crate::store::clickhouse::ClickHouseAppender;
use crate::store::sqlite::{Ledger, Options};
use crate::text::terminal::{Terminal, harmless};
use format::on_one_line;
use periods::Period;

/// Records every LLM call that your applications make, with its exact cost.
///
/// Receives OpenTelemetry spans, stores every call in one file (the ledger), evaluates anomaly rules, sends alerts and
/// writes reports.
#[derive(Debug, Parser)]
#[command(name = "spanledger", version = VERSION, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// The text of an error without anything that a terminal obeys.
#[must_use]
pub fn readable(error: &str) -> String {
    error.split('\n').map(harmless).collect::<Vec<_>>().join("\n")
}

/// With the commit and the kind of build.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("COMPANION_BUILD"), ")");

const EXAMPLES: &str = "\
Examples:
  spanledger demo                   see it work: no key, no other program
  spanledger serve                  OTLP on 127.0.0.1:4317 and :4318, report page on :4319
  spanledger report --last 7d --format html -o week.html
  spanledger calls --last 1h --status 429
  spanledger call chatcmpl-AbC123   one call in words, with its bill
  spanledger top                    what happens now, in a terminal
  spanledger check && echo quiet    for cron and CI: exits 1 when a rule fires
  spanledger notify --test slack    sends one test message to a notification target
  spanledger import audit.db        imports an existing audit_logs table
  spanledger export --last 30d DIR  Parquet files for other programs, or for years

Exit status: 0 success, 1 a rule fires or calls are missing, 2 an error.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything at work on this machine: calls, alerts and a report, with nothing else installed.
    Demo(demo::Args),
    /// Receive and store calls, evaluate rules, send alerts, serve metrics and the report page.
    Serve(serve::Args),
    /// Report on a period: totals, failures, cost, latency, users, errors, rules.
    Report(report::Args),
    /// List calls, newest first, or follow them as they arrive.
    Calls(calls::Args),
    /// Explain one call: what was asked, how it ended, its times, its bill line by line, what was recorded.
    Call(call::Args),
    /// Show what happens now, in a terminal: calls, cost, latency, rules and the newest calls.
    Top(top::Args),
    /// Answer the questions of agents about the ledger, over the Model Context Protocol on standard input and output.
    Mcp(mcp::Args),
    /// Usage and cost by hour.
    Hourly(periods::Args),
    /// Usage and cost by day.
    Daily(periods::Args),
    /// Usage and cost by week.
    Weekly(periods::Args),
    /// Usage and cost by month.
    Monthly(periods::Args),
    /// Show the price of a model, or the models in the ledger that have none.
    Prices(prices::Args),
    /// Export the calls of a period as Parquet files, for other programs, for years, or for another ledger.
    Export(export::Args),
    /// Import an export, or the calls of an existing SQLite table `audit_logs`.
    Import(import::Args),
    /// Bring what dead processes left in a journal into the ledger, or send it.
    Recover(recover::Args),
    /// Compare the ledger with its checksums, or with a journal: exits 1 when pages are damaged or calls are missing.
    Verify(verify::Args),
    /// Copy the ledger, while `serve` runs or not.
    Backup(backup::Args),
    /// Evaluate all rules once, for cron and CI: exits 1 when one fires.
    Check(check::Args),
    /// List the rules with their thresholds, windows and states, or export them.
    Rules(rules::Args),
    /// Evaluate the rules over a past period and list each firing.
    Backtest(backtest::Args),
    /// List the notification targets, or send a test message to one.
    Notify(notify::Args),
    /// Hold alerts back for some time, list what is held back, or end that.
    Silence(silence::Args),
    /// Receive the notifications of Alertmanager or of `serve` and show them on a page, where no other receiver exists.
    Inbox(inbox::Args),
    /// Ask a running `serve` whether it is ready, for the health checks of containers: exits 2 when it is not.
    Health(health::Args),
    /// Print the effective configuration with the source of each value, or check a file.
    Config(config::Args),
    /// Print the completions of a shell.
    Completions(completions::Args),
    /// Print the manual page, or write the pages of all commands to a directory.
    Man(completions::ManArgs),
}

/// Keeps the options of every command apart from each command's own.
const GLOBAL: &str = "Global options";

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    /// The ledger file [default: spanledger.db, or what the configuration names].
    #[arg(long, global = true, value_name = "FILE", env = "SPANLEDGER_LEDGER", help_heading = GLOBAL)]
    pub ledger: Option<PathBuf>,
    /// What keeps the calls: `sqlite`, or `clickhouse://HOST:PORT/DATABASE` [default: sqlite].
    #[arg(long, global = true, value_name = "STORE", help_heading = GLOBAL)]
    pub store: Option<String>,
    /// The configuration file (TOML) [default: none].
    #[arg(long, global = true, value_name = "FILE", env = "SPANLEDGER_CONFIG", help_heading = GLOBAL)]
    pub config: Option<PathBuf>,
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// `Failure`, for which the process ends with status 2.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let common = &self.common;
        if let Command::Mcp(args) = &self.command {
            // The standard output is the client's, and is written by another thread than this one.
            mcp::run(args, common)?;
            return Ok(ExitCode::SUCCESS);
        }
        let (now, terminal) = (clock::now(), Terminal::stdout());
        let out = &mut std::io::stdout().lock();
        match self.command {
            Command::Demo(args) => return demo::run(&args, terminal),
            Command::Serve(args) => return serve::run(&args, common),
            Command::Inbox(args) => return inbox::run(&args),
            Command::Top(args) => top::run(&args, common)?,
            Command::Mcp(_) => {}
            Command::Health(args) => health::run(&args, &common.load(&[])?.config.admin, out)?,
            Command::Verify(args) => {
                let loaded = common.load(&[])?;
                app::needs_a_file(&loaded, "verify")?;
                let ledger = loaded.config.ledger.path;
                return verify::run(&args, &ledger, out, &mut std::io::stderr());
            }
            Command::Backup(args) => {
                let loaded = common.load(&[])?;
                app::needs_a_file(&loaded, "backup")?;
                backup::run(&args, &loaded.config.ledger.path, out)?;
            }
            Command::Recover(args) => recover::run(&args, common, out, &mut std::io::stderr())?,
            Command::Check(args) => {
                let loaded = common.load(&[])?;
                let querier = common.querier(&loaded)?;
                return check::run(&args, &loaded.config.rules, querier.as_ref(), now, terminal, out);
            }
            Command::Rules(args) => {
                let loaded = common.load(&[])?;
                let path = &loaded.config.ledger.path;
                let exists = path.exists() || loaded.config.ledger.store != Store::Sqlite;
                let querier = match args.needs_ledger() && exists {
                    true => Some(common.querier(&loaded)?),
                    false => None,
                };
                let querier = querier.as_deref();
                if args.needs_ledger() && querier.is_none() {
                    let note = format!(
                        "no ledger at {}; rules are listed without current values\n",
                        on_one_line(&path.display().to_string())
                    );
                    write_all(&mut std::io::stderr(), &note)?;
                }
                let alerts = app::kept_alerts(&loaded)?;
                rules::run(&args, &loaded.config.rules, querier, alerts, now, terminal, out)?;
            }
            Command::Backtest(args) => {
                let loaded = common.load(&[])?;
                let querier = common.querier(&loaded)?;
                let notes = &mut std::io::stderr();
                backtest::run(&args, &loaded.config.rules, querier.as_ref(), now, terminal, out, notes)?;
            }
            Command::Notify(args) => {
                let loaded = common.load(&[])?;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(notify::run(&args, &loaded.config.notify, now, out))?;
            }
            Command::Completions(args) => completions::completions(&args, out)?,
            Command::Man(args) => completions::manual(&args, out)?,
            Command::Silence(args) => {
                let loaded = common.load(&[])?;
                let path = &loaded.config.ledger.path;
                // A mistyped name would hold nothing back, and look as if it did.
                if loaded.config.ledger.store == Store::Sqlite && !path.exists() {
                    let note = format!(
                        "no ledger at {}; its silences wait for a `serve` that keeps it\n",
                        on_one_line(&path.display().to_string())
                    );
                    write_all(&mut std::io::stderr(), &note)?;
                }
                silence::run(&args, &app::silences(&loaded)?, now, out)?;
            }
            Command::Config(args) => config::run(&args, common, out, &mut std::io::stderr())?,
            Command::Report(args) => {
                let loaded = common.load(&[])?;
                let querier = common.querier(&loaded)?;
                let rules_at = |at| {
                    let mut evaluator = Evaluator::new(&loaded.config.rules);
                    Ok(crate::report::rule_states::report_states(
                        &evaluator.evaluate_all(querier.as_ref(), at),
                    ))
                };
                let budgets =
                    loaded.config.budgets().map_err(|error| loaded.error_at(&error.key, error.message))?;
                let budgets = Budgets::new(budgets);
                report::run(&args, querier.as_ref(), &budgets, &rules_at, now, terminal, out)?;
            }
            Command::Calls(args) => {
                let querier = common.querier(&common.load(&[])?)?;
                calls::run(&args, querier.as_ref(), now, terminal, out, &mut std::io::stderr())?;
            }
            Command::Call(args) => {
                let loaded = common.load(&[])?;
                let querier = common.querier(&loaded)?;
                call::run(&args, querier.as_ref(), &app::prices(&loaded)?, now, terminal, out)?;
            }
            Command::Hourly(args) => common.periods(&args, Period::Hour, now, terminal, out)?,
            Command::Daily(args) => common.periods(&args, Period::Day, now, terminal, out)?,
            Command::Weekly(args) => common.periods(&args, Period::Week, now, terminal, out)?,
            Command::Monthly(args) => common.periods(&args, Period::Month, now, terminal, out)?,
            Command::Prices(args) => {
                let loaded = common.load(&[])?;
                let open = || common.querier(&loaded);
                let own = loaded.config.prices.file.as_deref();
                prices::run(&args, &app::prices(&loaded)?, own, &open, now, terminal, out)?;
            }
            Command::Export(args) => {
                let loaded = common.load(&[])?;
                let exporter = app::exporter(&loaded)?;
                export::run(&args, exporter.as_ref(), now, out, &mut std::io::stderr())?;
            }
            Command::Import(args) => {
                let loaded = common.load(&[])?;
                let prices = app::prices(&loaded)?;
                let notes = &mut std::io::stderr();
                if let Some((options, _)) = app::clickhouse(&loaded)? {
                    let open = || Ok(ClickHouseAppender::open(&options)?);
                    import::run(&args, open, &prices, now, out, notes)?;
                    return Ok(ExitCode::SUCCESS);
                }
                // Nothing is deleted by an import; that is left to `serve`.
                let open = || {
                    let groups = app::retention(&loaded.config).groups;
                    let options = Options { now: Some(now), groups, ..Options::default() };
                    Ok(Ledger::open_writer(&loaded.config.ledger.path, &options)?)
                };
                import::run(&args, open, &prices, now, out, notes)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Common {
    fn periods(
        &self,
        args: &periods::Args,
        period: Period,
        now: Timestamp,
        terminal: Terminal,
        out: &mut dyn std::io::Write,
    ) -> Result<(), Failure> {
        let querier = self.querier(&self.load(&[])?)?;
        periods::run(args, period, querier.as_ref(), now, terminal, out)
    }

    /// The configuration of file, environment, `--ledger` and `flags`.
    ///
    /// # Errors
    /// `Failure` for the first value that is wrong.
    pub fn load(&self, flags: &[Flag]) -> Result<Loaded, Failure> {
        // In another spelling it would be another file.
        let text = |path: &PathBuf| {
            let text =
                path.to_str().ok_or_else(|| Failure(format!("--ledger: the path {path:?} is not UTF-8")))?;
            Ok::<_, Failure>(Value::String(text.to_owned()))
        };
        let path = self.ledger.as_ref().map(text).transpose()?;
        let store = self.store.clone().map(Value::String);
        let mut all = vec![
            Flag { name: "--ledger", key: "ledger.path", value: path },
            Flag { name: "--store", key: "ledger.store", value: store },
        ];
        all.extend_from_slice(flags);
        Ok(load(self.config.as_deref(), environment(), &all)?)
    }

    /// The ledger, for questions.
    ///
    /// # Errors
    /// `Failure` when there is none or it cannot be read.
    pub(crate) fn querier(&self, loaded: &Loaded) -> Result<Arc<dyn Querier>, Failure> {
        app::querier(loaded)
    }
}

/// The environment, without variables that are not UTF-8: none of ours is.
#[expect(clippy::disallowed_methods, reason = "the environment is a part of the configuration")]
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Writes `text`. A closed pipe (`| head`) is not a failure.
fn write_all(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(format::escaped(text).as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
