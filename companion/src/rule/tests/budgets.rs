use super::*;
use crate::alert::Alert;
use crate::notify::schedule::{Grouping, Schedule};
use crate::rule::Severity;
use crate::rule::budget::BudgetConfig;
use crate::text::seconds::Seconds;
use crate::text::time::{parse_time, rfc3339};

fn rules(toml: &str) -> RulesConfig {
    #[derive(serde::Deserialize)]
    struct Tables {
        budget: Vec<BudgetConfig>,
    }
    let tables: Tables = toml::from_str(toml).expect("budgets");
    let budgets: Vec<_> = tables
        .budget
        .iter()
        .map(|one| Arc::new(one.budget().unwrap_or_else(|error| panic!("{error}"))))
        .collect();
    let mut rules = RulesConfig::default();
    rules.set_budgets(&budgets);
    rules
}

fn time(text: &str) -> Timestamp {
    parse_time(text).expect(text)
}

/// A call that ended at `end` and cost so many dollars.
fn spent(end: Timestamp, usd: f64) -> CallRecord {
    let cost = NanoUsd::from_usd(usd);
    CallRecord { start: end.plus_seconds(-1), cost, ..call(0) }
}

fn of(alerts: &[Alert], rule: RuleName) -> Vec<&Alert> {
    alerts.iter().filter(|alert| alert.rule == rule && alert.firing()).collect()
}

/// Runs the rules over simulated time, an evaluation each `step` seconds, with restarts, and returns what a target is sent
/// about a rule: the time and the steps that it names first.
fn messages(
    config: &RulesConfig,
    calls: &[CallRecord],
    (from, to): (&str, &str),
    step: i64,
    restart_every: usize,
    rule: RuleName,
) -> Vec<(String, Vec<String>)> {
    let mut store = MemoryStore::new();
    store.append(calls).expect("append");
    let grouping = || Grouping {
        group_by: vec!["alertname".to_owned(), "budget".to_owned()],
        group_wait: Seconds(0),
        group_interval: Seconds(60),
        repeat_interval: Seconds(4 * 3600),
        send_resolved: false,
        min_severity: Severity::Info,
        matchers: Vec::new(),
        times: crate::notify::times::Times::default(),
        digest: "off".parse().expect("off"),
    };
    let mut evaluator = Evaluator::new(config);
    let mut schedule = Schedule::new(grouping(), Default::default());
    let (mut now, end, mut round, mut sent) = (time(from), time(to), 0, Vec::new());
    while now < end {
        if round % restart_every == restart_every - 1 {
            let alerts = evaluator.alerts();
            evaluator = Evaluator::new(config);
            evaluator.restore(alerts);
            schedule = Schedule::new(grouping(), schedule.log());
        }
        evaluator.evaluate_all(&store, now);
        let alerts: Vec<Alert> = evaluator.alerts().into_iter().filter(|alert| alert.rule == rule).collect();
        for notification in schedule.due(&alerts, now) {
            let steps = notification.firing.iter().filter_map(|alert| alert.labels.get("spent").cloned());
            let mut steps: Vec<String> = steps.collect();
            steps.sort();
            sent.push((rfc3339(now), steps));
            schedule.sent(&notification, now);
        }
        now = now.plus_seconds(step);
        round += 1;
    }
    sent
}

#[test]
fn budget_spent_fires_once_per_step_and_month_of_the_time_zone_also_over_restarts() {
    let config = rules("[[budget]]\nname = 'all'\nusd = 100\ntimezone = 'America/New_York'");
    // From March to June: one dollar every six hours, and the clock moves on 8 March.
    let (first, last) = (time("2026-03-01T05:00:00Z"), time("2026-06-01T04:00:00Z"));
    let mut calls = Vec::new();
    let mut at = first;
    while at < last {
        calls.push(spent(at, 1.0));
        at = at.plus_seconds(6 * 3600);
    }
    let sent = messages(
        &config,
        &calls,
        ("2026-03-01T05:00:00Z", "2026-06-01T04:00:00Z"),
        3600,
        37,
        RuleName::BudgetSpent,
    );
    let steps: Vec<Vec<&str>> =
        sent.iter().map(|(_, steps)| steps.iter().map(String::as_str).collect()).collect();
    let month: [Vec<&str>; 3] = [vec!["50%"], vec!["50%", "80%"], vec!["100%", "50%", "80%"]];
    assert_eq!(steps, [month.clone(), month.clone(), month].concat(), "{sent:?}");
    // The fiftieth dollar of March is spent on the 13th, and March begins at midnight of New York.
    assert!(sent[0].0.starts_with("2026-03-13T"), "{sent:?}");
}

