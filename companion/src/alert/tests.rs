use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::rule::tests::at;

const RULE: RuleName = RuleName::RepeatedRequests;

fn labels(name: &str) -> Labels {
    Labels::from([("request_hash".to_owned(), name.to_owned())])
}

fn sample(name: &str, value: f64, exceeded: bool) -> Sample {
    Sample {
        labels: labels(name).into(),
        value,
        threshold: 3.0,
        learned: false,
        verdict: if exceeded { Verdict::Exceeded } else { Verdict::Calm },
        description: format!("value {value}"),
    }
}

fn settings(hold: i64, keep: i64) -> Settings {
    Settings { hold: Seconds(hold), keep_firing_for: Seconds(keep), ..RULE.rule().defaults }
}

fn see(alerts: &mut Alerts, settings: &Settings, samples: &[Sample], now: i64) -> bool {
    alerts.observe(RULE.rule(), settings, Observation::Seen(samples, None), at(now))
}

fn states(alerts: &Alerts) -> BTreeMap<String, State> {
    alerts.iter().map(|alert| (alert.labels["request_hash"].clone(), alert.state)).collect()
}

/// What one time shows: which of three hashes exceed, or that the ledger could not be asked.
#[derive(Debug, Clone)]
struct Moment {
    after: i64,
    exceeded: Option<BTreeSet<u8>>,
}

fn steps() -> impl Strategy<Value = Vec<Moment>> {
    let one = (1..200_i64, prop::option::weighted(0.85, prop::collection::btree_set(0..3_u8, 0..3)));
    prop::collection::vec(one.prop_map(|(after, exceeded)| Moment { after, exceeded }), 1..60)
}

/// The state of one hash by the words of the documentation, from the whole history of what was seen of it:
/// (time, exceeded). Nothing is carried from one time to the next but the history.
fn naive(history: &[(i64, bool)], hold: i64, keep: i64) -> State {
    // The last time firing began and has not ended.
    let mut state = State::Inactive;
    let mut index = 0;
    while index < history.len() {
        // A run of exceeding times.
        if !history[index].1 {
            if state == State::Resolved
                && history[index].0 - resolved_at(history, index, keep) >= RESOLVED_FOR.0
            {
                state = State::Inactive;
            }
            index += 1;
            continue;
        }
        let began = history[index].0;
        let mut end = index;
        while end < history.len() && history[end].1 {
            end += 1;
        }
        if !history[index..end].iter().any(|(time, _)| time - began >= hold) {
            // Never long enough: gone with the first calm time.
            state = if end == history.len() { State::Pending } else { State::Inactive };
            index = end;
            continue;
        }
        // Firing until a calm run lasts `keep`.
        state = State::Firing;
        index = end;
        let mut calm: Option<i64> = None;
        while index < history.len() {
            let (time, exceeded) = history[index];
            if exceeded {
                calm = None;
            } else {
                let since = *calm.get_or_insert(time);
                if time - since >= keep {
                    state = State::Resolved;
                    break;
                }
            }
            index += 1;
        }
        if state == State::Resolved {
            index += 1;
        }
    }
    state
}

/// When the alert that is resolved at `index` was resolved: the first calm time, going back over calm ones, at
/// which `keep` had passed since the calm began.
fn resolved_at(history: &[(i64, bool)], index: usize, keep: i64) -> i64 {
    let began = history[..=index].iter().rposition(|(_, exceeded)| *exceeded).map_or(0, |last| last + 1);
    let calm = history[began].0;
    history[began..=index].iter().find(|(time, _)| time - calm >= keep).map_or(i64::MAX, |(time, _)| *time)
}

proptest! {
    #[test]
    fn moves_as_the_documentation_says(steps in steps(), hold in 0..400_i64, keep in 0..400_i64) {
        let settings = settings(hold, keep);
        let mut alerts = Alerts::default();
        let mut history: BTreeMap<u8, Vec<(i64, bool)>> = (0..3).map(|hash| (hash, Vec::new())).collect();
        let mut now = 0;
        for step in steps {
            now += step.after;
            let Some(exceeded) = step.exceeded else {
                let before = alerts.clone();
                prop_assert!(!alerts.observe(RULE.rule(), &settings, Observation::Unknown, at(now)));
                prop_assert_eq!(&alerts, &before);
                continue;
            };
            let samples: Vec<Sample> = exceeded.iter().map(|hash| sample(&hash.to_string(), 9.0, true)).collect();
            let before = states(&alerts);
            let changed = see(&mut alerts, &settings, &samples, now);
            prop_assert_eq!(changed, before != states(&alerts) || alerts.iter().any(|alert| {
                // Resolved and exceeded again within one time's rest: another alert of the same state.
                alert.active_since == at(now) || alert.firing_since == Some(at(now)) || alert.resolved_at == Some(at(now))
            }));
            for (hash, history) in &mut history {
                history.push((now, exceeded.contains(hash)));
                let expected = naive(history, hold, keep);
                let found = states(&alerts).get(&hash.to_string()).copied().unwrap_or(State::Inactive);
                prop_assert_eq!(found, expected, "hash {} at {} after {:?}", hash, now, history);
            }
        }
    }
}

