use super::*;
use crate::alert::NotificationLog;
use crate::notify::digest::DigestTime;
use crate::notify::schedule::{Grouping, Schedule};
use crate::notify::times::Times;
use crate::text::seconds::Seconds;
use RuleName::{CostOverrun, FirstSeenModel, OffHours};

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// All tests begin at midnight UTC.
fn schedule(digest: &str, log: NotificationLog) -> Schedule {
    let grouping = Grouping {
        group_by: vec!["alertname".to_owned()],
        group_wait: Seconds(10),
        group_interval: Seconds(60),
        repeat_interval: Seconds(4 * 3600),
        send_resolved: true,
        min_severity: Severity::Info,
        matchers: Vec::new(),
        times: Times::default(),
        digest: digest.parse().expect(digest),
    };
    Schedule::new(grouping, log)
}

/// What is sent within a time, asked every minute: when, the rules that fire, and those that are over.
fn sent(
    schedule: &mut Schedule,
    alerts: &[Alert],
    seconds: std::ops::Range<i64>,
) -> Vec<(i64, Vec<RuleName>, Vec<RuleName>)> {
    let mut all = Vec::new();
    for second in seconds.step_by(60) {
        for due in schedule.due(alerts, at(second)) {
            schedule.sent(&due, at(second));
            let rules = |alerts: &[Alert]| alerts.iter().map(|alert| alert.rule).collect::<Vec<_>>();
            all.push((second, rules(&due.firing), rules(&due.resolved)));
        }
    }
    all
}

fn informs(rule: RuleName) -> Alert {
    firing(rule, &[("model", "new")])
}

#[test]
fn what_informs_is_one_message_a_day_and_what_pages_is_not_held_back() {
    let mut schedule = schedule("09:00 UTC", NotificationLog::default());
    let pages = firing(CostOverrun, &[]);
    let all = [informs(FirstSeenModel), pages.clone()];
    assert_eq!(sent(&mut schedule, &all, 0..HOUR), [(60, vec![CostOverrun], vec![])]);
    // One is over before the digest, another begins, and the page is over.
    let over = [resolved(FirstSeenModel, &[("model", "new")], HOUR), informs(OffHours)];
    let after = sent(&mut schedule, &over, HOUR..HOUR + 300);
    assert_eq!(after, [(HOUR, vec![], vec![CostOverrun])]);
    let day = sent(&mut schedule, &[informs(OffHours)], HOUR + 300..DAY);
    assert_eq!(day, [(9 * HOUR, vec![OffHours], vec![FirstSeenModel])]);
    // What goes on is not repeated, and what begins again is.
    assert_eq!(sent(&mut schedule, &[informs(OffHours)], DAY..2 * DAY), []);
    assert_eq!(sent(&mut schedule, &[], 2 * DAY..2 * DAY + HOUR), []);
    let again = sent(&mut schedule, &[informs(OffHours)], 2 * DAY + HOUR..3 * DAY);
    assert_eq!(again, [(2 * DAY + 9 * HOUR, vec![OffHours], vec![])]);
}

#[test]
fn a_restart_neither_loses_nor_repeats_a_digest() {
    let mut before = schedule("09:00 UTC", NotificationLog::default());
    assert_eq!(sent(&mut before, &[informs(FirstSeenModel)], HOUR..2 * HOUR), []);
    // The process was away at nine.
    let mut after = schedule("09:00 UTC", before.log());
    let found = sent(&mut after, &[informs(FirstSeenModel)], 11 * HOUR..12 * HOUR);
    assert_eq!(found, [(11 * HOUR, vec![FirstSeenModel], vec![])]);
    let mut again = schedule("09:00 UTC", after.log());
    assert_eq!(sent(&mut again, &[informs(FirstSeenModel)], 12 * HOUR..2 * DAY), []);
}

#[test]
fn what_only_accompanies_a_page_is_no_news_after_a_restart_either() {
    let mut before = schedule("09:00 UTC", NotificationLog::default());
    let info = firing(OffHours, &[("service", "a")]);
    let both = [info.clone(), firing(CostOverrun, &[("service", "a")])];
    sent(&mut before, &both, 0..HOUR);
    let after = sent(&mut before, std::slice::from_ref(&info), HOUR..4 * HOUR);
    assert_eq!(after, [(HOUR, vec![], vec![CostOverrun])]);
    // The page is over for more than an hour.
    let mut after = schedule("09:00 UTC", before.log());
    assert_eq!(sent(&mut after, &[info], 4 * HOUR..DAY), []);
}

