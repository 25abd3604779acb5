//! Mute times, holidays and routing, as configured, by simulated time.

use super::*;
use crate::alert::NotificationLog;
use crate::notify::schedule::Schedule;
use crate::notify::target::NotifyConfig;
use crate::record::Timestamp;
use crate::text::time::{parse_time, rfc3339};

const WORK: &str = "active = ['Mon-Fri 08:00-18:00 Europe/Berlin']";

fn read(toml: &str) -> NotifyConfig {
    toml::from_str(toml).expect(toml)
}

/// The schedule of the only target of `toml`, a webhook with `keys`.
fn schedule(common: &str, keys: &str) -> Schedule {
    let config = read(&format!("{common}\n[[webhook]]\nurl = 'http://127.0.0.1:1'\n{keys}"));
    let target = config.targets().expect("targets").remove(0);
    Schedule::new(target.grouping, NotificationLog::default())
}

/// What is sent between two times, asked every 15 s: when, and how many alerts fire and are over.
fn sent(schedule: &mut Schedule, alerts: &[Alert], from: &str, to: &str) -> Vec<(String, usize, usize)> {
    let (mut now, end) = (parse_time(from).expect(from), parse_time(to).expect(to));
    let mut all = Vec::new();
    while now < end {
        for due in schedule.due(alerts, now) {
            schedule.sent(&due, now);
            all.push((rfc3339(now), due.firing.len(), due.resolved.len()));
        }
        now = now.plus_seconds(15);
    }
    all
}

fn pages(service: &str) -> Alert {
    firing(RuleName::HighFailureRate, &[("service", service)])
}

#[test]
fn what_fires_at_night_is_sent_when_work_begins_by_the_clock_of_the_zone() {
    // Over the Sundays on which the clock changes: work begins at 07:00 and then at 06:00 UTC, and back.
    for (from, to, begins) in [
        ("2026-03-27T20:00:00Z", "2026-03-30T07:00:00Z", "2026-03-30T06:00:00Z"),
        ("2026-10-23T20:00:00Z", "2026-10-26T08:00:00Z", "2026-10-26T07:00:00Z"),
    ] {
        let mut schedule = schedule("repeat_interval = '7d'", WORK);
        let messages = sent(&mut schedule, &[pages("a")], from, to);
        // A new group waits for more alerts.
        let first = parse_time(begins).expect(begins).plus_seconds(15);
        assert_eq!(messages, [(rfc3339(first), 1, 0)], "{from}");
    }
}

#[test]
fn what_ends_at_night_is_not_sent_unless_its_begin_was() {
    let mut schedule = schedule("repeat_interval = '7d'", WORK);
    let day = sent(&mut schedule, &[pages("a")], "2026-11-03T15:00:00Z", "2026-11-03T17:00:00Z");
    assert_eq!(day, [("2026-11-03T15:00:15Z".to_owned(), 1, 0)]);
    // Over at 20:00; another came and went.
    let over = |alert: Alert| Alert {
        state: State::Resolved,
        resolved_at: Some(parse_time("2026-11-03T20:00:00Z").expect("a time")),
        ..alert
    };
    let night = [over(pages("a")), pages("b")];
    assert_eq!(sent(&mut schedule, &night, "2026-11-03T19:59:00Z", "2026-11-03T20:05:00Z"), []);
    assert_eq!(sent(&mut schedule, &[], "2026-11-03T20:05:00Z", "2026-11-04T06:59:00Z"), []);
    let next = schedule.next().expect("the end is due");
    let now = parse_time("2026-11-04T06:59:00Z").expect("a time");
    // A task does not ask without a pause until the time is there.
    assert!(next >= now, "{}", rfc3339(next));
    let morning = parse_time("2026-11-04T07:00:00Z").expect("a time");
    let due = schedule.due(&[], morning);
    let ends: Vec<_> = due.iter().flat_map(|due| &due.resolved).map(|alert| alert.resolved_at).collect();
    assert_eq!(ends, [Some(parse_time("2026-11-03T20:00:00Z").expect("a time"))]);
    assert!(due.iter().all(|due| due.firing.is_empty()));
}

