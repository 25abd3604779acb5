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
    let mut timing = Timing::new(every(15), Told::default());
    let alerts = [hash("a"), firing(CostOverrun, &[])];
    assert_eq!(told(&mut timing, &alerts, 0), [(2, 0)]);
    assert_eq!(told(&mut timing, &alerts, 14), []);
    assert_eq!(told(&mut timing, &alerts, 15), [(2, 0)]);
    assert_eq!(told(&mut timing, &alerts[..1], 30), [(1, 1)]);
    assert_eq!(told(&mut timing, &alerts[..1], 45), [(1, 0)]);
    assert_eq!(told(&mut timing, &[], 60), [(0, 1)]);
    assert_eq!(told(&mut timing, &[], 75), []);
}

/// The rhythm of a target that does its own grouping and repeating.
fn every(seconds: i64) -> Rhythm {
    Rhythm {
        group_by: Vec::new(),
        group_wait: Seconds(0),
        group_interval: Seconds(seconds),
        repeat_interval: Seconds(seconds),
        ..rhythm()
    }
}

#[test]
fn a_target_that_wants_everything_again_is_never_left_alone_for_longer() {
    let mut timing = Timing::new(every(15), Told::default());
    let mut now = at(0);
    for _ in 0..12 {
        let due = timing.due(&[hash("a")], now);
        timing.failed(&due[0], true, 1.0, now);
        let next = timing.next().expect("a retry");
        assert!(next <= now.plus_seconds(15), "{}", next.0 - now.0);
        now = next;
    }
}

#[test]
fn the_group_that_is_overdue_for_longest_comes_first() {
    let mut timing = timing();
    let alerts = [firing(AuthFailures, &[]), firing(CostOverrun, &[])];
    told(&mut timing, &alerts[1..], 0);
    told(&mut timing, &alerts, 5);
    let due = timing.due(&alerts, at(100));
    assert_eq!(due[0].firing[0].rule, CostOverrun);
    timing.failed(&due[0], true, 1.0, at(100));
    let due = timing.due(&alerts, at(110));
    assert_eq!(due[0].firing[0].rule, AuthFailures);
}

#[test]
fn a_clock_that_is_set_back_silences_no_group() {
    let day = 86_400;
    let mut before = timing();
    told(&mut before, &[hash("a")], day);
    told(&mut before, &[hash("a")], day + 10);
    // Waits no longer than the longest wait there is for news, and no longer than the interval to repeat.
    let mut running = timing();
    told(&mut running, &[hash("a")], day);
    for mut timing in [running, Timing::new(rhythm(), before.told())] {
        assert_eq!(told(&mut timing, &[hash("a"), hash("b")], 0), []);
        assert!(timing.next() <= Some(at(300)), "{:?}", timing.next());
        assert_eq!(told(&mut timing, &[hash("a"), hash("b")], 300), [(2, 0)]);
    }
    let mut timing = Timing::new(rhythm(), before.told());
    assert_eq!(told(&mut timing, &[hash("a")], 0), []);
    let again = (15..4200).step_by(15).find(|now| told(&mut timing, &[hash("a")], *now) == [(1, 0)]);
    assert_eq!(again, Some(3600));
}

/// A restart with another rhythm.
fn restarted(before: &Timing, rhythm: Rhythm) -> Timing {
    let saved = serde_json::to_string(&before.told()).expect("json");
    Timing::new(rhythm, serde_json::from_str(&saved).expect("json"))
}

#[test]
fn an_alert_that_fires_in_another_group_now_is_not_over() {
    let in_one = firing(HighFailureRate, &[("service", "a")]);
    let both = [in_one.clone(), firing(HighFailureRate, &[("service", "b")])];
    let mut before = timing();
    told(&mut before, &both, 0);
    assert_eq!(told(&mut before, &both, 10), [(2, 0)]);
    let by_service = Rhythm { group_by: vec!["service".to_owned()], ..rhythm() };
    let mut after = restarted(&before, by_service.clone());
    assert_eq!(told(&mut after, &both, 100), []);
    assert_eq!(told(&mut after, &both, 110), [(1, 0), (1, 0)]);
    assert_eq!(told(&mut after, &both[..1], 200), [(0, 1)]);

    // One that ends before the new group could tell of it was told as firing, so that its end is told.
    let mut after = restarted(&before, by_service);
    assert_eq!(told(&mut after, &both, 100), []);
    let after_again = restarted(&after, rhythm());
    for mut after in [after, after_again] {
        let ends: usize =
            [180, 190].into_iter().flat_map(|now| told(&mut after, &[], now)).map(|n| n.1).sum();
        assert_eq!(ends, 2);
        assert_eq!((after.dropped(), after.next()), (0, None));
    }
}

#[test]
fn what_was_told_is_told_to_its_end_even_if_it_is_less_urgent_by_then() {
    let mut before = timing();
    told(&mut before, &[hash("a")], 0);
    told(&mut before, &[hash("a")], 10);
    let mut after = restarted(&before, Rhythm { min_severity: Severity::Critical, ..rhythm() });
    assert_eq!(told(&mut after, &[hash("a"), hash("b")], 100), []);
    assert_eq!(told(&mut after, &[hash("b")], 160), [(0, 1)]);
    assert_eq!(told(&mut after, &[hash("a"), hash("b")], 220), []);
    assert_eq!(after.next(), None);
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
