//! The JSON of a report, and its documentation.

use super::*;

#[test]
fn the_json_holds_the_documented_fields() {
    let mut calls: Vec<_> = (1..=4).map(|n| fixture::call(n, DAY.from.plus_seconds(60))).collect();
    calls[0].user = Some("alice".to_owned());
    calls[1].request_hash = calls[0].request_hash.clone();
    calls[2].outcome = spanledger::Outcome::Failed;
    calls[2].error_type = Some("429".to_owned());
    calls[2].error_kind = Some("rate_limited".to_owned());
    calls[2].status_code = Some(429);
    (calls[2].input_tokens, calls[2].output_tokens, calls[2].cost) = (None, None, None);
    (calls[2].usage_source, calls[2].cost_status) =
        (spanledger::UsageSource::None, spanledger::CostStatus::NoUsage);
    calls[3].cost = None;
    calls[3].cost_status = spanledger::CostStatus::Unpriced;
    calls[3].response_model = Some("unknown-1".to_owned());
    let report = build(&ledger(&calls), DAY, &rules(), NOW).unwrap();
    let json: Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();

    assert_eq!(json["window"], json!({"from": "2026-11-22T12:00:00Z", "to": "2026-11-23T12:00:00Z"}));
    let totals = &json["totals"];
    for (field, value) in [
        ("calls", json!(4)),
        ("succeeded", json!(3)),
        ("failed", json!(1)),
        ("success_rate", json!(0.75)),
        ("rate_limited", json!(1)),
        ("unauthorized", json!(0)),
        ("input_tokens", json!(3000)),
        ("output_tokens", json!(600)),
        ("cache_read_tokens", Value::Null),
        ("cost_usd", json!(0.00054)),
        ("unpriced_calls", json!(1)),
        ("succeeded_without_usage", json!(0)),
    ] {
        assert_eq!(totals[field], value, "{field}");
    }
    assert_eq!(json["latency_seconds"], json!({"count": 4, "mean": 1.0, "p50": 1.0, "p95": 1.0, "p99": 1.0}));
    assert_eq!(
        json["time_to_first_chunk_seconds"],
        json!({"count": 0, "mean": null, "p50": null, "p95": null, "p99": null})
    );
    let unknown = json["models"].as_array().unwrap().iter().find(|m| m["name"] == "unknown-1").unwrap();
    assert_eq!((&unknown["calls"], &unknown["cost_usd"]), (&json!(1), &Value::Null));
    assert_eq!(unknown["latency_mean_seconds"], json!(1.0));
    assert_eq!(json["unpriced"][0]["name"], "unknown-1");
    assert_eq!(json["providers"][0]["name"], "openai");
    assert_eq!(json["services"][0]["name"], "checkout");
    assert_eq!((&json["users"][0]["name"], &json["users"][0]["calls"]), (&json!("alice"), &json!(1)));
    assert_eq!(
        (&json["errors"][0]["name"], &json["errors"][0]["calls"]),
        (&json!("rate_limited"), &json!(1))
    );
    assert_eq!(json["errors"][0]["cost_usd"], Value::Null);
    assert_eq!(json["outcomes"].as_array().unwrap().len(), 2);
    assert_eq!(
        json["repeated"],
        json!([{
            "name": "00000000000000009e3779b97f4a7c15", "calls": 2, "model": "gpt-4o-mini-2024-07-18",
            "cost_usd": 0.00054, "last_at": "2026-11-22T12:01:01Z",
        }])
    );
    assert_eq!(
        json["duplicates"],
        json!({"window": json["window"], "hashed_calls": 4, "repeated_calls": 1, "ratio": 0.25, "exact": true})
    );
    assert_eq!(
        json["rules"][0],
        json!({
            "name": "HighFailureRate", "state": "firing", "severity": "critical", "value": 0.6215,
            "threshold": 0.5, "unit": "share", "advice": "check the key and the endpoint",
            "detail": "87 of 140 calls failed within 5 min", "labels": {},
        })
    );
    assert_eq!(json["rules"].as_array().unwrap().last().unwrap()["state"], "inactive");
}

#[test]
fn the_json_of_an_empty_ledger_says_null_for_what_is_unknown() {
    let json: Value = serde_json::from_str(&to_json(&empty()).unwrap()).unwrap();
    assert_eq!(json["totals"]["success_rate"], Value::Null);
    assert_eq!(json["totals"]["calls"], 0);
    assert_eq!(json["totals"]["cost_usd"], 0.0);
    assert_eq!(json["latency_seconds"]["p50"], Value::Null);
    assert_eq!(json["models"], json!([]));
    assert_eq!(json["duplicates"]["ratio"], Value::Null);
}

#[test]
fn the_documentation_names_every_field_of_the_json() {
    fn fields(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().filter(|(key, _)| *key != "labels").for_each(|(key, value)| {
                into.push(key.clone());
                fields(value, into);
            }),
            Value::Array(items) => items.iter().for_each(|item| fields(item, into)),
            _ => {}
        }
    }
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "docs", "report-json.md"].iter().collect();
    let documented = std::fs::read_to_string(path).unwrap();
    let mut named = Vec::new();
    fields(&serde_json::from_str(&to_json(&day()).unwrap()).unwrap(), &mut named);
    assert!(named.len() > 100);
    for field in named {
        assert!(documented.contains(&format!("`{field}`")), "{field} is not documented");
    }
}

#[test]
fn names_of_hostile_models_stand_in_json_as_they_are() {
    let json: Value = serde_json::from_str(&to_json(&day()).unwrap()).unwrap();
    assert!(json["models"].as_array().unwrap().iter().any(|model| model["name"] == HOSTILE));
}
