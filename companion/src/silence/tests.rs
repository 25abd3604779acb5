use super::*;
use crate::alert::State;
use crate::rule::{RuleName, Severity};
use crate::text::time::parse_time;

const NOW: Timestamp = Timestamp(1_795_435_200 * Timestamp::SECOND);

fn silence(matchers: &[&str], from: i64, until: i64) -> Silence {
    Silence {
        id: 0,
        matchers: matchers.iter().map(|text| text.parse().expect(text)).collect(),
        from: NOW.plus_seconds(from),
        until: NOW.plus_seconds(until),
        created: NOW,
        by: "ann".to_owned(),
        comment: "a batch".to_owned(),
        via: Via::CommandLine,
        expired: None,
    }
}

fn peace(silence: Silence) -> Peace {
    Peace { silences: vec![silence], maintenance: Vec::new() }
}

fn alert(labels: &[(&str, &str)]) -> Alert {
    Alert {
        rule: RuleName::CostOverrun,
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        severity: Severity::Critical,
        state: State::Firing,
        value: 1.0,
        peak: 1.0,
        threshold: 0.0,
        active_since: NOW,
        firing_since: Some(NOW),
        calm_since: None,
        unclear_since: None,
        resolved_at: None,
        silenced: None,
        summary: String::new(),
        description: String::new(),
        advice: String::new(),
        resolved_without_data: None,
    }
}

fn holds(matchers: &[&str], labels: &[(&str, &str)]) -> bool {
    let mut alerts = [alert(labels)];
    peace(silence(matchers, -60, 60)).mark(&[], alerts.iter_mut(), NOW);
    alerts[0].silenced.is_some()
}

#[test]
fn matchers_match_as_those_of_alertmanager() {
    let checkout = [("service", "checkout")];
    for (matchers, held) in [
        (vec!["service=checkout"], true),
        (vec!["service=\"checkout\"", "alertname=CostOverrun", "severity=critical"], true),
        (vec!["service=check"], false),
        (vec!["service=~check"], false),
        (vec!["service=~\"check.*|cart\""], true),
        (vec!["service!=checkout"], false),
        (vec!["service!~cart.*"], true),
        (vec!["service=checkout", "alertname=LedgerSilent"], false),
        (vec!["model=\"\""], true),
        (vec!["model!=x"], true),
    ] {
        assert_eq!(holds(&matchers, &checkout), held, "{matchers:?}");
    }
    for wrong in ["", "service", "=x", "a b=x", "1a=x", "service=~(", "service=~\"(a{1000}){1000}\""] {
        assert!(wrong.parse::<Matcher>().is_err(), "{wrong}");
    }
    let text = "service=~\"a|b\"";
    assert_eq!(text.parse::<Matcher>().expect(text).to_string(), text);
}

#[test]
fn a_silence_holds_between_its_times_until_it_is_expired() {
    let mut one = silence(&["service=a"], 10, 60);
    let state = |one: &Silence, at: i64| one.state(NOW.plus_seconds(at));
    assert_eq!([9, 10, 59, 60].map(|at| state(&one, at)), ["pending", "active", "active", "expired"]);
    one.expired = Some((NOW.plus_seconds(30), "bob".to_owned()));
    assert_eq!([29, 30].map(|at| state(&one, at)), ["active", "expired"]);
    let mut alerts = [alert(&[("service", "a")])];
    peace(one.clone()).mark(&[], alerts.iter_mut(), NOW.plus_seconds(20));
    let words = alerts[0].silenced.clone().expect("silenced");
    assert!(words.contains("by ann") && words.contains("a batch"), "{words}");
    peace(one).mark(&[], alerts.iter_mut(), NOW.plus_seconds(30));
    assert_eq!(alerts[0].silenced, None);
}

#[test]
fn the_file_keeps_who_silenced_what_and_gives_no_number_twice() {
    let folder = tempfile::tempdir().expect("folder");
    let ledger = folder.path().join("ledger.db");
    assert_eq!(file::read(&ledger), Ok(vec![]));
    assert_eq!(file::add(&ledger, silence(&["service=a"], 0, 60), NOW), Ok(1));
    assert_eq!(file::add(&ledger, silence(&["service=~\"b|c\""], 0, 60), NOW), Ok(2));
    assert_eq!(file::expire(&ledger, 1, "bob", NOW.plus_seconds(5)), Ok(()));
    let error = file::expire(&ledger, 1, "bob", NOW.plus_seconds(6)).expect_err("it is over");
    assert!(matches!(&error, file::FileError::Refused(text) if text.contains("no silence 1")), "{error}");
    let kept = file::read(&ledger).expect("read");
    assert_eq!(kept[0].expired, Some((NOW.plus_seconds(5), "bob".to_owned())));
    assert_eq!(kept[1].matchers, silence(&["service=~b|c"], 0, 60).matchers);
    // Half a year later only the number is remembered.
    let later = NOW.plus_seconds(200 * 86_400);
    assert_eq!(
        file::add(&ledger, Silence { until: later.plus_seconds(60), ..silence(&["a=b"], 0, 0) }, later),
        Ok(3)
    );
    assert_eq!(file::read(&ledger).expect("read").iter().map(|one| one.id).collect::<Vec<_>>(), [3]);
    std::fs::write(folder.path().join("ledger.db.silences.json"), "{").expect("write");
    assert!(file::read(&ledger).is_err() && file::add(&ledger, silence(&["a=b"], 0, 9), NOW).is_err());
}

