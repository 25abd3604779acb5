//! What the ledger does not have, by name: missing calls, calls dropped by journals, spans that are no calls.

use super::*;

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
