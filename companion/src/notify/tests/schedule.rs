use proptest::prelude::*;

use super::*;
use crate::alert::NotificationLog;
use crate::notify::digest::DigestTime;
use crate::notify::schedule::{Grouping, Schedule};
use crate::notify::times::Times;
use crate::text::seconds::Seconds;
use RuleName::{AuthFailures, CostOverrun, HighFailureRate, RepeatedRequests};

fn grouping() -> Grouping {
    Grouping {
        group_by: vec!["alertname".to_owned()],
        group_wait: Seconds(10),
        group_interval: Seconds(60),
        repeat_interval: Seconds(3600),
        send_resolved: true,
        min_severity: Severity::Info,
        matchers: Vec::new(),
        times: Times::default(),
        digest: DigestTime::off(),
    }
}

fn schedule() -> Schedule {
    Schedule::new(grouping(), NotificationLog::default())
}

/// Asks at `now` and lets the target take everything.
fn sent(schedule: &mut Schedule, alerts: &[Alert], now: i64) -> Vec<(usize, usize)> {
    let due = schedule.due(alerts, at(now));
    for notification in &due {
        schedule.sent(notification, at(now));
    }
    due.iter().map(|notification| (notification.firing.len(), notification.resolved.len())).collect()
}

fn hash(name: &str) -> Alert {
    firing(RepeatedRequests, &[("request_hash", name)])
}

#[test]
fn a_new_group_waits_for_more_alerts_and_is_notified_once() {
    let mut schedule = schedule();
    assert_eq!(sent(&mut schedule, &[hash("a")], 0), []);
    assert_eq!(schedule.next(), Some(at(10)));
    assert_eq!(sent(&mut schedule, &[hash("a"), hash("b")], 9), []);
    assert_eq!(sent(&mut schedule, &[hash("a"), hash("b")], 10), [(2, 0)]);
    assert_eq!(sent(&mut schedule, &[hash("a"), hash("b")], 25), []);
    assert_eq!(sent(&mut schedule, &[hash("a"), hash("b")], 70), []);
}

#[test]
fn groups_do_not_wait_for_each_other() {
    let mut schedule = schedule();
    sent(&mut schedule, &[hash("a")], 0);
    let alerts = [hash("a"), firing(CostOverrun, &[])];
    assert_eq!(sent(&mut schedule, &alerts, 5), []);
    assert_eq!(sent(&mut schedule, &alerts, 10), [(1, 0)]);
    assert_eq!(sent(&mut schedule, &alerts, 15), [(1, 0)]);
}

#[test]
fn a_new_alert_of_a_notified_group_waits_for_the_interval() {
    let mut schedule = schedule();
    sent(&mut schedule, &[hash("a")], 0);
    sent(&mut schedule, &[hash("a")], 10);
    assert_eq!(sent(&mut schedule, &[hash("a"), hash("b")], 20), []);
    assert_eq!(sent(&mut schedule, &[hash("a"), hash("b")], 70), [(2, 0)]);
}

#[test]
fn an_unchanged_group_is_notified_again_after_the_repeat_interval() {
    let mut schedule = schedule();
    sent(&mut schedule, &[hash("a")], 0);
    sent(&mut schedule, &[hash("a")], 10);
    let mut times = Vec::new();
    for now in (25..8000).step_by(15) {
        if !sent(&mut schedule, &[hash("a")], now).is_empty() {
            times.push(now);
        }
    }
    assert_eq!(times, [3610, 7210]);
}

#[test]
fn the_end_is_sent_once_and_the_group_is_forgotten() {
    let mut schedule = schedule();
    sent(&mut schedule, &[hash("a"), hash("b")], 0);
    sent(&mut schedule, &[hash("a"), hash("b")], 10);
    let over = [resolved(RepeatedRequests, &[("request_hash", "a")], 20), hash("b")];
    assert_eq!(sent(&mut schedule, &over, 70), [(1, 1)]);
    assert_eq!(sent(&mut schedule, &over, 130), []);
    // The alert itself may be forgotten by then; the notification log is not.
    let due = schedule.due(&[], at(200));
    assert_eq!((due[0].firing.len(), due[0].resolved.len()), (0, 1));
    assert_eq!(due[0].status(), "resolved");
    assert_eq!(due[0].resolved[0].resolved_at, Some(at(200)));
    schedule.sent(&due[0], at(200));
    assert_eq!(schedule.next(), None);
    assert_eq!(sent(&mut schedule, &[], 300), []);
}

