#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "figures of a fixed data set"
)]

pub(crate) mod fixture;

use std::path::PathBuf;

use serde_json::{Value, json};

use self::fixture::{DAY, HOSTILE, NOW, calls, ledger, rules, skip};
use super::*;
use crate::evaluate::evaluator::Evaluator;
use crate::record::{NanoUsd, ProcessEnd, ProcessReport, Window};
use crate::rule::RuleName;
use crate::rule::config::RulesConfig;
use crate::store::{Appender as _, Batch, Querier as _};
use crate::text::terminal::Terminal;

fn day() -> Report {
    let mut ledger = ledger(&calls());
    skip(&mut ledger);
    build(&ledger, DAY, &rules(), NOW).unwrap()
}

fn empty() -> Report {
    build(&ledger(&[]), DAY, &[], NOW).unwrap()
}

/// Compares with `tests/golden/NAME`; `UPDATE_GOLDEN=1` rewrites the file.
fn golden(name: &str, text: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name].iter().collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if text != expected {
        let (i, pair) = (text.lines().chain([""]).zip(expected.lines().chain([""])).enumerate())
            .find(|(_, (a, b))| a != b)
            .unwrap_or((0, ("", "")));
        panic!(
            "{name} differs from line {}:\n  now  {}\n  file {}\nUPDATE_GOLDEN=1 rewrites it",
            i + 1,
            pair.0,
            pair.1
        );
    }
}

#[test]
fn the_text_of_a_day_is_as_recorded() {
    golden("report.txt", &to_text(&day(), Terminal::PLAIN));
}

#[test]
fn the_json_of_a_day_is_as_recorded() {
    golden("report.json", &to_json(&day()).unwrap());
}

#[test]
fn the_html_of_a_day_is_as_recorded() {
    golden("report.html", &to_html(&day()));
}

#[test]
fn the_html_of_an_empty_ledger_is_as_recorded() {
    golden("report-empty.html", &to_html(&empty()));
}

#[test]
fn the_text_of_an_empty_ledger_is_as_recorded() {
    golden("report-empty.txt", &to_text(&empty(), Terminal::PLAIN));
}

#[test]
fn rules_that_judge_nothing_or_fail_do_not_look_healthy() {
    let mut rules = rules();
    for rule in &mut rules {
        (rule.state, rule.value) = (RuleStatus::NoData, None);
        rule.detail = Some("no call within 5 minutes".to_owned());
    }
    let colour = Terminal { colour: true, columns: 80 };
    let report = build(&ledger(&[]), DAY, &rules, NOW).unwrap();
    assert!(to_html(&report).contains(">6 of 6 rules have no data<"));
    assert!(to_text(&report, Terminal::PLAIN).contains("\n  6 of 6 rules have no data\n"));

    rules[0].state = RuleStatus::Error;
    rules[0].detail = Some("the ledger did not answer".to_owned());
    let report = build(&ledger(&[]), DAY, &rules, NOW).unwrap();
    golden("report-unjudged.html", &to_html(&report));
    golden("report-unjudged.txt", &to_text(&report, Terminal::PLAIN));
    let shown = [to_html(&report), to_text(&report, colour)].concat();
    assert!(
        !shown.contains("none is firing") && !shown.contains("badge good") && !shown.contains("\u{1b}[32m")
    );

    rules.iter_mut().for_each(|rule| rule.state = RuleStatus::Inactive);
    rules[0].state = RuleStatus::NoData;
    let report = build(&ledger(&[]), DAY, &rules, NOW).unwrap();
    assert!(to_text(&report, colour).contains("\u{1b}[32mnone is firing"));
    assert!(to_html(&report).contains("1 without data · 5 inactive"));
}

