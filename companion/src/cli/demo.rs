//! `spanledger demo`: everything at work, with nothing else installed.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::{Failure, values, write_all};
use crate::app::stop_token;
use crate::clock;
use crate::demo::killed::{self, BroughtBack};
use crate::demo::traffic::{self, Application};
use crate::demo::{Demo, Event, Settings, Verdict, Verdicts};
use crate::evaluate::evaluator::Evaluator;
use crate::evaluate::state_file::StateFile;
use crate::record::{Window, parse_tag};
use crate::report;
use crate::rule::budget::Budgets;
use crate::store::sqlite::Ledger;
use crate::store::{CallId, Filter, Page, Querier};
use crate::text::number::{count, counted};
use crate::text::seconds::{Seconds, in_words};
use crate::text::terminal::{Terminal, harmless};
use crate::text::time::format;
use crate::text::wrap::wrap;

/// What the demo plays, and how it ends.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Draws some days of a small company's calls from a seed: four services, the wire formats of OpenAI, Anthropic and Gemini, users, streams, \
tool loops, cached prompts and retries. On the last of the days everything goes wrong once, from a rate-limit storm to a leaked key. \
The rules go over that day as if they had been running, and a table shows which rule caught what, and after how long.

Then applications call providers on this machine through the real middleware and export over OTLP to the ledger, alerts reach a \
webhook, and an application is killed, whose journal brings back what it knew. Nothing leaves this machine, and no key is needed.

With --endpoint, an application alone sends its telemetry to a stack that runs elsewhere, such as an OpenTelemetry \
Collector. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES name its service, version and environment.

Examples:
  spanledger demo
  spanledger demo --exit --seed 7 --duration 3d
  spanledger demo --keep shop            keeps shop/demo.db to ask later
  OTEL_SERVICE_NAME=checkout spanledger demo --endpoint http://127.0.0.1:4318")]
pub struct Args {
    /// Exit after the report instead of serving the pages until Ctrl-C.
    #[arg(long)]
    exit: bool,
    /// Keep the demo's ledger and configuration in this folder [default: a new temporary one].
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// The same seed draws the same days.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = values::number(0..=u64::MAX))]
    seed: u64,
    /// Calls per minute in the busiest hours. With few calls some anomalies are too small for their rules.
    #[arg(long, value_name = "CALLS", default_value_t = 40, value_parser = values::number(1..=300_u32))]
    rate: u32,
    /// Days of history, 1d to 30d. In a short one the rules have little to compare with.
    #[arg(long, value_name = "DURATION", default_value = "5d", value_parser = days)]
    duration: i64,
    /// Send traffic to the OTLP receiver at this address until a signal, instead of the whole demo.
    #[arg(long, value_name = "URL", value_parser = values::address, conflicts_with_all = ["exit", "keep", "seed", "rate", "duration"])]
    endpoint: Option<String>,
    /// What the application of --endpoint does.
    #[arg(long, value_enum, default_value_t, requires = "endpoint", conflicts_with_all = ["exit", "keep"])]
    application: Application,
    /// Be the application that the demo kills, with a journal in this folder.
    #[arg(long, hide = true, value_name = "FOLDER", requires = "provider")]
    killed: Option<PathBuf>,
    /// The provider that it calls.
    #[arg(long, hide = true, value_name = "ADDR")]
    provider: Option<SocketAddr>,
}

/// Whole days of a duration.
fn days(text: &str) -> Result<i64, String> {
    let Seconds(seconds) = text.parse::<Seconds>().map_err(|error| error.to_string())?;
    match seconds / 86_400 {
        days @ 1..=30 if seconds % 86_400 == 0 => Ok(days),
        _ => Err("expected 1d to 30d in whole days".to_owned()),
    }
}

