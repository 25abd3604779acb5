use std::collections::BTreeSet;

use super::*;

/// 2026-11-23T12:35:00Z.
const NOW: Timestamp = Timestamp(1_795_437_300 * Timestamp::SECOND);
/// Fewer calls than the demo has: what its rules need and no more.
const SETTINGS: Settings = Settings { seed: 1, rate: 24.0, days: 5 };

/// What no history can show, and why.
const NEVER: [(RuleName, &str); 0] = [];

#[test]
fn every_rule_that_can_fire_does_and_every_anomaly_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let mut calls = 0;
    let judged = judge(folder.path(), "http://127.0.0.1:9/alerts", SETTINGS, NOW, &mut |event| {
        if let Event::Evaluated { calls: appended, .. } = event {
            calls = appended;
        }
    })
    .unwrap();
    assert!(calls > 30_000, "{calls}");
    let Verdicts { anomalies, silent, others } = &judged.verdicts;
    let caught = |found: &Verdict| format!("{}: {:?}", found.label, found.caught);
    let all: Vec<String> = anomalies.iter().map(caught).collect();
    let all = format!("{}\nfor something else {others:?}\nsilent {silent:?}", all.join("\n"));
    let missed: Vec<&str> =
        anomalies.iter().filter(|found| found.caught.is_empty()).map(|found| found.label).collect();
    assert_eq!(missed, Vec::<&str>::new(), "{all}");
    let never: Vec<RuleName> = NEVER.into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(*silent, never, "{all}");
    assert!(others.len() <= 3, "{all}");
    let slowest =
        anomalies.iter().filter_map(|found| found.caught.first()).map(|(_, seconds)| *seconds).max();
    assert!(slowest <= Some(3_600), "{all}");
    // What fires at the end goes on when the ledger is served, with the values of the day.
    let saved = StateFile::peek(&judged.loaded.config.ledger.path).alerts;
    let firing: BTreeSet<RuleName> =
        saved.iter().filter(|alert| alert.firing()).map(|alert| alert.rule).collect();
    assert!(firing.contains(&RuleName::UnpricedUsage) && firing.is_superset(&judged.firing), "{firing:?}");
    assert!(judged.values.of("CostOverrun", &crate::rule::Labels::new()).len() > 900);
    // The webhook ends with the demo, and `serve` takes the file.
    let file = std::fs::read_to_string(folder.path().join("demo.toml")).unwrap();
    assert!(!file.contains("webhook") && judged.loaded.config.notify.targets().unwrap().len() == 1, "{file}");
    // A second demo does not write into the first.
    let again = judge(folder.path(), "http://127.0.0.1:9/alerts", SETTINGS, NOW, &mut |_| {});
    assert!(matches!(again, Err(DemoError::Exists(_))));
}