/// As it is written it is longer than as it was asked for, and one that is not read back would take all others with it.
#[test]
fn a_matcher_that_is_as_long_as_one_may_be_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.db");
    let longest = 1_024 - "service".len();
    for length in longest - 3..=longest {
        let matcher = format!("service={}", "x".repeat(length));
        file::add(&ledger, silence(&[&matcher], 0, 60), NOW).unwrap();
        assert_eq!(file::read(&ledger).unwrap().last().unwrap().matchers, [matcher.parse().unwrap()]);
    }
    let longer = format!("service={}", "x".repeat(longest + 1));
    assert!(longer.parse::<crate::alert::Matcher>().unwrap_err().contains("at most 1024 bytes"));
}

#[test]
fn a_maintenance_window_comes_every_week_by_the_clock_of_its_zone() {
    let window: MaintenanceConfig = toml::from_str(
        "name = 'backup'\nmatchers = ['service=~\"db.*\"']\nhours = ['Sun 02:00-04:00 Europe/Berlin', 'Wed 23:00-01:00 UTC']",
    )
    .expect("a window");
    assert_eq!(window.check(), Ok(()));
    let peace = Peace { silences: Vec::new(), maintenance: vec![window] };
    let held = |service: &str, at: &str| {
        let mut alerts = [alert(&[("service", service)])];
        peace.mark(&[], alerts.iter_mut(), parse_time(at).expect(at));
        alerts[0].silenced.take()
    };
    for (at, holds) in [
        ("2026-11-22T00:59:59Z", false),
        ("2026-11-22T01:00:00Z", true),
        ("2026-11-22T03:00:00Z", false),
        // In summer, two hours ahead.
        ("2026-07-05T00:00:00Z", true),
        ("2026-07-05T02:00:00Z", false),
        // The night in which 02:00 to 03:00 comes twice: three hours.
        ("2026-10-25T00:00:00Z", true),
        ("2026-10-25T02:59:59Z", true),
        ("2026-10-25T03:00:00Z", false),
        ("2026-11-19T00:30:00Z", true),
    ] {
        assert_eq!(held("db-1", at).is_some(), holds, "{at}");
        assert_eq!(held("checkout", at), None, "{at}");
    }
    assert_eq!(
        held("db", "2026-11-22T01:00:00Z").as_deref(),
        Some("maintenance \"backup\", Sun 02:00-04:00 Europe/Berlin")
    );
}

#[test]
fn a_silent_ledger_holds_back_what_is_judged_by_its_calls() {
    let of = |rule: RuleName, labels: &[(&str, &str)]| Alert { rule, ..alert(labels) };
    let others = || {
        [
            of(RuleName::ServiceSilent, &[("service", "a")]),
            of(RuleName::CostOverrun, &[("service", "b")]),
            of(RuleName::LedgerLosing, &[]),
            of(RuleName::CallsNotUnderstood, &[]),
        ]
    };
    let held = |silent: Alert| {
        let mut alerts = others();
        Peace::default().mark(&[silent], alerts.iter_mut(), NOW);
        alerts.map(|alert| alert.silenced.is_some())
    };
    assert_eq!(held(of(RuleName::LedgerSilent, &[])), [true, true, false, false]);
    // One that is judged for a service alone holds back what is about this service.
    assert_eq!(held(of(RuleName::LedgerSilent, &[("service", "a")])), [true, false, false, false]);
    let pending = Alert { state: State::Pending, ..of(RuleName::LedgerSilent, &[]) };
    assert_eq!(held(pending), [false; 4]);
    assert_eq!(held(of(RuleName::HighFailureRate, &[])), [false; 4]);
    let mut silent = [of(RuleName::LedgerSilent, &[])];
    let all = silent.clone();
    Peace::default().mark(&all, silent.iter_mut(), NOW);
    assert_eq!(silent[0].silenced, None);
}
