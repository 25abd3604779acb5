//! The rules and the notifiers as metrics.

use std::collections::BTreeMap;

use crate::evaluate::evaluator::RuleStatus;
use crate::metrics::text::{Kind, Text};
use crate::notify::task::NotifierCounts;

/// The value that a rule shows.
pub(super) const VALUE: &str = "spanledger_rule_value";
/// What it is compared with.
pub(super) const THRESHOLD: &str = "spanledger_rule_threshold";

/// The labels of an alert by which it is routed: the only ones of it that are on a metric.
const OF_SERVICE: [&str; 2] = ["service", "environment"];

/// Writes the state of every rule. A rule without data has no value and is marked as such.
pub(crate) fn write(out: &mut Text, statuses: &[RuleStatus]) {
    let mut family = |name: &str, help: &str, value: &dyn Fn(&RuleStatus) -> Option<f64>| {
        out.family(name, Kind::Gauge, help);
        for status in statuses {
            if let Some(value) = value(status) {
                out.sample(name, &labels(status), value);
            }
        }
    };
    let flag = |set: bool| Some(f64::from(u8::from(set)));
    family(VALUE, "The worst value, in the rule's unit; absent when nothing is known.", &|rule| rule.value);
    family(THRESHOLD, "What the value is compared with.", &|rule| Some(rule.threshold));
    family("spanledger_rule_state", "0 inactive, 1 pending, 2 firing.", &|rule| {
        Some(f64::from(rule.state.number()))
    });
    family("spanledger_rule_no_data", "1 when there was nothing to judge.", &|rule| {
        flag(rule.no_data.is_some())
    });
    family("spanledger_rule_error", "1 when the last evaluation failed.", &|rule| flag(rule.error.is_some()));
    family("spanledger_rule_evaluation_seconds", "How long the last evaluation took.", &|rule| {
        Some(rule.took.as_secs_f64())
    });
    let name = "spanledger_rule_alerts";
    out.family(
        name,
        Kind::Gauge,
        "Alerts that fire, of each service that has or had some within 15 minutes.",
    );
    for status in statuses {
        let mut services: BTreeMap<Vec<(&str, &str)>, u64> = BTreeMap::new();
        for alert in status.alerts.iter().filter(|alert| alert.firing() || alert.resolved_at.is_some()) {
            let named = OF_SERVICE.iter().filter_map(|name| Some((*name, alert.labels.get(*name)?.as_str())));
            let firing = services.entry(named.collect()).or_default();
            *firing += u64::from(alert.firing());
        }
        for (service, firing) in services {
            let mut all = labels(status);
            all.retain(|(name, _)| !OF_SERVICE.contains(name));
            all.extend(service);
            out.count(name, &all, firing);
        }
    }
    let name = "spanledger_rule_silenced_alerts";
    out.family(name, Kind::Gauge, "Alerts that fire and that a silence holds back.");
    for status in statuses {
        let silenced = status.alerts.iter().filter(|alert| alert.firing() && alert.silenced.is_some());
        out.count(name, &labels(status), silenced.count() as u64);
    }
    let name = "spanledger_rule_dropped_alerts_total";
    out.family(
        name,
        Kind::Counter,
        "Samples over the threshold that became no alert: the rule had too many.",
    );
    for status in statuses {
        out.count(name, &labels(status), status.dropped);
    }
}

fn labels(status: &RuleStatus) -> Vec<(&str, &str)> {
    let own = status.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    [("rule", status.name.as_str()), ("severity", status.severity.as_str())].into_iter().chain(own).collect()
}

/// Writes what every notifier has done.
pub(crate) fn write_notifiers(out: &mut Text, notifiers: &[NotifierCounts]) {
    let name = "spanledger_notifications_total";
    out.family(name, Kind::Counter, "Notifications, by target and by what became of them.");
    for notifier in notifiers {
        for (result, count) in
            [("sent", notifier.sent()), ("failed", notifier.failed()), ("dropped", notifier.dropped())]
        {
            out.count(name, &[("notifier", &notifier.name), ("result", result)], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::evaluator::Evaluator;
    use crate::record::CallRecord;
    use crate::rule::tests::{FIXED, at, call, configured, failed};
    use crate::store::Appender;
    use crate::store::memory::MemoryStore;

    #[test]
    fn the_alerts_of_each_service_are_counted_and_none_when_they_are_over() {
        let of = |name: &str, call: CallRecord| CallRecord { service: name.to_owned(), ..call };
        let mut calls: Vec<CallRecord> = (0..20).map(|n| of("shop", failed(n, 500))).collect();
        calls.extend((0..20).map(|n| of("chat", call(n))));
        calls.extend((300..340).map(|n| of("shop", call(n))));
        let mut store = MemoryStore::new();
        store.append(&calls).expect("append");
        let rules = format!("{FIXED}[HighFailureRate]\nkeep_firing_for = '0s'");
        let mut evaluator = Evaluator::new(&configured(&rules));
        let mut written = |second: i64| {
            let statuses = evaluator.evaluate_all(&store, at(second));
            let mut text = Text::default();
            write(&mut text, &statuses);
            let text = text.finish();
            let lines = text
                .lines()
                .filter(|line| line.starts_with("spanledger_rule_alerts{rule=\"HighFailureRate\""));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let line = |firing| {
            vec![format!(
                "spanledger_rule_alerts{{rule=\"HighFailureRate\",severity=\"critical\",service=\"shop\"}} {firing}"
            )]
        };
        assert_eq!(written(60), line(1));
        assert_eq!(written(340), line(0));
        assert_eq!(written(340 + 900), Vec::<String>::new());
    }
}
