//! What was acknowledged survives `kill -9`, and what is sent again is not counted again.

use std::collections::HashSet;

use prost::Message;
use reqwest::header::CONTENT_TYPE;

use super::process::{Server, call, request};

/// Spans of one request, and requests acknowledged before the end. `spanledger calls` shows up to 1000 rows.
const SPANS: u64 = 10;
const REQUESTS: u64 = 40;

#[tokio::test]
async fn loses_nothing_acknowledged_and_nothing_twice_over_kill_9() {
    let server = Server::start(&[]);
    let (url, client) = (server.traces_url(), reqwest::Client::new());
    let send = |url: String, number: u64| {
        let spans = (number * SPANS..(number + 1) * SPANS).map(call).collect();
        let post = client.post(url).header(CONTENT_TYPE, "application/x-protobuf");
        post.body(request(spans).encode_to_vec()).send()
    };
    // Four senders at a time; the server is killed while they send.
    let mut acknowledged = Vec::new();
    let mut senders = tokio::task::JoinSet::new();
    let mut next = 0;
    loop {
        while senders.len() < 4 {
            let sending = send(url.clone(), next);
            let number = next;
            senders.spawn(
                async move { (number, sending.await.is_ok_and(|answer| answer.status().is_success())) },
            );
            next += 1;
        }
        let (number, taken) = senders.join_next().await.unwrap().unwrap();
        assert!(taken || acknowledged.len() as u64 >= REQUESTS, "request {number} failed");
        if !taken {
            break;
        }
        acknowledged.push(number);
        if acknowledged.len() as u64 == REQUESTS {
            server.signal("KILL");
        }
    }
    while let Some(ended) = senders.join_next().await {
        let (number, taken) = ended.unwrap();
        if taken {
            acknowledged.push(number);
        }
    }
    let (_, folder) = server.wait();

    let server = Server::start_in(folder, &[]);
    let ids = |server: &Server| -> Vec<String> {
        server.calls().iter().map(|call| call["trace_id"].as_str().unwrap().to_owned()).collect()
    };
    let kept: HashSet<String> = ids(&server).into_iter().collect();
    for number in &acknowledged {
        for span in number * SPANS..(number + 1) * SPANS {
            let id = format!("abababababababab{span:016x}");
            assert!(kept.contains(&id), "call {span} was acknowledged and is gone");
        }
    }
    // Every sender sends again what it does not know to be durable, and more.
    for number in 0..next {
        assert!(send(server.traces_url(), number).await.unwrap().status().is_success());
    }
    let all = ids(&server);
    assert_eq!(all.len() as u64, next * SPANS);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}
