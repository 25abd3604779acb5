use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use spanledger::{CostStatus, Outcome};

use super::*;
use crate::record::{CallRecord, NanoUsd};
use crate::store::Appender as _;
use crate::store::memory::MemoryStore;

const MINUTE: i64 = 60;

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_790_000_040 * Timestamp::SECOND).plus_seconds(seconds)
}

fn call(number: u64, end: i64, service: &str, outcome: Outcome) -> CallRecord {
    let completed = outcome == Outcome::Completed;
    CallRecord {
        trace_id: u128::from(number + 1).to_be_bytes(),
        span_id: (number + 1).to_be_bytes(),
        start: at(end).plus_seconds(-2),
        duration_ns: 2 * Timestamp::SECOND,
        service: service.to_owned(),
        provider: "openai".to_owned(),
        request_model: Some("gpt-4o".to_owned()),
        outcome,
        status_code: Some(if completed { 200 } else { 429 }),
        error_kind: (!completed).then(|| "rate_limited".to_owned()),
        input_tokens: completed.then_some(100),
        output_tokens: completed.then_some(10),
        cost: completed.then_some(NanoUsd(1_000_000_001)),
        cost_status: if completed { CostStatus::Exact } else { CostStatus::NoUsage },
        ..CallRecord::default()
    }
}

/// Ten minutes of a call every 10 s of the shop, of which each sixth is limited, and one call of the blog.
fn ledger() -> MemoryStore {
    let mut store = MemoryStore::default();
    let outcome = |number: u64| if number % 6 == 5 { Outcome::Failed } else { Outcome::Completed };
    let mut calls: Vec<_> =
        (0..60_u64).map(|number| call(number, 10 * number.cast_signed(), "shop", outcome(number))).collect();
    calls.push(call(100, 301, "blog", Outcome::Completed));
    store.append(&calls).unwrap();
    store
}

fn seen() -> Vec<Series> {
    let series = |name: &str, rule: &str, points: Vec<(i64, f64)>| Series {
        labels: Labels::from([
            (LABEL_OF_NAME.to_owned(), name.to_owned()),
            ("rule".to_owned(), rule.to_owned()),
        ]),
        points: Points::Seen(points.into_iter().map(|(second, value)| (at(second), value)).collect()),
    };
    let counter = [(0, 5.0), (60, 25.0), (120, 45.0), (180, 5.0), (240, 15.0)];
    vec![
        series("spans_total", "", counter.to_vec()),
        series("state", "CostOverrun", vec![(0, 0.0), (60, 2.0), (120, 2.0), (600, 0.0)]),
        series("state", "RateLimited", vec![(600, 1.0)]),
    ]
}

fn asked_at(text: &str, times: &[Timestamp]) -> Result<Value, Refusal> {
    let deadline = Instant::now() + Duration::from_secs(60);
    evaluate(&Question { text, times, deadline }, &ledger(), &seen())
}

/// The values at the end of the ten minutes, with those labels that tell the rows apart.
fn asked(text: &str) -> Vec<(String, f64)> {
    asked_for(text, 600)
}

fn asked_for(text: &str, second: i64) -> Vec<(String, f64)> {
    match asked_at(text, &[at(second)]).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}")) {
        Value::Scalar(numbers) => vec![(String::new(), numbers[0])],
        Value::Text(text) => vec![(text, 0.0)],
        Value::Vector(rows) => rows
            .iter()
            .filter_map(|row| {
                let labels = ["service_name", "spanledger_outcome", "rule", "severity", "le"];
                let labels: Vec<&str> =
                    labels.iter().filter_map(|label| row.labels.get(*label)).map(String::as_str).collect();
                Some((labels.join(" "), row.values[0]?))
            })
            .collect(),
    }
}