#[test]
fn keeps_the_peak_and_the_newest_value() {
    let (settings, mut alerts) = (settings(0, 60), Alerts::default());
    for (now, value) in [(0, 5.0), (15, 9.0), (30, 7.0)] {
        see(&mut alerts, &settings, &[sample("a", value, true)], now);
    }
    see(&mut alerts, &settings, &[sample("a", 1.0, false)], 45);
    let alert = alerts.iter().next().expect("alert");
    assert_eq!((alert.value, alert.peak, alert.state), (7.0, 9.0, State::Firing));
    assert_eq!((alert.firing_since, alert.calm_since), (Some(at(0)), Some(at(45))));
}

#[test]
fn a_value_that_swings_around_its_threshold_is_one_alert() {
    let (settings, mut alerts) = (settings(0, 60), Alerts::default());
    let mut changes = 0;
    for step in 0..100 {
        changes += i64::from(see(&mut alerts, &settings, &[sample("a", 5.0, step % 3 == 0)], step * 15));
    }
    assert_eq!(changes, 1);
    assert_eq!(alerts.iter().next().map(|alert| alert.firing_since), Some(Some(at(0))));
}

#[test]
fn a_clock_that_is_set_back_resolves_nothing() {
    let (settings, mut alerts) = (settings(0, 60), Alerts::default());
    see(&mut alerts, &settings, &[sample("a", 5.0, true)], 1000);
    see(&mut alerts, &settings, &[], 0);
    assert_eq!(states(&alerts)["a"], State::Firing);
}

#[test]
fn a_clock_that_is_set_back_holds_up_no_alert() {
    let (settings, mut alerts) = (settings(60, 60), Alerts::default());
    let day = 86_400;
    see(&mut alerts, &settings, &[sample("a", 5.0, true)], day);
    see(&mut alerts, &settings, &[sample("a", 5.0, true)], 0);
    see(&mut alerts, &settings, &[sample("a", 5.0, true)], 60);
    assert_eq!(states(&alerts)["a"], State::Firing);
    see(&mut alerts, &settings, &[], day);
    see(&mut alerts, &settings, &[], 15);
    let alert = alerts.iter().next().expect("alert");
    // What begins after it ends is refused by Alertmanager.
    assert_eq!((alert.active_since, alert.firing_since), (at(0), Some(at(15))));
    see(&mut alerts, &settings, &[], 75);
    assert_eq!(states(&alerts)["a"], State::Resolved);
    see(&mut alerts, &settings, &[], 30);
    see(&mut alerts, &settings, &[], 30 + RESOLVED_FOR.0);
    assert_eq!(alerts.iter().count(), 0);
    see(&mut alerts, &settings, &[sample("a", 5.0, true)], day);
    see(&mut alerts, &settings, &[sample("a", 5.0, true)], day + 60);
    for now in [day + 60, 0, RESOLVED_FOR.0] {
        alerts.end("gone", at(now));
    }
    assert_eq!(alerts.iter().count(), 0);
}

#[test]
fn holds_so_many_alerts_and_counts_the_rest() {
    let (settings, mut alerts) = (settings(0, 0), Alerts::default());
    let samples: Vec<Sample> = (0..LIMIT + 7).map(|n| sample(&n.to_string(), 5.0, true)).collect();
    see(&mut alerts, &settings, &samples, 0);
    assert_eq!((alerts.iter().count(), alerts.dropped()), (LIMIT, 7));
    // Resolved ones make room for new ones.
    see(&mut alerts, &settings, &[], 15);
    see(&mut alerts, &settings, &[sample("new", 5.0, true)], 30);
    assert_eq!(states(&alerts)["new"], State::Firing);
}

pub(crate) fn firing() -> Vec<Alert> {
    let mut alerts = Alerts::default();
    see(&mut alerts, &settings(0, 60), &[sample("a", 5.0, true)], 0);
    alerts.iter().cloned().collect()
}

#[test]
fn an_alert_that_goes_on_explains_the_limit_with_which_it_began() {
    let (mut alerts, settings) = (Alerts::default(), settings(0, 0));
    let learned = |threshold| Sample { threshold, learned: true, ..sample("a", 9.0, true) };
    let text = |alerts: &Alerts| alerts.iter().next().expect("an alert").description.clone();
    for now in [0, 15] {
        see(&mut alerts, &settings, &[learned(3.0)], now);
        assert_eq!(text(&alerts), "value 9");
    }
    for now in [30, 45] {
        see(&mut alerts, &settings, &[learned(5.0)], now);
        assert_eq!(text(&alerts), "value 9; the limit was 3 when this alert began to fire");
    }
}
