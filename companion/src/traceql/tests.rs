use std::time::{Duration, Instant};

use spanledger::{CostStatus, Outcome};

use super::*;
use crate::record::{NanoUsd, Timestamp};
use crate::store::Appender as _;
use crate::store::memory::MemoryStore;

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_790_000_040 * Timestamp::SECOND).plus_seconds(seconds)
}

/// Call `number` of trace `trace`: the even ones succeed and cost a cent for each call before them.
fn call(trace: u8, number: u8) -> CallRecord {
    let good = number.is_multiple_of(2);
    CallRecord {
        trace_id: [trace; 16],
        span_id: [number + 1; 8],
        start: at(i64::from(trace) * 60 + i64::from(number)),
        duration_ns: 500_000_000 * i64::from(number + 1),
        service: if trace.is_multiple_of(2) { "shop" } else { "blog" }.to_owned(),
        provider: "openai".to_owned(),
        operation: "chat".to_owned(),
        request_model: Some("gpt-4o".to_owned()),
        outcome: if good { Outcome::Completed } else { Outcome::Failed },
        status_code: Some(if good { 200 } else { 503 }),
        error_type: (!good).then(|| "503".to_owned()),
        input_tokens: good.then_some(100 * u64::from(number)),
        output_tokens: good.then_some(10),
        cost: good.then(|| NanoUsd(10_000_000 * i64::from(number))),
        cost_status: if good { CostStatus::Exact } else { CostStatus::NoUsage },
        user: Some(format!("user-{number}")),
        ..CallRecord::default()
    }
}

/// Five traces a minute apart, the first of one call, the last of five.
fn ledger() -> MemoryStore {
    let mut store = MemoryStore::default();
    let calls: Vec<_> = (0..5).flat_map(|trace| (0..=trace).map(move |number| call(trace, number))).collect();
    store.append(&calls).unwrap();
    store
}

const EVER: Window = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn searched(text: &str) -> Result<Vec<FoundTrace>, Refusal> {
    let query = parse(text)?;
    let question = SearchQuestion { query: &query, window: EVER, limit: 20, spans: 3, deadline: later() };
    Ok(search(&question, &ledger())?.traces)
}

/// The traces found, each with the number of its calls that match.
fn found(text: &str) -> Vec<(u8, u32)> {
    let traces = searched(text).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
    traces.iter().map(|trace| (trace.id[0], trace.matched)).collect()
}

#[test]
fn finds_the_newest_traces_with_the_calls_that_match() {
    let all = vec![(4, 5), (3, 4), (2, 3), (1, 2), (0, 1)];
    for (text, wanted) in [
        ("", all.clone()),
        ("{}", all.clone()),
        ("{ true }", all.clone()),
        ("{ false }", vec![]),
        ("{ resource.service.name = \"blog\" }", vec![(3, 4), (1, 2)]),
        ("{ .service.name != \"blog\" && span.user.id = \"user-1\" }", vec![(4, 1), (2, 1)]),
        ("{ span.user.id =~ \"user-(3|4)\" }", vec![(4, 2), (3, 1)]),
        ("{ span.user.id =~ `user` }", vec![]),
        ("{ span.user.id !~ \"user-0\" }", vec![(4, 4), (3, 3), (2, 2), (1, 1)]),
        ("{ status = error }", vec![(4, 2), (3, 2), (2, 1), (1, 1)]),
        ("{ status != error && kind = client }", vec![(4, 3), (3, 2), (2, 2), (1, 1), (0, 1)]),
        ("{ duration > 1s500ms }", vec![(4, 2), (3, 1)]),
        ("{ span:duration >= 2500ms || name = \"nothing\" }", vec![(4, 1)]),
        ("{ name = \"chat gpt-4o\" }", all),
        ("{ span.gen_ai.usage.cost > 0.03 }", vec![(4, 1)]),
        ("{ span.gen_ai.usage.input_tokens >= 200 }", vec![(4, 2), (3, 1), (2, 1)]),
        ("{ span.http.response.status_code = 503 }", vec![(4, 2), (3, 2), (2, 1), (1, 1)]),
        ("{ span.gen_ai.usage.cost = nil }", vec![(4, 2), (3, 2), (2, 1), (1, 1)]),
        ("{ span.nothing != nil }", vec![]),
        ("{ span.nothing != \"x\" }", vec![]),
        ("{ !(span.user.id = \"user-0\" || status = error) }", vec![(4, 2), (3, 1), (2, 1)]),
        ("{ span.\"user.id\" = \"user-4\" }", vec![(4, 1)]),
        ("{ span.user.id = \"user-4\" } && { status = error }", vec![(4, 3)]),
        ("{ span.user.id = \"user-4\" } || { span.user.id = \"user-3\" }", vec![(4, 2), (3, 1)]),
        ("{ status = error } | count() > 1", vec![(4, 2), (3, 2)]),
        ("{} | sum(span.gen_ai.usage.cost) > 0.05", vec![(4, 5)]),
        ("{} | max(duration) >= 2s", vec![(4, 5), (3, 4)]),
        ("{ trace:id = \"04040404040404040404040404040404\" }", vec![(4, 5)]),
        ("{} | select(span.user.id) with (most_recent=true)", vec![(4, 5), (3, 4), (2, 3), (1, 2), (0, 1)]),
    ] {
        assert_eq!(found(text), wanted, "{text}");
    }
}