fn named(pairs: &[(&str, f64)]) -> Vec<(String, f64)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn counts_exactly_what_ended_before_a_time() {
    for (text, second, wanted) in [
        // Ten calls in 100 s, with no extrapolation, whatever the edges.
        ("sum(increase(spanledger_client_calls_total[100s]))", 600, 10.0),
        ("sum(increase(spanledger_client_calls_total[95s]))", 601, 9.0),
        ("sum(rate(spanledger_client_calls_total{service_name=\"shop\"}[5m])) * 60", 600, 6.0),
        ("sum(increase(spanledger_client_cost_USD_total[10m]))", 600, 51.000_000_051),
        ("sum(increase(spanledger_client_calls_total[5m] offset 5m))", 600, 30.0),
        ("sum(spanledger_client_calls_total)", 600, 61.0),
        ("sum(spanledger_client_calls_total)", 295, 30.0),
        (
            "sum(last_over_time(spanledger_client_calls_total[1h]) - last_over_time(spanledger_client_calls_total[1h] offset 5m))",
            600,
            30.0,
        ),
        ("spanledger_ledger_calls", 600, 61.0),
        ("spanledger_ledger_failed_calls", 600, 10.0),
        ("spanledger_ledger_calls_by_service{service=\"blog\"}", 600, 1.0),
        ("sum(increase(gen_ai_client_inference_usage_input_tokens_total[10m]))", 600, 5_100.0),
        ("sum(increase(spanledger_client_calls_total{http_response_status_code=\"429\"}[10m]))", 600, 10.0),
        (
            "sum(rate(gen_ai_client_inference_duration_seconds_sum[5m])) / sum(rate(gen_ai_client_inference_duration_seconds_count[5m]))",
            600,
            2.0,
        ),
    ] {
        let found = asked_for(text, second);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!((found[0].1 - wanted).abs() < 1e-9, "{text}: {found:?}, not {wanted}");
    }
}

#[test]
fn a_series_is_absent_before_its_first_call_and_never_zero_where_it_is_unknown() {
    assert_eq!(asked_for("spanledger_client_calls_total{service_name=\"blog\"}", 300), []);
    assert_eq!(asked_for("sum by (service_name) (spanledger_client_calls_total)", 600).len(), 2);
    assert_eq!(asked("spanledger_client_cost_USD_total{spanledger_outcome=\"failed\"}"), []);
    assert_eq!(
        asked("absent(spanledger_client_calls_total{service_name=\"nothing\"})"),
        named(&[("nothing", 1.0)])
    );
    assert_eq!(asked("absent(spanledger_client_calls_total)"), []);
}

#[test]
fn aggregates_and_matches_as_prometheus_does() {
    let calls = "increase(spanledger_client_calls_total[10m])";
    for (text, wanted) in [
        (format!("sum by (service_name) ({calls})"), named(&[("blog", 1.0), ("shop", 60.0)])),
        (format!("sum without (spanledger_outcome, http_response_status_code, error_type, spanledger_cost_status) ({calls})"), named(&[("blog", 1.0), ("shop", 60.0)])),
        (format!("count({calls})"), named(&[("", 3.0)])),
        (format!("topk(1, sum by (service_name) ({calls}))"), named(&[("shop", 60.0)])),
        (format!("bottomk(1, sum by (service_name) ({calls}))"), named(&[("blog", 1.0)])),
        (format!("max({calls}) - min({calls})"), named(&[("", 49.0)])),
        (format!("avg by (spanledger_outcome) ({calls})"), named(&[("completed", 25.5), ("failed", 10.0)])),
        (
            format!("sum by (service_name) (increase(spanledger_client_calls_total{{spanledger_outcome=\"failed\"}}[10m])) / sum by (service_name) ({calls})"),
            named(&[("shop", 10.0 / 60.0)]),
        ),
        (
            format!("(sum by (service_name) (increase(spanledger_client_calls_total{{spanledger_outcome=\"failed\"}}[10m])) or 0 * sum by (service_name) ({calls})) / (sum by (service_name) ({calls}) > 0)"),
            named(&[("shop", 10.0 / 60.0), ("blog", 0.0)]),
        ),
        (format!("sum by (service_name) ({calls}) unless on (service_name) ({calls} and on (service_name) {calls} > 5)"), named(&[("blog", 1.0)])),
        (
            format!("sum by (service_name, spanledger_outcome) ({calls}) / on (service_name) group_left sum by (service_name) ({calls})"),
            named(&[("blog completed", 1.0), ("shop completed", 50.0 / 60.0), ("shop failed", 10.0 / 60.0)]),
        ),
        (format!("sum({calls}) > bool 100"), named(&[("", 0.0)])),
        ("1 + 2 * 3 ^ 2 % 5".to_owned(), named(&[("", 4.0)])),
        ("-spanledger_ledger_calls".to_owned(), named(&[("", -61.0)])),
        ("scalar(spanledger_ledger_calls) * 2".to_owned(), named(&[("", 122.0)])),
        ("vector(3) + scalar(days_in_month())".to_owned(), named(&[("", 33.0)])),
        ("sort_desc(sum by (service_name) (spanledger_client_calls_total))".to_owned(), named(&[("shop", 60.0), ("blog", 1.0)])),
        ("label_replace(spanledger_ledger_calls, \"rule\", \"a-$1\", \"__name__\", \"spanledger_(.*)_calls\")".to_owned(), named(&[("a-ledger", 61.0)])),
    ] {
        assert_eq!(asked(&text), wanted, "{text}");
    }
    let refused = asked_at(&format!("{calls} * on (service_name) {calls}"), &[at(600)]);
    assert!(matches!(&refused, Err(Refusal::Query(text)) if text.contains("group_left")), "{refused:?}");
}

