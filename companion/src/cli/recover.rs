//! `spanledger recover`: brings what dead processes left in a journal into the ledger, or sends it.

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use spanledger::journal::{Recovered, Taken, inspect};

use super::{Common, Failure, values, write_all};
use crate::app::{self, retention};
use crate::journal;
use crate::notify::secret::{self, Secret};
use crate::receiver::Intake;
use crate::store::sqlite::Ledger;
use crate::text::number::counted;
use crate::text::terminal::harmless;

/// What a receiver has to answer one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What to recover, and where to.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Calls that had ended arrive as they were, and calls that were in flight with the outcome `interrupted`. A call that arrived \
before keeps its ids and is counted once. Processes that live are left alone, and so are journals of another version. The \
command can be stopped at any time and run again.

While `serve` runs it holds the ledger: send to it with --endpoint, or let it watch the directory ([journal] dirs).

Examples:
  spanledger recover /var/lib/shop/journal --ledger spanledger.db
  spanledger recover /var/lib/shop/journal --endpoint http://127.0.0.1:4318")]
pub struct Args {
    /// The journal's directory.
    dir: PathBuf,
    /// Send to this OTLP/HTTP receiver instead of the ledger file.
    #[arg(long, value_name = "URL", value_parser = values::address)]
    endpoint: Option<String>,
    /// A file with the token of the receiver [default: no token].
    #[arg(long, value_name = "FILE", requires = "endpoint")]
    token_file: Option<PathBuf>,
}

/// Recovers, and writes what was recovered to `out`; journals that are left alone are named in `notes`.
///
/// # Errors
/// `Failure` when the journal or the ledger cannot be used, or the receiver takes no more now.
pub fn run(args: &Args, common: &Common, out: &mut dyn Write, notes: &mut dyn Write) -> Result<(), Failure> {
    let failed =
        |error| Failure(format!("the journal in {} cannot be read or cleared: {error}", args.dir.display()));
    let processes = inspect(&args.dir).map_err(failed)?;
    if processes.is_empty()
        && let Some(mistake) = journal::mistaken(&args.dir).map_err(failed)?
    {
        return Err(Failure(mistake));
    }
    for process in processes {
        if let Some(segment) = process.other_version {
            let path = process.directory.join(segment);
            let note = format!(
                "{}: of another version of the format, left alone; recover it with the version that wrote it\n",
                harmless(&path.display().to_string())
            );
            write_all(notes, &note)?;
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut refusal = None;
    let recovered = match &args.endpoint {
        Some(endpoint) => {
            let receiver = Receiver::new(endpoint, args.token_file.as_ref())?;
            journal::recover(&args.dir, |request| match runtime.block_on(receiver.send(request)) {
                Ok(taken) => taken,
                Err(reason) => {
                    refusal = Some(reason);
                    Taken::NotNow
                }
            })
        }
        None => {
            let loaded = common.load(&[])?;
            app::needs_a_file(&loaded, "recover")?;
            let appender = Ledger::open_writer(&loaded.config.ledger.path, &retention(&loaded.config))?;
            let intake = Intake::into_ledger(appender, app::prices(&loaded)?)?;
            let recovered = journal::recover(&args.dir, |request| {
                let taken = runtime.block_on(intake.take(request));
                if taken == Taken::NotNow {
                    refusal = Some("the ledger cannot be written now".to_owned());
                }
                taken
            });
            runtime.block_on(intake.close());
            recovered
        }
    };
    let recovered = recovered.map_err(failed)?;
    let (whole, failing): (Vec<_>, Vec<_>) = recovered.into_iter().partition(|of| of.error.is_none());
    write_all(out, &summary(&whole))?;
    for process in &failing {
        let (instance, error) = (harmless(&process.instance), process.error.as_deref().unwrap_or_default());
        write_all(notes, &format!("{instance}: cannot be recovered: {error}\n"))?;
    }
    let left = "what is left stays in the journal, run the command again";
    match refusal {
        Some(reason) => Err(Failure(format!("{reason}; {left}"))),
        None if failing.is_empty() => Ok(()),
        None => Err(Failure(format!("{} not recovered; {left}", counted_processes(failing.len())))),
    }
}

fn counted_processes(processes: usize) -> String {
    match processes {
        1 => "1 process".to_owned(),
        many => format!("{many} processes"),
    }
}

fn summary(recovered: &[Recovered]) -> String {
    let sum = |of: fn(&Recovered) -> u64| recovered.iter().map(of).sum::<u64>();
    let processes = counted_processes(recovered.len());
    let mut text = format!(
        "recovered {processes}: {} that had ended, {} interrupted in flight, {} refused\n",
        counted(sum(|of| of.ended), "call"),
        counted(sum(|of| of.interrupted), "call"),
        counted(sum(|of| of.refused), "call"),
    );
    for process in recovered.iter().filter(|process| process.has_skipped) {
        text.push_str(&format!(
            "{}: some of its calls could not be written down (its disk was full or away), and may be missing\n",
            harmless(&process.instance)
        ));
    }
    text
}

/// An OTLP/HTTP receiver.
struct Receiver {
    client: reqwest::Client,
    url: reqwest::Url,
    token: Option<Secret>,
}

impl Receiver {
    fn new(endpoint: &str, token_file: Option<&PathBuf>) -> Result<Self, Failure> {
        let invalid = |reason: String| Failure(format!("--endpoint: {reason}"));
        let url: reqwest::Url = format!("{}/v1/traces", endpoint.trim_end_matches('/'))
            .parse()
            .map_err(|error| invalid(format!("{error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("must begin with http:// or https://".to_owned()));
        }
        let token = token_file
            .map(|path| {
                secret::read_file(path).map(Secret::new).map_err(|error| {
                    Failure(format!("--token-file: {} cannot be read: {error}", path.display()))
                })
            })
            .transpose()?;
        let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        // A proxy for the world outside does not know this machine's own ports.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let local = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        let client = if local { client.no_proxy() } else { client }.build()?;
        Ok(Self { client, url, token })
    }

    /// What became of a request, or why it was not taken now.
    async fn send(&self, request: Bytes) -> Result<Taken, String> {
        let mut post = self
            .client
            .post(self.url.clone())
            .header(http::header::CONTENT_TYPE, "application/x-protobuf")
            .body(request);
        if let Some(token) = &self.token {
            post = post.bearer_auth(token.expose());
        }
        let response = post.send().await.map_err(|error| Failure::from(error.without_url()).to_string())?;
        match response.status().as_u16() {
            200..=299 => Ok(Taken::Delivered),
            400 | 413 | 415 | 422 => Ok(Taken::Refused),
            _ => Err(format!("the receiver answered {}", response.status())),
        }
    }
}