#[test]
fn the_end_is_not_sent_where_it_is_not_wanted() {
    let mut schedule =
        Schedule::new(Grouping { send_resolved: false, ..grouping() }, NotificationLog::default());
    sent(&mut schedule, &[hash("a"), hash("b")], 0);
    sent(&mut schedule, &[hash("a"), hash("b")], 10);
    assert_eq!(sent(&mut schedule, &[hash("b")], 70), []);
    // It fires again: that is a new event.
    assert_eq!(sent(&mut schedule, &[hash("a"), hash("b")], 130), [(2, 0)]);
    assert_eq!(sent(&mut schedule, &[], 190), []);
    assert_eq!(schedule.next(), None);
}

#[test]
fn an_alert_that_ends_while_its_group_waits_is_not_sent() {
    let mut schedule = schedule();
    sent(&mut schedule, &[hash("a")], 0);
    assert_eq!(sent(&mut schedule, &[resolved(RepeatedRequests, &[("request_hash", "a")], 5)], 10), []);
    assert_eq!((schedule.next(), schedule.dropped()), (None, 0));
}

#[test]
fn less_urgent_alerts_are_left_out() {
    let mut schedule = Schedule::new(
        Grouping { min_severity: Severity::Critical, ..grouping() },
        NotificationLog::default(),
    );
    let alerts = [hash("a"), firing(AuthFailures, &[])];
    sent(&mut schedule, &alerts, 0);
    let due = schedule.due(&alerts, at(10));
    assert_eq!(due.len(), 1);
    assert_eq!(names(&due[0].firing), names(&[firing(AuthFailures, &[])]));
}

#[test]
fn a_failed_message_is_tried_again_with_growing_waits_and_holds_back_no_other_group() {
    let mut schedule = schedule();
    let alerts = [hash("a"), firing(HighFailureRate, &[])];
    sent(&mut schedule, &alerts, 0);
    let due = schedule.due(&alerts, at(10));
    schedule.failed(&due[0], true, 1.0, at(10));
    schedule.sent(&due[1], at(10));
    let mut waits = Vec::new();
    let mut now = at(10);
    for _ in 0..12 {
        let next = schedule.next().expect("a retry");
        // The other group is looked at as well, and has nothing to tell.
        let due = schedule.due(&alerts, next);
        if let Some(notification) = due.first() {
            waits.push((next.0 - now.0) / Timestamp::SECOND);
            now = next;
            schedule.failed(notification, true, 1.0, now);
        }
    }
    assert_eq!(waits[..6], [1, 2, 4, 8, 16, 32]);
    assert!(waits.iter().all(|wait| *wait <= 300), "{waits:?}");
}

#[test]
fn jitter_shortens_a_wait_to_no_less_than_half() {
    for (jitter, nanos) in [(0.0, 500_000_000), (1.0, 1_000_000_000), (7.0, 1_000_000_000)] {
        let mut schedule = schedule();
        sent(&mut schedule, &[hash("a")], 0);
        let due = schedule.due(&[hash("a")], at(10));
        schedule.failed(&due[0], true, jitter, at(10));
        assert_eq!(schedule.next(), Some(Timestamp(at(10).0 + nanos)));
    }
}

#[test]
fn a_refused_message_waits_for_the_interval() {
    let mut schedule = schedule();
    sent(&mut schedule, &[hash("a")], 0);
    let due = schedule.due(&[hash("a")], at(10));
    schedule.failed(&due[0], false, 1.0, at(10));
    assert_eq!(schedule.next(), Some(at(70)));
}

#[test]
fn an_alert_that_came_and_went_while_the_target_was_dead_is_counted() {
    let mut schedule = schedule();
    sent(&mut schedule, &[hash("a")], 0);
    let due = schedule.due(&[hash("a")], at(10));
    schedule.failed(&due[0], true, 1.0, at(10));
    assert_eq!(sent(&mut schedule, &[], 2000), []);
    assert_eq!((schedule.dropped(), schedule.next()), (1, None));
}

