//! Memory stays flat over many streams. `SPANLEDGER_TEST_STREAMS` sets how many; docs/benchmarks.md has the figures of a million
//! calls through application and companion.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start threads and tasks, and read clocks and the environment"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Streams in all, unless set otherwise, and those under way at a time.
const STREAMS: usize = 20_000;
const TOGETHER: usize = 32;
/// What may be on the heap in addition after all streams, for connections and tables: a byte of each stream that is kept
/// would be 16 KB.
const GROWTH: usize = 64 * 1024;

#[global_allocator]
static HEAP: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

type Body = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, std::convert::Infallible>>>>;

/// A stream of a few chunks; every seventh stops without its end.
async fn answer(number: usize) -> Result<http::Response<Body>, std::convert::Infallible> {
    let chunk = |data: &str| Ok(Frame::data(Bytes::from(format!("data: {data}\n\n"))));
    let text = r#"{"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"word "}}]}"#;
    let last = r#"{"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4}}"#;
    let mut chunks: Vec<_> = (0..4).map(|_| chunk(text)).collect();
    if !number.is_multiple_of(7) {
        chunks.extend([chunk(last), chunk("[DONE]")]);
    }
    let body = StreamBody::new(stream::iter(chunks));
    Ok(http::Response::builder().header("content-type", "text/event-stream").body(body).unwrap())
}

/// The calls that were counted.
fn calls(exporter: &InMemoryMetricExporter) -> u64 {
    let exports = exporter.get_finished_metrics().unwrap();
    let mut scopes = exports.last().unwrap().scope_metrics();
    let metric =
        scopes.find_map(|scope| scope.metrics().find(|metric| metric.name() == "spanledger.client.calls"));
    match metric.unwrap().data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => sum.data_points().map(|point| point.value()).sum(),
        other => panic!("{other:?} is no counter"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_leave_memory_flat() {
    let streams = std::env::var("SPANLEDGER_TEST_STREAMS").map_or(STREAMS, |number| number.parse().unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/chat/completions", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let counter = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        while let Ok((stream, _)) = listener.accept().await {
            let counter = std::sync::Arc::clone(&counter);
            tokio::spawn(async move {
                let service =
                    service_fn(|_| answer(counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                server.serve_connection(TokioIo::new(stream), service).await.unwrap_or_default();
            });
        }
    });
    // Real spans are made and ended; a provider without exporter lets go of them.
    let exporter = InMemoryMetricExporter::default();
    let meters =
        SdkMeterProvider::builder().with_reader(PeriodicReader::builder(exporter.clone()).build()).build();
    let middleware = spanledger::GenAiMiddleware::builder()
        .tracer_provider(SdkTracerProvider::builder().build())
        .meter_provider(meters.clone())
        .build();
    let client =
        reqwest_middleware::ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
            .with(middleware)
            .build();
    let run = async |streams: usize| {
        let mut lanes = tokio::task::JoinSet::new();
        for lane in 0..TOGETHER {
            let (client, url) = (client.clone(), url.clone());
            lanes.spawn(async move {
                for number in (lane..streams).step_by(TOGETHER) {
                    let request = client.post(&url).body(r#"{"model":"gpt-4o","stream":true}"#);
                    let response = request.send().await.unwrap();
                    // Every fifth caller loses interest.
                    if !number.is_multiple_of(5) {
                        response.bytes().await.unwrap();
                    }
                }
            });
        }
        lanes.join_all().await;
    };
    // A fifth warms up pools and tables. The client is idle afterwards: nothing of a call is left.
    run(streams / 5).await;
    let before = HEAP.current_usage();
    run(streams - streams / 5).await;
    let after = HEAP.current_usage();
    meters.force_flush().unwrap();
    assert_eq!(calls(&exporter), streams as u64, "every stream is one call");
    eprintln!("{before} bytes on the heap before, {after} after");
    assert!(after < before + GROWTH, "{before} bytes on the heap grew to {after}");
}
