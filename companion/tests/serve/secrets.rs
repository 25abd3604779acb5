//! Secrets that a sender records by mistake appear nowhere: not in the ledger, its views, the log or an alert.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;

use opentelemetry_proto::tonic::trace::v1::{Status, span::Event};
use prost::Message;
use reqwest::header::CONTENT_TYPE;
use spanledger::semconv::attribute;

use super::process::{PATIENCE, Server, call, pair, request, run, spanledger, text};

/// A webhook that gives the bodies it was sent.
fn webhook() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, bodies) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if sender.send(String::from_utf8(body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, bodies)
}

/// The bytes of every file in `folder`, as text where it is any.
fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.is_file())
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            (path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect()
}

#[tokio::test]
async fn secrets_in_spans_reach_no_file_page_list_log_or_alert() {
    const CANARY: &str = "CANARY0123456789abcdefghijABCDEFGHIJ";
    let (url, bodies) = webhook();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("spanledger.toml");
    let group = "[notify]\ngroup_wait = \"0s\"\n\n[[notify.webhook]]";
    std::fs::write(
        &config,
        format!("[rules]\ninterval = \"1s\"\npreset = \"fixed\"\n\n{group}\nurl = \"{url}\"\n\n[log]\nlevel = \"trace\"\n"),
    )
    .unwrap();
    let server = Server::start_in(folder, &["--config", config.to_str().unwrap()]);

    let key = format!("sk-proj-{CANARY}");
    let link = format!("https://provider.example/v1/models?alt=sse&key={CANARY}&x=y");
    let spans = (0..20)
        .map(|number| {
            let mut failed = call(number);
            failed.attributes.retain(|attribute| attribute.key != attribute::OUTCOME);
            failed.attributes.extend([
                pair(attribute::OUTCOME, text("failed")),
                pair("http.request.header.authorization", text(&format!("Bearer {CANARY}"))),
                pair("url.full", text(&link)),
                pair("input.value", text(&key)),
                pair(attribute::USER_ID, text(&key)),
                pair(attribute::CONVERSATION_ID, text(&format!("Bearer {CANARY}"))),
                pair(attribute::ERROR_TYPE, text(&format!("refused {key}"))),
                pair(attribute::RESPONSE_PREVIEW, text(&format!("your key is {key}"))),
            ]);
            let message = format!("{key} was refused for ({link}) with Bearer {CANARY}==");
            failed.events = vec![Event {
                name: "exception".to_owned(),
                attributes: vec![
                    pair("exception.type", text("AuthenticationError")),
                    pair("exception.message", text(&message)),
                ],
                ..Event::default()
            }];
            // Odd ones have their message from the exception alone, and the one of the last is cut within its key.
            let status = match number {
                19 => format!("{} AIza{CANARY}", "x".repeat(1000)),
                even if even % 2 == 0 => message,
                _ => String::new(),
            };
            failed.status = Some(Status { code: 2, message: status });
            failed
        })
        .collect();
    let client = reqwest::Client::new();
    let post = client.post(server.traces_url()).header(CONTENT_TYPE, "application/x-protobuf");
    assert!(post.body(request(spans).encode_to_vec()).send().await.unwrap().status().is_success());

    let mut shown = Vec::new();
    // Until the alert about these calls is notified.
    loop {
        let body = bodies.recv_timeout(PATIENCE).unwrap();
        let failures = body.contains("HighFailureRate");
        shown.push(("notification".to_owned(), body));
        if failures {
            break;
        }
    }
    for path in ["/", "/calls", "/report.json", "/metrics"] {
        let (status, body) = server.get(path);
        assert_eq!(status, 200, "{path}");
        shown.push((path.to_owned(), body));
    }
    for format in ["csv", "json", "table"] {
        let mut command = spanledger();
        command.args(["calls", "--format", format, "--ledger"]).arg(server.ledger());
        let output = run(&mut command);
        assert!(output.status.success(), "{output:?}");
        let listed = String::from_utf8(output.stdout).unwrap();
        // The rest of the message is there: what was searched is what was sent.
        assert!(format == "table" || listed.contains("alt=sse&key=REDACTED&x=y"), "{listed}");
        shown.push((format!("calls as {format}"), listed));
    }
    shown.extend(files(server.folder.path()));
    assert!(shown.iter().any(|(name, _)| name.ends_with("ledger.db")));
    for (name, text) in &shown {
        assert!(!text.contains("CANARY"), "a secret is in {name}");
    }
}