#[test]
fn weekends_nights_and_holidays_are_muted() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("holidays.txt");
    std::fs::write(&file, "# of the office\n12-25 Christmas\n2026-12-24  a bridge day # of this year\n\n")
        .expect("write");
    let common = format!("holidays_file = {file:?}\nrepeat_interval = '1h'");
    let mute = "mute = ['Sat-Sun 00:00-24:00 Europe/Berlin', 'Mon-Sun 22:00-06:00 Europe/Berlin', 'holidays Europe/Berlin']";
    let muted = |at: &str| {
        let mut schedule = schedule(&common, mute);
        let from = parse_time(at).expect(at);
        sent(&mut schedule, &[pages("a")], at, &rfc3339(from.plus_seconds(30))).is_empty()
    };
    for (at, expected) in [
        ("2026-11-06T12:00:00Z", false),
        // Friday 23:30 in Berlin, Saturday, and Sunday's last minute.
        ("2026-11-06T22:30:00Z", true),
        ("2026-11-07T12:00:00Z", true),
        ("2026-11-08T22:59:00Z", true),
        ("2026-11-09T04:59:00Z", true),
        ("2026-11-09T05:00:00Z", false),
        // The day before a holiday, the holiday of one year, and those of every year.
        ("2026-12-23T12:00:00Z", false),
        ("2026-12-24T12:00:00Z", true),
        ("2026-12-25T12:00:00Z", true),
        ("2029-12-25T12:00:00Z", true),
        ("2029-12-24T12:00:00Z", false),
    ] {
        assert_eq!(muted(at), expected, "{at}");
    }
}

#[test]
fn the_digest_waits_for_the_end_of_a_mute_time() {
    let mut schedule =
        schedule("digest = '09:00 Europe/Berlin'", "mute = ['Sat,Sun 00:00-24:00 Europe/Berlin']");
    let informs = [firing(RuleName::FirstSeenModel, &[("model", "new")])];
    // Friday noon to Monday evening.
    let messages = sent(&mut schedule, &informs, "2026-11-06T11:00:00Z", "2026-11-09T18:00:00Z");
    assert_eq!(messages, [("2026-11-08T23:00:00Z".to_owned(), 1, 0)]);
}

#[test]
fn alerts_go_where_their_labels_lead() {
    let config = read(
        "[[webhook]]
        name = 'search'
        url = 'http://127.0.0.1:1'
        matchers = ['service=~\"search.*\"']
        [[slack]]
        name = 'pager'
        url = 'http://127.0.0.1:1'
        matchers = ['severity=critical', 'alertname!=CostOverrun']
        [[alertmanager]]
        name = 'others'
        url = 'http://127.0.0.1:1'
        matchers = ['service!~\"search.*\"']",
    );
    let alerts =
        [pages("search-api"), pages("checkout"), firing(RuleName::CostOverrun, &[("team", "search")])];
    let got = |target: crate::notify::target::Target| {
        let mut schedule = Schedule::new(target.grouping, NotificationLog::default());
        let from = Timestamp(at(0).0);
        schedule.due(&alerts, from);
        let due = schedule.due(&alerts, from.plus_seconds(60));
        let mut names: Vec<String> = due
            .iter()
            .flat_map(|due| &due.firing)
            .map(|alert| format!("{} {}", alert.rule, alert.label("service")))
            .collect();
        names.sort();
        names
    };
    let got: Vec<_> = config.targets().expect("targets").into_iter().map(got).collect();
    assert_eq!(got[0], ["HighFailureRate search-api"]);
    assert_eq!(got[1], ["HighFailureRate checkout", "HighFailureRate search-api"]);
    assert_eq!(got[2], ["CostOverrun ", "HighFailureRate checkout"]);
}

#[test]
fn refuses_times_and_files_that_cannot_work() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("holidays.txt");
    std::fs::write(&file, "2026-12-24\n02-30\n").expect("write");
    let webhook = |keys: &str| format!("[[webhook]]\nurl = 'http://127.0.0.1:1'\n{keys}");
    for (toml, message) in [
        (webhook("mute = ['holidays UTC']"), "notify.webhook[0].mute: needs notify.holidays_file"),
        (format!("holidays_file = {file:?}"), "holidays.txt:2: \"02-30\" is no day; expected one such as"),
        ("holidays_file = '/no/such/file'".to_owned(), "notify.holidays_file: /no/such/file: "),
    ] {
        let error = read(&toml).targets().expect_err(&toml);
        assert!(error.contains(message), "{error}");
    }
    for (keys, message) in [
        ("mute = ['nights']", "\"nights\" are no hours of a week"),
        ("mute = ['holidays Nowhere']", "\"Nowhere\" is not a known time zone"),
        ("active = ['holidays UTC']", "are no hours of a week"),
        ("matchers = ['service']", "\"service\" is no matcher"),
    ] {
        let error = toml::from_str::<NotifyConfig>(&webhook(keys)).expect_err(keys).to_string();
        assert!(error.contains(message), "{error}");
    }
    // Alertmanager has mute times of its own; without news from here it would resolve what still fires.
    let toml = "[[alertmanager]]\nurl = 'http://127.0.0.1:1'\nmute = ['Sat 00:00-24:00 UTC']";
    assert!(toml::from_str::<NotifyConfig>(toml).is_err());
}
