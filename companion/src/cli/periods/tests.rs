use clap::Parser as _;

use super::*;
use crate::record::{CallRecord, NanoUsd};
use crate::report::tests::fixture::{NOW, call, ledger};
use crate::text::time::parse_time;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn periods(period: Period, calls: &[CallRecord], flags: &[&str]) -> Result<String, String> {
    let args = Cli::try_parse_from([&["periods"], flags].concat()).map_err(|error| error.to_string())?.args;
    let mut out = Vec::new();
    run(&args, period, &ledger(calls), NOW, Terminal::PLAIN, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

fn json(period: Period, calls: &[CallRecord], flags: &[&str]) -> serde_json::Value {
    serde_json::from_str(&periods(period, calls, &[flags, &["--json"]].concat()).unwrap()).unwrap()
}

fn at(n: u64, time: &str) -> CallRecord {
    call(n, parse_time(time).unwrap())
}

fn labels(document: &serde_json::Value) -> Vec<&str> {
    document["periods"].as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap()).collect()
}

#[test]
fn lists_the_usual_number_of_periods_up_to_the_current_one() {
    for (period, count, first, last) in [
        (Period::Hour, 24, "2026-11-22 13:00", "2026-11-23 12:00"),
        (Period::Day, 30, "2026-10-25", "2026-11-23"),
        (Period::Week, 12, "2026-09-07", "2026-11-23"),
        (Period::Month, 12, "2025-12", "2026-11"),
    ] {
        let document = json(period, &[], &[]);
        let labels = labels(&document);
        assert_eq!((labels.len(), labels[0], labels[count - 1]), (count, first, last));
    }
}

#[test]
fn the_table_begins_with_the_first_call_unless_a_time_is_asked_for() {
    let days = |flags: &[&str], calls: &[CallRecord]| {
        let text = periods(Period::Day, calls, flags).unwrap();
        text.lines().filter(|line| line.starts_with("20")).count()
    };
    // A day without a call between two with one is shown.
    let calls = [at(1, "2026-11-21T10:00:00Z"), at(2, "2026-11-23T10:00:00Z")];
    assert_eq!((days(&[], &calls), days(&[], &[])), (3, 1));
    assert_eq!((days(&["--last", "7d"], &calls), days(&["--from", "2026-11-01"], &calls)), (8, 23));
    let listed = json(Period::Day, &calls, &[]);
    assert_eq!(labels(&listed).len(), 30, "programs get every period");
}

#[test]
fn counts_each_call_in_the_day_of_its_time_zone() {
    let calls = [at(1, "2026-11-22T22:59:58Z"), at(2, "2026-11-22T23:30:00Z"), at(3, "2026-11-23T00:30:00Z")];
    let of = |zone: &str| {
        let document = json(Period::Day, &calls, &["--from", "2026-11-22", "--timezone", zone]);
        let calls = document["periods"].as_array().unwrap().iter().map(|one| one["calls"].as_u64().unwrap());
        calls.collect::<Vec<_>>()
    };
    assert_eq!(of("UTC"), [2, 1]);
    assert_eq!(of("Europe/Berlin"), [1, 2]);
}

#[test]
fn days_are_as_long_as_the_clock_makes_them() {
    let zone = ["--timezone", "Europe/Berlin", "--from", "2026-10-24", "--to", "2026-10-27"];
    let document = json(Period::Day, &[], &zone);
    let begin = |n: usize| document["periods"][n]["from"].as_str().unwrap().to_owned();
    assert_eq!([begin(1), begin(2)], ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"]);
    let hours = ["--timezone", "Europe/Berlin", "--from", "2026-10-25", "--to", "2026-10-26"];
    let document = json(Period::Hour, &[], &hours);
    assert_eq!(labels(&document).iter().filter(|label| **label == "2026-10-25 02:00").count(), 2);
    assert_eq!(labels(&document).len(), 25);
}

#[test]
fn figures_are_those_of_the_report() {
    let mut calls = crate::report::tests::fixture::calls();
    // Some of every kind of token, whatever the day has.
    for (number, call) in calls.iter_mut().enumerate().filter(|(_, call)| call.input_tokens.is_some()) {
        let number = number as u64;
        (call.cache_read_tokens, call.cache_write_tokens) = (Some(number % 7), Some(number % 5));
        call.reasoning_tokens = Some(number % 3);
    }
    let window = crate::record::Window { from: NOW.plus_seconds(-30 * 86_400), to: NOW };
    let totals = crate::report::build(&ledger(&calls), window, &[], NOW).unwrap().totals;
    let kinds = [
        ("input_tokens", totals.input_tokens),
        ("cache_read_tokens", totals.cache_read_tokens),
        ("cache_write_tokens", totals.cache_write_tokens),
        ("output_tokens", totals.output_tokens),
        ("reasoning_tokens", totals.reasoning_tokens),
    ];
    assert!(kinds.iter().all(|(_, tokens)| *tokens > 0), "{kinds:?}");
    for period in [Period::Hour, Period::Day, Period::Week, Period::Month] {
        let document = json(period, &calls, &["--last", "30d", "--by", "model,user,service,provider"]);
        let sum = |key: &str| -> f64 {
            // Null of a period in which no call reported any.
            document["periods"].as_array().unwrap().iter().map(|one| one[key].as_f64().unwrap_or(0.0)).sum()
        };
        assert_eq!(sum("calls"), totals.calls as f64);
        for (kind, tokens) in kinds {
            assert_eq!(sum(kind), tokens as f64, "{kind} by {period:?}");
            assert_eq!(document["totals"][kind], tokens, "{kind} by {period:?}");
        }
        assert!((sum("cost_usd") - totals.cost.as_usd()).abs() < 1e-9);
        assert_eq!(document["totals"]["cost_usd"], totals.cost.as_usd());
        assert_eq!(document["totals"]["calls"], totals.calls);
        assert_eq!(sum("failed_calls"), totals.failed as f64);
        assert_eq!(sum("unpriced_calls"), totals.unpriced as f64);
        for one in document["periods"].as_array().unwrap() {
            for by in ["model", "user", "service", "provider"] {
                let groups = one["groups"].as_array().into_iter().flatten().filter(|group| group["by"] == by);
                let calls: u64 = groups.map(|group| group["calls"].as_u64().unwrap()).sum();
                assert_eq!(calls, one["calls"].as_u64().unwrap(), "{by} of {}", one["label"]);
            }
        }
    }
}

#[test]
fn the_last_line_names_what_the_figures_rest_on() {
    let mut estimated = at(1, "2026-11-23T10:00:00Z");
    estimated.cost_status = spanledger::CostStatus::Estimated;
    let mut unpriced = at(2, "2026-11-23T10:00:01Z");
    (unpriced.cost_status, unpriced.cost) = (spanledger::CostStatus::Unpriced, None);
    let mut late = at(9, "2026-11-23T10:00:02Z");
    late.cost = Some(NanoUsd(2_500_000_000));
    let text = periods(Period::Day, &[estimated, unpriced, late], &["--last", "1d"]).unwrap();
    assert!(
        text.ends_with(
            "\n3 calls: $0.00027 of the cost is estimated (1 call); 1 call without a known\n\
             price, in no cost; 6 calls missing (spanledger report names them).\n"
        ),
        "{text}"
    );
    assert!(text.lines().any(|line| line.starts_with("2026-11-23") && line.ends_with("66.7 %")), "{text}");
    assert_eq!(
        periods(Period::Day, &[], &[]).unwrap().lines().last().unwrap(),
        "No call ended in this time."
    );
}

#[test]
fn the_compact_form_has_calls_all_tokens_and_cost() {
    let mut first = at(1, "2026-11-23T10:00:00Z");
    (first.cache_read_tokens, first.reasoning_tokens) = (Some(500), Some(100));
    let calls = [first, at(2, "2026-11-23T10:00:01Z")];
    let heads = |flags: &[&str]| {
        let text = periods(Period::Day, &calls, &[&["--from", "2026-11-23"], flags].concat()).unwrap();
        let head = text.lines().find(|line| line.contains("Calls")).expect("a heading").to_owned();
        let words: Vec<_> = head.split_whitespace().map(str::to_owned).collect();
        (words, text)
    };
    let (head, text) = heads(&["--compact"]);
    assert_eq!(head, ["Day", "Calls", "Tokens", "Cost"]);
    let row = text.lines().find(|line| line.starts_with("2026-11-23")).expect("a row");
    let cells: Vec<_> = row.split_whitespace().collect();
    // 1,000 + 200 tokens each; cached and reasoning ones are parts of them.
    assert_eq!(cells[..3], ["2026-11-23", "2", "2.4k"], "{text}");
    assert_eq!(
        heads(&[]).0,
        ["Day", "Calls", "Input", "Cached", "Output", "Reasoning", "Cost", "Not", "exact"]
    );
}

#[test]
fn csv_has_what_of_a_period_is_estimated() {
    let mut estimated = at(1, "2026-11-23T10:00:00Z");
    estimated.cost_status = spanledger::CostStatus::Estimated;
    let calls = [estimated, at(2, "2026-11-23T10:00:01Z")];
    let csv = periods(Period::Day, &calls, &["--from", "2026-11-23", "--by", "model", "--csv"]).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.trim_end().split(',').collect()).collect();
    let end = |row: usize| rows[row][rows[row].len() - 4..].join(",");
    assert_eq!(end(0), "cost_usd,unpriced_calls,estimated_calls,estimated_cost_usd");
    assert_eq!(end(1), "0.00054,0,1,0.00027");
    assert_eq!(end(2), "0.00054,0,,");
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{csv}");
}

#[test]
fn names_are_harmless_in_every_form() {
    let mut hostile = at(1, "2026-11-23T10:00:00Z");
    hostile.user = Some("=cmd\u{1b}[2J".to_owned());
    let calls = [hostile];
    let text = periods(Period::Day, &calls, &["--last", "1d", "--by", "user"]).unwrap();
    assert!(!text.contains('\u{1b}'), "{text}");
    let csv = periods(Period::Day, &calls, &["--last", "1d", "--by", "user", "--csv"]).unwrap();
    assert!(csv.contains(",user,'=cmd"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
}

#[test]
fn says_what_is_wrong_with_a_flag() {
    for (flags, part) in [
        (&["--timezone", "Mars/Olympus"][..], "not a known time zone"),
        (&["--from", "tomorrow"], "not a valid time"),
        (&["--from", "2026-11-02", "--to", "2026-11-01"], "--from is not before --to"),
        (&["--last", "soon"], "not a valid duration"),
        (&["--last", "3y"], "not a valid duration"),
        (&["--last", "1d", "--from", "2026-11-01"], "cannot be used with"),
        (&["--json", "--csv"], "cannot be used with"),
    ] {
        let error = periods(Period::Day, &[], flags).unwrap_err();
        assert!(error.contains(part), "{flags:?}: {error}");
    }
    let error = periods(Period::Hour, &[], &["--last", "300d"]).unwrap_err();
    assert!(error.contains("more than 2,000 hours"), "{error}");
}

#[test]
fn splits_and_selects_by_tag() {
    let tagged = |n, team: &str| {
        let mut call = at(n, "2026-11-22T10:00:00Z");
        assert!(call.tags.add("team", team));
        call
    };
    let calls = [tagged(1, "search"), tagged(2, "search"), tagged(3, "ads"), at(4, "2026-11-22T11:00:00Z")];
    let document = json(Period::Month, &calls, &["--by", "tag:team", "--from", "2026-11-01"]);
    let groups = document["periods"][0]["groups"].as_array().unwrap();
    let groups: Vec<_> =
        groups.iter().map(|one| (one["by"].as_str(), one["name"].as_str(), one["calls"].as_u64())).collect();
    let by = Some("tag:team");
    assert_eq!(groups, [(by, Some("search"), Some(2)), (by, Some("ads"), Some(1)), (by, None, Some(1))]);
    let text = periods(Period::Month, &calls, &["--by", "tag:team", "--from", "2026-11-01"]).unwrap();
    assert!(text.contains("no team, and others"), "{text}");
    let csv = periods(Period::Day, &calls, &["--tag", "team=search", "--by", "tag:team", "--csv"]).unwrap();
    assert!(csv.contains(",tag:team,search,2,"), "{csv}");
    for wrong in [["--by", "tag:"], ["--by", "team"], ["--tag", "team"], ["--tag", "team="]] {
        assert!(periods(Period::Day, &calls, &wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_cost_of_which_nothing_is_known_is_not_zero() {
    let unpriced = |n| CallRecord {
        cost: None,
        cost_status: spanledger::CostStatus::Unpriced,
        service: "shop".into(),
        ..at(n, "2026-11-22T10:00:00Z")
    };
    let calls = [unpriced(1), unpriced(2), at(3, "2026-11-23T10:00:00Z")];
    let flags = ["--from", "2026-11-21", "--to", "2026-11-24", "--by", "service"];
    let document = json(Period::Day, &calls, &flags);
    let [none, unknown, known] = [0, 1, 2].map(|day| &document["periods"][day]);
    // No call cost nothing.
    assert_eq!(none["cost_usd"], 0.0);
    assert!(unknown["cost_usd"].is_null() && unknown["groups"][0]["cost_usd"].is_null(), "{unknown}");
    assert!(unknown["cache_read_tokens"].is_null() && unknown["input_tokens"].is_u64(), "{unknown}");
    assert_eq!(known["cost_usd"], 0.00027);

    let text = periods(Period::Day, &calls, &flags).unwrap();
    let cost = |text: &str, begin: &str| {
        let row = text.lines().find(|line| line.trim_start().starts_with(begin)).expect("a row").to_owned();
        row.split_whitespace().find(|cell| cell.starts_with(['$', '–'])).map(str::to_owned)
    };
    assert_eq!(cost(&text, "2026-11-22").as_deref(), Some("–"), "{text}");
    assert_eq!(cost(&text, "shop").as_deref(), Some("–"), "{text}");
    let short = periods(Period::Day, &calls, &[&flags[..], &["--compact"]].concat()).unwrap();
    assert_eq!(cost(&short, "2026-11-22").as_deref(), Some("–"), "{short}");

    let csv = periods(Period::Day, &calls, &[&flags[..], &["--csv"]].concat()).unwrap();
    let row = csv.lines().find(|line| line.contains(",shop,")).expect("a row");
    assert!(row.trim_end().ends_with(",,2,,"), "no cost, two unpriced: {row}");
}

#[test]
fn several_dimensions_have_headings_and_whole_names() {
    let of = |n, model: &str| CallRecord {
        response_model: Some(model.into()),
        reasoning_tokens: Some(7),
        cache_read_tokens: Some(8),
        cache_write_tokens: Some(9),
        ..at(n, "2026-11-23T10:00:00Z")
    };
    let calls = [of(1, "claude-sonnet-4-5-20250929"), of(2, "claude-sonnet-4-20250514")];
    let text = periods(Period::Day, &calls, &["--last", "1d", "--by", "service,model"]).unwrap();
    let heading = |by: &str| text.lines().position(|line| line.trim() == by).expect(by);
    let of = |name: &str| text.lines().position(|line| line.trim().starts_with(name)).expect(name);
    assert!(heading("by service") < heading("by model"), "{text}");
    assert!(heading("by model") < of("claude-sonnet-4-5-20250929 "), "{text}");
    assert!(
        of("claude-sonnet-4-20250514 ") > 0 && text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let text = periods(Period::Day, &calls, &["--last", "1d", "--by", "model"]).unwrap();
    assert!(!text.contains("by model"), "{text}");
}
