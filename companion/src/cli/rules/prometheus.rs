//! The rules that Prometheus can evaluate over the metrics of the library, as a rules file: alerts by thresholds, or by what
//! the same series did the day before and at this time of day in the past week. The default export is what
//! `alerts/spanledger.rules.yml` ships, which a test checks.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::rule::RuleName;
use crate::rule::config::{RulesConfig, Settings};
use crate::text::seconds::Seconds;
use crate::text::unit::Unit;

/// Alerts by thresholds, with the settings between `@`, and recordings that differ with them;
const FIXED: &str = include_str!("prometheus/fixed.yml.in");
/// by what is usual;
const LEARNED: &str = include_str!("prometheus/learned.yml.in");
/// what they compare, recorded with them;
const VALUES: &str = include_str!("prometheus/values.yml.in");
/// and what is usual, recorded every five minutes.
const USUAL: &str = include_str!("prometheus/usual.yml.in");

/// How much the counter `@metric@` grew within a window, with the calls of a series' first point and of a process
/// that began again.
const GROWTH: &str = r"      - record: @name@:increase@window@
        expr: |
          sum without (instance) (
            (
              last_over_time(@metric@[@window@])
                - (last_over_time(@metric@[15m] offset @window@) or last_over_time(@name@:seen[36h] offset @window@)) >= 0
                unless resets(@metric@[@resets@]) > 0
              or increase(@metric@[@window@]) and resets(@metric@[@resets@]) > 0
              or last_over_time(@metric@[@window@])
            ) unless resets(@metric@[10m]) > 3
          )
";

/// The growth under the labels that the companion's alerts have.
const BY_SERVICE: &str = r#"      - record: @by_service@:increase@window@
        expr: |
          label_replace(label_replace(label_replace(
            @name@:increase@window@,
            "service", "$1", "job", "(?:.*/)?(.+)"),
            "service", "$1", "service_name", "(.+)"),
            "environment", "$1", "deployment_environment_name", "(.+)"
          )
"#;

/// What each series of `@metric@` had, where it was not seen for long.
const SEEN: &str = r"      - record: @name@:seen
        expr: last_over_time(@metric@[5m])
";

/// A counter of the library, as Prometheus names it.
struct Counter {
    metric: &'static str,
    name: &'static str,
    by_service: &'static str,
}

const COUNTERS: [Counter; 2] = [
    Counter {
        metric: "spanledger_client_calls_total",
        name: "spanledger:calls",
        by_service: "spanledger:service_calls",
    },
    Counter {
        metric: "spanledger_client_cost_USD_total",
        name: "spanledger:cost_usd",
        by_service: "spanledger:service_cost_usd",
    },
];

impl Counter {
    fn fill(&self, block: &str, window: Seconds) -> String {
        // A restart that fell between two points shows only beyond the window.
        let resets = Seconds(window.0 + 120);
        [
            ("@metric@", self.metric),
            ("@name@", self.name),
            ("@by_service@", self.by_service),
            ("@window@", &single(window)),
            ("@resets@", &single(resets)),
        ]
        .iter()
        .fold(block.to_owned(), |text, (key, value)| text.replace(key, value))
    }
}

