//! The sequence of a process; this test has a process of its own.

mod support;

use support::loopback::{Loopback, answer};
use support::observed::Observed;

#[tokio::test]
async fn a_process_counts_from_one() {
    let server = Loopback::start(answer("500 Internal Server Error", "text/plain", "")).await;
    let observed = Observed::default();
    let client = observed.client();
    for _ in 0..5 {
        let request = client.post(server.url("/v1/chat/completions")).body("{}");
        request.send().await.unwrap().bytes().await.unwrap();
    }
    let numbers: Vec<String> = observed
        .spans()
        .iter()
        .flat_map(|span| &span.attributes)
        .filter(|attribute| attribute.key.as_str() == "spanledger.sequence")
        .map(|attribute| attribute.value.to_string())
        .collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
}