#[test]
fn the_text_fits_eighty_columns_and_obeys_nobody() {
    use unicode_width::UnicodeWidthStr as _;
    let text = to_text(&day(), Terminal::PLAIN);
    for line in text.lines() {
        assert!(line.width() <= 80, "{} columns: {line}", line.width());
    }
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
    assert!(to_text(&day(), Terminal { colour: true, columns: 80 }).contains("\u{1b}[31mFIRING"));
}

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
fn gaps_of_the_window_are_named_newest_first_and_the_rest_is_counted() {
    let numbered = |number: u64, seconds: i64| {
        let mut call = fixture::call(number, DAY.from.plus_seconds(seconds - 1));
        call.sequence = Some(number * 2 - 1);
        call
    };
    let calls: Vec<_> = (1..=150).map(|number| numbered(number, number.cast_signed() * 60)).collect();
    let report = build(&ledger(&calls), DAY, &[], NOW).unwrap();
    let json: Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
    let gaps = &json["gaps"];
    assert_eq!((&gaps["count"], &gaps["missing_calls"]), (&json!(149), &json!(149)));
    assert_eq!(gaps["newest"].as_array().unwrap().len(), 100);
    assert_eq!(
        gaps["newest"][0],
        json!({
            "instance": "c0ffee", "service": "checkout", "first": 298, "last": 298, "missing_calls": 1, "lost_calls": 0, "process_end": null,
            "noticed_at": "2026-11-22T14:30:00Z",
        })
    );
    let text = to_text(&report, Terminal::PLAIN);
    assert!(text.contains("  149 calls are missing, in 149 gaps\n"), "{text}");
    assert!(text.contains("  and 129 older gaps\n"), "{text}");
    assert!(to_html(&report).contains("and 124 older gaps"));
    // Of another window, and of numbers that may still come.
    let later = Window { from: DAY.from.plus_seconds(149 * 60), to: DAY.from.plus_seconds(151 * 60) };
    let missing = |now| build(&ledger(&calls), later, &[], now).unwrap().missing.gaps;
    assert_eq!((missing(NOW), missing(later.to.plus_seconds(30))), (2, 1));
    assert!(to_text(&empty(), Terminal::PLAIN).contains("  none seen: no call came either\n"));
}

#[test]
fn what_a_journal_has_dropped_is_named_and_dated() {
    let first = fixture::call(1, DAY.from);
    let mut store = ledger(&[crate::record::CallRecord { sequence: Some(1), ..first }]);
    let died = ProcessReport {
        instance: "c0ffee".into(),
        service: "checkout".into(),
        at: DAY.from.plus_seconds(7200),
        last_sequence: 1_240,
        end: Some(ProcessEnd::Died),
        lost: vec![(2, 35)],
        lost_calls: 1_234,
        skipped: 3,
        lost_between: Some((DAY.from.plus_seconds(60), DAY.from.plus_seconds(3600))),
    };
    store.append_batch(Batch { processes: &[died], ..Batch::default() }).unwrap();
    let report = build(&store, DAY, &[], NOW).unwrap();
    let text = to_text(&report, Terminal { columns: 200, ..Terminal::PLAIN });
    assert!(text.contains("  1,239 calls are missing, in 1 gap\n"), "{text}");
    let lost = "lost: 1,234 calls between 2026-11-22 12:01:00 and 2026-11-22 13:00:00 UTC, which a journal has dropped at its cap";
    assert!(text.contains(lost), "{text}");
    let unproved = "not proved: 1 process died after at least 3 calls that could not be written down; those that no receiver took \
                    are missing, without a number";
    assert!(text.contains(unproved), "{text}");
    let html = to_html(&report);
    assert!(html.contains(lost) && html.contains(unproved));
    let json: Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
    let gaps = &json["gaps"];
    assert_eq!((&gaps["lost_calls"], &gaps["newest"][0]["process_end"]), (&json!(1_234), &json!("died")));
    assert_eq!((&gaps["skipped_processes"], &gaps["skipped_calls"]), (&json!(1), &json!(3)));
    let statuses = Evaluator::new(&RulesConfig::default()).evaluate_all(&store, DAY.from.plus_seconds(7_400));
    let fires = statuses.iter().find(|status| status.name == RuleName::SequenceGap).unwrap();
    assert_eq!(
        fires.alerts[0].description,
        "1239 calls of checkout are missing for more than 2 min, the first of them number 2 of instance c0ffee, which died; \
         of them 1234 were dropped by a journal at its cap"
    );
}