/// The rules file with the settings in force.
pub(super) fn export(config: &RulesConfig) -> String {
    let [fixed, learned, values, usual] = [FIXED, LEARNED, VALUES, USUAL].map(split);
    let (mut alerts, mut recorded) = (Vec::new(), Vec::new());
    let mut exported = BTreeSet::new();
    for rule in RuleName::ALL {
        let settings = &config.rule(rule).settings;
        let of_rule = |block: &&String| title(block) == format!("- alert: {rule}");
        let own = if settings.learn { &learned } else { &fixed };
        let Some(alert) = own.iter().find(of_rule).filter(|_| settings.enabled) else { continue };
        exported.insert(rule);
        for block in read_by(alert, &[own, &values, &usual]) {
            match own.contains(block) {
                true => alerts.push(fill(block, rule, settings)),
                false => recorded.push((block, fill(block, rule, settings))),
            }
        }
        alerts.push(fill(alert, rule, settings));
    }
    // In the order of the templates, in which a recording comes after those that it reads; two rules may read the same.
    let chosen = |blocks: &[String]| {
        let mut chosen: Vec<&str> = Vec::new();
        for block in blocks {
            let filled = recorded.iter().filter(|(of, _)| *of == block).map(|(_, filled)| filled.as_str());
            for filled in filled {
                if !chosen.contains(&filled) {
                    chosen.push(filled);
                }
            }
        }
        chosen.concat()
    };
    let (values, usual) = (chosen(&values), chosen(&usual));
    let all = [values.as_str(), &usual, &alerts.concat()].concat();

    let mut out = String::from("# Written by `spanledger rules export --format prometheus`.\n");
    let absent: Vec<&str> =
        RuleName::ALL.into_iter().filter(|name| !exported.contains(name)).map(RuleName::as_str).collect();
    let _ = writeln!(out, "# Disabled, or evaluated by the companion alone: {}.", absent.join(", "));
    for rule in &exported {
        let config = config.rule(*rule);
        if !config.services.is_empty() || !config.models.is_empty() {
            let _ = writeln!(
                out,
                "# {rule}: the companion alone evaluates the settings of single services and models."
            );
        }
    }
    let (mut seen, mut growth, mut services) = (String::new(), String::new(), String::new());
    for counter in &COUNTERS {
        let by_service = windows(&all, counter.by_service);
        let whole: BTreeSet<Seconds> = windows(&all, counter.name).union(&by_service).copied().collect();
        if !whole.is_empty() {
            seen.push_str(&counter.fill(SEEN, Seconds(0)));
        }
        growth.extend(whole.into_iter().map(|window| counter.fill(GROWTH, window)));
        services.extend(by_service.into_iter().map(|window| counter.fill(BY_SERVICE, window)));
    }
    let interval = single(config.interval);
    out.push_str("groups:\n");
    for (name, interval, rules) in [
        ("spanledger-seen", "5m", seen),
        ("spanledger", &interval, [growth, services, values, alerts.concat()].concat()),
        ("spanledger-usual", "5m", usual),
    ] {
        if !rules.is_empty() {
            let _ = write!(out, "  - name: {name}\n    interval: {interval}\n    rules:\n{rules}");
        }
    }
    out
}

/// The recordings that a block reads, and those that these read.
fn read_by<'a>(alert: &str, recordings: &[&'a Vec<String>]) -> Vec<&'a String> {
    let name = |block: &str| title(block).trim_start_matches("- record: ").to_owned();
    let mut found: Vec<&String> = Vec::new();
    loop {
        let more: Vec<&String> = recordings
            .iter()
            .flat_map(|blocks| blocks.iter())
            .filter(|block| title(block).starts_with("- record: ") && !found.contains(block))
            .filter(|block| {
                let name = name(block);
                let reads = |text: &str| mentions(text, &name);
                reads(alert) || found.iter().any(|other| reads(other))
            })
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Whether a text has the name of a recording, not as the beginning of another.
fn mentions(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let next = text[at + name.len()..].chars().next();
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | ':' | '@'))
    })
}

/// The windows in which a text reads the growth of a counter.
fn windows(text: &str, name: &str) -> BTreeSet<Seconds> {
    let name = format!("{name}:increase");
    let window = |at: usize| {
        let rest = &text[at + name.len()..];
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    };
    text.match_indices(&name).filter_map(|(at, _)| window(at)).collect()
}

