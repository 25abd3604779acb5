//! The companion and Prometheus over the same labelled traffic, minute by minute.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use spanledger::{CostStatus, UsageSource};

use super::prometheus::export;
use crate::evaluate::evaluator::Evaluator;
use crate::record::{CallRecord, NanoUsd};
use crate::rule::RuleName;
use crate::rule::config::{Preset, RulesConfig};
use crate::rule::tests::{at, call, failed};
use crate::store::Appender;
use crate::store::memory::MemoryStore;

/// How both are compared.
#[derive(Clone, Copy)]
struct Comparison {
    preset: Preset,
    /// Of the points and of both evaluations, in seconds.
    step: i64,
    /// So many minutes of usual traffic before the first that goes wrong.
    before: i64,
    /// A verdict that changes within so many steps is not compared: a point is up to one step late, and Prometheus holds an alert
    /// from its next evaluation on.
    unsettled: i64,
}

/// By thresholds from the first minute on;
const FIXED: Comparison = Comparison { preset: Preset::Fixed, step: 15, before: 0, unsettled: 8 };
/// by what two days before were like.
const LEARNED: Comparison = Comparison { preset: Preset::Learned, step: 60, before: 50 * 60, unsettled: 6 };

/// Minutes in which something goes wrong.
const MINUTES: i64 = 180;

/// The rules that both have, and whether their alerts name the service.
const RULES: [(RuleName, bool); 7] = [
    (RuleName::HighRequestRate, true),
    (RuleName::HighFailureRate, true),
    (RuleName::CostOverrun, true),
    (RuleName::UsageMissing, true),
    (RuleName::AuthFailures, true),
    (RuleName::RateLimited, true),
    (RuleName::LedgerSilent, false),
];

/// One kind of call: who makes it, how it looks as a call and as a series, and how many per minute at a minute.
struct Kind {
    service: &'static str,
    labels: &'static str,
    make: fn(i64) -> CallRecord,
    per_minute: fn(i64) -> i64,
}

fn without_usage(second: i64) -> CallRecord {
    CallRecord {
        input_tokens: None,
        output_tokens: None,
        usage_source: UsageSource::None,
        cost: None,
        cost_status: CostStatus::NoUsage,
        ..call(second)
    }
}

/// Three hours of two services, with a surge, an outage of the provider, a stolen key, a limit, calls without usage, an
/// expensive loop and a silence; a few failures and calls without usage all along must not fire.
const TRAFFIC: [Kind; 9] = [
    Kind {
        service: "chat",
        labels: "spanledger_outcome=\"completed\", http_response_status_code=\"200\", spanledger_usage_source=\"provider\"",
        make: call,
        per_minute: |minute| match minute {
            20..35 => 240,
            50..60 => 4,
            150.. => 0,
            _ => 30,
        },
    },
    Kind {
        service: "batch",
        labels: "spanledger_outcome=\"completed\", http_response_status_code=\"200\", spanledger_usage_source=\"provider\"",
        make: call,
        per_minute: |minute| if minute < 150 { 8 } else { 0 },
    },
    Kind {
        service: "chat",
        labels: "spanledger_outcome=\"failed\", http_response_status_code=\"500\", spanledger_usage_source=\"none\"",
        make: |second| failed(second, 500),
        per_minute: |minute| i64::from((50..60).contains(&minute)) * 20,
    },
    // One failure and one call without usage every ten minutes.
    Kind {
        service: "batch",
        labels: "spanledger_outcome=\"failed\", http_response_status_code=\"503\", spanledger_usage_source=\"none\"",
        make: |second| failed(second, 503),
        per_minute: |minute| i64::from(minute.rem_euclid(10) == 3 && minute < 150),
    },
    Kind {
        service: "batch",
        labels: "spanledger_outcome=\"completed\", http_response_status_code=\"200\", spanledger_usage_source=\"none\", gen_ai_request_model=\"a\"",
        make: without_usage,
        per_minute: |minute| i64::from(minute.rem_euclid(10) == 7 && minute < 150),
    },
    Kind {
        service: "batch",
        labels: "spanledger_outcome=\"failed\", http_response_status_code=\"401\", spanledger_usage_source=\"none\"",
        make: |second| failed(second, 401),
        per_minute: |minute| i64::from((72..84).contains(&minute)) * 3,
    },
    Kind {
        service: "chat",
        labels: "spanledger_outcome=\"failed\", http_response_status_code=\"429\", spanledger_usage_source=\"none\"",
        make: |second| failed(second, 429),
        per_minute: |minute| i64::from((95..103).contains(&minute)) * 10,
    },
    Kind {
        service: "chat",
        labels: "spanledger_outcome=\"completed\", http_response_status_code=\"200\", spanledger_usage_source=\"none\"",
        make: without_usage,
        per_minute: |minute| i64::from((110..118).contains(&minute)) * 5,
    },
    // Twenty dollars each.
    Kind {
        service: "batch",
        labels: "spanledger_outcome=\"completed\", http_response_status_code=\"200\", spanledger_usage_source=\"provider\", gen_ai_request_model=\"large\"",
        make: |second| CallRecord { cost: Some(NanoUsd(20_000_000_000)), ..call(second) },
        per_minute: |minute| i64::from((130..133).contains(&minute)) * 4,
    },
];