#[test]
fn spans_that_are_no_calls_are_named_with_their_reason() {
    let json: Value = serde_json::from_str(&to_json(&day()).unwrap()).unwrap();
    let skipped = json["skipped"].as_array().unwrap();
    assert_eq!(
        skipped[0],
        json!({
            "scope": HOSTILE, "reason": "unknown", "spans": 12, "may_be_calls": true,
            "explanation": "no known operation, and no model with tokens",
        })
    );
    assert_eq!((skipped.len(), &skipped[1]["spans"]), (4, &json!(318)));
    let known = Report { skipped: day().skipped.split_off(1), ..day() };
    for (report, text) in [
        (day(), "467 spans about work with a model, of which 12 may be calls"),
        (known, "455 spans about work with a model, and each known to be no call"),
    ] {
        assert!(to_text(&report, Terminal::PLAIN).contains(text));
        let html = to_html(&report);
        assert!(html.contains(text));
        assert_eq!(html.contains("may be calls</span>"), report.skipped.len() == 4);
    }
    // Also where nothing else came.
    let mut alone = ledger(&[]);
    skip(&mut alone);
    let alone = build(&alone, DAY, &[], NOW).unwrap();
    assert!(
        to_html(&alone).contains("Other spans") && to_text(&alone, Terminal::PLAIN).contains("Other spans")
    );
    assert!(!to_html(&empty()).contains("Other spans"));
}

