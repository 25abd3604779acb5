//! `spanledger inbox`: a receiver of notifications for an installation that has no other.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Failure, write_all};
use crate::app::stop_token;
use crate::inbox::Inbox;
use crate::net::listener::Listener;

/// Connections at the same time.
const CONNECTIONS: usize = 64;

/// Where to listen and what to keep.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Takes the webhook of Alertmanager, and that of `serve` ([[notify.webhook]]), with POST /alerts, and shows the newest 200 \
notifications at /. Give --file to keep them over a restart.

Anyone who reaches the port can read and write: keep it on loopback or on a network of your own. Requests are served whose \
Host is an IP address, localhost or one of --host.

Example:
  spanledger inbox --file inbox.json        as the URL of a webhook: http://127.0.0.1:5001/alerts")]
pub struct Args {
    /// Where to listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5001")]
    listen: SocketAddr,
    /// Keep the notifications in this file (JSON) [default: in memory only].
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A further host name that requests may be for, such as the name of a container. May be given several times.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
}

/// Serves until a signal.
///
/// # Errors
/// `Failure` when the file cannot be read or the address not be bound.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let inbox = Inbox::open(args.file.clone())
        .map_err(|error| Failure(format!("--file: {error}; move the file away to begin a new one")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop_token()?;
        let listener = Listener::bind(args.listen, None, CONNECTIONS)
            .await
            .map_err(|error| Failure(format!("--listen: cannot listen on {}: {error}", args.listen)))?;
        write_all(&mut std::io::stdout(), &format!("the inbox is at http://{}/\n", listener.address()?))?;
        listener.serve(inbox.router(&args.host), stop).await;
        Ok(ExitCode::SUCCESS)
    })
}
