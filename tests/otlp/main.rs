//! All telemetry arrives, over both protocols, wherever the application sets it up. Each case runs in a process of
//! its own, because providers and subscribers are global and the environment is part of the test.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start threads and tasks, and read clocks and the environment"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod receiver;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use opentelemetry::trace::{Span, SpanBuilder, TraceContextExt, Tracer};
use opentelemetry::{Context, global};
use receiver::Receiver;
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use tokio::runtime::Builder;

const SPANS: usize = 300;

fn command(child: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", child, "--ignored", "--nocapture"]).env_clear().envs(variables.iter().copied());
    command
}

/// Runs one of the children below with `variables`, and gives its output.
fn run(child: &str, variables: &[(&str, &str)]) -> Output {
    let output = command(child, variables).output().unwrap();
    assert!(output.status.success(), "{child}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// An application's telemetry: spans of both APIs, and a histogram.
fn work() {
    let tracer = global::tracer("application");
    for number in 0..SPANS - 2 {
        tracer.build(SpanBuilder::from_name(format!("span {number}"))).end();
    }
    let outer = tracing::info_span!("application span");
    outer.in_scope(|| {
        assert!(Context::current().has_active_span(), "tracing spans are parents");
        // What the exporters' own libraries say must not become spans.
        let _noise = tracing::info_span!(target: "h2::client", "noise").entered();
        let _more = tracing::info_span!(target: "hyper_util::client", "noise").entered();
        // A crate of the application's whose name begins like one of theirs.
        let _own = tracing::info_span!(target: "tower_control::radar", "own span").entered();
    });
    global::meter("application").f64_histogram("application.duration").build().record(0.5, &[]);
}

#[test]
#[ignore = "a child of the tests below"]
fn outside_of_a_runtime() {
    let guard = spanledger::otlp::init().unwrap();
    work();
    drop(guard);
}

#[test]
#[ignore = "a child of the tests below"]
fn inside_a_multi_threaded_runtime() {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let _guard = spanledger::otlp::init().unwrap();
        tokio::spawn(async { work() }).await.unwrap();
    });
}

#[test]
#[ignore = "a child of the tests below"]
fn inside_a_single_threaded_runtime() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let guard = spanledger::otlp::init().unwrap();
        work();
        assert!(guard.flush(), "everything is taken");
    });
}

#[test]
#[ignore = "a child of the tests below"]
fn with_options() {
    let guard = spanledger::otlp::builder()
        .service_name("named in code")
        .protocol(spanledger::otlp::Protocol::Grpc)
        .endpoint(std::env::var("RECEIVER").unwrap())
        .exponential_histograms(true)
        .bridge(false)
        .init()
        .unwrap();
    let subscriber =
        tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), guard.layer());
    let _subscribed = tracing::subscriber::set_default(subscriber);
    work();
    drop(guard);
}

#[test]
#[ignore = "a child of the tests below"]
fn beside_a_subscriber_of_the_application() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let guard = spanledger::otlp::init().unwrap();
    tracing::warn!("still the application's");
    drop(guard);
}

#[test]
#[ignore = "a child of the tests below"]
fn towards_nobody() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let writer = move || Lines(sender.clone());
    tracing_subscriber::fmt().with_writer(writer).with_ansi(false).init();
    let guard = spanledger::otlp::builder().flush_timeout(Duration::from_millis(200)).init().unwrap();
    let text = std::iter::from_fn(|| receiver.recv_timeout(Duration::from_secs(30)).ok())
        .find(|line| line.contains("cannot be reached"))
        .expect("a word about the endpoint");
    assert!(text.contains("ERROR") && text.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    drop(guard);
    let again = receiver.try_iter().filter(|line| line.contains("cannot be reached")).count();
    assert_eq!(again, 0, "logged once");
}

struct Lines(std::sync::mpsc::Sender<String>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        drop(self.0.send(String::from_utf8_lossy(bytes).into_owned()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
#[ignore = "a child of the tests below"]
fn without_a_provider() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        for _ in 0..2 {
            call().await;
        }
    });
}

#[test]
#[ignore = "a child of the tests below"]
fn with_the_middleware() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let _guard = spanledger::otlp::init().unwrap();
        let outer = tracing::info_span!("application span");
        tracing::Instrument::instrument(call(), outer).await;
    });
}

