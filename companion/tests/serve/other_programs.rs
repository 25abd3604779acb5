//! Other programs read the ledger's file while the server runs: Python, through the SQLite that it comes with. The one that is
//! compiled into this process leaves the log alone when it closes the file.

use std::path::Path;
use std::process::Command;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::header::CONTENT_TYPE;

use super::process::{Server, call, calls, request};

async fn post(server: &Server, numbers: std::ops::Range<u64>) {
    let body = request(numbers.map(call).collect()).encode_to_vec();
    let post =
        reqwest::Client::new().post(server.traces_url()).header(CONTENT_TYPE, "application/x-protobuf");
    let response = post.body(body).send().await.unwrap();
    let (status, body) = (response.status(), response.bytes().await.unwrap());
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    assert_eq!(ExportTraceServiceResponse::decode(body).unwrap().partial_success, None);
}

/// The number of calls.
fn read_by_another(ledger: &Path) -> String {
    let python = std::env::var("SPANLEDGER_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let read = "import sqlite3, sys\nfile = sqlite3.connect(sys.argv[1])\n\
                print(file.execute('SELECT count(*) FROM calls').fetchone()[0])\nfile.close()";
    let output = Command::new(python).args(["-c", read]).arg(ledger).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The last one that closes a database writes the log back and deletes it. That must not be the other program.
#[tokio::test]
async fn a_program_that_reads_the_file_and_closes_it_is_not_the_last_one() {
    let server = Server::start(&[]);
    post(&server, 0..20).await;
    for round in 1..4 {
        // Questions open the file as well.
        assert_eq!(server.get("/report.json").0, 200);
        assert_eq!(read_by_another(&server.ledger()), (round * 20).to_string());
        post(&server, round * 20..round * 20 + 20).await;
        assert_eq!(server.get("/readyz").0, 200);
    }
    server.signal("KILL");
    let (_, folder) = server.wait();
    let server = Server::start_in(folder, &[]);
    assert_eq!(calls(&server.ledger()).len(), 80);
}
