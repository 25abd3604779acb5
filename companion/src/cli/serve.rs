//! `spanledger serve`: everything that runs.

mod log;

use std::process::ExitCode;
use std::time::Duration;

use toml::Value;

use super::{Common, Failure, write_all};
use crate::app::{self, App};
use crate::config::{Flag, Loaded};

/// Where to listen. Each flag overrides the matching configuration key.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Prints one line of JSON with the bound addresses once all listeners serve:
  {\"event\":\"ready\",\"otlp_grpc\":\"127.0.0.1:4317\",\"otlp_http\":\"127.0.0.1:4318\",\"admin\":\"127.0.0.1:4319\"}

Examples:
  spanledger serve
  spanledger serve --ledger /var/lib/spanledger/ledger.db --config /etc/spanledger.toml
  spanledger serve --otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0 --admin 127.0.0.1:0

SIGTERM and SIGINT shut down in order under a deadline; a second signal exits immediately.")]
pub struct Args {
    /// OTLP over gRPC [default: 127.0.0.1:4317].
    #[arg(long, value_name = "ADDR")]
    otlp_grpc: Option<String>,
    /// OTLP over HTTP, protobuf and JSON [default: 127.0.0.1:4318].
    #[arg(long, value_name = "ADDR")]
    otlp_http: Option<String>,
    /// Metrics, health and the report page [default: 127.0.0.1:4319].
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Allow listening on addresses other than loopback without a token.
    #[arg(long)]
    listen_without_token: bool,
}

impl Args {
    fn flags(&self) -> Vec<Flag> {
        let text = |value: &Option<String>| value.clone().map(Value::String);
        let flag = self.listen_without_token.then_some(Value::Boolean(true));
        let without = "--listen-without-token";
        vec![
            Flag { name: "--otlp-grpc", key: "receiver.grpc", value: text(&self.otlp_grpc) },
            Flag { name: "--otlp-http", key: "receiver.http", value: text(&self.otlp_http) },
            Flag { name: "--admin", key: "admin.listen", value: text(&self.admin) },
            Flag { name: without, key: "receiver.listen_without_token", value: flag.clone() },
            Flag { name: without, key: "admin.listen_without_token", value: flag },
        ]
    }
}

/// Serves until a signal.
///
/// # Errors
/// `Failure` when anything cannot be built; then nothing was served.
pub fn run(args: &Args, common: &Common) -> Result<ExitCode, Failure> {
    let loaded = common.load(&args.flags())?;
    log::to_stderr(&loaded.config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let clean = runtime.block_on(serve(loaded))?;
    // Tasks that did not end before the deadline are abandoned.
    runtime.shutdown_timeout(Duration::from_millis(100));
    if clean {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure("shutdown did not finish before the deadline".to_owned()))
    }
}

async fn serve(loaded: Loaded) -> Result<bool, Failure> {
    let stop = app::stop_token()?;
    // On a worker, so that the memory that building needs briefly serves requests afterwards.
    #[expect(clippy::disallowed_methods, reason = "it is awaited at once")]
    let app = tokio::spawn(async move { app::build(&loaded).await }).await??;
    announce(&app)?;
    Ok(app.run(stop).await?)
}

/// Prints the ports that the system chose, for scripts. The ports are bound, so connections are served from now on.
fn announce(app: &App) -> Result<(), Failure> {
    let addresses = app.addresses()?;
    let mut line = serde_json::to_value(addresses)?;
    line["event"] = "ready".into();
    tracing::info!(
        otlp_grpc = %addresses.otlp_grpc,
        otlp_http = %addresses.otlp_http,
        admin = %addresses.admin,
        version = env!("CARGO_PKG_VERSION"),
        "ready"
    );
    write_all(&mut std::io::stdout(), &format!("{line}\n"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::load;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn one_flag_allows_all_listeners_elsewhere_without_a_token() {
        let load = |more: &[&str]| {
            let line = ["serve", "--otlp-grpc=0.0.0.0:4317", "--otlp-http=[::]:4318", "--admin=0.0.0.0:4319"];
            load(None, [], &Line::parse_from(line.iter().chain(more)).args.flags())
        };
        let error = load(&[]).unwrap_err().to_string();
        assert!(error.contains("0.0.0.0:4317 can be reached from other machines without a token"), "{error}");
        let config = load(&["--listen-without-token"]).unwrap().config;
        assert!(config.receiver.listen_without_token && config.admin.listen_without_token);
        let ports =
            [config.receiver.grpc, config.receiver.http, config.admin.listen].map(|listen| listen.0.port());
        assert_eq!(ports, [4317, 4318, 4319]);
    }
}
