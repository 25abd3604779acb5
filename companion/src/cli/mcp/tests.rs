//! What the tools give away of a ledger, and what only when asked.

use std::sync::Arc;

use serde_json::Value;
use spanledger::{CostStatus, Outcome, PriceTable, UsageSource};

use super::answers;
use super::server::{Missing, OneCall, Rules, Server, Spend, TopCalls};
use crate::clock;
use crate::record::CallRecord;
use crate::report::tests::fixture::{call, ledger};

/// A server over these calls, with fixed limits and no state of alerts.
pub(super) fn server(calls: &[CallRecord]) -> Server {
    Server {
        querier: Arc::new(ledger(calls)),
        prices: Arc::new(PriceTable::bundled()),
        rules: Arc::new(toml::from_str("preset = 'fixed'").unwrap()),
        ledger: "/no/such/ledger.db".into(),
    }
}

/// A call that ended so many seconds ago.
fn ago(number: u64, seconds: i64) -> CallRecord {
    call(number, clock::now().plus_seconds(-seconds - 1))
}

fn json(text: Result<String, String>) -> Value {
    serde_json::from_str(&text.unwrap()).unwrap()
}

#[test]
fn content_leaves_only_when_it_is_asked_for() {
    let recorded = CallRecord {
        outcome: Outcome::Failed,
        response_id: Some("chatcmpl-recorded".to_owned()),
        error_type: Some("server_error".to_owned()),
        error_kind: Some("server_error".to_owned()),
        response_preview: Some("the patient said".to_owned()),
        error_message: Some("tenant seven is over its limit".to_owned()),
        ..ago(1, 60)
    };
    let server = server(&[recorded]);
    let explained = |include_content| {
        let asked = OneCall { id: "chatcmpl-recorded".to_owned(), include_content };
        answers::explain_call(&server, &asked).unwrap()
    };
    let content = ["the patient said", "tenant seven is over its limit"];
    let (without, with) = (explained(false), explained(true));
    for text in content {
        assert!(!without.contains(text), "{text} in {without}");
        assert!(with.contains(text), "no {text} in {with}");
    }
    assert!(without.contains("chatcmpl-recorded") && without.contains("server_error"), "{without}");
    // Nor does it leave through another tool.
    let top = answers::top_calls(&server, &Default::default()).unwrap();
    assert!(top.contains("server_error") && content.iter().all(|text| !top.contains(text)), "{top}");
}

#[test]
fn spend_goes_by_tag_and_environment() {
    let tagged = |number, tags: &[(&str, &str)]| {
        let mut call = ago(number, 60);
        tags.iter().for_each(|(key, value)| assert!(call.tags.add(key, value)));
        call
    };
    let calls = [
        tagged(1, &[("team", "search"), ("environment", "prod")]),
        tagged(2, &[("team", "search"), ("environment", "dev")]),
        tagged(3, &[("environment", "prod")]),
    ];
    let server = server(&calls);
    let ask = |arguments| json(answers::spend(&server, &serde_json::from_value(arguments).unwrap()));
    let of = |rows: &Value| -> Vec<(String, u64)> {
        let row = |row: &Value| (row["name"].as_str().unwrap().to_owned(), row["calls"].as_u64().unwrap());
        rows.as_array().unwrap().iter().map(row).collect()
    };
    let named = |name: &str, calls| (name.to_owned(), calls);
    let all = ask(serde_json::json!({ "by": ["environment", "tag:team", "cost_status"] }));
    assert_eq!(of(&all["by"]["environment"]), [named("prod", 2), named("dev", 1)]);
    assert_eq!(of(&all["by"]["tag:team"]), [named("search", 2)]);
    assert!(all["by"]["cost_status"].is_array(), "{all}");
    let prod = ask(serde_json::json!({ "environment": "prod", "tags": ["team=search"] }));
    assert_eq!(prod["total"]["calls"], 1, "{prod}");
}

#[test]
fn a_wrong_argument_is_refused_with_what_is_known() {
    let server = server(&[ago(1, 60)]);
    let spend = |arguments| -> Result<String, String> {
        let asked: Spend = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
        answers::spend(&server, &asked)
    };
    let many = ["model"; 7];
    for (arguments, reason) in [
        (serde_json::json!({ "lst": "1h" }), "unknown argument \"lst\""),
        (serde_json::json!({ "by": ["modell"] }), "tag:KEY, error or cost_status"),
        (serde_json::json!({ "by": ["tag:"] }), "a key of a tag"),
        (serde_json::json!({ "by": many }), "at most 6 dimensions"),
        (serde_json::json!({ "tags": ["team"] }), "expected KEY=VALUE"),
        (serde_json::json!({ "last": "soon" }), "not a valid duration"),
        (serde_json::json!({ "last": "1h", "from": "2026-11-01" }), "not both"),
        (serde_json::json!({ "last": "500h", "period": "hour" }), "more than 400 periods"),
    ] {
        let refusal = spend(arguments.clone()).unwrap_err();
        assert!(refusal.contains(reason), "{arguments}: {refusal}");
    }
    let top: TopCalls = serde_json::from_value(serde_json::json!({ "by": "cost", "limt": 3 })).unwrap();
    assert!(answers::top_calls(&server, &top).unwrap_err().contains("unknown argument \"limt\""));
}

#[test]
fn a_gap_is_named_with_its_process_and_numbers() {
    let calls = [ago(1, 900), ago(5, 600)];
    let missing = json(answers::missing(&server(&calls), &Missing::default()));
    assert_eq!(missing["missing_calls"], 3, "{missing}");
    let gap = serde_json::json!({ "service": "checkout", "process": "c0ffee", "first": 2, "last": 4 });
    assert_eq!(missing["gaps"], serde_json::json!([gap]));
    let other = Missing { service: Some("search".to_owned()), ..Missing::default() };
    assert_eq!(json(answers::missing(&server(&calls), &other))["missing_calls"], 0);
}

#[test]
fn a_firing_rule_comes_with_value_limit_and_advice() {
    let denied = |number| CallRecord {
        outcome: Outcome::Failed,
        status_code: Some(401),
        error_type: Some("401".to_owned()),
        error_kind: Some("unauthenticated".to_owned()),
        usage_source: UsageSource::None,
        cost: None,
        cost_status: CostStatus::NoUsage,
        ..ago(number, 60)
    };
    let calls: Vec<_> = (1..=6).map(denied).collect();
    let found = json(answers::rules(&server(&calls), &Rules { firing: true }));
    let rules = found["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["name"] == "AuthFailures").expect("the rule fires");
    assert_eq!((&rule["state"], &rule["severity"]), (&"firing".into(), &"critical".into()), "{rule}");
    let text = |name: &str| rule[name].as_str().unwrap_or_default();
    assert!(text("value").starts_with('6') && text("threshold").starts_with('5'), "{rule}");
    assert!(text("detail").contains("received status 401 or 403"), "{rule}");
    assert!(text("advice").contains("a key is wrong") && !text("since").is_empty(), "{rule}");
    // Without such calls it is not among those that fire.
    let calm = json(answers::rules(&server(&[ago(1, 60)]), &Rules { firing: true }));
    assert!(calm["rules"].as_array().unwrap().iter().all(|rule| rule["name"] != "AuthFailures"), "{calm}");
}
