use super::*;
use crate::rule::config::RulesConfig;
use crate::text::seconds::Seconds;

fn refused(toml: &str) -> String {
    toml::from_str::<RulesConfig>(toml).expect_err(toml).to_string()
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = configured("");
    assert_eq!(config.interval, Seconds(15));
    let table: Vec<String> = crate::rule::ALL
        .iter()
        .map(|rule| {
            let settings = &config.rule(rule.name).settings;
            format!(
                "{} {} {} {} {}",
                rule.name,
                rule.threshold(settings),
                settings.window,
                settings.min_calls,
                settings.severity
            )
        })
        .collect();
    assert_eq!(
        table,
        [
            "HighRequestRate 150 5m 0 warning",
            "HighFailureRate 0.5 5m 11 critical",
            "CostOverrun 100 20m 0 critical",
            "ExcessiveTokenUsage 100000 5m 0 warning",
            "RepeatedRequests 9 5m 0 info",
            "DuplicateRatio 0.3 5m 20 warning",
            "UnpricedUsage 0 5m 0 warning",
            "UsageMissing 0.01 30m 20 warning",
            "AuthFailures 5 5m 0 critical",
            "RateLimited 0.1 5m 10 warning",
            "SequenceGap 0 2m 0 critical",
            "LedgerSilent 900 15m 0 warning",
            "LatencyRegression 1.6 15m 30 warning",
            "TimeToFirstChunkRegression 10 15m 30 warning",
            "TokenDrift 50000 30m 40 info",
            "ShortAnswers 4 30m 40 info",
            "CacheCollapse 0.3 30m 20 warning",
            "ServiceSilent 900 15m 0 info",
            "OffHours 100 30m 0 info",
            "UserSpike 5000 1h 0 info",
            "FirstSeenModel 50 2h 0 info",
            "FirstSeenUser 200 2h 0 info",
            "ModelMismatch 10 15m 0 warning",
            "AgentLoop 500000 15m 30 warning",
            "CallsNotUnderstood 20 1h 0 info",
            "LedgerLosing 0 1h 0 warning",
            "KeyShared 2 1h 5 warning",
            "BudgetSpent 0 5m 0 warning",
            "BudgetBurn 0 6h 0 critical",
            "BudgetForecast 0 5m 0 info",
        ]
    );
}

#[test]
fn a_service_inherits_what_it_does_not_set_from_the_rule() {
    let config =
        configured("[CostOverrun]\nwindow = '30m'\nfor = '1m'\n[CostOverrun.services.batch]\nthreshold = 5");
    let scopes = config.rule(RuleName::CostOverrun).scopes(RuleName::CostOverrun.rule());
    let batch = &scopes[1].settings;
    assert_eq!((batch.threshold, batch.window, batch.hold), (5.0, Seconds(1800), Seconds(60)));
    assert_eq!(scopes[0].filter.except_services, ["batch"]);
    assert_eq!(config.reach(), Seconds(300 + 3 * 3600));
    let immediate = config.without_waiting();
    assert!(
        immediate
            .rule(RuleName::CostOverrun)
            .scopes(RuleName::CostOverrun.rule())
            .iter()
            .all(|scope| scope.settings.hold == Seconds(0))
    );
}

#[test]
fn a_disabled_rule_has_no_scopes_but_for_services_that_enable_it() {
    let config = configured("[CostOverrun]\nenabled = false\n[CostOverrun.services.batch]\nenabled = true");
    let scopes = config.rule(RuleName::CostOverrun).scopes(RuleName::CostOverrun.rule());
    assert_eq!(scopes.len(), 1);
    assert_eq!(scopes[0].filter.service.as_deref(), Some("batch"));
}

#[test]
fn what_is_printed_reads_back_the_same() {
    let config = configured(
        "interval = '1m'\n[CostOverrun]\nthreshold = 7.5\n[CostOverrun.models.'gpt-4o']\nfor = '2m'\nenabled = false",
    );
    let text = toml::to_string(&config).expect("toml");
    assert_eq!(configured(&text), config, "{text}");
    assert!(!text.contains("min_calls = 0"), "{text}");
}

#[test]
fn refuses_what_no_rule_reads_and_says_where() {
    for (toml, message) in [
        (
            "[CostOverun]",
            "unknown key `CostOverun` in [rules]: expected interval, preset, working_hours or one of HighRequestRate,",
        ),
        ("[CostOverrun]\ntreshold = 1", "unknown field `treshold`"),
        (
            "[CostOverrun]\nmin_calls = 1",
            "CostOverrun has no setting `min_calls`; it has threshold, factor, floor, by, enabled, severity,",
        ),
        ("[CostOverrun]\nlookback = '1h'", "CostOverrun has no setting `lookback`"),
        ("[LedgerSilent]\nthreshold = 1", "LedgerSilent has no setting `threshold`"),
        ("[SequenceGap.models.x]\nenabled = true", "SequenceGap cannot be separated by model"),
        ("[SequenceGap]\nby = ['service']", "SequenceGap has no setting `by`"),
        ("[CostOverrun]\nby = ['team']", "unknown variant `team`"),
        (
            "[CostOverrun]\nby = ['service', 'user']",
            "by: at most one of service, user, model, environment and a tag",
        ),
        ("[CostOverrun]\nmin_events = 2", "CostOverrun has no setting `min_events`"),
        ("[HighFailureRate]\nthreshold = 50", "HighFailureRate takes a share between 0 and 1"),
        ("[CostOverrun]\nthreshold = -1", "a threshold is a number from 0 up"),
        ("[CostOverrun]\nthreshold = nan", "a threshold is a number from 0 up"),
        ("[CostOverrun]\nwindow = '0s'", "window: must be from 1s to 30d"),
        ("[CostOverrun]\nfor = '31d'", "for: must be from 0s to 30d"),
        ("[CostOverrun]\nwindow = 5", "invalid type: integer `5`, expected a string"),
        ("[CostOverrun]\nwindow = '5'", "\"5\" is not a valid duration"),
        ("[CostOverrun]\nseverity = 'high'", "unknown variant `high`"),
        ("[CostOverrun.services.a]\nwindow = '99d'", "\"a\": window: must be from 1s to 30d"),
        ("[CostOverrun]\nexpected = 'always'", "CostOverrun has no setting `expected`"),
        ("[ServiceSilent]\nexpected = 'sometimes'", "unknown variant `sometimes`"),
        ("working_hours = 'nine to five'", "\"nine to five\" are no hours of a week"),
        ("interval = '0s'", "interval: must be from 1s to 1h"),
    ] {
        let error = refused(toml);
        assert!(error.contains(message), "{toml}\n{error}");
        assert!(error.contains("at line"), "{toml}\n{error}");
    }
    let many: String = (0..101).map(|n| format!("[CostOverrun.services.s{n}]\n")).collect();
    assert!(refused(&many).contains("at most 100 services"));
}

#[test]
fn rules_judge_apart_by_a_tag() {
    let config = configured("[CostOverrun]\nby = ['tag:team']");
    let by = config.rule(RuleName::CostOverrun).by.expect("configured");
    assert_eq!((by.to_string().as_str(), &*by.label()), ("tag:team", "tag_team"));
    assert!(toml::to_string(&config).expect("serializes").contains("by = [\"tag:team\"]"));
    for wrong in ["by = ['tag:']", "by = ['team']", "by = ['tag:a b']"] {
        let message = refused(&format!("[CostOverrun]\n{wrong}"));
        assert!(
            message.contains("expected one of `service`, `user`, `model`, `environment`, `tag:KEY`"),
            "{message}"
        );
    }
}
