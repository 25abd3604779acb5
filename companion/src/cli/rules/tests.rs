use serde_json::Value;

use super::*;
use crate::rule::RuleName;
use crate::rule::config::Preset;
use crate::rule::tests::{FIXED, at, failed};
use crate::store::Appender;
use crate::store::memory::MemoryStore;

fn written(args: &Args, querier: Option<&dyn Querier>, alerts: Vec<Alert>) -> String {
    let config: RulesConfig =
        toml::from_str(&format!("{FIXED}[CostOverrun.services.batch]\nthreshold = 5")).expect("rules");
    let mut out = Vec::new();
    run(args, &config, querier, alerts, at(60), Terminal { columns: 200, ..Terminal::PLAIN }, &mut out)
        .expect("list");
    String::from_utf8(out).expect("text")
}

const TABLE: Args = Args { format: Format::Text, command: None };
const JSON: Args = Args { format: Format::Json, command: None };

fn failing() -> MemoryStore {
    let mut store = MemoryStore::new();
    store.append(&(0..20).map(|n| failed(n, 500)).collect::<Vec<_>>()).expect("append");
    store
}

#[test]
fn lists_every_rule_with_its_settings_and_state() {
    let text = written(&TABLE, Some(&failing()), Vec::new());
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).expect(name).to_owned();
    // The header, every rule, and the service with settings of its own.
    assert_eq!(text.lines().count(), 12 + 2, "{text}");
    let words = |name: &str| line(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        words("HighFailureRate"),
        [
            "HighFailureRate",
            "firing",
            "critical",
            "100",
            "%",
            ">",
            "50",
            "%",
            "5m",
            "11",
            "0s",
            "5m",
            "2026-11-02T00:01:00Z"
        ]
    );
    assert_eq!(words("AuthFailures")[4..6], [">=", "5"]);
    assert_eq!(words("CostOverrun (service=batch)")[2..5], ["no_data", "critical", "$0.00"]);
    assert_eq!(words("UsageMissing")[1..4], ["no_data", "warning", "–"]);
}

#[test]
fn fits_a_pipe_of_80_columns_and_shows_the_state_there() {
    let written = |config: &str, columns| {
        let config: RulesConfig = toml::from_str(config).expect("rules");
        let (mut out, terminal) = (Vec::new(), Terminal { columns, ..Terminal::PLAIN });
        run(&TABLE, &config, Some(&failing()), Vec::new(), at(60), terminal, &mut out).expect("list");
        String::from_utf8(out).expect("text")
    };
    for config in ["", FIXED] {
        let text = written(config, 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let head: Vec<_> = text.lines().next().expect("head").split_whitespace().collect();
        assert_eq!(head[..5], ["RULE", "STATE", "SEVERITY", "VALUE", "THRESHOLD"]);
        assert!(text.contains("\nTimeToFirstChunkRegression ") || config == FIXED, "{text}");
    }
    let wide = written("", 130);
    assert!(wide.lines().next().is_some_and(|head| head.ends_with("SINCE")), "{wide}");
    // What is compared with the floor names it where nothing is known.
    let line = wide.lines().find(|line| line.starts_with("FirstSeenUser")).expect("a line");
    assert!(line.contains(">= 200 "), "{line}");
}

#[test]
fn says_as_json_what_the_table_says() {
    let json: Value = serde_json::from_str(&written(&JSON, Some(&failing()), Vec::new())).expect("json");
    assert_eq!(json["interval"], "15s");
    let rules = json["rules"].as_array().expect("rules");
    let rule = rules.iter().find(|rule| rule["name"] == "HighFailureRate").expect("rule");
    assert_eq!(rule["state"], "firing");
    assert_eq!(
        (&rule["value"], &rule["threshold"], &rule["min_calls"]),
        (&1.0.into(), &0.5.into(), &11.into())
    );
    assert_eq!((&rule["window"], &rule["for"]), (&"5m".into(), &"0s".into()));
    assert_eq!(rule["alerts"][0]["state"], "firing");
}

#[test]
fn keeps_what_a_running_server_knows_and_says_when_there_is_no_ledger() {
    let mut evaluator = Evaluator::new(&RulesConfig::of(Preset::Fixed));
    evaluator.evaluate_all(&failing(), at(20));
    let saved = evaluator.alerts();
    let text = written(&TABLE, Some(&failing()), saved.clone());
    let line = text.lines().find(|line| line.starts_with("HighFailureRate")).expect("line");
    assert!(line.contains("2026-11-02T00:00:20Z"), "{line}");
    let json: Value = serde_json::from_str(&written(&JSON, None, saved)).expect("json");
    let rule = |name: &str| {
        json["rules"].as_array().expect("rules").iter().find(|rule| rule["name"] == name).expect(name).clone()
    };
    assert_eq!(rule(RuleName::HighFailureRate.as_str())["state"], "firing");
    assert_eq!(rule(RuleName::CostOverrun.as_str())["error"], "there is no ledger");
}