/// Runs the demo.
///
/// # Errors
/// `Failure` when a part of it fails.
pub fn run(args: &Args, terminal: Terminal) -> Result<ExitCode, Failure> {
    if let (Some(journal), Some(provider)) = (&args.killed, args.provider) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(killed::run(journal, provider))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(endpoint) = &args.endpoint {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        announce(endpoint);
        runtime.block_on(async {
            Ok::<_, Failure>(traffic::send(endpoint, args.application, stop_token()?).await?)
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = Folder::new(args.keep.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let clean = runtime.block_on(play(args, folder.path(), terminal))?;
    runtime.shutdown_timeout(Duration::from_millis(100));
    if clean {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure("the demo's ledger did not stop before the deadline".to_owned()))
    }
}

async fn play(args: &Args, folder: &Path, terminal: Terminal) -> Result<bool, Failure> {
    let stop = stop_token()?;
    let mut progress = Progress { live: std::io::stderr().is_terminal(), columns: terminal.columns };
    let settings = Settings { seed: args.seed, rate: f64::from(args.rate), days: args.duration };
    let playing = Demo::play(folder, settings, move |event| progress.show(event));
    let demo = tokio::select! {
        played = playing => played?,
        () = stop.cancelled() => return Ok(true),
    };
    let ledger = &demo.loaded.config.ledger.path;
    let now = clock::now();
    let querier = Ledger::open_reader(ledger)?;
    let mut evaluator = Evaluator::new(&demo.loaded.config.rules);
    evaluator.restore(StateFile::peek(ledger).alerts);
    let rules = crate::report::rule_states::report_states(&evaluator.evaluate_all(&querier, now));
    let loaded = &demo.loaded;
    let budgets = loaded.config.budgets().map_err(|error| loaded.error_at(&error.key, error.message))?;
    let budgets = Budgets::new(budgets).standings(&querier, now)?;
    let report = report::build(&querier, Window::last(86_400, now), &rules, now)?.with_budgets(budgets);
    // One call to look at: the newest of the agent that did not end.
    let runaway = Filter { tags: parse_tag("demo=runaway-agent").into_iter().collect(), ..Filter::default() };
    let newest = querier.calls(Window::last(86_400, now), &runaway, Page { limit: 1, after: None })?.calls;
    let call = newest.first().map_or_else(|| "ID".to_owned(), CallId::of);
    drop(querier);
    let mut text = format!("\n{}", report::to_text(&report, terminal));
    verdicts(&demo.verdicts, terminal, &mut text);
    next(&demo, &call, args, terminal, &mut text);
    write_all(&mut std::io::stdout(), &text)?;
    if !args.exit {
        stop.cancelled().await;
    }
    Ok(demo.stop().await)
}

/// Which rule caught which anomaly, and which was not.
fn verdicts(verdicts: &Verdicts, terminal: Terminal, out: &mut String) {
    let caught = verdicts.anomalies.iter().filter(|verdict| !verdict.caught.is_empty()).count();
    let all = verdicts.anomalies.len();
    let title = format!(
        "What went wrong on the last day (times in UTC), and which rule caught it after how long: {caught} of {all}"
    );
    out.push('\n');
    wrap(out, "", &title, terminal.columns);
    out.push('\n');
    for Verdict { label, what, began, caught } in &verdicts.anomalies {
        let by: Vec<String> =
            caught.iter().map(|(rule, seconds)| format!("{rule} {}", in_words(*seconds))).collect();
        let by = if by.is_empty() { "not caught".to_owned() } else { by.join(", ") };
        let head = format!("{}  {label:<17} ", format(*began, "%H:%M"));
        hang(out, &head, what, terminal.columns);
        wrap(out, "       ", &by, terminal.columns);
    }
    for (what, rules) in
        [("Fired for something else as well", &verdicts.others), ("Did not fire", &verdicts.silent)]
    {
        if !rules.is_empty() {
            let names: Vec<&str> = rules.iter().map(|rule| rule.as_str()).collect();
            out.push('\n');
            wrap(out, "", &format!("{what}: {}", names.join(", ")), terminal.columns);
        }
    }
}

/// Writes `text` behind `head`, and its further lines below where it begins.
fn hang(out: &mut String, head: &str, text: &str, columns: usize) {
    let begin = out.len();
    wrap(out, &" ".repeat(head.len()), text, columns);
    out.replace_range(begin..begin + head.len(), head);
}

/// Where to look, and what to try.
fn next(demo: &Demo, call: &str, args: &Args, terminal: Terminal, out: &mut String) {
    let program = std::env::args().next().unwrap_or_else(|| "spanledger".to_owned());
    let ledger = demo.loaded.config.ledger.path.display();
    out.push('\n');
    match (args.exit, &args.keep) {
        // The files end with the demo.
        (true, None) => {
            return out.push_str("Without --exit, or with --keep FOLDER, the ledger stays to be asked.\n");
        }
        (true, Some(_)) => out.push_str("The ledger stays. Try next:\n"),
        (false, _) => {
            let page = demo.addresses.admin;
            let pages = format!(
                "The pages are at http://{page}/ and the metrics at http://{page}/metrics. Applications go on calling. Press Ctrl-C \
                 to stop."
            );
            wrap(out, "", &pages, terminal.columns);
            out.push_str("\nTry next, in another terminal:\n");
        }
    }
    for (command, what) in [
        ("top".to_owned(), "what happens now"),
        ("daily --by service,model".to_owned(), "what each service and each model cost, by day"),
        (format!("call {call}"), "one call of the agent that did not end, and its bill line by line"),
    ] {
        out.push_str(&format!("  {program} {command} --ledger {ledger}\n      {what}\n"));
    }
}

/// What an application alone does, which else would show nothing.
#[expect(clippy::disallowed_methods, reason = "the exporter reads the same variable")]
fn announce(endpoint: &str) {
    let service =
        std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "a service without a name".to_owned());
    // As with the progress.
    let _shown = writeln!(
        std::io::stderr(),
        "an application calls as {service} and sends its telemetry to {endpoint} until Ctrl-C"
    );
}

/// Shows the progress of the demo on standard error.
struct Progress {
    /// On a terminal the count is updated in place.
    live: bool,
    columns: usize,
}

impl Progress {
    fn show(&mut self, event: Event) {
        let (head, text) = match event {
            Event::History(calls) if self.live => {
                return write(&format!("\rhistory   {}", counted(calls as u64, "call")));
            }
            Event::History(calls) => ("history", counted(calls as u64, "call")),
            Event::Evaluated { calls, evaluations } => {
                write(self.end());
                let calls = counted(calls as u64, "call");
                let times = counted(evaluations, "time");
                ("history", format!("{calls} with the last day; the rules were evaluated {times}"))
            }
            Event::Ready(addresses) => {
                ("ledger", format!("receives OTLP on {} and {}", addresses.otlp_grpc, addresses.otlp_http))
            }
            Event::Live(calls) => {
                let calls = counted(calls, "call");
                ("live", format!("{calls} of four applications have arrived through the middleware"))
            }
            Event::BroughtBack(BroughtBack { ended, interrupted }) => (
                "journal",
                format!(
                    "an application was killed; its journal brought back {} that had ended and {} in flight",
                    counted(ended, "call"),
                    count(interrupted)
                ),
            ),
            Event::Alert { name, severity, summary } => {
                ("alert", format!("{name} ({severity}) reached the webhook: {summary}"))
            }
        };
        let mut line = String::new();
        hang(&mut line, &format!("{head:<9} "), &harmless(&text), self.columns);
        write(&line);
    }

    /// The end of a line that was updated in place.
    const fn end(&self) -> &'static str {
        if self.live { "\n" } else { "" }
    }
}

/// Progress that cannot be shown does not stop the demo.
fn write(text: &str) {
    let mut out = std::io::stderr().lock();
    let _shown = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Where the demo keeps its files; a temporary folder is deleted with it.
enum Folder {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = keep else { return Ok(Self::Temporary(tempfile::tempdir()?)) };
        std::fs::create_dir_all(path)
            .map_err(|error| Failure(format!("cannot create {}: {error}", path.display())))?;
        Ok(Self::Kept(path.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}