#[test]
fn budget_spent_does_not_fire_a_nano_dollar_early_and_names_unpriced_calls() {
    let config = rules("[[budget]]\nname = 'all'\nusd = 0.000000003\nperiod = 'day'\nnotify_at = [100]");
    let noon = time("2026-11-02T12:00:00Z");
    let unpriced = CallRecord { cost: None, cost_status: CostStatus::Unpriced, ..spent(noon, 0.0) };
    let mut calls = vec![spent(noon, 2e-9), unpriced];
    let fires = |calls: &[CallRecord]| {
        stores(calls).map(|store| {
            let mut evaluator = Evaluator::new(&config);
            let statuses = evaluator.evaluate_all(store.querier.as_ref(), noon.plus_seconds(60));
            let status =
                statuses.into_iter().find(|one| one.name == RuleName::BudgetSpent).expect("a status");
            (status.state, status.description.unwrap_or_default())
        })
    };
    for (state, text) in fires(&calls) {
        assert_eq!(state, State::Inactive);
        assert!(
            text.contains("1 call without a price not in it") && text.contains("since 2026-11-02"),
            "{text}"
        );
    }
    calls.push(spent(noon, 1e-9));
    assert!(fires(&calls).iter().all(|(state, _)| *state == State::Firing));
}

#[test]
fn a_budget_counts_only_what_it_is_for() {
    let config = rules(
        "[[budget]]\nname = 'service'\nusd = 1\nservice = 'app'\n[[budget]]\nname = 'user'\nusd = 1\nuser = 'ada'\n\
         [[budget]]\nname = 'tag'\nusd = 1\ntag = 'team=search'\n[[budget]]\nname = 'model'\nusd = 1\nmodel = 'other'",
    );
    let end = time("2026-11-02T12:00:00Z");
    let mut tagged = CallRecord { service: "b".to_owned(), ..spent(end, 2.0) };
    assert!(tagged.tags.add("team", "search"));
    let calls = [
        spent(end, 0.4),
        CallRecord { user: Some("ada".to_owned()), service: "b".to_owned(), ..spent(end, 2.0) },
        tagged,
    ];
    for store in stores(&calls) {
        let mut evaluator = Evaluator::new(&config);
        evaluator.evaluate_all(store.querier.as_ref(), end.plus_seconds(120));
        let alerts = evaluator.alerts();
        let mut firing: Vec<_> =
            of(&alerts, RuleName::BudgetSpent).iter().map(|alert| alert.labels["budget"].as_str()).collect();
        firing.dedup();
        assert_eq!(firing, ["user", "tag"], "{}", store.name);
        let tag = of(&alerts, RuleName::BudgetSpent)
            .into_iter()
            .find(|alert| alert.labels["budget"] == "tag")
            .expect("tag");
        assert_eq!(tag.labels["tag_team"], "search");
        assert_eq!(tag.labels["period"], "2026-11-01");
    }
}

/// Which burns fire when calls of these ages in seconds cost so many dollars. 720 hours and 720 dollars: one dollar per hour is
/// the pace.
fn burns(ages: &[(i64, f64)]) -> Vec<String> {
    let config = rules("[[budget]]\nname = 'all'\nusd = 720\ntimezone = 'UTC'");
    let now = time("2026-11-10T12:00:00Z");
    let calls: Vec<_> = ages.iter().map(|(age, usd)| spent(now.plus_seconds(-age), *usd)).collect();
    let mut store = MemoryStore::new();
    store.append(&calls).expect("append");
    let mut evaluator = Evaluator::new(&config);
    evaluator.evaluate_all(&store, now);
    let alerts = evaluator.alerts();
    of(&alerts, RuleName::BudgetBurn).iter().map(|alert| alert.labels["burn"].clone()).collect()
}

#[test]
fn budget_burn_fires_where_both_windows_are_too_fast() {
    assert_eq!(burns(&[(1_000, 13.0), (100, 1.5)]), ["fast"]);
    assert_eq!(burns(&[(20_000, 33.0), (1_000, 3.5)]), ["slow"]);
}

