//! Parents across spawned tasks, branches of `select!` and worker threads that steal from each other.

use std::collections::HashMap;

use crate::support::loopback::{Act, Loopback, answer};
use crate::support::observed::Observed;
use crate::support::recorded::Recorded;
use opentelemetry::Context;
use opentelemetry::context::FutureExt;
use opentelemetry::trace::{SpanId, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SpanData;
use reqwest_middleware::ClientWithMiddleware;
use spanledger::CallContext;
use tracing::instrument::{Instrument, WithSubscriber};
use tracing_subscriber::layer::SubscriberExt;

const PATH: &str = "/v1/chat/completions";
const ANSWER: &str = r#"{"id":"chatcmpl-1","model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop","message":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
const TASKS: usize = 48;

async fn server() -> Loopback {
    Loopback::start(answer("200 OK", "application/json", ANSWER)).await
}

/// One call; its body is read on a task of its own, without a context.
async fn call(client: &ClientWithMiddleware, url: &str, user: &str) {
    let request = client.post(url).body(r#"{"model":"gpt-4o","messages":[]}"#);
    let response = request.with_extension(CallContext::new().user_id(user)).send().await.unwrap();
    tokio::spawn(async move { response.bytes().await.unwrap() }).await.unwrap();
}

fn current() -> SpanId {
    Context::current().span().span_context().span_id()
}

fn user(span: &SpanData) -> Option<String> {
    Recorded(span.clone()).get("user.id")
}

/// Asserts that the calls of each user hang on the handler of that name, `calls` of them.
fn assert_families(spans: &[SpanData], calls: usize) {
    let handlers: HashMap<&str, &SpanData> = spans
        .iter()
        .filter(|span| span.name.starts_with("handler"))
        .map(|span| (span.name.as_ref(), span))
        .collect();
    assert_eq!(handlers.len(), TASKS);
    let mut seen = HashMap::<String, usize>::new();
    for span in spans.iter().filter(|span| span.name == "chat gpt-4o") {
        let name = user(span).unwrap();
        let handler = handlers[name.as_str()];
        assert_eq!(span.parent_span_id, handler.span_context.span_id());
        assert_eq!(span.span_context.trace_id(), handler.span_context.trace_id());
        *seen.entry(name).or_default() += 1;
    }
    assert_eq!(seen.len(), TASKS);
    assert!(seen.values().all(|count| *count == calls), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_of_many_tasks_hang_each_on_its_own_parent() {
    let (server, observed) = (server().await, Observed::default());
    let (client, url) = (observed.client(), server.url(PATH));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..TASKS {
        let name = format!("handler {number}");
        let parent = Context::new().with_span(observed.tracers.tracer("application").start(name.clone()));
        let (client, url) = (client.clone(), url.clone());
        let handler = async move {
            let own = current();
            for _ in 0..2 {
                call(&client, &url, &name).await;
                assert_eq!(current(), own, "the call's span stays inside the call");
                tokio::task::yield_now().await;
            }
            // Two at once on one task take turns at every wait.
            tokio::join!(call(&client, &url, &name), call(&client, &url, &name));
            assert_eq!(current(), own);
            Context::current().span().end();
        };
        tasks.spawn(handler.with_context(parent));
        // What shares the workers with them sees nothing of their spans.
        tasks.spawn(async {
            for _ in 0..50 {
                assert_eq!(current(), SpanId::INVALID);
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_families(&observed.spans(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_hang_on_the_tracing_span_of_their_task() {
    let (server, observed) = (server().await, Observed::default());
    let layer = tracing_opentelemetry::layer().with_tracer(observed.tracers.tracer("application"));
    let subscriber: tracing::Dispatch = tracing_subscriber::registry().with(layer).into();
    let (client, url) = (observed.client(), server.url(PATH));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..TASKS {
        let (client, url) = (client.clone(), url.clone());
        let handler = async move {
            let name = format!("handler {number}");
            let span = tracing::info_span!("handler", otel.name = name);
            call(&client, &url, &name).instrument(span.clone()).await;
            // On a task of its own, whose parent is what the application says.
            let task = async move { call(&client, &url, &name).await };
            tokio::spawn(task.instrument(span).with_current_subscriber()).await.unwrap();
            assert_eq!(current(), SpanId::INVALID, "nothing stays entered");
        };
        tasks.spawn(handler.with_subscriber(subscriber.clone()));
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_families(&observed.spans(), 2);
}

#[tokio::test]
async fn a_branch_that_loses_is_cancelled_and_leaves_nothing_behind() {
    let (winning, losing) = (server().await, Loopback::start(vec![Act::Hang]).await);
    let observed = Observed::default();
    let client = observed.client();
    let parent = Context::new().with_span(observed.tracers.tracer("application").start("handler"));
    let handler = parent.span().span_context().span_id();
    let (won, lost) = (winning.url(PATH), losing.url(PATH));
    async {
        tokio::select! {
            biased;
            () = call(&client, &lost, "loser") => unreachable!("it never answers"),
            () = call(&client, &won, "winner") => {}
        }
        assert_eq!(current(), handler);
        call(&client, &won, "later").await;
    }
    .with_context(parent)
    .await;
    assert_eq!(current(), SpanId::INVALID);
    let calls: Vec<SpanData> = observed.spans().into_iter().filter(|span| span.name != "handler").collect();
    let outcomes: Vec<(String, String)> =
        calls.iter().map(|span| (user(span).unwrap(), Recorded(span.clone()).outcome())).collect();
    let outcomes: Vec<(&str, &str)> =
        outcomes.iter().map(|(user, end)| (user.as_str(), end.as_str())).collect();
    // The loser ends when the winner's branch has its response and before anything else.
    assert_eq!(outcomes, [("winner", "completed"), ("loser", "cancelled"), ("later", "completed")]);
    assert!(calls.iter().all(|span| span.parent_span_id == handler));
}
