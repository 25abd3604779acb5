use proptest::prelude::*;

use super::*;
use crate::notify::timing::{Rhythm, Timing, Told};
use crate::seconds::Seconds;
use RuleName::{AuthFailures, CostOverrun, HighFailureRate, RepeatedRequests};

fn rhythm() -> Rhythm {
    Rhythm {
        group_by: vec!["alertname".to_owned()],
        group_wait: Seconds(10),
        group_interval: Seconds(60),
        repeat_interval: Seconds(3600),
        send_resolved: true,
        min_severity: Severity::Info,
    }
}

fn timing() -> Timing {
    Timing::new(rhythm(), Told::default())
}

/// Asks at `now` and lets the target take everything.
fn told(timing: &mut Timing, alerts: &[Alert], now: i64) -> Vec<(usize, usize)> {
    let due = timing.due(alerts, at(now));
    for notification in &due {
        timing.sent(notification, at(now));
    }
    due.iter().map(|notification| (notification.firing.len(), notification.resolved.len())).collect()
}

fn hash(name: &str) -> Alert {
    firing(RepeatedRequests, &[("request_hash", name)])
}

#[test]
fn a_new_group_waits_for_more_alerts_and_is_told_once() {
    let mut timing = timing();
    assert_eq!(told(&mut timing, &[hash("a")], 0), []);
    assert_eq!(timing.next(), Some(at(10)));
    assert_eq!(told(&mut timing, &[hash("a"), hash("b")], 9), []);
    assert_eq!(told(&mut timing, &[hash("a"), hash("b")], 10), [(2, 0)]);
    assert_eq!(told(&mut timing, &[hash("a"), hash("b")], 25), []);
    assert_eq!(told(&mut timing, &[hash("a"), hash("b")], 70), []);
}

#[test]
fn groups_do_not_wait_for_each_other() {
    let mut timing = timing();
    told(&mut timing, &[hash("a")], 0);
    let alerts = [hash("a"), firing(CostOverrun, &[])];
    assert_eq!(told(&mut timing, &alerts, 5), []);
    assert_eq!(told(&mut timing, &alerts, 10), [(1, 0)]);
    assert_eq!(told(&mut timing, &alerts, 15), [(1, 0)]);
}

#[test]
fn a_new_alert_of_a_told_group_waits_for_the_interval() {
    let mut timing = timing();
    told(&mut timing, &[hash("a")], 0);
    told(&mut timing, &[hash("a")], 10);
    assert_eq!(told(&mut timing, &[hash("a"), hash("b")], 20), []);
    assert_eq!(told(&mut timing, &[hash("a"), hash("b")], 70), [(2, 0)]);
}

#[test]
fn an_unchanged_group_is_told_again_after_the_repeat_interval() {
    let mut timing = timing();
    told(&mut timing, &[hash("a")], 0);
    told(&mut timing, &[hash("a")], 10);
    let mut times = Vec::new();
    for now in (25..8000).step_by(15) {
        if !told(&mut timing, &[hash("a")], now).is_empty() {
            times.push(now);
        }
    }
    assert_eq!(times, [3610, 7210]);
}

#[test]
fn the_end_is_told_once_and_the_group_is_forgotten() {
    let mut timing = timing();
    told(&mut timing, &[hash("a"), hash("b")], 0);
    told(&mut timing, &[hash("a"), hash("b")], 10);
    let over = [resolved(RepeatedRequests, &[("request_hash", "a")], 20), hash("b")];
    assert_eq!(told(&mut timing, &over, 70), [(1, 1)]);
    assert_eq!(told(&mut timing, &over, 130), []);
    // The alert itself may be forgotten by then: what was told is not.
    let due = timing.due(&[], at(200));
    assert_eq!((due[0].firing.len(), due[0].resolved.len()), (0, 1));
    assert_eq!(due[0].status(), "resolved");
    assert_eq!(due[0].resolved[0].resolved_at, Some(at(200)));
    timing.sent(&due[0], at(200));
    assert_eq!(timing.next(), None);
    assert_eq!(told(&mut timing, &[], 300), []);
}

#[test]
fn the_end_is_not_told_where_it_is_not_wanted() {
    let mut timing = Timing::new(Rhythm { send_resolved: false, ..rhythm() }, Told::default());
    told(&mut timing, &[hash("a"), hash("b")], 0);
    told(&mut timing, &[hash("a"), hash("b")], 10);
    assert_eq!(told(&mut timing, &[hash("b")], 70), []);
    // It comes again: that is news.
    assert_eq!(told(&mut timing, &[hash("a"), hash("b")], 130), [(2, 0)]);
    assert_eq!(told(&mut timing, &[], 190), []);
    assert_eq!(timing.next(), None);
}

#[test]
fn an_alert_that_ends_while_its_group_waits_is_not_told() {
    let mut timing = timing();
    told(&mut timing, &[hash("a")], 0);
    assert_eq!(told(&mut timing, &[resolved(RepeatedRequests, &[("request_hash", "a")], 5)], 10), []);
    assert_eq!((timing.next(), timing.dropped()), (None, 0));
}

#[test]
fn less_urgent_alerts_are_left_out() {
    let mut timing = Timing::new(Rhythm { min_severity: Severity::Critical, ..rhythm() }, Told::default());
    let alerts = [hash("a"), firing(AuthFailures, &[])];
    told(&mut timing, &alerts, 0);
    let due = timing.due(&alerts, at(10));
    assert_eq!(due.len(), 1);
    assert_eq!(names(&due[0].firing), names(&[firing(AuthFailures, &[])]));
}

