//! What people and programs ask of a running companion: queries, and silences.

use std::time::{Duration, Instant};

use spanledger::{CostStatus, Outcome};

use super::NOW;
use crate::clock;
use crate::page;
use crate::promql::{self, LABEL_OF_NAME, Labels, Points, Question, Series, Value};
use crate::record::{CallRecord, NanoUsd, Timestamp, Window};
use crate::silence::Silence;
use crate::store::Appender;
use crate::store::memory::MemoryStore;
use crate::traceql::{self, MetricsQuestion, SearchQuestion};

/// Calls of the ledger that is asked, one every 10 s up to [`NOW`].
const CALLS: u32 = 30;
/// The longest silence.
const LONGEST: i64 = 90 * 86_400;

/// An expression gets rows with distinct labels and a value for each time, or a reason why it gets none; twice the same.
pub fn promql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let times = [-120, -60, 0].map(|seconds| NOW.plus_seconds(seconds));
    let ask = || {
        let question = Question { text, times: &times, deadline: deadline() };
        LEDGER.with(|ledger| promql::evaluate(&question, ledger, &seen()))
    };
    let found = ask();
    assert_eq!(format!("{found:?}"), format!("{:?}", ask()), "the same question has another result");
    match found {
        Ok(Value::Scalar(numbers)) => assert_eq!(numbers.len(), times.len()),
        Ok(Value::Text(_)) => {}
        Ok(Value::Vector(rows)) => {
            assert!(rows.iter().all(|row| row.values.len() == times.len()), "a value for each time");
            let mut labels: Vec<_> = rows.iter().map(|row| &row.labels).collect();
            labels.sort();
            labels.dedup();
            assert_eq!(labels.len(), rows.len(), "two rows with the same labels");
        }
        Err(_) => {}
    }
    if let Ok(selector) = promql::selector(text) {
        let between = [NOW.plus_seconds(-3_600), NOW];
        let each = |labels| assert!(selector.takes(&labels), "a series that was not asked for");
        let _refused = LEDGER.with(|ledger| {
            promql::labels(std::slice::from_ref(&selector), between, ledger, &seen(), deadline(), each)
        });
    }
}

/// A query gets traces and metrics within what was asked for, or a reason why it gets none; twice the same.
pub fn traceql(bytes: &[u8]) {
    const LIMIT: usize = 5;
    const SPANS: usize = 3;
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _known = traceql::attribute(text);
    let Ok(query) = traceql::parse(text) else { return };
    let (from, to) = (NOW.plus_seconds(-600), NOW.plus_seconds(1));
    let search = || {
        let window = Window { from, to };
        let question =
            SearchQuestion { query: &query, window, limit: LIMIT, spans: SPANS, deadline: deadline() };
        LEDGER.with(|ledger| traceql::search(&question, ledger))
    };
    let found = search();
    assert_eq!(format!("{found:?}"), format!("{:?}", search()), "the same question has another result");
    if let Ok(found) = found {
        assert!(found.traces.len() <= LIMIT && found.read <= CALLS as usize, "{found:?}");
        for trace in found.traces {
            assert!(trace.spans.len() <= SPANS.min(trace.matched as usize), "{trace:?}");
            assert!(trace.start.0 <= trace.end, "{trace:?}");
        }
    }
    let step = 60 * Timestamp::SECOND;
    let question = MetricsQuestion { query: &query, from, to, step, deadline: deadline() };
    if let Ok(found) = LEDGER.with(|ledger| traceql::metrics(&question, ledger)) {
        for series in found.series {
            let rising = series.values.is_sorted_by(|(one, _), (other, _)| one < other);
            assert!(rising && series.values.iter().all(|(end, _)| from < *end && *end <= to), "{series:?}");
        }
    }
}

/// A silence that is asked for as JSON or by a form is refused, or within its bounds and read back from its file as it
/// was written; and what a file of silences has can be shown.
pub fn silence(bytes: &[u8]) {
    for is_form in [false, true] {
        let Some(draft) = page::silence_draft(bytes, is_form) else { continue };
        let Ok(silence) = draft.silence(NOW) else { continue };
        assert!(silence.until.0.saturating_sub(silence.from.0) <= LONGEST * Timestamp::SECOND, "{silence:?}");
        let everything = silence.matchers.iter().all(|matcher| matcher.matches(""));
        assert!(!everything, "it silences every alert: {silence:?}");
        let again = serde_json::to_vec(&silence).and_then(|text| serde_json::from_slice(&text));
        assert_eq!(again.ok().as_ref(), Some(&silence), "it is not read back");
        let _shown = silence.to_json(NOW);
    }
    if let Ok(silence) = serde_json::from_slice::<Silence>(bytes) {
        let _shown = silence.to_json(NOW);
        let _over = (silence.is_active(NOW), silence.state(NOW));
    }
}

thread_local! {
    static LEDGER: MemoryStore = ledger();
}

fn deadline() -> Instant {
    clock::instant() + Duration::from_secs(20)
}

fn ledger() -> MemoryStore {
    let mut store = MemoryStore::default();
    let calls: Vec<CallRecord> = (0..CALLS).map(call).collect();
    if let Err(error) = store.append(&calls) {
        panic!("no ledger: {error}");
    }
    store
}

/// Calls of two services and two models in ten traces, of which each third fails.
fn call(number: u32) -> CallRecord {
    let completed = !number.is_multiple_of(3);
    CallRecord {
        trace_id: u128::from(number % 10 + 1).to_be_bytes(),
        span_id: u64::from(number + 1).to_be_bytes(),
        start: NOW.plus_seconds(-i64::from(number) * 10 - 2),
        duration_ns: 2 * Timestamp::SECOND,
        service: if number.is_multiple_of(2) { "shop" } else { "blog" }.to_owned(),
        provider: "openai".to_owned(),
        operation: "chat".to_owned(),
        request_model: Some(if number.is_multiple_of(5) { "gpt-4o" } else { "gpt-4o-mini" }.to_owned()),
        outcome: if completed { Outcome::Completed } else { Outcome::Failed },
        status_code: Some(if completed { 200 } else { 429 }),
        error_kind: (!completed).then(|| "rate_limited".to_owned()),
        input_tokens: completed.then_some(100),
        output_tokens: completed.then_some(10),
        cost: completed.then_some(NanoUsd(1_000_000_001)),
        cost_status: if completed { CostStatus::Exact } else { CostStatus::NoUsage },
        user: Some(format!("user-{number}")),
        ..CallRecord::default()
    }
}

/// What the companion has observed of itself.
fn seen() -> Vec<Series> {
    let points = [(-180, 5.0), (-120, 25.0), (-60, 5.0), (0, 45.0)];
    let labels = [(LABEL_OF_NAME, "spanledger_receiver_spans_total"), ("result", "accepted")];
    vec![Series {
        labels: Labels::from(labels.map(|(name, value)| (name.to_owned(), value.to_owned()))),
        points: Points::Seen(points.map(|(seconds, value)| (NOW.plus_seconds(seconds), value)).to_vec()),
    }]
}
