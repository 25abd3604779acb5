//! A flipped bit in the ledger that a server goes on with.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use super::process::{Server, call, request};

/// Calls of ten hours.
const CALLS: u64 = 600;

#[tokio::test]
async fn late_calls_into_a_damaged_page_are_refused_alone_and_hold_nothing_up() {
    let post = async |server: &Server, numbers: &[u64]| {
        let spans = numbers.iter().map(|number| {
            let mut span = call(*number);
            let earlier = (CALLS - number % CALLS) * 60_000_000_000;
            span.start_time_unix_nano -= earlier;
            span.end_time_unix_nano -= earlier;
            span
        });
        let body = request(spans.collect()).encode_to_vec();
        let post =
            reqwest::Client::new().post(server.traces_url()).header(CONTENT_TYPE, "application/x-protobuf");
        let response = post.body(body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap().partial_success
    };
    let server = Server::start(&[]);
    assert_eq!(post(&server, &(0..CALLS).collect::<Vec<_>>()).await, None);
    let path = server.ledger();
    server.signal("TERM");
    let (_, folder) = server.wait();

    let plain = rusqlite::Connection::open(&path).unwrap();
    let middle = "SELECT pageno FROM dbstat WHERE name = 'calls' AND pagetype = 'leaf' ORDER BY pageno LIMIT 1 OFFSET 8";
    let page: i64 = plain.query_row(middle, [], |row| row.get(0)).unwrap();
    drop(plain);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(usize::try_from(page).unwrap() - 1) * 4096 + 3_000] ^= 16;
    std::fs::write(&path, bytes).unwrap();

    let server = Server::start_in(folder, &[]);
    // Other calls, of the same times.
    let again: Vec<u64> = (CALLS..2 * CALLS).collect();
    let refused = post(&server, &again).await.unwrap();
    // Those of the page, and those that are added up with them.
    assert!((1..300).contains(&refused.rejected_spans), "{refused:?}");
    let reason = "the page of the ledger on which they belong is damaged, `spanledger verify` names it";
    assert!(refused.error_message.contains(reason), "{refused:?}");
    // They are refused for good, and what comes with them or later is taken.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let metric = |result: &str| {
        (
            server.metric(&format!("spanledger_receiver_spans_total{{result=\"{result}\"}}")).unwrap(),
            refused.rejected_spans as f64,
        )
    };
    let (found, expected) = metric("refused");
    assert_eq!(found, expected);
    let (found, refused) = metric("accepted");
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let taken = CALLS as f64 - refused;
    assert_eq!(found, taken);
    assert_eq!(post(&server, &[3 * CALLS - 1]).await, None);
    assert_eq!(server.get("/readyz").0, 200);
    let log = server.log();
    assert!(log.contains(&format!("page {page} does not match its checksum")), "{log}");
}
