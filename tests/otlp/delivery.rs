//! A receiver that is away, a queue that is full, and the end of a process.

use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::process::Command;

use crate::application::{SPANS, WORKED};
use crate::process::{command, ended, start};
use crate::receiver::Receiver;

#[test]
fn spans_survive_an_outage_of_the_receiver() {
    let outage = |protocol: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100"),
        ];
        let mut child = command("through_an_outage", &variables).spawn().unwrap();
        // The check at the start, and tries of a batch.
        for _ in 0..4 {
            drop(listener.accept().unwrap());
        }
        let receiver = Receiver::on(listener);
        assert!(child.wait().unwrap().success(), "{protocol}");
        let received = receiver.received.lock().unwrap();
        let mut ids: Vec<_> = received.spans.iter().map(|span| &span.span_id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), received.spans.len()), (SPANS, SPANS), "{protocol}");
        assert!(!received.metrics.contains_key("spanledger.client.lost.spans"), "{protocol}");
    };
    let grpc = std::thread::spawn(move || outage("grpc"));
    outage("http/protobuf");
    grpc.join().unwrap();
}

#[test]
fn what_the_queue_cannot_hold_is_counted_and_logged_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
    ];
    let (child, mut lines) = start("with_more_spans_than_the_queue_holds", &variables);
    let before: Vec<String> = lines.by_ref().take_while(|line| !line.contains(WORKED)).collect();
    let receiver = Receiver::on(listener);
    let all: Vec<String> = before.into_iter().chain(lines).collect();
    assert!(ended(child).success(), "{all:#?}");
    let received = receiver.received.lock().unwrap();
    let lost = received.metrics["spanledger.client.lost.spans"];
    assert!(lost > 0 && received.spans.len() as u64 + lost == SPANS as u64, "{lost} lost: {all:#?}");
    assert_eq!(all.iter().filter(|line| line.contains("queue of spans is full")).count(), 1, "{all:#?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_termination_flushes_where_the_application_asks_for_it_and_ends_the_process_as_ever() {
    use std::os::unix::process::ExitStatusExt;
    for (name, number) in [("TERM", 15), ("INT", 2)] {
        for flush in [true, false] {
            let receiver = Receiver::start();
            let endpoint = receiver.endpoint();
            let variables =
                [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("FLUSH", "yes"), ("RUST_LOG", "off")];
            let variables = if flush { &variables[..] } else { &variables[..1] };
            let (child, mut lines) = start("until_it_is_terminated", variables);
            assert!(lines.any(|line| line.contains(WORKED)));
            let kill = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
            assert!(kill.success());
            assert_eq!(ended(child).signal(), Some(number));
            let spans = receiver.received.lock().unwrap().spans.len();
            assert_eq!(spans, if flush { SPANS } else { 0 }, "SIG{name}");
        }
    }
}