#[test]
fn a_failed_message_is_tried_again_with_growing_waits_and_holds_back_no_other_group() {
    let mut timing = timing();
    let alerts = [hash("a"), firing(HighFailureRate, &[])];
    told(&mut timing, &alerts, 0);
    let due = timing.due(&alerts, at(10));
    timing.failed(&due[0], true, 1.0, at(10));
    timing.sent(&due[1], at(10));
    let mut waits = Vec::new();
    let mut now = at(10);
    for _ in 0..12 {
        let next = timing.next().expect("a retry");
        // The other group is looked at as well, and has nothing to tell.
        let due = timing.due(&alerts, next);
        if let Some(notification) = due.first() {
            waits.push((next.0 - now.0) / Timestamp::SECOND);
            now = next;
            timing.failed(notification, true, 1.0, now);
        }
    }
    assert_eq!(waits[..6], [1, 2, 4, 8, 16, 32]);
    assert!(waits.iter().all(|wait| *wait <= 300), "{waits:?}");
}

#[test]
fn jitter_shortens_a_wait_to_no_less_than_half() {
    for (jitter, nanos) in [(0.0, 500_000_000), (1.0, 1_000_000_000), (7.0, 1_000_000_000)] {
        let mut timing = timing();
        told(&mut timing, &[hash("a")], 0);
        let due = timing.due(&[hash("a")], at(10));
        timing.failed(&due[0], true, jitter, at(10));
        assert_eq!(timing.next(), Some(Timestamp(at(10).0 + nanos)));
    }
}

#[test]
fn a_refused_message_waits_for_the_interval() {
    let mut timing = timing();
    told(&mut timing, &[hash("a")], 0);
    let due = timing.due(&[hash("a")], at(10));
    timing.failed(&due[0], false, 1.0, at(10));
    assert_eq!(timing.next(), Some(at(70)));
}

#[test]
fn an_alert_that_came_and_went_while_the_target_was_dead_is_counted() {
    let mut timing = timing();
    told(&mut timing, &[hash("a")], 0);
    let due = timing.due(&[hash("a")], at(10));
    timing.failed(&due[0], true, 1.0, at(10));
    assert_eq!(told(&mut timing, &[], 2000), []);
    assert_eq!((timing.dropped(), timing.next()), (1, None));
}

#[test]
fn a_restart_tells_nothing_twice_and_still_tells_the_end() {
    let mut before = timing();
    told(&mut before, &[hash("a")], 0);
    told(&mut before, &[hash("a")], 10);
    let saved = serde_json::to_string(&before.told()).expect("json");
    let told_before: Told = serde_json::from_str(&saved).expect("json");
    let mut after = Timing::new(rhythm(), told_before);
    assert_eq!(told(&mut after, &[hash("a")], 100), []);
    assert_eq!(told(&mut after, &[hash("a"), hash("b")], 160), [(2, 0)]);
    assert_eq!(told(&mut after, &[hash("b")], 220), [(1, 1)]);
}

#[test]
fn a_target_that_wants_everything_again_gets_it_at_every_interval() {
    let rhythm = Rhythm {
        group_by: Vec::new(),
        group_wait: Seconds(0),
        group_interval: Seconds(15),
        repeat_interval: Seconds(15),
        ..rhythm()
    };
    let mut timing = Timing::new(rhythm, Told::default());
    let alerts = [hash("a"), firing(CostOverrun, &[])];
    assert_eq!(told(&mut timing, &alerts, 0), [(2, 0)]);
    assert_eq!(told(&mut timing, &alerts, 14), []);
    assert_eq!(told(&mut timing, &alerts, 15), [(2, 0)]);
    assert_eq!(told(&mut timing, &alerts[..1], 30), [(1, 1)]);
    assert_eq!(told(&mut timing, &alerts[..1], 45), [(1, 0)]);
    assert_eq!(told(&mut timing, &[], 60), [(0, 1)]);
    assert_eq!(told(&mut timing, &[], 75), []);
}

proptest! {
    /// Whatever comes and goes and however often the target fails: when all is quiet and the target is well again,
    /// everything it was told as firing has been told as over.
    #[test]
    fn whatever_was_told_as_firing_is_told_as_over(
        steps in prop::collection::vec((prop::collection::btree_set(0..4_u8, 0..4), any::<bool>(), 1..90_i64), 1..60)
    ) {
        let mut timing = timing();
        let mut open: BTreeSet<(RuleName, String)> = BTreeSet::new();
        let mut now = 0;
        let quiet = std::iter::repeat_n((BTreeSet::new(), true, 301), 4);
        for (active, well, after) in steps.into_iter().chain(quiet) {
            now += after;
            let alerts: Vec<Alert> = active.iter().map(|n| hash(&n.to_string())).collect();
            for notification in timing.due(&alerts, at(now)) {
                if well {
                    open.extend(names(&notification.firing));
                    for name in names(&notification.resolved) {
                        prop_assert!(open.remove(&name), "{:?} was never told", name);
                    }
                    timing.sent(&notification, at(now));
                } else {
                    timing.failed(&notification, true, 0.5, at(now));
                }
            }
        }
        prop_assert!(open.is_empty(), "{:?}", open);
        prop_assert_eq!(timing.next(), None);
    }
}
