use serde_json::Value;

use super::*;
use crate::rule::tests::{FIXED, at, call, failed};
use crate::store::Appender;
use crate::store::memory::MemoryStore;

fn check(format: Format, toml: &str, store: &dyn Querier) -> (Result<ExitCode, Failure>, String) {
    checked(format, toml, store, 200)
}

fn checked(
    format: Format,
    toml: &str,
    store: &dyn Querier,
    columns: usize,
) -> (Result<ExitCode, Failure>, String) {
    let rules: RulesConfig = toml::from_str(&format!("{FIXED}{toml}")).expect("rules");
    let mut out = Vec::new();
    let terminal = Terminal { columns, ..Terminal::PLAIN };
    let status = run(&Args { format }, &rules, store, at(60), terminal, &mut out);
    (status, String::from_utf8(out).expect("text"))
}

fn store(calls: Vec<crate::record::CallRecord>) -> MemoryStore {
    let mut store = MemoryStore::new();
    store.append(&calls).expect("append");
    store
}

/// `ExitCode` cannot be compared.
fn is(status: &Result<ExitCode, Failure>, code: u8) -> bool {
    status.as_ref().is_ok_and(|status| format!("{status:?}") == format!("{:?}", ExitCode::from(code)))
}

#[test]
fn ends_with_1_and_the_advice_when_a_rule_fires() {
    // `for` is not waited for.
    let failing = store((0..20).map(|n| failed(n, 401)).collect());
    let (status, text) = check(Format::Text, "[AuthFailures]\nfor = '5m'", &failing);
    assert!(is(&status, 1), "{status:?}");
    assert!(
        text.contains(
            "AuthFailures: a key is wrong, revoked or stolen\n  service=app: 20 calls within 5 min"
        ),
        "{text}"
    );
}

#[test]
fn ends_with_0_over_ordinary_calls_and_says_where_there_is_nothing_to_judge() {
    let (status, text) = check(Format::Json, "", &store((0..12).map(call).collect()));
    assert!(is(&status, 0), "{status:?}");
    let json: Value = serde_json::from_str(&text).expect("json");
    assert_eq!((&json["at"], &json["firing"]), (&"2026-11-02T00:01:00Z".into(), &0.into()));
    let rules = json["rules"].as_array().expect("rules");
    let rule = |name: &str| rules.iter().find(|rule| rule["name"] == name).expect(name);
    assert_eq!(rule("HighFailureRate")["state"], "inactive");
    assert_eq!(rule("UsageMissing")["state"], "no_data");
    assert_eq!(rule("UsageMissing")["no_data"], "12 successful calls within 5 min; at least 20 are needed");
    assert_eq!(rule("UsageMissing")["value"], Value::Null);
    assert_eq!(rule("CostOverrun")["advice"], "lower max_tokens, review the model");
}

#[test]
fn says_since_when_nothing_was_recorded_and_that_rules_have_no_data() {
    let busy = store((0..12).map(call).collect());
    let long_ago = store((0..12).map(|n| call(n - 7_200)).collect());
    let (status, text) = check(Format::Text, "", &long_ago);
    assert!(is(&status, 0), "{status:?}");
    assert!(text.contains("LedgerSilent         no_data"), "{text}");
    // SequenceGap judges what is in the ledger, however old.
    let (all, judged) = (12, 1);
    let note = format!("2 h 49 s ago: {} of {all} rules have no data", all - judged);
    let last = text.lines().last().expect("a line");
    assert!(last.starts_with("nothing has been recorded since 2026-11-01T22:00:11Z, "), "{text}");
    assert!(last.contains(&note), "{text}");
    let (_, text) = check(Format::Text, "", &MemoryStore::new());
    let note = format!("\nnothing has ever been recorded: {all} of {all} rules have no data");
    assert!(text.contains(&note), "{text}");
    let (_, text) = check(Format::Text, "", &busy);
    assert!(!text.contains("nothing has"), "{text}");

    let json = |store| -> Value { serde_json::from_str(&check(Format::Json, "", store).1).expect("json") };
    let (quiet, never, busy) = (json(&long_ago), json(&MemoryStore::new()), json(&busy));
    assert_eq!((&quiet["silent"], &quiet["no_data"]), (&true.into(), &(all - judged).into()));
    assert_eq!(quiet["last_call_at"], "2026-11-01T22:00:11Z");
    assert_eq!((&never["silent"], &never["last_call_at"]), (&true.into(), &Value::Null));
    assert_eq!((&busy["silent"], &busy["last_call_at"]), (&false.into(), &"2026-11-02T00:00:11Z".into()));
}

#[test]
fn is_a_failure_when_a_rule_cannot_be_evaluated() {
    let broken = crate::evaluate::tests::Broken(store((0..12).map(call).collect()));
    let (status, text) = check(Format::Text, "[DuplicateRatio]\nenabled = false", &broken);
    let failure = status.expect_err("failure");
    assert!(
        failure.0.starts_with("1 rule could not be evaluated: RepeatedRequests: the ledger"),
        "{failure}"
    );
    assert!(text.contains("RepeatedRequests     error"), "{text}");
}

#[test]
fn a_hostile_name_moves_no_cursor() {
    let hostile = |n| crate::record::CallRecord {
        response_model: Some("\u{1b}[2Jmodel".to_owned()),
        cost: None,
        cost_status: spanledger::CostStatus::Unpriced,
        ..call(n)
    };
    let (status, text) = check(Format::Text, "", &store((0..3).map(hostile).collect()));
    assert!(is(&status, 1), "{status:?}");
    assert!(text.contains("\\u{1b}[2Jmodel") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn each_firing_is_labelled() {
    let of = |service: &str| {
        let service = service.to_owned();
        (0..20).map(move |n| crate::record::CallRecord { service: service.clone(), ..failed(n, 500) })
    };
    let failing = store(of("shop").chain(of("blog")).collect());
    let (_, text) = check(Format::Text, "[HighFailureRate]\nby = ['service']", &failing);
    for service in ["shop", "blog"] {
        assert!(text.contains(&format!("\n  service={service}: 100 % of 20 calls")), "{text}");
    }
}

#[test]
fn a_narrow_terminal_gets_every_detail() {
    let (_, text) = checked(Format::Text, "", &store((0..12).map(call).collect()), 80);
    let said = "\n    12 successful calls within 5 min; at least 20 are needed\n";
    assert!(text.contains(said) && !text.contains("DETAIL") && !text.contains('…'), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}