#[test]
fn finds_quantiles_within_the_bucket_that_holds_them() {
    let of = |share: f64| {
        format!(
            "histogram_quantile({share}, sum by (le, service_name) (rate(gen_ai_client_inference_duration_seconds_bucket[10m])))"
        )
    };
    // All took 2 s: the bucket is an eighth of its octave wide.
    for (service, value) in asked(&of(0.5)) {
        assert!((1.87..=2.15).contains(&value), "{service}: {value}");
    }
    assert_eq!(asked(&of(0.95)).len(), 2);
    let whole = "sum(increase(gen_ai_client_inference_duration_seconds_bucket{le=\"+Inf\"}[10m]))";
    assert_eq!(asked(whole), named(&[("", 61.0)]));
    assert_eq!(
        asked(
            "histogram_quantile(0.5, sum by (le) (rate(gen_ai_client_inference_time_to_first_chunk_seconds_bucket[5m])))"
        ),
        []
    );
}

#[test]
fn knows_the_past_of_what_was_observed() {
    assert_eq!(asked_for("state{rule=\"CostOverrun\"}", 90), named(&[("CostOverrun", 2.0)]));
    assert_eq!(asked_for("state == 2", 500), [], "nothing was observed for long");
    // 20 + 20 + 5 after the restart + 10.
    assert_eq!(asked_for("increase(spans_total[4m])", 240), named(&[("", 55.0)]));
    assert_eq!(asked_for("max_over_time(spans_total[2m])", 120), named(&[("", 45.0)]));
    assert_eq!(asked_for("resets(spans_total[4m])", 240), named(&[("", 1.0)]));
    let replaced = "label_replace(state, \"severity\", \"critical\", \"rule\", \"Cost.*\")";
    assert_eq!(asked(replaced), named(&[("CostOverrun critical", 0.0), ("RateLimited", 1.0)]));
}

#[test]
fn a_range_is_each_of_its_times() {
    let times: Vec<Timestamp> = (0..=20).map(|step| at(step * 30)).collect();
    let text = "sum by (service_name) (increase(spanledger_client_calls_total[2m]))";
    let Value::Vector(rows) = asked_at(text, &times).unwrap() else { panic!("no vector") };
    for (number, time) in times.iter().enumerate() {
        let Value::Vector(single) = asked_at(text, &[*time]).unwrap() else { panic!("no vector") };
        for row in &single {
            let same = rows.iter().find(|other| other.labels == row.labels).unwrap();
            assert_eq!(row.values[0], same.values[number], "{time:?}");
        }
    }
    assert_eq!(rows.len(), 2);
    assert_eq!(rows.iter().map(|row| row.values.len()).collect::<Vec<_>>(), [21, 21]);
}

#[test]
fn names_what_is_supported_instead_of_guessing() {
    for text in [
        "rate(spanledger_client_calls_total[5m:1m])",
        "spanledger_client_calls_total @ 5",
        "spanledger_client_calls_total[5m]",
        "irate(spanledger_client_calls_total[5m])",
        "quantile(0.5, spanledger_client_calls_total)",
        "predict_linear(spanledger_client_calls_total[5m], 5)",
        "{{",
        "",
        // The parser takes the first of these characters for one byte.
        r#"state{rule="\é"}"#,
        r"state{rule='\\\é'}",
        "label_replace(state, \"rule\", \"\\\u{1f600}\", \"rule\", \"\")",
        "\"\\Β",
    ] {
        let refusal = asked_at(text, &[at(0)]).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::Query(reason) if reason.contains("supported are selectors")),
            "{text}: {refusal:?}"
        );
    }
}

/// Without its name a series of one metric may have the labels of another's.
#[test]
fn no_two_rows_have_the_same_labels() {
    let both = r#"{__name__=~"spanledger_ledger_(calls|failed_calls)"}"#;
    assert_eq!(asked(both).len(), 2, "they differ by their names");
    for text in [
        format!("-{both}"),
        format!("{both} * 2"),
        format!("2 > bool {both}"),
        format!("abs({both})"),
        format!("increase({both}[5m])"),
        "label_replace(state, \"rule\", \"\", \"rule\", \".*\")".to_owned(),
    ] {
        let refused = asked_at(&text, &[at(600)]);
        assert!(
            matches!(&refused, Err(Refusal::Query(why)) if why.contains("several rows have the labels")),
            "{text}: {refused:?}"
        );
    }
    assert!(!asked(&format!("-sum by (service_name) ({both})")).is_empty());
}

