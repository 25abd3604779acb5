//! The applications of these tests: each sets its telemetry up in one way.

use std::time::Duration;

use opentelemetry::trace::{Span, SpanBuilder, TraceContextExt, Tracer};
use opentelemetry::{Context, global};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use tokio::runtime::Builder;

/// Spans of each that are not of a call.
pub(crate) const SPANS: usize = 300;

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
#[ignore = "a child of the other tests"]
fn outside_of_a_runtime() {
    let guard = spanledger::otlp::init().unwrap();
    work();
    drop(guard);
}

#[test]
#[ignore = "a child of the other tests"]
fn inside_a_multi_threaded_runtime() {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let _guard = spanledger::otlp::init().unwrap();
        tokio::spawn(async { work() }).await.unwrap();
    });
}

#[test]
#[ignore = "a child of the other tests"]
fn inside_a_single_threaded_runtime() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let guard = spanledger::otlp::init().unwrap();
        work();
        assert!(guard.flush(), "everything is taken");
    });
}

#[test]
#[ignore = "a child of the other tests"]
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
#[ignore = "a child of the other tests"]
fn beside_a_subscriber_of_the_application() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let guard = spanledger::otlp::init().unwrap();
    tracing::warn!("still the application's");
    drop(guard);
}

#[test]
#[ignore = "a child of the other tests"]
fn without_a_receiver() {
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
#[ignore = "a child of the other tests"]
fn without_a_provider() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        for _ in 0..2 {
            call().await;
        }
    });
}

#[test]
#[ignore = "a child of the other tests"]
fn with_the_middleware() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let _guard = spanledger::otlp::init().unwrap();
        let outer = tracing::info_span!("application span");
        tracing::Instrument::instrument(call(), outer).await;
    });
}

#[test]
#[ignore = "a child of the other tests"]
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
#[ignore = "a child of the other tests"]
fn through_an_outage() {
    let guard = spanledger::otlp::builder().flush_timeout(Duration::from_secs(60)).init().unwrap();
    work();
    assert!(guard.flush(), "everything is taken");
}

#[test]
#[ignore = "a child of the other tests"]
fn with_more_spans_than_the_queue_holds() {
    let guard = spanledger::otlp::builder().flush_timeout(Duration::from_secs(60)).init().unwrap();
    work();
    eprintln!("{WORKED}");
    drop(guard);
}

#[test]
#[ignore = "a child of the other tests"]
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
pub(crate) const WORKED: &str = "the work is done";

#[test]
#[ignore = "a child of the other tests"]
fn with_settings_that_make_no_sense() {
    Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let error = spanledger::otlp::init().map(drop).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("OTEL_EXPORTER_OTLP_"), "{text}");
        assert_eq!(format!("{error:?}"), text, "what main prints");
    });
}

#[test]
#[ignore = "a child of the other tests"]
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
