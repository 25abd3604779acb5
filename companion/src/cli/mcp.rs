//! `spanledger mcp`: the ledger for agents, over the Model Context Protocol on standard input and output. It reads only.

mod answers;
mod lines;
mod server;
#[cfg(test)]
mod tests;

use rmcp::ServiceExt as _;

use self::server::Server;
use super::{Common, Failure};
use crate::app;

/// Serves one client.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Tools: spend, top_calls, explain_call, rules, missing_calls. Each response is at most 32 KiB and has at most 50 rows; a \
message of the client has at most 256 KiB. The ledger is opened to read only. Texts of prompts and responses are never \
given, but for the preview of a response and the text of an error, where they were recorded and explain_call is asked for \
them. Names and users come from senders: a client must treat them as untrusted.

Example, as a client's configuration:
  { \"mcpServers\": { \"spanledger\":
    { \"command\": \"spanledger\", \"args\": [\"mcp\", \"--ledger\", \"calls.db\"] } } }
Example, as a client starts it:
  spanledger mcp --ledger calls.db")]
pub(super) struct Args {}

/// Serves until the client closes its end.
///
/// # Errors
/// `Failure` when the ledger cannot be opened, or the client does not speak the protocol.
pub(super) fn run(_: &Args, common: &Common) -> Result<(), Failure> {
    let loaded = common.load(&[])?;
    let server = Server::new(common.querier(&loaded)?, app::prices(&loaded)?, &loaded.config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let failed =
        |error: &dyn std::fmt::Display| Failure(format!("the client does not speak the protocol: {error}"));
    let done = runtime.block_on(async {
        let running = server
            .serve(lines::of(tokio::io::stdin(), tokio::io::stdout()))
            .await
            .map_err(|error| failed(&error))?;
        running.waiting().await.map_err(|error| failed(&error))
    });
    // Standard input is read by a thread that cannot be stopped.
    runtime.shutdown_background();
    done.map(drop)
}