#[test]
fn budget_burn_does_not_fire_when_it_is_over_or_does_not_matter_yet() {
    assert!(burns(&[(1_000, 14.5)]).is_empty(), "it is over");
    assert!(burns(&[(100, 1.5)]).is_empty(), "it does not matter yet");
}

/// 24 dollars per day, one per hour, for six days; the seventh day runs at twice that, against a budget of 30 dollars per day.
fn forecast(now: &str) -> RuleStatus {
    let config = rules("[[budget]]\nname = 'all'\nusd = 30\nperiod = 'day'");
    let first = time("2026-11-01T00:30:00Z");
    let mut calls: Vec<_> = (0..6 * 24).map(|hour| spent(first.plus_seconds(hour * 3600), 1.0)).collect();
    calls.extend((0..14).map(|hour| spent(first.plus_seconds((6 * 24 + hour) * 3600), 2.0)));
    let mut store = MemoryStore::new();
    store.append(&calls).expect("append");
    let mut evaluator = Evaluator::new(&config);
    // Half an hour before as well: a forecast is held for that long.
    evaluator.evaluate_all(&store, time(now).plus_seconds(-1_800));
    let statuses = evaluator.evaluate_all(&store, time(now));
    statuses.into_iter().find(|one| one.name == RuleName::BudgetForecast).expect("a status")
}

#[test]
fn budget_forecast_fires_after_half_of_the_usual_spend_and_gives_its_error() {
    let status = forecast("2026-11-07T08:00:00Z");
    // 16 dollars by eight, twice the usual, so twice the usual 16 for the rest.
    assert_eq!((status.value, status.state), (Some(48.0), State::Firing), "{status:?}");
    let text = status.description.expect("a text");
    assert!(text.contains("such forecasts were off by 0 %"), "{text}");
}

#[test]
fn budget_forecast_does_not_fire_before_half_of_the_usual_spend() {
    let status = forecast("2026-11-07T05:00:00Z");
    assert!(status.value.is_none(), "{status:?}");
    assert!(status.no_data.is_some_and(|why| why.contains("too early")));
}

#[test]
fn tables_are_checked() {
    for (toml, wrong) in [
        ("usd = 0", "usd: must be"),
        ("usd = 1\ntimezone = 'Mars/Base'", "timezone: \"Mars/Base\" is not"),
        ("usd = 1\nperiod = 'day'\nfirst_day = 1", "first_day: a day has none"),
        ("usd = 1\nperiod = 'week'\nfirst_day = 2", "first_day: a week begins"),
        ("usd = 1\nfirst_day = 32", "first_day: a month begins"),
        ("usd = 1\ntag = 'team'", "tag: \"team\""),
        ("usd = 1\nnotify_at = []", "notify_at: takes"),
    ] {
        let config: BudgetConfig = toml::from_str(&format!("name = 'a'\n{toml}")).expect(toml);
        let error = config.budget().expect_err(toml);
        assert!(error.starts_with(wrong), "{toml}: {error}");
    }
}

/// A dollar at each of these days of November.
fn days(days: &[i64]) -> Vec<CallRecord> {
    days.iter().map(|day| spent(time("2026-11-01T00:00:00Z").plus_seconds(day * 86_400), 1.0)).collect()
}

/// Evaluates at each of these times, and returns the steps that a target is sent each time.
fn at_times(
    evaluator: &mut Evaluator,
    schedule: &mut Schedule,
    store: &MemoryStore,
    times: &[&str],
) -> Vec<Vec<String>> {
    let mut sent = Vec::new();
    for text in times {
        let now = time(text);
        evaluator.evaluate_all(store, now);
        let alerts: Vec<Alert> =
            evaluator.alerts().into_iter().filter(|alert| alert.rule == RuleName::BudgetSpent).collect();
        let known = schedule.log();
        for notification in schedule.due(&alerts, now) {
            let was = |alert: &Alert| {
                known.0.values().any(|group| group.firing.iter().any(|old| old.labels == alert.labels))
            };
            let new = notification.firing.iter().filter(|alert| !was(alert));
            let mut steps: Vec<String> = new.filter_map(|alert| alert.labels.get("spent").cloned()).collect();
            steps.sort();
            if !steps.is_empty() {
                sent.push(steps);
            }
            schedule.sent(&notification, now);
        }
    }
    sent
}

fn target() -> Schedule {
    let config: crate::notify::target::NotifyConfig =
        toml::from_str("group_wait = '0s'\n[[webhook]]\nurl = 'http://127.0.0.1:1'").expect("notify");
    Schedule::new(config.targets().expect("targets").remove(0).grouping, Default::default())
}

