//! What code and environment set, what is refused, and what is logged of it.

use crate::application::SPANS;
use crate::process::run;
use crate::receiver::Receiver;

#[test]
fn settings_that_make_no_sense_are_an_error_also_inside_a_runtime() {
    for (endpoint, compression) in [("https://127.0.0.1:1", "none"), ("not a URL", "none")] {
        run(
            "with_settings_that_make_no_sense",
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
            ],
        );
    }
}

#[test]
fn what_the_code_says_goes_before_the_environment() {
    let receiver = Receiver::start();
    run(
        "with_options",
        &[
            ("RECEIVER", &receiver.endpoint()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_SERVICE_NAME", "named by the environment"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=given"),
        ],
    );
    let received = receiver.received.lock().unwrap();
    assert_eq!(received.spans.len(), SPANS);
    assert!(received.exponential);
    assert_eq!(received.resource["service.name"], "named in code");
    assert_eq!(received.resource["service.instance.id"], "given");
}

#[test]
fn leaves_the_subscriber_of_the_application_alone() {
    let receiver = Receiver::start();
    let output = run(
        "beside_a_subscriber_of_the_application",
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint())],
    );
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("still the application's") && text.contains("add the guard's layer"), "{text}");
}

#[test]
fn logs_once_that_no_receiver_listens_and_stops_in_time() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://user:secret@{unused}");
    for protocol in ["http/protobuf", "grpc"] {
        run(
            "without_a_receiver",
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)],
        );
    }
}

#[test]
fn logs_once_that_no_provider_is_installed() {
    let text = String::from_utf8(run("without_a_provider", &[]).stderr).unwrap();
    assert_eq!(text.matches("no tracer provider is installed").count(), 1, "{text}");
}

#[test]
fn the_environment_can_disable_it() {
    let text = String::from_utf8(run("disabled", &[("OTEL_SDK_DISABLED", "true")]).stderr).unwrap();
    assert!(text.contains("a line of the application's log"), "{text}");
    assert!(!text.contains("no tracer provider"), "what was meant is no error: {text}");
}

#[test]
fn a_protocol_that_is_not_known_is_logged() {
    let receiver = Receiver::start();
    let of = |protocol| {
        let endpoint = receiver.endpoint();
        let variables =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];
        String::from_utf8(run("outside_of_a_runtime", &variables).stderr).unwrap()
    };
    let line = "OTEL_EXPORTER_OTLP_PROTOCOL is neither grpc nor http/protobuf; sending http/protobuf";
    assert!(of("http/json").contains(line));
    assert!(!of("http/protobuf").contains(line));
}
