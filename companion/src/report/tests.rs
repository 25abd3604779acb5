#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "figures of a fixed data set"
)]

pub(crate) mod fixture;
mod incomplete;
mod json;

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
    assert!(section.contains("\n      service=checkout; forecast –\n"), "{section}");
    assert!(section.contains("\n      all calls; forecast –\n"), "{section}");
    let html = to_html(&report);
    assert!(html.contains("<h2 id=\"budgets\">Budgets</h2>") && html.contains("service=checkout"), "{html}");
    assert!(!to_html(&day()).contains("Budgets") && !to_text(&day(), Terminal::PLAIN).contains("Budgets"));
}