/// The blocks of a rules file, each with its end of line.
fn split(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("      - record: ") || line.starts_with("      - alert: ") {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks
}

/// The first line of a block: `- alert: NAME` or `- record: NAME`.
fn title(block: &str) -> &str {
    block.lines().next().unwrap_or_default().trim()
}

fn fill(block: &str, name: RuleName, settings: &Settings) -> String {
    let rule = name.rule();
    let limit = match rule.unit {
        // As `humanizePercentage` writes the value next to it.
        Unit::Share => rule.unit.format(settings.threshold).replace(' ', ""),
        unit => unit.format(settings.threshold),
    };
    #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
    let minutes = settings.window.0 as f64 / 60.0;
    let values = [
        ("@threshold@", settings.threshold.to_string()),
        ("@limit@", limit),
        ("@window@", single(settings.window)),
        ("@within@", settings.window.words()),
        ("@minutes@", minutes.to_string()),
        ("@seconds@", settings.window.0.to_string()),
        ("@lookback_seconds@", settings.lookback.0.to_string()),
        ("@factor@", settings.factor.to_string()),
        ("@floor@", settings.floor.to_string()),
        ("@lookback@", single(settings.lookback)),
        ("@lookback_within@", settings.lookback.words()),
        ("@min_calls@", settings.min_calls.to_string()),
        ("@min_events@", settings.min_events.to_string()),
        ("@min_calls_less_one@", settings.min_calls.saturating_sub(1).to_string()),
        ("@for@", single(settings.hold)),
        ("@keep@", single(settings.keep_firing_for)),
        ("@severity@", settings.severity.to_string()),
        ("@summary@", rule.summary(settings).replace(" %", "%")),
    ];
    let filled = values.iter().fold(block.to_owned(), |text, (key, value)| text.replace(key, value));
    // Prometheus's own defaults are left out.
    let none = ["        for: 0s", "        keep_firing_for: 0s"];
    filled.lines().filter(|line| !none.contains(line)).map(|line| format!("{line}\n")).collect()
}

/// In one unit, the largest that divides it: `62m`, where [`Seconds`] prints `1h2m`.
fn single(length: Seconds) -> String {
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    let unit = units.into_iter().find(|(size, _)| length.0 != 0 && length.0 % size == 0);
    let (size, name) = unit.unwrap_or((1, 's'));
    format!("{}{name}", length.0 / size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::config::Preset;

    /// The shipped file is next to the workspace's members; a packaged crate has none.
    fn shipped() -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../alerts/spanledger.rules.yml");
        let text = std::fs::read_to_string(path).expect(path);
        // Comments are between the rules of the file, and no rule contains one.
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.is_empty());
        lines.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn the_default_export_is_what_is_shipped() {
        let shipped = split(&shipped());
        let exported = split(&export(&RulesConfig::default()));
        let recordings = exported.iter().filter(|block| title(block).starts_with("- record"));
        assert!(recordings.count() > 60, "{exported:?}");
        let alone = |block: &String| block.split("  - name:").next().expect("text").to_owned();
        for block in &exported {
            let same = shipped.iter().find(|other| title(other) == title(block));
            // The block before another group ends with that group's name.
            assert_eq!(Some(alone(block)), same.map(alone), "{}", title(block));
        }
    }

    #[test]
    fn each_rule_is_exported_once() {
        for preset in [Preset::Learned, Preset::Fixed] {
            let blocks = split(&export(&RulesConfig::of(preset)));
            let titles: BTreeSet<&str> = blocks.iter().map(|block| title(block)).collect();
            assert_eq!(titles.len(), blocks.len(), "{preset:?}");
        }
    }

    /// Whatever the preset, each recording is read and each that is read is recorded before.
    #[test]
    fn what_is_read_is_recorded() {
        for preset in [Preset::Learned, Preset::Fixed] {
            let text = export(&RulesConfig::of(preset));
            let names: BTreeSet<&str> = split_names(&text).collect();
            let read: BTreeSet<&str> = text
                .split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, ':' | '_'))
                .filter(|word| word.starts_with("spanledger:"))
                .collect();
            assert_eq!(names, read, "{preset}");
            assert_eq!(split_names(&text).count(), names.len(), "{preset}: twice");
        }
    }

    fn split_names(text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter_map(|line| line.trim().strip_prefix("- record: "))
    }

    #[test]
    fn settings_in_force_are_in_the_export() {
        let config: RulesConfig = toml::from_str(
            "interval = '30s'
            [HighFailureRate]
            threshold = 0.25
            window = '10m'
            min_calls = 50
            for = '2m'
            severity = 'warning'
            [CostOverrun]
            enabled = false
            [AuthFailures.services.scanner]
            enabled = false",
        )
        .expect("rules");
        let text = export(&config);
        for part in [
            "    interval: 30s\n",
            "last_over_time(spanledger_client_calls_total[10m])",
            "[12m])",
            "/ (sum by (service, environment) (spanledger:service_calls:increase10m) > 49)\n",
            "        expr: spanledger:failure:ratio10m > 0.25\n        for: 2m\n        keep_firing_for: 5m\n",
            "summary: More than 25% of LLM calls fail\n",
            "# AuthFailures: the companion alone evaluates the settings of single services and models.\n",
            "SequenceGap",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("alert: CostOverrun") && !text.contains("cost_USD"), "{text}");
        assert!(!text.contains('@'), "{text}");
    }
}
