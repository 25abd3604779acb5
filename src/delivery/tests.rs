use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

use super::*;
use crate::semconv::SCOPE;

/// Answers exports as the test says, one word each, and takes everything once the words are over.
#[derive(Debug)]
struct Scripted {
    requests: Sender<Vec<String>>,
    answers: Mutex<Receiver<OTelSdkResult>>,
}

/// The test's end of [`Scripted`].
struct Script {
    requests: Receiver<Vec<String>>,
    answers: Sender<OTelSdkResult>,
}

impl SpanExporter for Scripted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let names = batch.iter().map(|span| span.name.clone().into_owned()).collect();
        drop(self.requests.send(names));
        self.answers.lock().unwrap().recv().unwrap_or(Ok(()))
    }
}

impl Script {
    fn start(limits: Limits) -> (Self, Delivery) {
        let (requests, seen) = channel();
        let (answers, given) = channel();
        let exporter = Scripted { requests, answers: Mutex::new(given) };
        let none: MakeExporter<Scripted> = Arc::new(|| Err("there is one exporter".into()));
        (Self { requests: seen, answers }, Delivery::start(exporter, none, limits).unwrap())
    }

    /// The names in the next request.
    fn request(&self) -> Vec<String> {
        self.requests.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    fn answer(&self, text: &str) {
        self.answers.send(Err(OTelSdkError::InternalFailure(text.to_owned()))).unwrap();
    }

    /// Takes everything from now on, and gives all further requests once the delivery has ended.
    fn end(self, delivery: Delivery) -> (OTelSdkResult, Vec<Vec<String>>) {
        drop(self.answers);
        let ended = delivery.shutdown_with_timeout(Duration::from_secs(30));
        (ended, self.requests.iter().collect())
    }
}

const AWAY: &str = "HTTP export failed: network error";

fn limits() -> Limits {
    let tick = Duration::from_millis(1);
    Limits { delay: tick, first_wait: tick, longest_wait: tick, ..Limits::default() }
}

fn spans(scope: &'static str, named: &[(&'static str, usize)]) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    for (name, size) in named {
        let mut span = provider.tracer(scope).start(*name);
        span.set_attribute(KeyValue::new("a", "x".repeat(*size)));
        span.end();
    }
    exporter.get_finished_spans().unwrap()
}

fn push(delivery: &Delivery, scope: &'static str, names: &[&'static str]) {
    let named: Vec<(&str, usize)> = names.iter().map(|name| (*name, 1)).collect();
    spans(scope, &named).into_iter().for_each(|span| delivery.on_end(span));
}

#[test]
fn keeps_a_batch_while_the_receiver_is_away_and_delivers_it_once() {
    let (script, delivery) = Script::start(limits());
    push(&delivery, SCOPE, &["a"]);
    for _ in 0..30 {
        assert_eq!(script.request(), ["a"]);
        script.answer(AWAY);
    }
    push(&delivery, SCOPE, &["b", "c"]);
    let (ended, requests) = script.end(delivery);
    assert!(ended.is_ok());
    assert_eq!(requests, [vec!["a"], vec!["b", "c"]]);
}

#[test]
fn a_flush_returns_when_everything_before_it_is_delivered() {
    let (script, delivery) = Script::start(Limits { delay: Duration::from_secs(3600), ..limits() });
    push(&delivery, SCOPE, &["a", "b"]);
    script.answer(AWAY);
    script.answers.send(Ok(())).unwrap();
    assert!(delivery.force_flush().is_ok());
    assert_eq!([script.request(), script.request()], [["a", "b"], ["a", "b"]]);
    assert!(delivery.force_flush().is_ok(), "there is nothing left to wait for");
}

#[test]
fn a_flush_that_loses_spans_is_no_success() {
    let (script, delivery) = Script::start(Limits { delay: Duration::from_secs(3600), ..limits() });
    push(&delivery, SCOPE, &["a"]);
    script.answer("HTTP export failed with status code: 400");
    assert!(delivery.force_flush().is_err());
}

#[test]
fn what_is_refused_for_good_does_not_hold_up_the_next() {
    let (script, delivery) = Script::start(Limits { batch: 1, ..limits() });
    push(&delivery, SCOPE, &["bad", "good", "unclear", "last"]);
    assert_eq!(script.request(), ["bad"]);
    script.answer("HTTP export failed with status code: 400");
    assert_eq!(script.request(), ["good"]);
    script.answers.send(Ok(())).unwrap();
    for _ in 0..20 {
        assert_eq!(script.request(), ["unclear"]);
        script.answer("HTTP export failed with status code: 500");
    }
    assert_eq!(script.request(), ["last"]);
    let queue = Arc::clone(&delivery.queue);
    let (ended, further) = script.end(delivery);
    assert!(ended.is_ok());
    assert_eq!(further, Vec::<Vec<String>>::new());
    assert_eq!(queue.lost(), 2);
}

#[test]
fn a_full_queue_keeps_what_it_has_and_calls_have_room_of_their_own() {
    let (script, delivery) = Script::start(Limits { spans: 2, batch: 1, ..limits() });
    push(&delivery, "application", &["in hand"]);
    assert_eq!(script.request(), ["in hand"]);
    push(&delivery, "application", &["1", "2", "too many"]);
    push(&delivery, SCOPE, &["call 1", "call 2", "call too many"]);
    assert_eq!(delivery.queue.lost(), 2);
    let (ended, requests) = script.end(delivery);
    assert!(ended.is_ok(), "what was lost before is no failure of the end");
    assert_eq!(requests, [["call 1"], ["call 2"], ["1"], ["2"]]);
}

#[test]
fn the_bytes_that_wait_are_bounded_too() {
    let (script, delivery) = Script::start(Limits { bytes: 2_000, ..limits() });
    let first = spans(SCOPE, &[("in hand", 1)]);
    first.into_iter().for_each(|span| delivery.on_end(span));
    script.request();
    for span in spans(SCOPE, &[("larger than all", 9_000), ("no room", 1)]) {
        delivery.on_end(span);
    }
    assert_eq!(delivery.queue.lost(), 1);
    assert_eq!(script.end(delivery).1, [["larger than all"]]);
}

#[test]
fn requests_are_bounded_by_their_bytes() {
    let (script, delivery) =
        Script::start(Limits { request: 1_000, delay: Duration::from_secs(3600), ..limits() });
    let sized = [("1", 300), ("2", 300), ("3", 300), ("4", 5_000), ("5", 10), ("6", 10)];
    spans(SCOPE, &sized).into_iter().for_each(|span| delivery.on_end(span));
    assert_eq!(script.end(delivery).1, [vec!["1", "2"], vec!["3"], vec!["4"], vec!["5", "6"]]);
}

#[test]
fn the_end_tries_until_its_time_is_up_and_counts_the_rest() {
    let (script, delivery) = Script::start(Limits { batch: 1, ..limits() });
    push(&delivery, SCOPE, &["a", "b"]);
    (0..100_000).for_each(|_| script.answer(AWAY));
    assert!(delivery.shutdown_with_timeout(Duration::from_millis(50)).is_err());
    assert!(matches!(delivery.shutdown(), Err(OTelSdkError::AlreadyShutdown)));
    push(&delivery, SCOPE, &["after the end"]);
    drop(script);
    assert!(delivery.queue.stopped(Instant::now() + Duration::from_secs(30)));
    assert_eq!(delivery.queue.lost(), 3);
}