#[test]
fn a_restart_tells_nothing_twice_and_still_tells_the_end() {
    let mut before = schedule();
    sent(&mut before, &[hash("a")], 0);
    sent(&mut before, &[hash("a")], 10);
    let saved = serde_json::to_string(&before.log()).expect("json");
    let sent_before: NotificationLog = serde_json::from_str(&saved).expect("json");
    let mut after = Schedule::new(grouping(), sent_before);
    assert_eq!(sent(&mut after, &[hash("a")], 100), []);
    assert_eq!(sent(&mut after, &[hash("a"), hash("b")], 160), [(2, 0)]);
    assert_eq!(sent(&mut after, &[hash("b")], 220), [(1, 1)]);
}

#[test]
fn a_target_that_wants_everything_again_gets_it_at_every_interval() {
    let mut schedule = Schedule::new(every(15), NotificationLog::default());
    let alerts = [hash("a"), firing(CostOverrun, &[])];
    assert_eq!(sent(&mut schedule, &alerts, 0), [(2, 0)]);
    assert_eq!(sent(&mut schedule, &alerts, 14), []);
    assert_eq!(sent(&mut schedule, &alerts, 15), [(2, 0)]);
    assert_eq!(sent(&mut schedule, &alerts[..1], 30), [(1, 1)]);
    assert_eq!(sent(&mut schedule, &alerts[..1], 45), [(1, 0)]);
    assert_eq!(sent(&mut schedule, &[], 60), [(0, 1)]);
    assert_eq!(sent(&mut schedule, &[], 75), []);
}

/// The grouping of a target that does its own grouping and repeating.
fn every(seconds: i64) -> Grouping {
    Grouping {
        group_by: Vec::new(),
        group_wait: Seconds(0),
        group_interval: Seconds(seconds),
        repeat_interval: Seconds(seconds),
        ..grouping()
    }
}

#[test]
fn a_target_that_wants_everything_again_is_never_left_alone_for_longer() {
    let mut schedule = Schedule::new(every(15), NotificationLog::default());
    let mut now = at(0);
    for _ in 0..12 {
        let due = schedule.due(&[hash("a")], now);
        schedule.failed(&due[0], true, 1.0, now);
        let next = schedule.next().expect("a retry");
        assert!(next <= now.plus_seconds(15), "{}", next.0 - now.0);
        now = next;
    }
}

#[test]
fn the_group_that_is_overdue_for_longest_comes_first() {
    let mut schedule = schedule();
    let alerts = [firing(AuthFailures, &[]), firing(CostOverrun, &[])];
    sent(&mut schedule, &alerts[1..], 0);
    sent(&mut schedule, &alerts, 5);
    let due = schedule.due(&alerts, at(100));
    assert_eq!(due[0].firing[0].rule, CostOverrun);
    schedule.failed(&due[0], true, 1.0, at(100));
    let due = schedule.due(&alerts, at(110));
    assert_eq!(due[0].firing[0].rule, AuthFailures);
}

#[test]
fn a_clock_that_is_set_back_silences_no_group() {
    let day = 86_400;
    let mut before = schedule();
    sent(&mut before, &[hash("a")], day);
    sent(&mut before, &[hash("a")], day + 10);
    // Waits no longer than the longest wait there is for news, and no longer than the interval to repeat.
    let mut running = schedule();
    sent(&mut running, &[hash("a")], day);
    for mut schedule in [running, Schedule::new(grouping(), before.log())] {
        assert_eq!(sent(&mut schedule, &[hash("a"), hash("b")], 0), []);
        assert!(schedule.next() <= Some(at(300)), "{:?}", schedule.next());
        assert_eq!(sent(&mut schedule, &[hash("a"), hash("b")], 300), [(2, 0)]);
    }
    let mut schedule = Schedule::new(grouping(), before.log());
    assert_eq!(sent(&mut schedule, &[hash("a")], 0), []);
    let again = (15..4200).step_by(15).find(|now| sent(&mut schedule, &[hash("a")], *now) == [(1, 0)]);
    assert_eq!(again, Some(3600));
}

/// A restart with another grouping.
fn restarted(before: &Schedule, grouping: Grouping) -> Schedule {
    let saved = serde_json::to_string(&before.log()).expect("json");
    Schedule::new(grouping, serde_json::from_str(&saved).expect("json"))
}

