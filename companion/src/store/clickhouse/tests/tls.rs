//! A ClickHouse behind TLS: the engine with a proxy in front that ends it.

use std::path::Path;
use std::process::Command;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::*;
use crate::record::Window;
use crate::store::conformance::records::call;
use crate::store::{Appender as _, Filter, Querier as _};

/// An authority, and a certificate of it for 127.0.0.1; false where openssl is missing, which is a failure on CI.
fn certificates(folder: &Path) -> bool {
    let openssl = |arguments: &[&str]| {
        let made = Command::new("openssl").args(arguments).current_dir(folder).output();
        made.is_ok_and(|output| output.status.success())
    };
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let new = ["req", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    let authority =
        [&new[..], &["-x509", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"]].concat();
    let other =
        [&new[..], &["-x509", "-subj", "/CN=other", "-keyout", "other.key", "-out", "other.pem"]].concat();
    let asked = [&new[..], &["-subj", "/CN=clickhouse", "-keyout", "key.pem", "-out", "asked.pem"]].concat();
    let signed = [
        "x509",
        "-req",
        "-in",
        "asked.pem",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "names",
        "-out",
        "cert.pem",
    ];
    openssl(&authority) && openssl(&other) && openssl(&asked) && openssl(&signed)
}

/// Ends TLS and passes everything on to `engine`. Returns its port.
fn proxy(runtime: &Runtime, folder: &Path, engine: String) -> u16 {
    let acceptor = crate::net::tls::acceptor(&folder.join("cert.pem"), &folder.join("key.pem")).unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, engine) = (acceptor.clone(), engine.clone());
            tokio::spawn(async move {
                let Ok(mut inside) = acceptor.accept(stream).await else { return };
                let mut outside = TcpStream::connect(engine).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut inside, &mut outside).await);
            });
        }
    });
    port
}

#[test]
fn a_clickhouse_with_a_certificate_of_ones_own_authority_is_trusted_by_that_alone() {
    let Some(address) = engine::address() else { return };
    let folder = tempfile::tempdir().unwrap();
    if !certificates(folder.path()) {
        assert!(std::env::var_os("CI").is_none(), "openssl is needed");
        eprintln!("skipped: openssl is not installed");
        return;
    }
    let runtime = Runtime::new().unwrap();
    let port = proxy(&runtime, folder.path(), address.trim_start_matches("http://").to_owned());
    let plain = options();
    let _keep = engine::Database::of(&plain);
    let over_tls = |authority: Option<&str>| Options {
        addresses: vec![format!("https://127.0.0.1:{port}")],
        authority: authority.map(|name| folder.path().join(name)),
        ..plain.clone()
    };
    let trusted = over_tls(Some("ca.pem"));
    let mut appender = ClickHouseAppender::open(&trusted).unwrap();
    appender.append(&[call(1)]).unwrap();
    let all = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
    let calls = |options: &Options| {
        ClickHouseQuerier::open(options).unwrap().totals(all, &Filter::default()).unwrap().calls
    };
    assert_eq!((calls(&trusted), calls(&plain)), (1, 1));
    // Public authorities do not know it, another one did not sign it, and a file without a certificate is named.
    for (authority, reason) in
        [(None, "certificate"), (Some("other.pem"), "certificate"), (Some("names"), "ca_file")]
    {
        let error = ClickHouseQuerier::open(&over_tls(authority)).unwrap_err().to_string();
        assert!(error.contains(reason), "{authority:?}: {error}");
    }
}