#[test]
fn a_clock_that_leaps_tells_no_step_twice() {
    let config = rules("[[budget]]\nname = 'all'\nusd = 10");
    let mut store = MemoryStore::new();
    store.append(&days(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).expect("append");
    let (mut evaluator, mut schedule) = (Evaluator::new(&config), target());
    let sent = at_times(
        &mut evaluator,
        &mut schedule,
        &store,
        &[
            "2026-11-06T12:00:00Z",
            "2026-11-06T12:02:00Z",
            // Back by four days, where a fifth is spent, for a while, and on.
            "2026-11-02T12:00:00Z",
            "2026-11-02T12:02:00Z",
            "2026-11-02T13:00:00Z",
            "2026-11-06T12:04:00Z",
            "2026-11-06T12:06:00Z",
            // On by two days at once.
            "2026-11-08T12:00:00Z",
            "2026-11-08T12:02:00Z",
            "2026-11-09T12:00:00Z",
            "2026-11-09T12:02:00Z",
        ],
    );
    assert_eq!(sent, [vec!["50%"], vec!["80%"]]);
}

#[test]
fn a_budget_that_is_changed_in_its_period_tells_only_what_is_new() {
    let budget = |usd: u32| rules(&format!("[[budget]]\nname = 'all'\nusd = {usd}"));
    let mut store = MemoryStore::new();
    store.append(&days(&[1, 2, 3, 4, 5, 6, 10, 11, 12, 13])).expect("append");
    let (mut evaluator, mut schedule) = (Evaluator::new(&budget(10)), target());
    let changed = |evaluator: &Evaluator, usd: u32| {
        let mut next = Evaluator::new(&budget(usd));
        next.restore(evaluator.alerts());
        next
    };
    let first =
        at_times(&mut evaluator, &mut schedule, &store, &["2026-11-07T12:00:00Z", "2026-11-07T12:02:00Z"]);
    assert_eq!(first, [vec!["50%"]]);
    // Of seven dollars, six are more than four fifths.
    evaluator = changed(&evaluator, 7);
    let lower =
        at_times(&mut evaluator, &mut schedule, &store, &["2026-11-07T12:10:00Z", "2026-11-07T12:12:00Z"]);
    assert_eq!(lower, [vec!["80%"]]);
    // Of twenty, six are less than half; half of them is spent on the 13th.
    evaluator = changed(&evaluator, 20);
    let higher =
        ["2026-11-07T12:20:00Z", "2026-11-07T12:22:00Z", "2026-11-12T12:00:00Z", "2026-11-12T12:02:00Z"];
    assert_eq!(at_times(&mut evaluator, &mut schedule, &store, &higher), Vec::<Vec<String>>::new());
    let half = ["2026-11-14T12:00:00Z", "2026-11-14T12:02:00Z", "2026-11-20T12:00:00Z"];
    assert_eq!(at_times(&mut evaluator, &mut schedule, &store, &half), [vec!["50%"]]);
}

#[test]
fn weeks_and_days_of_a_zone_tell_each_step_once_over_months_with_both_changes_of_the_clock() {
    // A dollar at noon of Berlin each day, from the middle of February to December.
    let (first, last) = (time("2026-02-16T00:00:00Z"), time("2026-12-07T00:00:00Z"));
    let mut calls = Vec::new();
    let mut at = first.plus_seconds(11 * 3600);
    while at < last {
        calls.push(spent(at, 1.0));
        at = at.plus_seconds(86_400);
    }
    let config = rules(
        "[[budget]]\nname = 'week'\nusd = 8\nperiod = 'week'\ntimezone = 'Europe/Berlin'\nnotify_at = [50]\n\
         [[budget]]\nname = 'day'\nusd = 1\nperiod = 'day'\ntimezone = 'Europe/Berlin'\nnotify_at = [100]",
    );
    let range = ("2026-02-16T00:00:00Z", "2026-12-07T00:00:00Z");
    let sent = messages(&config, &calls, range, 3 * 3600, 41, RuleName::BudgetSpent);
    let of = |step: &str| sent.iter().filter(|(_, steps)| steps.iter().any(|one| one == step)).count();
    // 42 weeks, in which the fourth dollar of eight is spent on Thursday; 294 days.
    assert_eq!((of("50%"), of("100%")), (42, 294), "{sent:?}");
}