#[test]
fn a_digest_that_is_not_taken_is_tried_again() {
    let mut schedule = schedule("09:00 UTC", NotificationLog::default());
    sent(&mut schedule, &[informs(OffHours)], 0..60);
    assert_eq!(schedule.next(), Some(at(9 * HOUR)));
    let due = schedule.due(&[informs(OffHours)], at(9 * HOUR));
    assert!(due[0].is_digest());
    schedule.failed(&due[0], true, 0.0, at(9 * HOUR));
    assert!(schedule.due(&[informs(OffHours)], at(9 * HOUR + 60)).is_empty());
    assert_eq!(schedule.due(&[informs(OffHours)], at(9 * HOUR + 300)).len(), 1);
}

#[test]
fn the_time_of_the_digest_is_that_of_its_zone_and_it_can_be_off() {
    // Nine in Berlin is eight UTC in November.
    let mut berlin = schedule("09:00 Europe/Berlin", NotificationLog::default());
    let found = sent(&mut berlin, &[informs(OffHours)], 0..DAY);
    assert_eq!(found, [(8 * HOUR, vec![OffHours], vec![])]);
    let mut off = schedule("off", NotificationLog::default());
    assert_eq!(sent(&mut off, &[informs(OffHours)], 0..HOUR), [(60, vec![OffHours], vec![])]);
    for (text, reason) in [
        ("9 UTC", "is no time of a digest"),
        ("09:00", "is no time of a digest"),
        ("24:00 UTC", "is no time of a digest"),
        ("09:00 Nowhere", "not a known time zone"),
    ] {
        let error = text.parse::<DigestTime>().expect_err(text);
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_digest_says_so_in_its_subject() {
    let digest = Notification {
        group_key: "digest".to_owned(),
        group_labels: Labels::new(),
        ..notification(vec![informs(OffHours), informs(FirstSeenModel)], vec![])
    };
    assert_eq!(crate::notify::template::subject(&digest), "[DIGEST 2] FirstSeenModel, OffHours");
}

#[test]
fn what_only_accompanies_a_page_waits_for_news_and_at_most_a_week() {
    let mut schedule = schedule("09:00 UTC", NotificationLog::default());
    let info = |rule: RuleName, service: &str| firing(rule, &[("service", service)]);
    let page = firing(CostOverrun, &[("service", "a")]);
    // The page comes half an hour after what informs of the same service.
    assert_eq!(sent(&mut schedule, &[info(OffHours, "a")], 0..1_800), []);
    let both = [info(OffHours, "a"), page];
    assert_eq!(sent(&mut schedule, &both, 1_800..HOUR), [(1_860, vec![CostOverrun], vec![])]);
    let over = sent(&mut schedule, &[], HOUR..7 * DAY);
    assert_eq!(over, [(HOUR, vec![], vec![CostOverrun])]);
    assert_eq!(sent(&mut schedule, &[], 7 * DAY..8 * DAY), [(7 * DAY + 9 * HOUR, vec![OffHours], vec![])]);

    // Another service is news, and brings what waited along.
    let mut schedule = self::schedule("09:00 UTC", NotificationLog::default());
    let page = firing(CostOverrun, &[("service", "a")]);
    let all = [info(OffHours, "a"), info(OffHours, "b"), page];
    sent(&mut schedule, &all, 0..HOUR);
    let digest = sent(&mut schedule, &[], 2 * HOUR..DAY);
    assert_eq!(digest.last().map(|(at, firing, _)| (*at, firing.len())), Some((9 * HOUR, 2)));
}

#[test]
fn a_page_about_nothing_in_particular_explains_nothing() {
    let mut schedule = schedule("09:00 UTC", NotificationLog::default());
    let all = [informs(FirstSeenModel), firing(RuleName::LedgerLosing, &[])];
    sent(&mut schedule, &all, 0..HOUR);
    let digest = sent(&mut schedule, &[informs(FirstSeenModel)], HOUR..DAY);
    assert_eq!(digest.last().map(|(at, ..)| *at), Some(9 * HOUR));
}
