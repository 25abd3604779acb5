use super::*;
use crate::rule::RuleName::SequenceGap;

#[test]
fn sequence_gap_fires_when_a_number_is_missing_for_longer_than_2_minutes() {
    let calls = [numbered(1, 1), numbered(10, 4), numbered(20, 5), numbered(300, 6)];
    let status = status(SequenceGap, &calls, 131);
    assert_fires(&status, 2.0);
    assert_eq!(status.alerts[0].labels, Labels::from([("service".to_owned(), "app".to_owned())]));
    assert_eq!(
        status.alerts[0].description,
        "2 calls of app are missing for more than 2 min, the first of them number 2 of instance one"
    );
}

#[test]
fn sequence_gap_does_not_fire_within_2_minutes_nor_for_numbers_that_came_late() {
    assert_calm(&status(SequenceGap, &[numbered(1, 1), numbered(10, 3)], 129), 0.0);
    assert_calm(&status(SequenceGap, &[numbered(1, 1), numbered(10, 3), numbered(100, 2)], 200), 0.0);
    let two =
        |seconds, sequence| CallRecord { instance: Some("two".to_owned()), ..numbered(seconds, sequence) };
    assert_calm(&status(SequenceGap, &[numbered(1, 1), two(9, 1), two(10, 2)], 500), 0.0);
}

#[test]
fn sequence_gap_does_not_fire_for_ever() {
    let calls = [numbered(1, 1), numbered(10, 3)];
    assert_fires(&status(SequenceGap, &calls, 86_400), 1.0);
    assert_calm(&status(SequenceGap, &calls, 86_500), 0.0);
}

#[test]
fn sequence_gap_says_that_a_missing_beginning_may_be_older_than_the_ledger() {
    let status = status(SequenceGap, &[numbered(1, 8)], 200);
    assert_fires(&status, 7.0);
    assert_eq!(
        status.alerts[0].description,
        "7 calls of app are missing for more than 2 min, the first of them number 1 of instance one, unless it \
         was running before this ledger began"
    );
}

/// A call of an instance that is named as its service.
fn of(service: &str, seconds: i64, sequence: u64) -> CallRecord {
    CallRecord {
        service: service.to_owned(),
        instance: Some(service.to_owned()),
        ..numbered(seconds, sequence)
    }
}

/// A thousand gaps of one number each, noticed within the first quarter of an hour.
fn thousand_gaps(service: &str) -> Vec<CallRecord> {
    (0..=1000_i64).map(|n| of(service, n, n.cast_unsigned() * 2 + 1)).collect()
}

#[test]
fn sequence_gap_sees_a_new_gap_behind_a_thousand_old_ones() {
    const LATER: i64 = 3 * 86_400;
    let mut calls = thousand_gaps("noisy");
    assert_calm(&status(SequenceGap, &calls, LATER), 0.0);
    calls.extend([of("quiet", LATER, 1), of("quiet", LATER + 1, 3)]);
    let status = status(SequenceGap, &calls, LATER + 200);
    assert_fires(&status, 1.0);
    assert_eq!(status.alerts.len(), 1);
    assert_eq!(status.alerts[0].labels, Labels::from([("service".to_owned(), "quiet".to_owned())]));
}

#[test]
fn sequence_gap_of_one_service_hides_no_other() {
    let mut calls = vec![of("quiet", -2, 1), of("quiet", -1, 3)];
    calls.extend(thousand_gaps("noisy"));
    let found = status(SequenceGap, &calls, 2000);
    let services: Vec<_> = found.alerts.iter().map(|alert| alert.labels["service"].as_str()).collect();
    assert_eq!(services, ["noisy", "quiet"]);
    let quiet = Labels::from([("service".to_owned(), "quiet".to_owned())]);
    let toml = "[SequenceGap.services.quiet]\nenabled = true";
    assert_fires(&status_of(SequenceGap, &quiet, toml, &calls, 2000), 1.0);
}

#[test]
fn sequence_gap_names_the_ten_worst_of_thousands_of_services() {
    let calls: Vec<CallRecord> = (0..3_000_u64)
        .flat_map(|n| {
            let (name, seconds) = (format!("service {n:04}"), n.cast_signed() * 2);
            // The last ones miss most.
            [of(&name, seconds, 1), of(&name, seconds + 1, n / 300 + 3)]
        })
        .collect();
    let status = status(SequenceGap, &calls, 6_200);
    let services: Vec<_> = status.alerts.iter().map(|alert| alert.labels["service"].as_str()).collect();
    assert_eq!(status.alerts.len(), 11, "{services:?}");
    assert_eq!(services[..2], ["_OTHER", "service 2700"]);
}
