//! What calls are judged apart by.

use super::*;
use crate::rule::RuleName::*;

/// Twenty calls, of which those of the second fail.
fn two(of: impl Fn(&str, CallRecord) -> CallRecord) -> Vec<CallRecord> {
    many(40, |n| if n % 2 == 0 { of("one", call(n)) } else { of("two", failed(n, 500)) })
}

#[test]
fn a_user_and_a_model_can_be_judged_apart() {
    let user = two(|name, call| CallRecord { user: Some(name.to_owned()), ..call });
    let model =
        two(|name, call| CallRecord { request_model: Some(name.to_owned()), response_model: None, ..call });
    for (by, calls) in [("user", user), ("model", model)] {
        let toml = format!("{FIXED}[HighFailureRate]\nby = [\"{by}\"]");
        let status = status_of(HighFailureRate, &Labels::new(), &toml, &calls, 60);
        let labels: Vec<&Labels> = status.alerts.iter().map(|alert| &alert.labels).collect();
        assert_eq!(labels, [&Labels::from([(by.to_owned(), "two".to_owned())])], "{by}");
    }
}

#[test]
fn services_beyond_the_hundred_busiest_are_judged_together() {
    let of = |name: String, call: CallRecord| CallRecord { service: name, ..call };
    let mut calls: Vec<_> =
        (0..100).flat_map(|n| (0..5).map(move |m| of(format!("large-{n:03}"), call(m)))).collect();
    // Four calls of one are too few to judge; twelve of three are not.
    calls.extend((0..3).flat_map(|n| (0..4).map(move |m| of(format!("small-{n}"), failed(m, 500)))));
    let status = status_of(HighFailureRate, &Labels::new(), FIXED, &calls, 60);
    let labels: Vec<&Labels> = status.alerts.iter().map(|alert| &alert.labels).collect();
    assert_eq!(labels, [&Labels::from([("service".to_owned(), "_OTHER".to_owned())])]);
    assert_eq!(status.alerts[0].value, 1.0);
}
