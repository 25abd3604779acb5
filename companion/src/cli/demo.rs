//! `spanledger demo`: everything at work, with nothing else installed.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::{Failure, write_all};
use crate::app::stop_token;
use crate::clock;
use crate::demo::killed::{self, BroughtBack};
use crate::demo::traffic::{self, Application};
use crate::demo::{Demo, Event};
use crate::evaluate::evaluator::Evaluator;
use crate::record::Window;
use crate::report;
use crate::store::sqlite::Ledger;
use crate::text::terminal::Terminal;

/// How the demo ends.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Starts a ledger, a provider on loopback that speaks the OpenAI wire format (whole responses, streams, 429, 500, a \
truncated stream) and an application that calls it through the middleware and exports over OTLP. Alerts fire and reach a \
webhook, an application is killed and its journal brings back what it knew, and a report is printed. Nothing leaves this machine, and no key is needed.

With --endpoint, an application alone sends its telemetry to a stack that runs elsewhere, such as an OpenTelemetry \
Collector. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES name its service, version and environment.

  OTEL_SERVICE_NAME=checkout spanledger demo --endpoint http://127.0.0.1:4318 --application chat")]
pub struct Args {
    /// Exit after the report instead of serving the report page until Ctrl-C.
    #[arg(long)]
    exit: bool,
    /// Keep the demo's ledger and configuration in this folder [default: a new temporary one].
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Send traffic to the OTLP receiver at this address until a signal, instead of the whole demo.
    #[arg(long, value_name = "URL", conflicts_with_all = ["exit", "keep"])]
    endpoint: Option<String>,
    /// What the application of --endpoint does.
    #[arg(long, value_enum, default_value_t, requires = "endpoint")]
    application: Application,
    /// Be the application that the demo kills, with a journal in this folder.
    #[arg(long, hide = true, value_name = "FOLDER", requires = "provider")]
    killed: Option<PathBuf>,
    /// The provider that it calls.
    #[arg(long, hide = true, value_name = "ADDR")]
    provider: Option<SocketAddr>,
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
    let mut progress = Progress { live: std::io::stderr().is_terminal() };
    let playing = Demo::play(folder, |event| progress.show(event));
    let demo = tokio::select! {
        played = playing => played?,
        () = stop.cancelled() => return Ok(true),
    };
    let now = clock::now();
    let querier = Ledger::open_reader(&demo.loaded.config.ledger.path)?;
    let mut evaluator = Evaluator::new(&demo.loaded.config.rules);
    let rules = crate::report::rule_states::report_states(&evaluator.evaluate_all(&querier, now));
    let report = report::build(&querier, Window::last(3600, now), &rules, now)?;
    write_all(&mut std::io::stdout(), &format!("\n{}", report::to_text(&report, terminal)))?;
    drop(querier);
    if !args.exit {
        let page = demo.addresses.admin;
        write_all(
            &mut std::io::stdout(),
            &format!(
                "\nThe report page is at http://{page}/ and the metrics at http://{page}/metrics. Press Ctrl-C to stop.\n"
            ),
        )?;
        stop.cancelled().await;
    }
    Ok(demo.stop().await)
}

/// Shows the progress of the demo on standard error.
struct Progress {
    /// On a terminal the count is updated in place.
    live: bool,
}

impl Progress {
    fn show(&mut self, event: Event) {
        let line = match event {
            Event::Ready(addresses) => {
                format!("ledger    receives OTLP on {} and {}\n", addresses.otlp_grpc, addresses.otlp_http)
            }
            Event::Call(made, all) if made == all => {
                format!("{}calls     {made} of {all}\n", self.start())
            }
            Event::Call(made, all) if self.live => format!("\rcalls     {made} of {all}"),
            Event::Call(made, all) if made % 40 == 0 => format!("calls     {made} of {all}\n"),
            Event::Call(..) => return,
            Event::BroughtBack(BroughtBack { ended, interrupted }) => format!(
                "journal   an application was killed; its journal brought back {ended} calls that had ended and \
                 {interrupted} in flight\n"
            ),
            Event::Alert { name, severity, summary, advice } => {
                format!("alert     {name} ({severity}): {summary}\n          {advice}\n")
            }
        };
        let mut out = std::io::stderr().lock();
        // Progress that cannot be shown does not stop the demo.
        let _shown = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }

    const fn start(&self) -> &'static str {
        if self.live { "\r" } else { "" }
    }
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