impl Comparison {
    const fn end(self) -> i64 {
        (self.before + MINUTES) * 60
    }

    /// The seconds at which the calls of a kind end, in the middle between two points.
    fn ends(self, kind: &Kind) -> Vec<i64> {
        let Self { step, before, .. } = self;
        let minute = |minute: i64| {
            let calls = (kind.per_minute)(minute - before);
            (0..calls).map(move |number| minute * 60 + number * 60 / calls / step * step + step / 2)
        };
        (0..before + MINUTES).flat_map(minute).collect()
    }

    /// What the companion has firing at each step from the first minute that goes wrong on.
    fn companion(self, config: &RulesConfig) -> Vec<Firing> {
        let mut calls: Vec<CallRecord> = TRAFFIC
            .iter()
            .flat_map(|kind| {
                let service = kind.service.to_owned();
                self.ends(kind)
                    .into_iter()
                    .map(move |second| CallRecord { service: service.clone(), ..(kind.make)(second) })
            })
            .collect();
        calls.sort_by_key(|call| call.start);
        let mut store = MemoryStore::new();
        store.append(&calls).expect("append");
        let mut evaluator = Evaluator::new(config);
        let step = |step: i64| {
            evaluator.evaluate_all(&store, at(step * self.step));
            let alerts = evaluator.alerts().into_iter().filter(|alert| alert.firing());
            let named = |rule| RULES.iter().find(|(known, _)| *known == rule).map(|(_, named)| *named);
            alerts
                .filter_map(|alert| {
                    let service = alert.labels.get("service").filter(|_| named(alert.rule) == Some(true));
                    named(alert.rule).map(|_| (alert.rule, service.cloned().unwrap_or_default()))
                })
                .collect()
        };
        (self.before * 60 / self.step..self.end() / self.step).map(step).collect()
    }

    /// The series that the library exports for the same calls: values of a counter at each step.
    fn series(self, metric: &str, kind: &Kind, value: impl Fn(&CallRecord) -> f64) -> String {
        let ends = self.ends(kind);
        let each = value(&(kind.make)(0));
        let (mut values, mut so_far) = (String::new(), 0);
        for step in 0..self.end() / self.step {
            so_far += ends[so_far..].iter().take_while(|end| **end < step * self.step).count();
            // A series begins with its first call.
            #[expect(clippy::cast_precision_loss, reason = "some hundred thousand calls")]
            let _ = match so_far {
                0 => write!(values, " _"),
                _ => write!(values, " {}", so_far as f64 * each),
            };
        }
        let labels = format!("job=\"{}\", instance=\"one\", {}", kind.service, kind.labels);
        format!("      - series: '{metric}{{{labels}}}'\n        values:{values}\n")
    }

