//! Services and models with settings of their own.

use super::*;
use crate::rule::RuleName::*;

#[test]
fn a_service_with_settings_of_its_own_is_judged_by_them_and_leaves_the_others() {
    let toml = &format!("{FIXED}[HighRequestRate.services.batch]\nthreshold = 500");
    let mut calls = many(1000, |n| CallRecord { service: "batch".to_owned(), ..call(n % 300) });
    calls.extend(many(10, call));
    let batch = Labels::from([("service".to_owned(), "batch".to_owned())]);
    assert_calm(&status_of(HighRequestRate, &batch, toml, &calls, 300), 200.0);
    assert_calm(&status_of(HighRequestRate, &Labels::new(), toml, &calls, 300), 2.0);

    let toml = &format!("{FIXED}[HighRequestRate.services.batch]\nthreshold = 150\nseverity = 'critical'");
    let status = status_of(HighRequestRate, &batch, toml, &calls, 300);
    assert_fires(&status, 200.0);
    assert_eq!(status.severity, crate::rule::Severity::Critical);
    assert_eq!(status.alerts[0].labels, batch);
}

#[test]
fn a_model_with_settings_of_its_own_is_judged_by_them_for_every_kind_of_question() {
    let dear = |call: CallRecord| CallRecord { response_model: Some("dear".to_owned()), ..call };
    let labels = Labels::from([("model".to_owned(), "dear".to_owned())]);
    let calls = many(10, |n| dear(hashed(n, 1)));
    for (rule, value) in [(RepeatedRequests, 10.0), (DuplicateRatio, 0.9), (ExcessiveTokenUsage, 120.0)] {
        let toml = format!("{FIXED}[{rule}.models.dear]\nthreshold = 0.5");
        let own = status_of(rule, &labels, &toml, &calls, 60);
        assert_fires(&own, value);
        assert_eq!(own.alerts[0].labels["model"], "dear");
        let others = status_of(rule, &Labels::new(), &toml, &calls, 60);
        assert_eq!(others.state, State::Inactive, "{others:?}");
        assert!(others.no_data.is_some(), "{others:?}");
    }
}

#[test]
fn a_disabled_service_is_not_judged_at_all() {
    let toml = "[AuthFailures.services.scanner]\nenabled = false";
    let calls = many(50, |n| CallRecord { service: "scanner".to_owned(), ..failed(n, 401) });
    let statuses = Evaluator::new(&configured(toml)).evaluate_all(stores(&calls)[0].querier.as_ref(), at(60));
    let own: Vec<_> = statuses.iter().filter(|status| status.name == AuthFailures).collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].state, State::Inactive);
}
