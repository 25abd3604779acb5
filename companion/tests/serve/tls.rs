//! TLS at both receivers.

use std::path::Path;
use std::process::Command;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use reqwest::header::CONTENT_TYPE;
use tonic::transport::{Certificate, Channel, ClientTlsConfig};

use super::process::{Server, call, request};

/// A certificate for 127.0.0.1 that signs itself.
fn certificate(folder: &Path) -> bool {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("cert.pem"))
        .output();
    made.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn serves_both_protocols_over_tls_and_nothing_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    if !certificate(folder.path()) {
        assert!(std::env::var_os("CI").is_none(), "openssl is needed");
        eprintln!("skipped: openssl is not installed");
        return;
    }
    let pem = std::fs::read(folder.path().join("cert.pem")).unwrap();
    let config = folder.path().join("spanledger.toml");
    let file = |name: &str| folder.path().join(name);
    let text = format!("[receiver.tls]\ncert = {:?}\nkey = {:?}\n", file("cert.pem"), file("key.pem"));
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap().to_owned();
    let server = Server::start_in(folder, &["--config", &config]);

    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap();
    let post = |scheme: &str, number: u64| {
        client
            .post(format!("{scheme}://{}/v1/traces", server.http))
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(request(vec![call(number)]).encode_to_vec())
            .send()
    };
    assert!(post("https", 1).await.unwrap().status().is_success());
    assert!(post("http", 2).await.is_err());

    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&pem)).domain_name("localhost");
    let channel = Channel::from_shared(format!("https://{}", server.grpc)).unwrap().tls_config(tls).unwrap();
    let mut client = TraceServiceClient::new(channel.connect().await.unwrap());
    client.export(request(vec![call(3)])).await.unwrap();
    assert_eq!(server.calls().len(), 2);
}