#[test]
fn an_alert_that_fires_in_another_group_now_is_not_over() {
    let in_one = firing(HighFailureRate, &[("service", "a")]);
    let both = [in_one.clone(), firing(HighFailureRate, &[("service", "b")])];
    let mut before = schedule();
    sent(&mut before, &both, 0);
    assert_eq!(sent(&mut before, &both, 10), [(2, 0)]);
    let by_service = Grouping { group_by: vec!["service".to_owned()], ..grouping() };
    let mut after = restarted(&before, by_service.clone());
    assert_eq!(sent(&mut after, &both, 100), []);
    assert_eq!(sent(&mut after, &both, 110), [(1, 0), (1, 0)]);
    assert_eq!(sent(&mut after, &both[..1], 200), [(0, 1)]);

    // One that ends before the new group could notify of it was notified as firing, so its end is notified.
    let mut after = restarted(&before, by_service);
    assert_eq!(sent(&mut after, &both, 100), []);
    let after_again = restarted(&after, grouping());
    for mut after in [after, after_again] {
        let ends: usize =
            [180, 190].into_iter().flat_map(|now| sent(&mut after, &[], now)).map(|n| n.1).sum();
        assert_eq!(ends, 2);
        assert_eq!((after.dropped(), after.next()), (0, None));
    }
}

#[test]
fn what_was_sent_is_followed_to_its_end_even_if_it_is_less_urgent_by_then() {
    let mut before = schedule();
    sent(&mut before, &[hash("a")], 0);
    sent(&mut before, &[hash("a")], 10);
    let mut after = restarted(&before, Grouping { min_severity: Severity::Critical, ..grouping() });
    assert_eq!(sent(&mut after, &[hash("a"), hash("b")], 100), []);
    assert_eq!(sent(&mut after, &[hash("b")], 160), [(0, 1)]);
    assert_eq!(sent(&mut after, &[hash("a"), hash("b")], 220), []);
    assert_eq!(after.next(), None);
}

proptest! {
    /// Whatever fires and resolves, and however often the target fails: when all is quiet and the target works again,
    /// everything notified as firing has been notified as resolved.
    #[test]
    fn all_that_was_sent_as_firing_is_sent_as_resolved(
        steps in prop::collection::vec((prop::collection::btree_set(0..4_u8, 0..4), any::<bool>(), 1..90_i64), 1..60)
    ) {
        let mut schedule = schedule();
        let mut open: BTreeSet<(RuleName, String)> = BTreeSet::new();
        let mut now = 0;
        let quiet = std::iter::repeat_n((BTreeSet::new(), true, 301), 4);
        for (active, well, after) in steps.into_iter().chain(quiet) {
            now += after;
            let alerts: Vec<Alert> = active.iter().map(|n| hash(&n.to_string())).collect();
            for notification in schedule.due(&alerts, at(now)) {
                if well {
                    open.extend(names(&notification.firing));
                    for name in names(&notification.resolved) {
                        prop_assert!(open.remove(&name), "{:?} was never sent", name);
                    }
                    schedule.sent(&notification, at(now));
                } else {
                    schedule.failed(&notification, true, 0.5, at(now));
                }
            }
        }
        prop_assert!(open.is_empty(), "{:?}", open);
        prop_assert_eq!(schedule.next(), None);
    }
}

#[test]
fn a_silenced_alert_is_sent_when_it_outlives_its_silence_and_its_end_when_its_begin_was() {
    let mut schedule = Schedule::new(grouping(), NotificationLog::default());
    let silenced = |alert: Alert| Alert { silenced: Some("silence 1".to_owned()), ..alert };
    // Held back from the start, then sent.
    assert!(schedule.due(&[silenced(hash("a"))], at(0)).is_empty());
    assert!(schedule.due(&[silenced(hash("a"))], at(86_400)).is_empty());
    assert!(schedule.due(&[hash("a")], at(86_460)).is_empty(), "the group waits");
    let due = schedule.due(&[hash("a")], at(86_480));
    assert_eq!(due.len(), 1);
    schedule.sent(&due[0], at(86_480));
    // Silenced after it was sent: it is not sent again and not called resolved, for however long.
    assert!(schedule.due(&[silenced(hash("a"))], at(2 * 86_400)).is_empty());
    // Over while it was silenced: those who know of its begin get to know its end.
    let due = schedule.due(&[], at(2 * 86_400 + 600));
    assert_eq!((due[0].firing.len(), due[0].resolved.len()), (0, 1));
}
