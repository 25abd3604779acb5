//! The library's counter of requests that no format takes.

use serde_json::json;
use spanledger::semconv::metric;

use super::*;
use crate::convert::{MetricsSender, Unrecognised};
use crate::record::{SkipReason, SkippedHours};

/// Of the token that all have.
const ANY: MetricsSender<'_> = MetricsSender { number: None, may_write: &|_| true };

/// A request of metrics in JSON: one counter, and another metric.
fn request(instance: &str, cumulative: bool, start: i64, points: &[(&str, u64)]) -> Vec<u8> {
    request_of("shop", instance, cumulative, start, points)
}

fn request_of(
    service: &str,
    instance: &str,
    cumulative: bool,
    start: i64,
    points: &[(&str, u64)],
) -> Vec<u8> {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let point = |(shape, value): &(&str, u64)| {
        json!({
            "attributes": [text(attribute::PROVIDER_NAME, "openai"), text(attribute::PATH_SHAPE, shape)],
            "startTimeUnixNano": start.to_string(), "timeUnixNano": NOW.0.to_string(), "asInt": value.to_string(),
        })
    };
    let points: Vec<_> = points.iter().map(point).collect();
    let temporality = if cumulative { 2 } else { 1 };
    json!({"resourceMetrics": [{
        "resource": {"attributes": [text("service.name", service), text("service.instance.id", instance)]},
        "scopeMetrics": [{"scope": {"name": "spanledger"}, "metrics": [
            {"name": "gen_ai.client.inference.duration", "histogram": {"dataPoints": [{"count": "3"}]}},
            {"name": metric::UNRECOGNISED, "sum": {
                "dataPoints": points, "aggregationTemporality": temporality, "isMonotonic": true,
            }},
        ]}],
    }]})
    .to_string()
    .into_bytes()
}

fn counted(found: &SkippedHours) -> Vec<(String, u64)> {
    let found = found.iter().flat_map(|(_, skipped)| skipped.iter());
    found
        .map(|(scope, reason, requests)| {
            assert_eq!(reason, SkipReason::Unrecognised);
            (scope.to_owned(), requests)
        })
        .collect()
}

#[test]
fn counts_what_is_new_of_a_cumulative_counter() {
    let converter = converter().since(NOW);
    let read =
        |request: &[u8]| counted(&converter.unrecognised(Encoded::Json(request), ANY, NOW).unwrap().counted);
    let (later, before) = (NOW.0 + 1, NOW.0 - 1);
    let new = |requests| vec![("openai /v1/foo".to_owned(), requests)];
    // A process that began before the companion was counted by it before.
    assert_eq!(read(&request("a", true, before, &[("/v1/foo", 3)])), []);
    assert_eq!(read(&request("a", true, before, &[("/v1/foo", 5)])), new(2));
    assert_eq!(read(&request("a", true, before, &[("/v1/foo", 5)])), []);
    // One that began later is new in whole, and so is one that began again.
    assert_eq!(read(&request("b", true, later, &[("/v1/foo", 4), ("/v1/bar", 1)])).len(), 2);
    assert_eq!(read(&request("b", true, later, &[("/v1/foo", 4), ("/v1/bar", 1)])), []);
    assert_eq!(read(&request("b", true, later + 1, &[("/v1/foo", 1)])), new(1));
}

#[test]
fn counts_every_value_of_a_delta_counter_and_no_other_metric() {
    let converter = converter().since(NOW);
    let delta = request("a", false, NOW.0 - 1, &[("/v1/foo", 3)]);
    for _ in 0..2 {
        let found = converter.unrecognised(Encoded::Json(&delta), ANY, NOW).unwrap();
        assert_eq!(counted(&found.counted), [("openai /v1/foo".to_owned(), 3)]);
    }
    assert!(converter.unrecognised(Encoded::Json(b"[]"), ANY, NOW).is_err());
    assert_eq!(converter.unrecognised(Encoded::Protobuf(b""), ANY, NOW).unwrap(), Unrecognised::default());
}

#[test]
fn follows_a_bounded_number_of_counters() {
    let converter = converter().since(NOW);
    let shapes: Vec<String> = (0..6_000).map(|number| format!("/v1/{number}")).collect();
    let points: Vec<(&str, u64)> = shapes.iter().map(|shape| (shape.as_str(), 1)).collect();
    let read = |sender, service: &str, now: Timestamp| {
        let request = request_of(service, "a", true, NOW.0 + 1, &points);
        let found = converter.unrecognised(Encoded::Json(&request), sender, now).unwrap();
        let all: u64 = counted(&found.counted).iter().map(|(_, requests)| requests).sum();
        (all, found.unfollowed, counted(&found.counted).len())
    };
    // Half of them are for one service, or for one sender with a token of its own. A hundred are named.
    assert_eq!(read(ANY, "shop", NOW), (2_048, 3_952, 101));
    let chat = MetricsSender { number: Some(1), ..ANY };
    assert_eq!(read(chat, "chat", NOW), (2_048, 3_952, 101));
    assert_eq!(read(chat, "talk", NOW), (0, 6_000, 0));
    assert_eq!(read(MetricsSender { number: Some(2), ..ANY }, "late", NOW), (0, 6_000, 0));
    // What was not sent for an hour gives way.
    assert_eq!(read(ANY, "late", NOW.plus_seconds(3_601)), (2_048, 3_952, 101));
}

#[test]
fn a_sender_leaves_the_counters_of_others_alone() {
    let converter = converter().since(NOW);
    let read = |number, own: &str, requests| {
        let may_write = |service: &str| service == own;
        let sender = MetricsSender { number: Some(number), may_write: &may_write };
        let request = request("i", true, NOW.0 + 1, &[("/v1/foo", requests)]);
        let found = converter.unrecognised(Encoded::Json(&request), sender, NOW).unwrap();
        (counted(&found.counted).iter().map(|(_, requests)| requests).sum::<u64>(), found.strange)
    };
    assert_eq!(read(1, "shop", 5), (5, 0));
    assert_eq!(read(2, "chat", 1_000_000), (0, 1));
    assert_eq!(read(1, "shop", 25), (20, 0));
}
