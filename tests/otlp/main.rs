//! All telemetry arrives, over both protocols, wherever the application sets it up. Each case runs in a process of
//! its own, because providers and subscribers are global and the environment is part of the test.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start threads and tasks, and read clocks and the environment"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod application;
mod delivery;
mod process;
mod receiver;
mod server;
mod settings;

use application::SPANS;
use process::run;
use receiver::Receiver;

#[test]
fn everything_arrives_over_both_protocols_in_and_out_of_runtimes() {
    for protocol in ["http/protobuf", "grpc"] {
        for child in
            ["outside_of_a_runtime", "inside_a_multi_threaded_runtime", "inside_a_single_threaded_runtime"]
        {
            let receiver = Receiver::start();
            run(
                child,
                &[
                    ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()),
                    ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                    ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=blue"),
                    ("OTEL_SERVICE_NAME", "shop"),
                    ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
                    ("RUST_LOG", "trace"),
                    // No proxy knows the ports of this machine.
                    ("HTTP_PROXY", "http://127.0.0.1:1"),
                ],
            );
            let received = receiver.received.lock().unwrap();
            let names: Vec<&str> = received.spans.iter().map(|span| span.name.as_str()).collect();
            assert_eq!(names.len(), SPANS, "{protocol} {child}");
            assert!(names.contains(&"application span") && !names.contains(&"noise"), "{protocol} {child}");
            assert!(names.contains(&"own span"), "{protocol} {child}");
            assert_eq!(received.metrics["application.duration"], 1, "{protocol} {child}");
            assert!(!received.exponential);
            assert_eq!(received.resource["service.name"], "shop");
            assert_eq!(received.resource["deployment.environment.name"], "test");
            assert_eq!(received.resource["service.instance.id"].len(), 32);
            for (path, headers) in &received.paths {
                assert_eq!(headers["x-tenant"], "blue", "{path}");
                assert_eq!(path.starts_with("/v1/"), protocol == "http/protobuf", "{path}");
            }
        }
    }
}

#[test]
fn compresses_where_the_environment_asks_for_it() {
    for (protocol, header) in [("http/protobuf", "content-encoding"), ("grpc", "grpc-encoding")] {
        let receiver = Receiver::start();
        run(
            "inside_a_multi_threaded_runtime",
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ],
        );
        let received = receiver.received.lock().unwrap();
        assert_eq!(received.spans.len(), SPANS, "{protocol}");
        assert!(received.paths.values().all(|headers| headers[header] == "gzip"), "{protocol}");
    }
}

#[test]
fn a_call_arrives_as_a_child_of_the_applications_span_whatever_is_logged() {
    for log in ["info", "error", "off", "spanledger=off"] {
        let receiver = Receiver::start();
        run(
            "with_the_middleware",
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()), ("RUST_LOG", log)],
        );
        let received = receiver.received.lock().unwrap();
        let named = |name: &str| received.spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!(named("chat gpt-4o").parent_span_id, named("application span").span_id, "{log}");
        assert_eq!(received.metrics["gen_ai.client.inference.duration"], 1, "{log}");
        assert_eq!(received.spans.len(), 2, "{log}");
    }
}

#[test]
fn a_client_librarys_own_span_is_no_second_account_of_a_call() {
    let receiver = Receiver::start();
    run("through_a_client_library", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint())]);
    let received = receiver.received.lock().unwrap();
    let of_a_model = |name: &str| {
        let span = received.spans.iter().find(|span| span.name == name).unwrap();
        span.attributes.iter().filter(|attribute| attribute.key.starts_with("gen_ai.")).count()
    };
    let calls = received.spans.iter().filter(|span| span.name == "chat gpt-4o").count();
    assert_eq!((calls, received.spans.len()), (3, 9));
    assert_eq!([of_a_model("around a call"), of_a_model("around two calls")], [0, 0]);
    assert_eq!([of_a_model("without a call"), of_a_model("agent")], [3, 2]);
    let around = received.spans.iter().find(|span| span.name == "around a call").unwrap();
    assert!(around.attributes.iter().any(|attribute| attribute.key == "rig.provider_request_id"));
}