#[test]
fn lists_what_was_chosen_and_asked_about() {
    let text = "{ span.gen_ai.usage.cost > 0.01 && resource.service.name = \"shop\" } | select(span.user.id, span.nothing)";
    let traces = searched(text).unwrap();
    let first = &traces[0];
    assert_eq!((first.service.as_str(), first.name.as_str(), first.start), ("shop", "chat gpt-4o", at(240)));
    assert_eq!(first.services["shop"], (5, 2));
    assert_eq!(first.spans.len(), 2);
    let names: Vec<&str> = first.spans[0].attributes.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["gen_ai.usage.cost", "service.name", "user.id"]);
    assert_eq!(first.spans[0].attributes[0].1, Value::Number(0.04));
}

#[test]
fn stops_at_the_limit_and_after_too_many_calls() {
    let query = parse("{}").unwrap();
    let question = SearchQuestion { query: &query, window: EVER, limit: 2, spans: 1, deadline: later() };
    let found = search(&question, &ledger()).unwrap();
    assert_eq!(
        found.traces.iter().map(|trace| (trace.id[0], trace.matched)).collect::<Vec<_>>(),
        [(4, 5), (3, 4)]
    );
    assert_eq!(found.traces[0].spans.len(), 1);

    let mut store = MemoryStore::default();
    let many: Vec<_> = (0..2_500_u64)
        .map(|number| CallRecord {
            span_id: (number + 1).to_be_bytes(),
            start: at(number.cast_signed()),
            ..call(1, 0)
        })
        .collect();
    store.append(&many).unwrap();
    let rare = parse("{ span.user.id =~ \"absent\" }").unwrap();
    let late = SearchQuestion { query: &rare, window: EVER, limit: 2, spans: 1, deadline: Instant::now() };
    let refused = search(&late, &store).unwrap_err();
    assert!(matches!(&refused, Refusal::Limit(reason) if reason.contains("shorter range")), "{refused:?}");
}

fn measured(text: &str, step: i64) -> Vec<(String, Vec<(i64, f64)>)> {
    let query = parse(text).unwrap();
    let question = MetricsQuestion {
        query: &query,
        from: at(0),
        to: at(300),
        step: step * Timestamp::SECOND,
        deadline: later(),
    };
    let found = metrics(&question, &ledger()).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
    let series = found.series.into_iter().map(|series| {
        let labels: Vec<String> =
            series.labels.iter().map(|(name, value)| format!("{name}={}", value.text())).collect();
        let values =
            series.values.iter().map(|(time, value)| ((time.0 - at(0).0) / Timestamp::SECOND, *value));
        (labels.join(" "), values.collect())
    });
    series.collect()
}

#[test]
fn measures_over_time() {
    let of = |label: &str, values: &[(i64, f64)]| (label.to_owned(), values.to_vec());
    assert_eq!(
        measured("{} | count_over_time()", 150),
        [of("__name__=count_over_time", &[(150, 6.0), (300, 9.0)])]
    );
    assert_eq!(
        measured("{ status = error } | rate() by (resource.service.name)", 300),
        [of("resource.service.name=blog", &[(300, 0.01)]), of("resource.service.name=shop", &[(300, 0.01)])]
    );
    let cost = measured("{} | sum_over_time(span.gen_ai.usage.cost) by (resource.service.name)", 300);
    assert_eq!(
        cost.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>(),
        ["resource.service.name=blog", "resource.service.name=shop"]
    );
    assert!((cost[0].1[0].1 - 0.02).abs() < 1e-12 && (cost[1].1[0].1 - 0.08).abs() < 1e-12, "{cost:?}");
    assert_eq!(
        measured("{} | quantile_over_time(duration, 0.5, 1)", 300),
        [of("p=0.5", &[(300, 1.0)]), of("p=1", &[(300, 2.5)])]
    );
    assert_eq!(
        measured("{} | quantile_over_time(duration, .5)", 300),
        measured("{} | quantile_over_time(duration, 0.5)", 300)
    );
    let best = measured("{} | count_over_time() by (span.user.id) | topk(1)", 300);
    assert_eq!(best[0], of("span.user.id=user-0", &[(300, 5.0)]));
}

#[test]
fn lists_the_values_of_an_attribute() {
    let of = |text: &str, name: &str| {
        let query = parse(text).unwrap();
        let found = values(&query, attribute(name).unwrap(), EVER, 100, &ledger(), later()).unwrap();
        found.into_iter().map(|(kind, value)| format!("{kind} {value}")).collect::<Vec<_>>()
    };
    assert_eq!(of("", "resource.service.name"), ["string blog", "string shop"]);
    assert_eq!(
        of("{ resource.service.name = \"blog\" }", "span.http.response.status_code"),
        ["int 200", "int 503"]
    );
    assert_eq!(of("", "status"), ["keyword error", "keyword unset"]);
    assert!(of("", "span.nothing").is_empty());
}

#[test]
fn names_what_is_supported_instead_of_guessing() {
    for text in [
        "{ span.a = \"b\" } >> {}",
        "{ span.a + 1 = 2 }",
        "{ parent.a = 1 }",
        "{ traceDuration > 1s }",
        "{} | by(span.a)",
        "{} | histogram_over_time(duration)",
        "{} | count()",
        "{} | rate() | foo",
        "{ span.a = strange }",
        "{ span.a = 1",
        "{ 1 = span.a }",
        "}",
        "{} {}",
        "{ span.a = \"b }",
        "{ span.a =~ \"(\" }",
    ] {
        assert!(matches!(searched(text), Err(Refusal::Query(_))), "{text}");
    }
    let refused = searched("{} | by(span.a)").unwrap_err();
    assert!(matches!(&refused, Refusal::Query(reason) if reason.contains("supported are")), "{refused:?}");
    for text in [
        format!("{}{{}}{}", "(".repeat(100), ")".repeat(100)),
        format!("{{ {} true }}", "!".repeat(100)),
        "a".repeat(20_000),
    ] {
        assert!(matches!(searched(&text), Err(Refusal::Limit(_))), "{}", &text[..20]);
    }
}
