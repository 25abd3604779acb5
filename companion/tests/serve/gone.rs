//! The ledger's file is taken away while the server runs.

use prost::Message;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};

use super::process::{Server, call, request};

#[tokio::test]
async fn is_not_ready_and_acknowledges_nothing_while_its_file_is_gone() {
    let server = Server::start(&[]);
    let post = async |number| {
        let body = request(vec![call(number)]).encode_to_vec();
        let post = reqwest::Client::new().post(server.traces_url()).body(body);
        post.header(CONTENT_TYPE, "application/x-protobuf").send().await.unwrap()
    };
    assert_eq!(post(1).await.status(), StatusCode::OK);
    let moved = server.folder.path().join("moved.db");
    std::fs::rename(server.ledger(), &moved).unwrap();
    let refused = post(2).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[RETRY_AFTER], "1");
    let reason = "the ledger's file was deleted, moved or replaced\n".to_owned();
    assert_eq!(server.get("/readyz"), (503, reason));
    assert_eq!(server.get("/healthz").0, 200);
    assert_eq!(server.get("/").0, 503);

    std::fs::rename(moved, server.ledger()).unwrap();
    assert_eq!(post(2).await.status(), StatusCode::OK);
    assert_eq!(server.get("/readyz").0, 200);
    assert_eq!(server.calls().len(), 2);
}