    /// The cases of promtool for each minute whose verdict is settled, and how often each rule is compared while it fires and
    /// while it does not.
    fn cases(self, verdicts: &[Firing]) -> (String, BTreeMap<(RuleName, bool), usize>) {
        let (mut cases, mut compared) = (String::new(), BTreeMap::new());
        let first = self.before * 60 / self.step;
        let steps = i64::try_from(verdicts.len()).expect("steps");
        for step in (self.unsettled..steps - self.unsettled).filter(|step| step % (60 / self.step) == 0) {
            for (rule, _) in RULES {
                let of = |firing: &Firing| {
                    firing.iter().filter(|(name, _)| *name == rule).cloned().collect::<Firing>()
                };
                let [from, to, index] = [step - self.unsettled, step + self.unsettled, step]
                    .map(|step| usize::try_from(step).expect("a step"));
                let now = of(&verdicts[index]);
                if verdicts[from..=to].iter().any(|other| of(other) != now) {
                    continue;
                }
                *compared.entry((rule, !now.is_empty())).or_default() += 1;
                let expression =
                    format!("count by (service) (ALERTS{{alertname=\"{rule}\", alertstate=\"firing\"}})");
                let _ = write!(
                    cases,
                    "      - expr: '{expression}'\n        eval_time: {}s\n        exp_samples:",
                    (first + step) * self.step
                );
                cases.push_str(if now.is_empty() { " []\n" } else { "\n" });
                for (_, service) in now {
                    let labels = match service.is_empty() {
                        true => "{}".to_owned(),
                        false => format!("{{service=\"{service}\"}}"),
                    };
                    let _ = write!(cases, "          - labels: '{labels}'\n            value: 1\n");
                }
            }
        }
        (cases, compared)
    }

    fn check(self) {
        let Some(tools) = std::env::var_os("SPANLEDGER_TEST_TOOLS_BIN") else {
            assert!(
                std::env::var_os("CI").is_none(),
                "SPANLEDGER_TEST_TOOLS_BIN must name the built programs on CI"
            );
            eprintln!("skipped: SPANLEDGER_TEST_TOOLS_BIN does not name the built programs");
            return;
        };
        let config = RulesConfig::of(self.preset);
        let step = self.step;
        let mut test = format!(
            "rule_files: [rules.yml]\nevaluation_interval: {step}s\ngroup_eval_order: [spanledger-seen, spanledger, spanledger-usual]\ntests:\n  - interval: {step}s\n    input_series:\n"
        );
        for kind in &TRAFFIC {
            test.push_str(&self.series("spanledger_client_calls_total", kind, |_| 1.0));
            if (kind.make)(0).cost.is_some() {
                let cost = |call: &CallRecord| call.cost.map_or(0.0, NanoUsd::as_usd);
                test.push_str(&self.series("spanledger_client_cost_USD_total", kind, cost));
            }
        }
        test.push_str("    promql_expr_test:\n");
        let (cases, compared) = self.cases(&self.companion(&config));
        test.push_str(&cases);
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("rules.yml"), export(&config)).expect("write");
        std::fs::write(folder.path().join("test.yml"), &test).expect("write");
        let promtool = std::path::Path::new(&tools).join("promtool");
        let output = Command::new(promtool)
            .args(["test", "rules", "test.yml"])
            .current_dir(folder.path())
            .output()
            .expect("promtool");
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}", text.chars().take(6_000).collect::<String>());
        // Each rule was seen firing and not firing, and most minutes were compared.
        for (rule, _) in RULES {
            for firing in [true, false] {
                assert!(
                    compared.get(&(rule, firing)).is_some_and(|minutes| *minutes >= 2),
                    "{rule} {firing}: {compared:?}"
                );
            }
        }
        assert!(compared.values().sum::<usize>() > 700, "{compared:?}");
    }
}

type Firing = BTreeSet<(RuleName, String)>;

#[test]
fn prometheus_says_the_same_by_thresholds_at_each_minute() {
    FIXED.check();
}

#[test]
fn prometheus_says_the_same_by_what_is_usual_at_each_minute() {
    LEARNED.check();
}
