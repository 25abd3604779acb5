//! The rules that Prometheus can evaluate over the metrics of the library, as a rules file. The default export is
//! what `alerts/spanledger.rules.yml` ships, which a test checks.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::rule::RuleName;
use crate::rule::config::{RulesConfig, Settings};
use crate::text::seconds::Seconds;
use crate::text::unit::Unit;

/// One block per rule or recording, with the settings between `@`.
const TEMPLATE: &str = include_str!("prometheus.yml.in");

/// How much the counter `@metric@` grew within a window, with the calls of a series' first point and of a process
/// that began again.
const GROWTH: &str = r"      - record: @record@@window@
        expr: |
          sum without (instance) (
            (
              last_over_time(@metric@[@window@])
                - (last_over_time(@metric@[15m] offset @window@) or last_over_time(@seen@[36h] offset @window@)) >= 0
                unless resets(@metric@[@resets@]) > 0
              or increase(@metric@[@window@]) and resets(@metric@[@resets@]) > 0
              or last_over_time(@metric@[@window@])
            ) unless resets(@metric@[10m]) > 3
          )
";

/// The growth of calls under the labels that the companion's alerts have.
const BY_SERVICE: &str = r#"      - record: spanledger:service_calls:increase@window@
        expr: |
          label_replace(label_replace(label_replace(
            spanledger:calls:increase@window@,
            "service", "$1", "job", "(?:.*/)?(.+)"),
            "service", "$1", "service_name", "(.+)"),
            "environment", "$1", "deployment_environment_name", "(.+)"
          )
"#;

/// What each series of `@metric@` had, where it was not seen for long.
const SEEN: &str = r"      - record: @seen@
        expr: last_over_time(@metric@[5m])
";

/// Both counters as Prometheus names them.
const CALLS: [&str; 3] =
    ["spanledger:calls:increase", "spanledger_client_calls_total", "spanledger:calls:seen"];
const COST: [&str; 3] =
    ["spanledger:cost_usd:increase", "spanledger_client_cost_USD_total", "spanledger:cost_usd:seen"];

/// The rules file with the thresholds in force.
pub(super) fn export(config: &RulesConfig) -> String {
    let template = split(TEMPLATE);
    let mut blocks = Vec::new();
    let mut exported = BTreeSet::new();
    let mut windows = [(CALLS, BTreeSet::new()), (COST, BTreeSet::new())];
    let mut by_service = BTreeSet::new();
    for block in &template {
        let Some(rule) = owner(block, &template) else { continue };
        let settings = &config.rule(rule).settings;
        if !settings.enabled {
            continue;
        }
        // What the companion learns from its ledger, Prometheus judges by the thresholds of the first release.
        let fixed = Settings { severity: settings.severity, ..rule.rule().fixed.unwrap_or(*settings) };
        let settings = if settings.learn { &fixed } else { settings };
        exported.insert(rule);
        for ([record, ..], windows) in &mut windows {
            for (name, length) in [("@window@", settings.window), ("@lookback@", settings.lookback)] {
                if block.contains(&format!("{record}{name}")) {
                    windows.insert(length);
                }
            }
        }
        if block.contains("spanledger:service_calls:increase@window@") {
            windows[0].1.insert(settings.window);
            by_service.insert(settings.window);
        }
        blocks.push(fill(block, rule, settings));
    }
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
    out.push_str("groups:\n  - name: spanledger-seen\n    interval: 5m\n    rules:\n");
    for ([_, metric, seen], _) in windows.iter().filter(|(_, windows)| !windows.is_empty()) {
        out.push_str(&SEEN.replace("@metric@", metric).replace("@seen@", seen));
    }
    let _ = write!(out, "  - name: spanledger\n    interval: {}\n    rules:\n", single(config.interval));
    for ([record, metric, seen], windows) in windows {
        for window in windows {
            // A restart that fell between two points shows only beyond the window.
            let resets = Seconds(window.0 + 120);
            out.push_str(
                &GROWTH
                    .replace("@record@", record)
                    .replace("@metric@", metric)
                    .replace("@seen@", seen)
                    .replace("@window@", &single(window))
                    .replace("@resets@", &single(resets)),
            );
        }
    }
    for window in by_service {
        out.push_str(&BY_SERVICE.replace("@window@", &single(window)));
    }
    out.extend(blocks);
    out
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

/// The rule that a block of the template belongs to: the alert itself, or the alert that reads the recording.
fn owner(block: &str, template: &[String]) -> Option<RuleName> {
    let (kind, name) = title(block).split_once(": ")?;
    if kind == "- alert" {
        return RuleName::ALL.into_iter().find(|rule| rule.as_str() == name);
    }
    let reads = |other: &&String| title(other).starts_with("- alert") && other.contains(name);
    owner(template.iter().find(reads)?, template)
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
        // Two recordings of the growth of calls and of cost have another window than the others.
        let template = split(TEMPLATE);
        assert!(
            exported.len() > template.len(),
            "{:?}",
            exported.iter().map(|block| title(block)).collect::<Vec<_>>()
        );
        assert!(template.iter().all(|block| owner(block, &template).is_some()), "{template:?}");
        let alone = |block: &String| block.split("  - name:").next().expect("text").to_owned();
        for block in &exported {
            let same = shipped.iter().find(|other| title(other) == title(block));
            // The block before another group ends with that group's name.
            assert_eq!(Some(alone(block)), same.map(alone), "{}", title(block));
        }
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