#[test]
fn takes_every_character_where_it_is_no_escape() {
    for rule in [r#""\\é""#, r"'\\é'", r"`\\é`", r#""é\"ß""#] {
        assert_eq!(asked(&format!("state{{rule={rule}}}")), named(&[]), "{rule}");
    }
}

#[test]
fn a_query_is_bounded() {
    let deep = format!("{}1{}", "(".repeat(150), ")".repeat(150));
    let minus = format!("{}1", "-".repeat(5_000));
    let long = format!("x{{a=\"{}\"}}", "b".repeat(40_000));
    for text in [deep, minus, long] {
        assert!(matches!(asked_at(&text, &[at(0)]), Err(Refusal::Limit(_))), "{}", &text[..20]);
    }
    let times: Vec<Timestamp> = (0..=11_000).map(at).collect();
    assert!(matches!(asked_at("1", &times), Err(Refusal::Limit(_))));
    let question = Question { text: "spanledger_ledger_calls", times: &[at(0)], deadline: Instant::now() };
    let late = evaluate(&question, &ledger(), &[]);
    assert!(matches!(&late, Err(Refusal::Limit(text)) if text.contains("too long")), "{late:?}");
}

#[test]
fn refuses_what_would_hold_too_much() {
    let series = |count: usize| -> Vec<Series> {
        let one = |number: usize| Series {
            labels: Labels::from([
                (LABEL_OF_NAME.to_owned(), "many".to_owned()),
                ("number".to_owned(), number.to_string()),
            ]),
            points: Points::Seen(vec![(at(0), 1.0)]),
        };
        (0..count).map(one).collect()
    };
    let asked = |text: &str, count: usize, times: usize| {
        let times: Vec<Timestamp> = (0..times).map(|second| at(second.cast_signed() as i64)).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        evaluate(&Question { text, times: &times, deadline }, &MemoryStore::default(), &series(count))
    };
    // Of one time as well: the labels of many series are most of what is held then.
    for (count, times) in [(100, 9_950), (15_385, 1)] {
        assert!(matches!(asked("many", count - 1, times), Ok(Value::Vector(_))), "{count} {times}");
        assert!(matches!(asked("many", count, times), Err(Refusal::Limit(_))), "{count} {times}");
    }
    assert!(matches!(asked("many + many", 90, 10_000), Ok(Value::Vector(_))));
    assert!(matches!(asked("(many + many) + (many + many)", 90, 10_000), Err(Refusal::Limit(_))));
}

#[test]
fn lists_the_series_that_had_a_call() {
    let deadline = Instant::now() + Duration::from_secs(60);
    let listed = |matcher: &str, from: i64, to: i64| -> Vec<String> {
        let selectors = [selector(matcher).unwrap()];
        let mut services = BTreeSet::new();
        let each = |mut labels: Labels| services.extend(labels.remove("service_name"));
        labels(&selectors, [at(from), at(to)], &ledger(), &seen(), deadline, each).unwrap();
        services.into_iter().collect()
    };
    assert_eq!(listed("spanledger_client_calls_total", 0, 600), ["blog", "shop"]);
    assert_eq!(listed("spanledger_client_calls_total", 0, 5 * MINUTE), ["shop"]);
    assert_eq!(listed("{service_name=~\"b.*\"}", 0, 600), ["blog"]);
    assert!(listed("state", 0, 600).is_empty());
}

#[test]
fn names_metrics_as_prometheus_translates_the_library() {
    use spanledger::semconv::metric;
    let translated = |name: &str| name.replace('.', "_");
    for (name, ending) in [
        (metric::CALLS, "_total"),
        (metric::COST, "_USD_total"),
        (metric::UNPRICED_TOKENS, "_total"),
        (metric::USAGE_INPUT_TOKENS, "_total"),
        (metric::USAGE_OUTPUT_TOKENS, "_total"),
        (metric::USAGE_CACHE_READ_TOKENS, "_total"),
        (metric::USAGE_CACHE_WRITE_TOKENS, "_total"),
        (metric::USAGE_REASONING_TOKENS, "_total"),
        (metric::INFERENCE_DURATION, "_seconds_bucket"),
        (metric::INFERENCE_TIME_TO_FIRST_CHUNK, "_seconds_count"),
    ] {
        let name = format!("{}{ending}", translated(name));
        assert!(families::all().any(|family| family.name == name), "{name}");
    }
}