#[test]
#[ignore = "a child of the tests below"]
fn through_a_client_library() {
    use tracing::Instrument;
    use tracing::field::Empty;
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let _guard = spanledger::otlp::init().unwrap();
        let agent = tracing::info_span!(
            target: "rig::agent",
            "agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.usage.input_tokens = 7
        );
        // As rig and genai record a call.
        let chat = |name: &'static str| {
            tracing::info_span!(
                target: "rig::completions",
                "chat",
                otel.name = name,
                gen_ai.operation.name = "chat",
                gen_ai.request.model = "gpt-4o",
                gen_ai.usage.input_tokens = Empty,
                rig.provider_request_id = "r"
            )
        };
        async {
            for name in ["around a call", "around two calls"] {
                let around = chat(name);
                around.record("gen_ai.usage.input_tokens", 7);
                async {
                    call().instrument(tracing::info_span!("between")).await;
                    if name == "around two calls" {
                        call().await;
                    }
                }
                .instrument(around)
                .await;
            }
            let without = chat("without a call");
            without.record("gen_ai.usage.input_tokens", 7);
        }
        .instrument(agent)
        .await;
    });
}

/// A provider without a network, whose every response is empty.
struct Provider;

#[async_trait::async_trait]
impl Middleware for Provider {
    async fn handle(
        &self,
        _request: reqwest::Request,
        _extensions: &mut http::Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        Ok(http::Response::builder().header("content-type", "application/json").body("{}").unwrap().into())
    }
}

/// One call through the middleware, with every default.
async fn call() {
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(spanledger::GenAiMiddleware::new())
        .with(Provider)
        .build();
    let request = client.post("https://api.openai.com/v1/chat/completions").body(r#"{"model":"gpt-4o"}"#);
    request.send().await.unwrap().bytes().await.unwrap();
}

#[test]
#[ignore = "a child of the tests below"]
fn through_an_outage() {
    let guard = spanledger::otlp::builder().flush_timeout(Duration::from_secs(60)).init().unwrap();
    work();
    assert!(guard.flush(), "everything is taken");
}

#[test]
#[ignore = "a child of the tests below"]
fn with_more_spans_than_the_queue_holds() {
    let guard = spanledger::otlp::builder().flush_timeout(Duration::from_secs(60)).init().unwrap();
    work();
    eprintln!("{WORKED}");
    drop(guard);
}

#[test]
#[ignore = "a child of the tests below"]
fn until_it_is_terminated() {
    let flush = std::env::var_os("FLUSH").is_some();
    let _guard = spanledger::otlp::builder().flush_on_termination(flush).init().unwrap();
    work();
    eprintln!("{WORKED}");
    loop {
        std::thread::park();
    }
}

/// What a child writes when its spans are made.
const WORKED: &str = "the work is done";

#[test]
#[ignore = "a child of the tests below"]
fn with_settings_that_make_no_sense() {
    Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let text = spanledger::otlp::init().map(drop).unwrap_err().to_string();
        assert!(text.contains("OTEL_EXPORTER_OTLP_"), "{text}");
    });
}

#[test]
#[ignore = "a child of the tests below"]
fn disabled() {
    let guard = spanledger::otlp::init().unwrap();
    tracing::info!("a line of the application's log");
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        call().await;
    });
    let span = global::tracer("application").start("span");
    assert!(!span.span_context().is_valid(), "no provider is installed");
    assert!(guard.flush());
}

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
fn tells_once_that_nobody_listens_and_stops_in_time() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://user:secret@{nobody}");
    for protocol in ["http/protobuf", "grpc"] {
        run(
            "towards_nobody",
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)],
        );
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

#[test]
fn tells_once_that_no_provider_is_installed() {
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

/// A child with the default actions of signals: what is started in the background by a shell inherits that they are ignored.
fn with_default_signals(child: &str, variables: &[(&str, &str)]) -> Command {
    let child = command(child, variables);
    let mut command = Command::new("/usr/bin/env");
    command.arg("--default-signal=INT,TERM").arg(child.get_program()).args(child.get_args());
    command.env_clear().envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Starts a child, with the lines of its standard error.
fn start(child: &str, variables: &[(&str, &str)]) -> (Child, impl Iterator<Item = String>) {
    let mut child =
        with_default_signals(child, variables).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

fn ended(mut child: Child) -> ExitStatus {
    child.wait().unwrap()
}
