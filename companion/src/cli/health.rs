//! `spanledger health`: whether a running `serve` is ready, for images that have no HTTP client.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Failure, values, write_all};
use crate::config::AdminConfig;

/// A health check that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Which process to ask.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Asks `/readyz` on the admin address of the configuration (admin.listen), on this machine. Certificates are not judged.

Examples:
  spanledger health
  spanledger health --url http://127.0.0.1:4319/readyz

Exit status: 0 ready, 2 not ready or not reachable.")]
pub struct Args {
    /// Ask this address [default: /readyz of the configured one].
    #[arg(long, value_name = "URL", value_parser = values::address)]
    url: Option<String>,
}

/// Asks once.
///
/// # Errors
/// `Failure` when the process is not ready, with its reason, or cannot be reached.
pub fn run(args: &Args, admin: &AdminConfig, out: &mut dyn Write) -> Result<(), Failure> {
    let url = args.url.clone().unwrap_or_else(|| url_of(admin));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (status, text) = runtime.block_on(ask(&url)).map_err(|error| no_response(&url, error))?;
    if status.is_success() {
        write_all(out, &text)
    } else {
        Err(Failure(format!("{status}: {}", text.trim_end())))
    }
}

/// With its causes: the outermost error names none.
fn no_response(url: &str, error: reqwest::Error) -> Failure {
    let Failure(causes) = error.without_url().into();
    Failure(format!(
        "no response from {url}: {causes}; start `spanledger serve`, or name the address of its admin listener with --url"
    ))
}

async fn ask(url: &str) -> reqwest::Result<(http::StatusCode, String)> {
    // Neither roots nor a proxy: the process is on this machine.
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .tls_certs_only([])
        .tls_danger_accept_invalid_certs(true)
        .build()?;
    let response = client.get(url).send().await?;
    Ok((response.status(), response.text().await?))
}

fn url_of(admin: &AdminConfig) -> String {
    let mut address = admin.listen.0;
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let scheme = if admin.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}/readyz")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    #[test]
    fn names_why_there_is_no_response_and_what_to_do() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let args = Args { url: Some(format!("http://{free}/readyz")) };
        let admin = load(None, [], &[]).unwrap().config.admin;
        let Failure(text) = run(&args, &admin, &mut Vec::new()).unwrap_err();
        assert!(text.starts_with(&format!("no response from http://{free}/readyz: ")), "{text}");
        assert!(text.contains("Connection refused") && text.contains("--url"), "{text}");
    }

    #[test]
    fn asks_this_machine_where_the_listener_has_all_addresses() {
        for (listen, url) in [
            ("127.0.0.1:4319", "http://127.0.0.1:4319/readyz"),
            ("0.0.0.0:1", "http://127.0.0.1:1/readyz"),
            ("[::]:2", "http://[::1]:2/readyz"),
            ("192.0.2.1:3", "http://192.0.2.1:3/readyz"),
        ] {
            let environment = [
                ("SPANLEDGER_ADMIN_LISTEN".to_owned(), listen.to_owned()),
                ("SPANLEDGER_ADMIN_LISTEN_WITHOUT_TOKEN".to_owned(), "true".to_owned()),
            ];
            assert_eq!(url_of(&load(None, environment, &[]).unwrap().config.admin), url);
        }
    }
}