#[test]
fn reported_costs_are_compared_with_computed_ones_by_provider_and_model() {
    let mut calls: Vec<_> = (1..=4).map(|n| fixture::call(n, DAY.from.plus_seconds(60))).collect();
    // Two calls of one provider whose cost it reported, 25 % more than computed; one that it did not report.
    for call in &mut calls[..2] {
        call.provider = "openrouter".to_owned();
        call.computed_cost = call.cost.map(|cost| NanoUsd(cost.0 * 4 / 5));
    }
    // A reported cost of a model that no table prices cannot be compared.
    calls[3].provider = "xai".to_owned();
    let report = build(&ledger(&calls), DAY, &rules(), NOW).unwrap();
    let json: Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
    let both = json!({"calls": 2, "reported_usd": 0.00054, "computed_usd": 0.000432, "drift": 0.25});
    assert_eq!(json["totals"]["reported_cost"], both);
    let provider = |name| json["providers"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap();
    assert_eq!(provider("openrouter")["reported_cost"], both);
    let none = json!({"calls": 0, "reported_usd": null, "computed_usd": null, "drift": null});
    assert_eq!(provider("openai")["reported_cost"], none);
    assert_eq!(json["models"][0]["reported_cost"], both);
    assert_eq!(report.reported_by_provider.len(), 1);
    for shown in [to_text(&report, Terminal::PLAIN), to_html(&report)] {
        assert!(shown.contains("Reported costs") && shown.contains("+25 %"), "{shown}");
    }
    let without = build(&ledger(&calls[2..]), DAY, &rules(), NOW).unwrap();
    assert!(!to_text(&without, Terminal::PLAIN).contains("Reported costs"));
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

#[test]
fn sums_of_steps_are_the_totals() {
    let report = day();
    assert_eq!(report.steps.iter().map(|step| step.totals.calls).sum::<u64>(), report.totals.calls);
    assert_eq!(ledger(&calls()).totals(DAY, &Default::default()).unwrap(), report.totals);
}

#[test]
fn plots_stand_in_any_window() {
    let mut odd = fixture::call(1, NOW.plus_seconds(-2));
    odd.duration_ns = 0;
    odd.cost = None;
    for seconds in [1, 59, 3600, 90 * 86_400, 50 * 365 * 86_400] {
        let window = crate::record::Window::last(seconds, NOW);
        for calls in [calls(), vec![odd.clone()]] {
            let html = to_html(&build(&ledger(&calls), window, &[], NOW).unwrap());
            for broken in ["NaN", "\"inf", "inf%", " x=\"-", " y=\"-", "width=\"-", "height=\"-"] {
                assert!(!html.contains(broken), "{broken} in a window of {seconds} s");
            }
        }
    }
}

#[test]
fn the_report_is_the_same_from_every_store() {
    use crate::store::Appender as _;
    use crate::store::sqlite::{Ledger, Options};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let options = Options::default();
    let mut ledger = Ledger::open_writer(&path, &options).unwrap();
    ledger.append(&calls()).unwrap();
    skip(&mut ledger);
    let stored = build(&Ledger::open_reader(&path).unwrap(), DAY, &rules(), NOW).unwrap();
    let expected = day();

    assert_same(stored, expected);
}

/// That two reports say the same, to the nano-dollar.
pub(crate) fn assert_same(stored: Report, expected: Report) {
    use crate::store::Step;

    // Quantiles may be 2 % off; everything else is exact.
    let quantiles = |report: &Report| {
        let of = |summary: crate::store::LatencySummary| [summary.duration, summary.first_chunk];
        let steps = report.steps.iter().flat_map(|step| of(step.latency));
        of(report.latency)
            .into_iter()
            .chain(steps)
            .flat_map(|q| [Some(q.count as f64), q.mean, q.p50, q.p95, q.p99])
            .collect::<Vec<_>>()
    };
    for (found, wanted) in quantiles(&stored).into_iter().zip(quantiles(&expected)) {
        match (found, wanted) {
            (Some(found), Some(wanted)) if found != wanted => {
                assert!((found / wanted - 1.0).abs() < 0.021, "{found} {wanted}");
            }
            (found, wanted) => assert_eq!(found, wanted),
        }
    }
    let exact = |report: Report| {
        let sums = |step: &Step| (step.at, step.totals);
        let steps: Vec<_> = report.steps.iter().map(sums).collect();
        (steps, Report { steps: Vec::new(), latency: Default::default(), ..report })
    };
    assert_eq!(exact(stored), exact(expected));
}

#[test]
fn calls_are_added_up_by_each_tag_in_every_form() {
    let of = |n, team: &str| {
        let mut call = fixture::call(n, NOW.plus_seconds(-600));
        assert!(call.tags.add("team", team));
        call
    };
    let store = ledger(&[
        of(1, "<search>"),
        of(2, "<search>"),
        of(3, "ads"),
        fixture::call(4, NOW.plus_seconds(-600)),
    ]);
    let report = build(&store, Window::last(3_600, NOW), &[], NOW).unwrap();
    let json: serde_json::Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
    assert_eq!(json["tags"]["team"][0]["name"], "<search>");
    assert_eq!(json["tags"]["team"][0]["calls"], 2);
    let text = to_text(&report, Terminal::PLAIN);
    assert!(text.contains("Tag team") && text.contains("<search>"), "{text}");
    let page = to_html(&report);
    assert!(page.contains("Calls by tag team") && page.contains("&lt;search&gt;"));
}

#[test]
fn budgets_have_a_section_of_their_own() {
    let budget =
        |toml: &str| toml::from_str::<crate::rule::budget::BudgetConfig>(toml).unwrap().budget().unwrap();
    let list = [
        "name = 'all'\nusd = 1000000\nperiod = 'day'",
        "name = 'small'\nusd = 0.001\nperiod = 'week'\ntimezone = 'Europe/Berlin'\nservice = 'checkout'",
    ];
    let budgets = crate::rule::budget::Budgets::new(list.map(|toml| budget(toml).into()).to_vec());
    let report = day().with_budgets(budgets.standings(&ledger(&calls()), NOW).unwrap());
    let json: serde_json::Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
    let [all, small] = json["budgets"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!(
        (&all["name"], &all["period"]["from"], &all["period"]["to"], &all["period_share"]),
        (&"all".into(), &"2026-11-23T00:00:00Z".into(), &"2026-11-24T00:00:00Z".into(), &0.5.into())
    );
    assert_eq!(
        (&small["labels"]["service"], &small["period"]["from"]),
        (&"checkout".into(), &"2026-11-22T23:00:00Z".into())
    );
    let spent = all["spent_usd"].as_f64().unwrap();
    assert!(spent > 0.0 && (all["share"].as_f64().unwrap() - spent / 1e6).abs() < 1e-12, "{all}");
    assert_eq!(all["forecast_usd"], serde_json::Value::Null);
    let text = to_text(&report, Terminal::PLAIN);
    let section = text.split("Budgets").nth(1).unwrap_or_else(|| panic!("{text}"));
    assert!(section.contains("service=checkout") && section.contains("all calls"), "{section}");
    let html = to_html(&report);
    assert!(html.contains("<h2 id=\"budgets\">Budgets</h2>") && html.contains("service=checkout"), "{html}");
    assert!(!to_html(&day()).contains("Budgets") && !to_text(&day(), Terminal::PLAIN).contains("Budgets"));
}
