//! `spanledger health`: whether a running `serve` is ready, for images that have no HTTP client.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Failure, values, write_all};
use crate::config::AdminConfig;
use crate::text::terminal::harmless;

/// A health check that takes longer has failed, its body included.
const TIMEOUT: Duration = Duration::from_secs(4);
/// Bytes of a response that are read and printed. That of `serve` is a line; another server may send without end.
const MOST_BYTES: usize = 4096;

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
        write_all(out, &format!("{text}\n"))
    } else {
        Err(Failure(format!("{status}: {text}")))
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
    let mut response = client.get(url).send().await?;
    let mut body = Vec::new();
    while body.len() < MOST_BYTES
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk[..chunk.len().min(MOST_BYTES - body.len())]);
    }
    // On one line: any server may be asked.
    Ok((response.status(), harmless(String::from_utf8_lossy(&body).trim_end())))
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

    /// What is printed of a server that answers with this head and then sends controls until its peer is gone.
    fn asked(head: &'static str) -> (Result<(), Failure>, String) {
        use std::io::{Read as _, Write as _};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
        let server = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let _ = peer.read(&mut [0; 1024]);
            let _ = peer.write_all(head.as_bytes());
            while peer.write_all("\u{1b}[2J\u{202e}".repeat(1024).as_bytes()).is_ok() {}
        });
        let args = Args { url: Some(format!("http://{address}/readyz")) };
        let mut out = Vec::new();
        let done = run(&args, &load(None, [], &[]).unwrap().config.admin, &mut out);
        // The response has no end, so this one comes of the client's.
        server.join().unwrap();
        (done, String::from_utf8(out).unwrap())
    }

    #[test]
    fn reads_and_prints_a_bounded_and_harmless_part_of_an_endless_response() {
        let (ready, printed) = asked("HTTP/1.1 200 OK\r\n\r\n");
        ready.unwrap();
        let (refused, nothing) = asked("HTTP/1.1 503 Service Unavailable\r\n\r\n");
        let Failure(reason) = refused.unwrap_err();
        assert!(nothing.is_empty() && reason.starts_with("503 Service Unavailable: "), "{reason}");
        for text in [printed.strip_suffix('\n').unwrap(), &reason] {
            assert!(text.contains(r"\u{1b}[2J\u{202e}"), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\n']) && text.len() < 8 * MOST_BYTES, "{text}");
        }
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
